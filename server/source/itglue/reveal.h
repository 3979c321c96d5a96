// The answer to a reveal, parsed as it arrives.
//
// Nothing of the body is collected: the parser's own buffers lie in guarded memory, the value goes
// from the parser straight into a struct secret, and all of it is wiped by itglue_reveal_done().
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <yajl/yajl_parse.h>

#include "server/source/itglue/authorized.h"
#include "server/source/itglue/draft.h"
#include "server/source/itglue/memory.h"
#include "server/source/source.h"

struct itglue_reveal {
    struct itglue_guard guard;
    yajl_handle yajl;
    int depth;
    int data_depth;       // of the record's object; 0: outside
    int attributes_depth; // of its attributes; 0: outside
    int key;
    struct source_password password;
    struct itglue_authorized authorized;
    bool malformed;
};

// `email` (NULL: nobody) is looked for among the authorized users; borrowed. False: no memory. The
// reveal must not be moved from then on.
bool itglue_reveal_init(struct itglue_reveal *reveal, const char *email);
void itglue_reveal_done(struct itglue_reveal *reveal);
// Parses the next piece. False: it is no such answer.
bool itglue_reveal_feed(struct itglue_reveal *reveal, const char *bytes, size_t len);
// Ends it and gives the record away. Errors: UPSTREAM_ANSWER_INVALID, also for another record than
// `password_id`.
enum err_code itglue_reveal_finish(struct itglue_reveal *reveal, int64_t password_id,
                                   struct source_password *ret_password,
                                   struct err *reterr) _must_check_;
