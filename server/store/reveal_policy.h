// What a tenant's reveals ask for.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/store/store.h"

// The numbers of docbridge.v1.RevealPolicy.RestrictedRecords and ServiceCallers.
enum { REVEAL_RESTRICTED_PER_USER = 1, REVEAL_RESTRICTED_KEY_ONLY = 2 };
enum {
    REVEAL_SERVICES_LIKE_HUMANS = 1,
    REVEAL_SERVICES_LIKE_AGENTS = 2,
    REVEAL_SERVICES_REFUSED = 3,
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
};

// Reads the tenant's policy; the defaults if it has none.
enum err_code reveal_policy_get(struct tx *tx, struct reveal_policy *ret_policy,
                                struct err *reterr) _must_check_;
// Replaces the policy that has `policy->revision`; the revision grows. Errors: CONFLICT if it has
// another meanwhile.
enum err_code reveal_policy_set(struct tx *tx, const struct reveal_policy *policy, int64_t time_us,
                                struct err *reterr) _must_check_;

// For statements that read it along: its columns with their defaults, of a table `p` that is
// joined by the tenant from the outside, and how to read them from column `first` on.
#define REVEAL_POLICY_JOIN " LEFT JOIN reveal_policy p ON p.tenant = $1"
#define REVEAL_POLICY_COLUMNS                                                               \
    " coalesce(p.restricted_records, 1) AS restricted_records,"                             \
    " coalesce(p.restricted_listed, false) AS restricted_listed,"                           \
    " coalesce(p.reason_required, false) AS reason_required,"                               \
    " coalesce(p.reason_min_length, 0) AS reason_min_length,"                               \
    " coalesce(p.ticket_required, false) AS ticket_required,"                               \
    " coalesce(p.sealed_required, false) AS sealed_required,"                               \
    " coalesce(p.service_callers, 1) AS service_callers," REVEAL_BUDGET_COLUMNS("user")     \
        REVEAL_BUDGET_COLUMNS("company")                                                    \
            REVEAL_BUDGET_COLUMNS("tenant") " coalesce(p.revision, 0) AS policy_revision, " \
                                            "p.update_time AS policy_update_time"
#define REVEAL_BUDGET_COLUMNS(scope)                            \
    " coalesce(p." scope "_limit, 0) AS " scope "_limit,"       \
    " coalesce(p." scope "_window_s, 0) AS " scope "_window_s," \
    " coalesce(p." scope "_freezes, false) AS " scope "_freezes,"
struct reveal_policy reveal_policy_read(const struct rows *rows, int row, int first);
