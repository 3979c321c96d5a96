#include "server/store/request_budget.h"

#include <string.h>

#include "server/base/encoding.h"

// Of a row that was waited for, the time is from before the wait: nothing is forgotten too early.
static const struct statement lock_sql = {
    "request_budget_lock",
    "SELECT credential_version, closed_until, refusal_count, foreign_count, foreign_time,"
    " (SELECT array_agg((extract(epoch FROM t) * 1000000)::bigint ORDER BY n)::text[]"
    "    FROM unnest(leave_times) WITH ORDINALITY AS e(t, n)),"
    " sync_counts::text[], other_counts::text[], clock_timestamp()"
    " FROM request_budget WHERE tenant = $1 AND connection_id = $2 FOR UPDATE"};

static const struct statement make_sql = {
    "request_budget_make", "INSERT INTO request_budget (tenant, connection_id, credential_version)"
                           " VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"};

static const struct statement put_sql = {
    "request_budget_put",
    "UPDATE request_budget SET credential_version = $3, leave_times = $4, sync_counts = $5,"
    " other_counts = $6, closed_until = $7, refusal_count = $8, foreign_count = $9,"
    " foreign_time = $10 WHERE tenant = $1 AND connection_id = $2"};

static enum err_code read_numbers(const struct rows *rows, int column, size_t expected,
                                  struct arena *arena, const int64_t **ret_numbers,
                                  size_t *ret_count, struct err *reterr)
{
    size_t count = 0;
    const char *const *texts =
        rows_null(rows, 0, column) ? NULL : rows_texts(rows, 0, column, arena, &count);
    int64_t *numbers = arena_calloc(arena, count + 1, sizeof(*numbers));
    if (numbers == NULL || (texts == NULL && rows_len(rows, 0, column) > 2))
        return err_no_memory(reterr);
    for (size_t i = 0; texts != NULL && i < count; i++)
        if (texts[i] == NULL || !encoding_int64(texts[i], strlen(texts[i]), &numbers[i]))
            return err_set(reterr, ERR_INTERNAL, "a request budget cannot be read");
    if (expected != SIZE_MAX && expected != count)
        return err_set(reterr, ERR_INTERNAL, "a request budget does not add up");
    *ret_numbers = numbers;
    *ret_count = count;
    return ERR_OK;
}

static enum err_code read_budget(const struct rows *rows, struct arena *arena,
                                 struct request_budget *budget, struct err *reterr)
{
    size_t count;
    *budget = (struct request_budget){
        .credential_version = rows_int64(rows, 0, 0),
        .closed_until_us = rows_time(rows, 0, 1),
        .refusal_count = (int)rows_int64(rows, 0, 2),
        .foreign_count = rows_int64(rows, 0, 3),
        .foreign_time_us = rows_time(rows, 0, 4),
    };
    try_(read_numbers(rows, 5, SIZE_MAX, arena, &budget->leave_times_us, &budget->count, reterr));
    try_(read_numbers(rows, 6, budget->count, arena, &budget->sync_counts, &count, reterr));
    return read_numbers(rows, 7, budget->count, arena, &budget->other_counts, &count, reterr);
}

enum err_code request_budget_lock(struct tx *tx, const char *connection_id,
                                  int64_t credential_version, struct arena *arena,
                                  struct request_budget *ret_budget, int64_t *ret_now_us,
                                  struct err *reterr)
{
    for (int tries = 0; tries < 2; tries++) {
        struct rows rows _cleanup_(rows_done) = {NULL};
        try_(tx_query(tx, &lock_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), &rows,
                      reterr));
        if (rows_count(&rows) == 1) {
            *ret_now_us = rows_time(&rows, 0, 8);
            return read_budget(&rows, arena, ret_budget, reterr);
        }
        try_(tx_run(
            tx, &make_sql,
            ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(credential_version)),
            reterr));
    }
    return err_set(reterr, ERR_CONFLICT, "a request budget came and went");
}

enum err_code request_budget_put(struct tx *tx, const char *connection_id,
                                 const struct request_budget *budget, struct err *reterr)
{
    return tx_run(tx, &put_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_INT64(budget->credential_version),
                       ARG_TIMES(budget->leave_times_us, budget->count),
                       ARG_INT64S(budget->sync_counts, budget->count),
                       ARG_INT64S(budget->other_counts, budget->count),
                       ARG_TIME(budget->closed_until_us), ARG_INT64(budget->refusal_count),
                       ARG_INT64(budget->foreign_count), ARG_TIME(budget->foreign_time_us)),
                  reterr);
}
