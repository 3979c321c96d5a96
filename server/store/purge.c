#include "server/store/purge.h"

enum err_code purge_take(struct tx *tx, struct arena *arena, struct purge_due *ret_due,
                         struct err *reterr)
{
    static const struct statement statement = {
        "purge_take",
        "WITH due AS MATERIALIZED (SELECT tenant, connection_id FROM sync_schedule"
        "  WHERE purge_time <= clock_timestamp()"
        "  ORDER BY purge_time LIMIT 1 FOR UPDATE SKIP LOCKED)"
        " UPDATE sync_schedule AS s SET purge_time = clock_timestamp() + interval '1 day' FROM due"
        " WHERE s.tenant = due.tenant AND s.connection_id = due.connection_id"
        " RETURNING s.tenant, s.connection_id"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, NULL, 0, &rows, reterr));
    *ret_due = (struct purge_due){0};
    if (rows_count(&rows) == 0)
        return ERR_OK;
    ret_due->tenant = rows_text_copy(&rows, 0, 0, arena);
    ret_due->connection_id = rows_text_copy(&rows, 0, 1, arena);
    return ret_due->tenant == NULL || ret_due->connection_id == NULL ? err_no_memory(reterr)
                                                                     : ERR_OK;
}

#define OFF_LONG(time) time " < clock_timestamp() - $3::bigint * interval '1 day'"
#define HAS(kinds)                                                                          \
    " AND EXISTS (SELECT FROM record AS r WHERE r.tenant = $1 AND r.connection_id = $2 AND" \
    " r.kind IN (" kinds "))"

static enum err_code plan_types(struct tx *tx, const char *connection_id, int64_t days,
                                struct arena *arena, struct purge_plan *plan, struct err *reterr)
{
    static const struct statement statement = {
        "purge_plan_types",
        "SELECT t.id FROM flexible_asset_type AS t WHERE t.tenant = $1 AND t.connection_id = $2"
        " AND " OFF_LONG("t.off_time") " AND EXISTS (SELECT FROM record AS r WHERE r.tenant = $1 "
                                       "AND r.connection_id = $2"
                                       "  AND r.kind = 5 AND r.type_id = t.id)"
                                       " ORDER BY t.id FOR SHARE OF t"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(days)), &rows,
                  reterr));
    int64_t *ids = arena_calloc(arena, (size_t)rows_count(&rows) + 1, sizeof(*ids));
    if (ids == NULL)
        return err_no_memory(reterr);
    for (int i = 0; i < rows_count(&rows); i++)
        ids[plan->type_count++] = rows_int64(&rows, i, 0);
    plan->type_ids = ids;
    return ERR_OK;
}

enum err_code purge_plan(struct tx *tx, const char *connection_id, int64_t days,
                         struct arena *arena, struct purge_plan *ret_plan, struct err *reterr)
{
    static const struct statement statement = {
        "purge_plan",
        "SELECT " OFF_LONG("f.documents_off_time") HAS("3, 4") ", " OFF_LONG(
            "f.checklists_off_time") HAS("6, 7") ", " OFF_LONG("f.passwords_off_time")
            HAS("8, 9") " FROM connection_config AS f WHERE f.tenant = $1 AND f.connection_id = $2"
                        " FOR SHARE OF f"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    *ret_plan = (struct purge_plan){0};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(days)), &rows,
                  reterr));
    if (rows_count(&rows) == 0)
        return ERR_OK;
    ret_plan->documents = !rows_null(&rows, 0, 0) && rows_bool(&rows, 0, 0);
    ret_plan->checklists = !rows_null(&rows, 0, 1) && rows_bool(&rows, 0, 1);
    ret_plan->passwords = !rows_null(&rows, 0, 2) && rows_bool(&rows, 0, 2);
    return plan_types(tx, connection_id, days, arena, ret_plan, reterr);
}

enum err_code purge_forget(struct tx *tx, const char *connection_id, int kind,
                           const int64_t *type_ids, size_t type_count, int task_kind,
                           struct err *reterr)
{
    static const struct statement statement = {
        "purge_forget",
        "WITH fresh AS (DELETE FROM sync_freshness WHERE tenant = $1 AND connection_id = $2"
        "  AND kind = $5::smallint)"
        " DELETE FROM sync_cursor WHERE tenant = $1 AND connection_id = $2 AND kind = $3::smallint"
        " AND (cardinality($4::bigint[]) = 0 OR type_id = ANY($4::bigint[]))"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind),
                       ARG_INT64S(type_ids, type_count), ARG_INT64(task_kind)),
                  reterr);
}
