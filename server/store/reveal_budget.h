// What of a tenant's budgets of reveals is used, and who is frozen.
//
// Budgets count distinct secrets in a sliding window. They are kept in the database, so that they
// hold over all servers.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/store/reveal_policy.h"
#include "server/store/store.h"

// Who asks for which secret. `subject` "": a user's own budget is not looked at.
struct reveal_usage {
    const char *subject;
    const char *company_id;
    const char *connection_id;
    int64_t password_id;
};

// The first budget that has no room.
struct reveal_excess {
    int scope; // REVEAL_SCOPE_*; 0: all have room
    int64_t retry_ms;
};

// Whether the policy has any budget.
bool reveal_budget_any(const struct reveal_policy *policy);
// Counts the secret in all budgets of the policy, or in none if one has no room. `take` false only
// looks. Until the transaction ends, others of the same user, company or tenant wait here.
enum err_code reveal_budget_use(struct tx *tx, const struct reveal_policy *policy,
                                const struct reveal_usage *usage, bool take,
                                struct reveal_excess *ret_excess, struct err *reterr) _must_check_;
// For each of some secrets, whatever `usage` says of one, the first budget that has no room for it:
// REVEAL_SCOPE_*, or 0. Only looks.
enum err_code reveal_budget_full(struct tx *tx, const struct reveal_policy *policy,
                                 const struct reveal_usage *usage, const int64_t *password_ids,
                                 size_t count, int *ret_scopes, struct err *reterr) _must_check_;

// Whether reveals are frozen for somebody: the widest scope, 0 if they are not.
struct reveal_frozen {
    int scope;
    int64_t since_us;
};

// Who is frozen, since when, and by whose reveal. No text is NULL.
struct reveal_freeze {
    const char *id;
    int scope;
    const char *scope_id; // subject, company's id, or "" for the tenant
    const char *scope_display_name;
    const char *cause_subject, *cause_display_name;
    int cause_kind; // docbridge.v1.Actor.Kind
    int limit, window_s;
    int64_t freeze_time_us;
};

// Freezes the scope; `id` of `freeze` is not looked at. `*ret_id` is NULL if it was frozen already.
enum err_code reveal_freeze_put(struct tx *tx, const struct reveal_freeze *freeze,
                                struct arena *arena, const char **ret_id,
                                struct err *reterr) _must_check_;
// A page by id.
enum err_code reveal_freeze_list(struct tx *tx, const char *after_id, int limit,
                                 struct arena *arena, struct reveal_freeze **ret_freezes,
                                 size_t *ret_count, struct err *reterr) _must_check_;
// Finds one. NULL if there is none.
enum err_code reveal_freeze_get(struct tx *tx, const char *id, struct arena *arena,
                                struct reveal_freeze **ret_freeze, struct err *reterr) _must_check_;
// Whose reveals took more of its budget's room than anybody else's. "" if there is no such one.
enum err_code reveal_freeze_most(struct tx *tx, const struct reveal_freeze *freeze,
                                 struct arena *arena, const char **ret_subject,
                                 struct err *reterr) _must_check_;
// Ends it. The window of its budget begins anew, or the next secret would freeze it again.
// `*ret_ended` is false if somebody else has ended it.
enum err_code reveal_freeze_end(struct tx *tx, const struct reveal_freeze *freeze, bool *ret_ended,
                                struct err *reterr) _must_check_;

// For statements that read it along: the widest freeze `z` of a subject and a company.
#define REVEAL_FREEZE_JOIN(subject, company)                                       \
    " LEFT JOIN LATERAL (SELECT f.scope, f.freeze_time FROM reveal_freeze f"       \
    "  WHERE f.tenant = $1"                                                        \
    "  AND (f.scope, f.scope_id) IN ((1, " subject "), (2, " company "), (3, ''))" \
    "  ORDER BY f.scope DESC LIMIT 1) z ON true"
