// What a tenant's reveals ask for.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/store/store.h"

// The numbers of docbridge.v1.RevealPolicy.RestrictedRecords and ServiceCallers.
enum {
    REVEAL_RESTRICTED_PER_USER = 1,
    REVEAL_RESTRICTED_KEY_ONLY = 2,
    REVEAL_RESTRICTED_BY_DEFAULT = REVEAL_RESTRICTED_PER_USER,
};
enum {
    REVEAL_SERVICES_LIKE_HUMANS = 1,
    REVEAL_SERVICES_LIKE_AGENTS = 2,
    REVEAL_SERVICES_REFUSED = 3,
    REVEAL_SERVICES_BY_DEFAULT = REVEAL_SERVICES_LIKE_HUMANS,
};

// Whose budget: docbridge.v1.RevealScope.
enum {
    REVEAL_SCOPE_USER = 1,
    REVEAL_SCOPE_COMPANY = 2,
    REVEAL_SCOPE_TENANT = 3,
    REVEAL_SCOPE_COUNT = 3,
};

// Distinct secrets in a sliding window.
struct reveal_budget {
    int limit; // 0: none
    int window_s;
    bool freezes; // whoever wants more is frozen
};

struct reveal_policy {
    int restricted_records;
    bool restricted_listed;
    bool reason_required;
    int reason_min_length;
    bool ticket_required;
    bool sealed_required;
    int service_callers;
    struct reveal_budget budgets[REVEAL_SCOPE_COUNT]; // of scope i + 1
    int64_t revision, update_time_us;                 // 0 while nobody chose
    int handoff_max_s;                                // 0: no hand-offs
};

// Reads the tenant's policy; the defaults if it has none.
enum err_code reveal_policy_get(struct tx *tx, struct reveal_policy *ret_policy,
                                struct err *reterr) _must_check_;
// Replaces the policy that has `policy->revision`; the revision grows. Errors: CONFLICT if it has
// another meanwhile.
enum err_code reveal_policy_set(struct tx *tx, const struct reveal_policy *policy, int64_t time_us,
                                struct err *reterr) _must_check_;

// For statements that read it along: its columns, of a table `p` that is joined by the tenant from
// the outside, and how to read them from column `first` on, or the defaults if they are NULL.
#define REVEAL_POLICY_JOIN " LEFT JOIN reveal_policy p ON p.tenant = $1"
#define REVEAL_POLICY_COLUMNS                                                                 \
    " p.restricted_records, p.restricted_listed, p.reason_required, p.reason_min_length,"     \
    " p.ticket_required, p.sealed_required, p.service_callers," REVEAL_BUDGET_COLUMNS("user") \
        REVEAL_BUDGET_COLUMNS("company") REVEAL_BUDGET_COLUMNS(                               \
            "tenant") " p.revision AS policy_revision, p.update_time AS policy_update_time,"  \
                      " p.handoff_max_s"
#define REVEAL_BUDGET_COLUMNS(scope) \
    " p." scope "_limit, p." scope "_window_s, p." scope "_freezes,"
struct reveal_policy reveal_policy_read(const struct rows *rows, int row, int first);
