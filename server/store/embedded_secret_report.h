// Which records hold credentials in their texts, as the indexer found them. No credential is kept.
#pragma once

#include "server/store/store.h"

enum { EMBEDDED_SECRET_HASH_BYTES = 16 };

// One that was found; `kind` and `id` are the record's.
struct embedded_secret_found {
    int64_t kind, id;
    int64_t place; // from 1
    int64_t secret_kind;
    const char *title; // it is in the title, which is this with its mask; NULL: in a text
    unsigned char hash[EMBEDDED_SECRET_HASH_BYTES];
};
// Makes these the ones of `record_count` records, all others of them are gone.
enum err_code embedded_secret_put(struct tx *tx, const char *connection_id,
                                  const int64_t *record_kinds, const int64_t *record_ids,
                                  size_t record_count, const struct embedded_secret_found *found,
                                  size_t count, struct arena *arena,
                                  struct err *reterr) _must_check_;

struct embedded_secret_row {
    int64_t kind, id, place, secret_kind;
    const char *display_name, *web_url;
    int64_t copy_count; // of the same credential in the account, this one too
    int64_t discover_time;
};
// A page of a company's, of the records in sight of its readers, by kind, id and place; from behind
// `after` of these. `*ret_total` counts all pages.
struct embedded_secret_place {
    int64_t kind, id, place;
};
enum err_code embedded_secret_list(struct tx *tx, const char *company_id, const char *connection_id,
                                   const struct embedded_secret_place *after, int limit,
                                   struct arena *arena, struct embedded_secret_row **ret_rows,
                                   size_t *ret_count, int64_t *ret_total,
                                   struct err *reterr) _must_check_;
