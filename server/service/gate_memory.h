// What the gates of reveals were read as lately, for a caller who was just told or shown whether he
// may reveal an entry, or did: the reveal is then judged by that and its intent bound to it. Of
// another entry of the same company all is remembered that is not of the entry.
//
// Nothing rests on what is remembered being true still: an intent that is judged by it is written
// only if none of it has changed (GATE_CHANGED), and is judged anew if it has.
#pragma once

#include "server/service/request.h"
#include "server/store/password.h"

enum {
    GATE_MEMORY_MS = 60000,
    GATE_MEMORY_LOOKS = 256,        // of entries, and as many of companies
    GATE_MEMORY_LOOK_BYTES = 16384, // one that has longer texts is not remembered
};

struct gate_memory;

// Each is remembered for `keep_ms` at most.
enum err_code gate_memory_new(int64_t keep_ms, struct gate_memory **ret_memory,
                              struct err *reterr) _must_check_;
struct gate_memory *gate_memory_free(struct gate_memory *memory);

// Remembers for the request's caller what was read of an entry of a company: with the key, for the
// stored category, and not by a hand-off; with `password_id` 0 what of it is the company's, which
// must not have been remembered itself, or it would never be forgotten. Not remembered is what a
// budget counts. `gates` is copied. Any thread; does nothing if there is no memory.
void gate_memory_keep(const struct request *request, const char *company_id, int64_t password_id,
                      const struct password_gates *gates);
// What is remembered, copied to the request's arena; false: nothing. With `password_id` 0 what is
// of the entry is another's.
bool gate_memory_find(const struct request *request, const char *company_id, int64_t password_id,
                      struct password_gates *ret_gates);
// For a caller who was just shown an entry that he may reveal, and will do so next: reads what that
// is judged by and remembers it, unless the company is. What goes wrong is for the reveal to say.
void gate_memory_look_ahead(const struct request *request, const char *company_id,
                            int64_t password_id);
