#include "server/store/reveal_policy.h"

static const struct statement get_sql = {
    "reveal_policy_get", "SELECT" REVEAL_POLICY_COLUMNS " FROM (SELECT 1) one" REVEAL_POLICY_JOIN};

#define SET(column) column " = excluded." column ", "

// Of two that change the same the later one touches no row.
static const struct statement set_sql = {
    "reveal_policy_set",
    "INSERT INTO reveal_policy AS p (tenant, restricted_records, restricted_listed,"
    "  reason_required, reason_min_length, ticket_required, sealed_required, service_callers,"
    "  user_limit, user_window_s, user_freezes, company_limit, company_window_s, company_freezes,"
    "  tenant_limit, tenant_window_s, tenant_freezes, update_time, handoff_max_s)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $20)"
    " ON CONFLICT (tenant) DO UPDATE SET " SET("restricted_records") SET("restricted_listed") SET(
        "reason_required") SET("reason_min_length") SET("ticket_required") SET("sealed_required")
        SET("service_callers") SET("user_limit") SET("user_window_s") SET("user_freezes") SET(
            "company_limit") SET("company_window_s") SET("company_freezes") SET("tenant_limit")
            SET("tenant_window_s") SET("handoff_max_s") SET(
                "tenant_freezes") "  revision = p.revision + 1, update_time = excluded.update_time"
                                  " WHERE p.revision = $19"};

static struct reveal_budget read_budget(const struct rows *rows, int row, int first)
{
    return (struct reveal_budget){.limit = (int)rows_int64(rows, row, first),
                                  .window_s = (int)rows_int64(rows, row, first + 1),
                                  .freezes = rows_bool(rows, row, first + 2)};
}

struct reveal_policy reveal_policy_read(const struct rows *rows, int row, int first)
{
    bool chosen = !rows_null(rows, row, first);
    return (struct reveal_policy){
        .restricted_records =
            chosen ? (int)rows_int64(rows, row, first) : REVEAL_RESTRICTED_BY_DEFAULT,
        .restricted_listed = rows_bool(rows, row, first + 1),
        .reason_required = rows_bool(rows, row, first + 2),
        .reason_min_length = (int)rows_int64(rows, row, first + 3),
        .ticket_required = rows_bool(rows, row, first + 4),
        .sealed_required = rows_bool(rows, row, first + 5),
        .service_callers =
            chosen ? (int)rows_int64(rows, row, first + 6) : REVEAL_SERVICES_BY_DEFAULT,
        .budgets = {read_budget(rows, row, first + 7), read_budget(rows, row, first + 10),
                    read_budget(rows, row, first + 13)},
        .revision = rows_int64(rows, row, first + 16),
        .update_time_us = rows_time(rows, row, first + 17),
        .handoff_max_s = (int)rows_int64(rows, row, first + 18),
    };
}

enum err_code reveal_policy_get(struct tx *tx, struct reveal_policy *ret_policy, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &get_sql, ARGS(ARG_TEXT(tx_tenant(tx))), &rows, reterr));
    *ret_policy = reveal_policy_read(&rows, 0, 0);
    return ERR_OK;
}

#define BUDGET_ARGS(i)                                                           \
    ARG_INT64(policy->budgets[i].limit), ARG_INT64(policy->budgets[i].window_s), \
        ARG_BOOL(policy->budgets[i].freezes)

enum err_code reveal_policy_set(struct tx *tx, const struct reveal_policy *policy, int64_t time_us,
                                struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &set_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_INT64(policy->restricted_records),
                       ARG_BOOL(policy->restricted_listed), ARG_BOOL(policy->reason_required),
                       ARG_INT64(policy->reason_min_length), ARG_BOOL(policy->ticket_required),
                       ARG_BOOL(policy->sealed_required), ARG_INT64(policy->service_callers),
                       BUDGET_ARGS(0), BUDGET_ARGS(1), BUDGET_ARGS(2), ARG_TIME(time_us),
                       ARG_INT64(policy->revision), ARG_INT64(policy->handoff_max_s)),
                  &rows, reterr));
    if (rows_affected(&rows) == 0)
        return err_set(reterr, ERR_CONFLICT, "the policy was changed meanwhile");
    return ERR_OK;
}
