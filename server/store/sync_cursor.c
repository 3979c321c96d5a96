#include "server/store/sync_cursor.h"

enum err_code sync_cursor_load(struct tx *tx, const char *connection_id, int kind, int64_t type_id,
                               const int64_t *organization_ids, size_t count, struct arena *arena,
                               struct sync_cursor *ret_cursor, struct err *reterr)
{
    static const struct statement statement = {
        "sync_cursor_load",
        "SELECT update_time, $5::bigint[] <@ organization_ids, basis, distrust_time,"
        " total_count, order_time"
        " FROM sync_cursor WHERE tenant = $1 AND connection_id = $2 AND kind = $3::smallint"
        " AND type_id = $4::bigint"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    *ret_cursor = (struct sync_cursor){.basis = "", .total_count = -1};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind),
                       ARG_INT64(type_id), ARG_INT64S(organization_ids, count)),
                  &rows, reterr));
    if (rows_count(&rows) == 0)
        return ERR_OK;
    *ret_cursor = (struct sync_cursor){
        .update_time_us = rows_time(&rows, 0, 0),
        .covers = rows_bool(&rows, 0, 1),
        .basis = rows_text_copy(&rows, 0, 2, arena),
        .distrust_time_us = rows_time(&rows, 0, 3),
        .total_count = rows_int64(&rows, 0, 4),
        .order_time_us = rows_time(&rows, 0, 5),
    };
    return ret_cursor->basis == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code sync_cursor_put(struct tx *tx, const struct sync_cursor_step *step,
                              struct err *reterr)
{
    static const struct statement statement = {
        "sync_cursor_put",
        "WITH kept AS (SELECT coalesce(array_agg(w.id), '{}') AS ids FROM unnest($5::bigint[]) AS "
        "w(id)"
        "  WHERE NOT EXISTS (SELECT FROM mapping AS m JOIN sync_run AS r ON r.tenant = m.tenant"
        "   AND r.connection_id = m.connection_id AND r.id = $9 WHERE m.tenant = $1"
        "   AND m.connection_id = $2 AND m.organization_id = w.id"
        "   AND m.create_time >= r.create_time))"
        " INSERT INTO sync_cursor AS c (tenant, connection_id, kind, type_id, organization_ids,"
        "  update_time, basis, total_count)"
        " SELECT $1, $2, $3::smallint, $4::bigint, kept.ids, $6::timestamptz, $7, $10::bigint"
        " FROM kept"
        " ON CONFLICT (tenant, connection_id, kind, type_id) DO UPDATE SET"
        // Who was walked alone, and later than the others, is as far as they are.
        "  organization_ids = CASE WHEN $8::boolean AND c.basis = excluded.basis"
        "   THEN ARRAY(SELECT DISTINCT unnest(c.organization_ids || excluded.organization_ids)"
        "    ORDER BY 1) ELSE excluded.organization_ids END,"
        "  update_time = CASE WHEN $8::boolean AND c.basis = excluded.basis"
        "   AND cardinality(c.organization_ids) > 0 THEN c.update_time"
        "   ELSE greatest(c.update_time, excluded.update_time) END,"
        "  basis = excluded.basis, total_count = excluded.total_count"};
    return tx_run(
        tx, &statement,
        ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(step->connection_id), ARG_INT64(step->kind),
             ARG_INT64(step->type_id), ARG_INT64S(step->organization_ids, step->organization_count),
             ARG_TIME(step->update_time_us), ARG_TEXT(step->basis), ARG_BOOL(step->limited),
             ARG_TEXT(step->run_id), ARG_INT64(step->total_count)),
        reterr);
}

enum err_code sync_cursor_distrust(struct tx *tx, const char *connection_id, int kind,
                                   int64_t type_id, int64_t now_us, struct err *reterr)
{
    static const struct statement statement = {
        "sync_cursor_distrust",
        "INSERT INTO sync_cursor (tenant, connection_id, kind, type_id, organization_ids,"
        "  update_time, distrust_time)"
        " VALUES ($1, $2, $3::smallint, $4::bigint, '{}', 'epoch', $5::timestamptz)"
        " ON CONFLICT (tenant, connection_id, kind, type_id)"
        " DO UPDATE SET distrust_time = excluded.distrust_time"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind),
                       ARG_INT64(type_id), ARG_TIME(now_us)),
                  reterr);
}

enum err_code sync_cursor_prove_order(struct tx *tx, const char *connection_id, int kind,
                                      int64_t now_us, struct err *reterr)
{
    static const struct statement statement = {
        "sync_cursor_prove_order",
        "INSERT INTO sync_cursor (tenant, connection_id, kind, type_id, organization_ids,"
        "  update_time, order_time)"
        " VALUES ($1, $2, $3::smallint, 0, '{}', 'epoch', $4::timestamptz)"
        " ON CONFLICT (tenant, connection_id, kind, type_id)"
        " DO UPDATE SET order_time = excluded.order_time"};
    return tx_run(
        tx, &statement,
        ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind), ARG_TIME(now_us)),
        reterr);
}
