// Companies of the host portal.
//
// `sight` bounds what a caller sees: a caller limited to some companies reads no others, as if they
// were not there.
#pragma once

#include "server/auth/principal.h"
#include "server/store/store.h"

// A company as it stands. Strings are never NULL and live in the arena they were read into.
struct company {
    const char *id, *display_name;
    int psa_type; // 0: it has no PSA identity
    const char *psa_external_id;
    const char *const *organizations; // names of the organizations mapped to it
    size_t organization_count;
    int64_t revision, update_time_us;
};

// A company as it is pushed.
struct company_push {
    const char *id, *display_name, *name_key;
    int psa_type;
    const char *psa_external_id; // "": none
};

// The companies that a push will replace, as they are before it and without their organizations,
// in the order of ids. All that it names are held until the transaction ends.
enum err_code company_differing(struct tx *tx, const struct company_push *pushes, size_t count,
                                struct arena *arena, struct company **ret_companies,
                                size_t *ret_count, struct err *reterr) _must_check_;
// Adds what is new and replaces what differs; rows that are as pushed are not written. Ids must
// differ from each other.
enum err_code company_upsert(struct tx *tx, const struct company_push *pushes, size_t count,
                             int64_t time_us, struct arena *arena, int64_t *ret_created,
                             int64_t *ret_updated, struct err *reterr) _must_check_;

// Reads companies by id in the order of `ids`; ids that there are not are left out.
enum err_code company_get_many(struct tx *tx, const char *const *ids, size_t count,
                               struct arena *arena, struct company **ret_companies,
                               size_t *ret_count, struct err *reterr) _must_check_;
// Finds one. NULL if there is none.
enum err_code company_get(struct tx *tx, const char *id, struct arena *arena,
                          struct company **ret_company, struct err *reterr) _must_check_;
// Locks a company until the transaction ends, so that its settings change one at a time, and reads
// its name; NULL if there is none.
enum err_code company_lock(struct tx *tx, const char *id, struct arena *arena,
                           const char **ret_display_name, struct err *reterr) _must_check_;

// Deletes a company with its settings, within a transaction that holds it (company_lock). Errors:
// CONFLICT if an organization is mapped to it.
enum err_code company_delete(struct tx *tx, const char *id, struct err *reterr) _must_check_;

struct company_query {
    const struct principal *sight;
    const char *name_key_part;   // NULL: any
    int psa_type;                // 0: any
    const char *psa_external_id; // NULL: any
    int mapped;                  // -1: any, else 0 or 1
    // The row after which the page begins; "" and "": the first.
    const char *after_name, *after_id;
    int limit;
};
// A page by display name and id, and the number of all that match.
enum err_code company_list(struct tx *tx, const struct company_query *query, struct arena *arena,
                           struct company **ret_companies, size_t *ret_count, int64_t *ret_total,
                           struct err *reterr) _must_check_;
