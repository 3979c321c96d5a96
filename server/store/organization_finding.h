// What happened upstream to mapped organizations, until somebody has seen it. Found by triggers of
// the table organization, so that no way of storing organizations can pass it by.
#pragma once

#include "server/store/store.h"

// Texts from the arena.
struct organization_finding {
    int64_t organization_id;
    int kind; // docbridge.v1.Organization.Finding.Kind
    const char *old_value, *new_value;
    int64_t related_id; // another organization; 0: none
    int64_t detect_time_us;
};

// Those of some organizations, in the order of organization and kind.
enum err_code organization_finding_list(struct tx *tx, const char *connection_id,
                                        const int64_t *organization_ids, size_t count,
                                        struct arena *arena,
                                        struct organization_finding **ret_findings,
                                        size_t *ret_count, struct err *reterr) _must_check_;
// Takes some kinds away from an organization; `*ret_count` is how many there were.
enum err_code organization_finding_drop(struct tx *tx, const char *connection_id,
                                        int64_t organization_id, const int64_t *kinds,
                                        size_t kind_count, int64_t *ret_count,
                                        struct err *reterr) _must_check_;
