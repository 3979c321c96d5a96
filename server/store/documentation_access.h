// What of a company's documentation is hidden from its readers although the connection syncs it.
#pragma once

#include "server/store/store.h"

struct documentation_access {
    bool documents_hidden, checklists_hidden;
    const char *const *types; // names of hidden flexible asset types, in order
    size_t type_count;
    int64_t revision, update_time_us; // 0 while nobody chose
};
// Nothing is hidden of a company that there is not.
enum err_code documentation_access_get(struct tx *tx, const char *company_id, struct arena *arena,
                                       struct documentation_access *ret_access,
                                       struct err *reterr) _must_check_;
// Replaces the switches within a transaction that holds the company (company_lock); the revision
// becomes one more than `access` has. Its types are not looked at.
enum err_code documentation_access_set(struct tx *tx, const char *company_id,
                                       const struct documentation_access *access, int64_t time_us,
                                       struct err *reterr) _must_check_;
// Replaces the hidden types, after documentation_access_set. `*ret_unknown` is the place of a type
// that there is not, and nothing is written; `count`: all are.
enum err_code documentation_access_set_types(struct tx *tx, const char *company_id,
                                             const char *const *connection_ids,
                                             const int64_t *type_ids, size_t count,
                                             size_t *ret_unknown, struct err *reterr) _must_check_;
