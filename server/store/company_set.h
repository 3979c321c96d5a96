// Sets of companies that the host pushes, so that a token can name thousands by one word.
//
// A caller who sees by a set is resolved in the database: the set's id is a setting of each of the
// caller's transactions (tx_set_caller), and statements that keep to a caller's companies have
// OF_COMPANY_SET beside the ids of the token.
#pragma once

#include "server/store/store.h"

// Whether a company's id is in the set of the transaction's caller. Where $1 is the tenant.
#define OF_COMPANY_SET(column)                                                       \
    column " IN (SELECT set_member.company_id FROM company_set_member AS set_member" \
           " WHERE set_member.tenant = $1 AND set_member.set_id = current_company_set())"

struct company_set {
    const char *id;
    int64_t revision, update_time_us;
    int company_count;
};

// Finds one; NULL if there is none. `lock` holds it until the transaction ends.
enum err_code company_set_get(struct tx *tx, const char *id, bool lock, struct arena *arena,
                              struct company_set **ret_set, struct err *reterr) _must_check_;
// The ids of its companies, sorted as strcmp() does.
enum err_code company_set_members(struct tx *tx, const char *id, struct arena *arena,
                                  const char *const **ret_ids, size_t *ret_count,
                                  struct err *reterr) _must_check_;
// Makes the set, or puts these companies in place of its own. Ids must differ from each other.
enum err_code company_set_put(struct tx *tx, const char *id, const char *const *company_ids,
                              size_t count, int64_t time_us, struct err *reterr) _must_check_;
enum err_code company_set_delete(struct tx *tx, const char *id, struct err *reterr) _must_check_;
// A page by id, from behind `after` ("": the first).
enum err_code company_set_list(struct tx *tx, const char *after, int limit, struct arena *arena,
                               struct company_set **ret_sets, size_t *ret_count,
                               struct err *reterr) _must_check_;
// Whether all of `company_ids` are in the set; for any number of them.
enum err_code company_set_holds(struct tx *tx, const char *id, const char *const *company_ids,
                                size_t count, bool *ret_holds, struct err *reterr) _must_check_;
// The place of the first of `company_ids` that is not in the set; `count` if all are. For few.
enum err_code company_set_lacks(struct tx *tx, const char *id, const char *const *company_ids,
                                size_t count, size_t *ret_place, struct err *reterr) _must_check_;
