#include "server/store/keep_alive.h"

static const struct statement put_sql = {
    "keep_alive_put", "INSERT INTO keep_alive (tenant, connection_id, due_time)"
                      " VALUES ($1, $2, clock_timestamp() + $3::bigint * interval '1 millisecond')"
                      " ON CONFLICT (tenant, connection_id) DO UPDATE"
                      " SET due_time = excluded.due_time"};

static const struct statement take_sql = {
    "keep_alive_take",
    "WITH due AS MATERIALIZED (SELECT tenant, connection_id FROM keep_alive"
    "  WHERE due_time <= clock_timestamp() ORDER BY due_time LIMIT 1 FOR UPDATE SKIP LOCKED)"
    " UPDATE keep_alive AS k"
    " SET due_time = clock_timestamp() + $1::bigint * interval '1 millisecond' FROM due"
    " WHERE k.tenant = due.tenant AND k.connection_id = due.connection_id"
    " RETURNING k.tenant, k.connection_id"};

enum err_code keep_alive_put(struct tx *tx, const char *connection_id, int64_t due_ms,
                             struct err *reterr)
{
    return tx_run(tx, &put_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(due_ms)),
                  reterr);
}

enum err_code keep_alive_take(struct tx *tx, int64_t again_ms, struct arena *arena,
                              struct keep_alive *ret_due, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    *ret_due = (struct keep_alive){0};
    try_(tx_query(tx, &take_sql, ARGS(ARG_INT64(again_ms)), &rows, reterr));
    if (rows_count(&rows) == 0)
        return ERR_OK;
    ret_due->tenant = rows_text_copy(&rows, 0, 0, arena);
    ret_due->connection_id = rows_text_copy(&rows, 0, 1, arena);
    return ret_due->tenant == NULL || ret_due->connection_id == NULL ? err_no_memory(reterr)
                                                                     : ERR_OK;
}
