#include "server/store/organization_sync.h"

// The lookup is put as record_diff's is, for the same reason.
enum err_code organization_diff(struct tx *tx, const char *connection_id, const int64_t *ids,
                                const struct bytes *hashes, size_t count,
                                enum record_change *ret_changes, struct err *reterr)
{
    static const struct statement statement = {
        "organization_diff",
        "SELECT i.place, o.id IS NULL"
        " FROM unnest($3::bigint[], $4::bytea[]) WITH ORDINALITY AS i(id, hash, place)"
        " LEFT JOIN LATERAL (SELECT id, content_hash, gone FROM organization WHERE tenant = $1"
        "   AND connection_id = $2 AND organization.id >= i.id AND organization.id <= i.id"
        "   ORDER BY organization.id LIMIT 1) AS o ON o.id = i.id"
        " WHERE o.id IS NULL OR o.content_hash <> i.hash OR o.gone"};
    for (size_t i = 0; i < count; i++)
        ret_changes[i] = RECORD_SAME;
    if (count == 0)
        return ERR_OK;
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64S(ids, count),
                       ARG_BYTEAS(hashes, count)),
                  &rows, reterr));
    for (int i = 0; i < rows_count(&rows); i++) {
        int64_t place = rows_int64(&rows, i, 0);
        if (place >= 1 && place <= (int64_t)count)
            ret_changes[place - 1] = rows_bool(&rows, i, 1) ? RECORD_NEW : RECORD_CHANGED;
    }
    return ERR_OK;
}

enum err_code organization_put(struct tx *tx, const char *connection_id,
                               const struct record_batch *batch, int64_t now_us, struct err *reterr)
{
    static const struct statement statement = {
        "organization_put",
        "INSERT INTO organization AS o (tenant, connection_id, id, display_name, name_key, web_url,"
        "  psa_ids, body, content_hash, discover_time, update_time)"
        " SELECT $1, $2, i.id, i.display_name, i.name_key, coalesce(i.web_url, ''),"
        "  ARRAY(SELECT jsonb_array_elements_text("
        "    CASE jsonb_typeof(i.body::jsonb -> 'psa_ids') WHEN 'array'"
        "      THEN i.body::jsonb -> 'psa_ids' ELSE '[]' END)),"
        "  i.body::jsonb, i.hash, $9::timestamptz, $9::timestamptz"
        " FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[])"
        "  AS i(id, display_name, name_key, web_url, body, hash)"
        " ON CONFLICT (tenant, connection_id, id) DO UPDATE SET"
        "  previous_display_name = CASE WHEN o.display_name <> excluded.display_name"
        "    THEN o.display_name ELSE o.previous_display_name END,"
        "  display_name = excluded.display_name, name_key = excluded.name_key,"
        "  web_url = excluded.web_url, psa_ids = excluded.psa_ids, body = excluded.body,"
        "  content_hash = excluded.content_hash, gone = false, update_time = excluded.update_time,"
        "  revision = o.revision + 1"
        " WHERE o.gone OR o.content_hash IS DISTINCT FROM excluded.content_hash"};
    size_t n = batch->count;
    if (n == 0)
        return ERR_OK;
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64S(batch->ids, n),
                       ARG_TEXTS(batch->names, n), ARG_TEXTS(batch->name_keys, n),
                       ARG_TEXTS(batch->web_urls, n), ARG_TEXTS(batch->bodies, n),
                       ARG_BYTEAS(batch->hashes, n), ARG_TIME(now_us)),
                  reterr);
}

#define SEEN                                                                                    \
    "WITH seen AS MATERIALIZED (SELECT DISTINCT unnest(p.ids) AS id FROM sync_page AS p"        \
    " WHERE p.tenant = $1 AND p.connection_id = $2 AND p.run_id = $3 AND p.kind = $4::smallint" \
    " AND p.scope = ANY($5::text[]))"
#define VANISHED " o.id NOT IN (SELECT id FROM seen)"

enum err_code organization_sweep_count(struct tx *tx, const struct record_scope *scope,
                                       int64_t *ret_total, int64_t *ret_vanished,
                                       struct err *reterr)
{
    static const struct statement statement = {
        "organization_sweep_count",
        SEEN " SELECT count(*), count(*) FILTER (WHERE" VANISHED ") FROM organization AS o"
             " WHERE o.tenant = $1 AND o.connection_id = $2 AND NOT o.gone"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(scope->connection_id),
                       ARG_TEXT(scope->run_id), ARG_INT64(scope->kind),
                       ARG_TEXTS(scope->scopes, scope->scope_count)),
                  &rows, reterr));
    *ret_total = rows_int64(&rows, 0, 0);
    *ret_vanished = rows_int64(&rows, 0, 1);
    return ERR_OK;
}

enum err_code organization_sweep_hold(struct tx *tx, const struct record_scope *scope,
                                      int task_kind, const char *subject, struct err *reterr)
{
    static const struct statement statement = {
        "organization_sweep_hold",
        SEEN " UPDATE sync_issue SET held_kind = $4::smallint,"
             " held_ids = ARRAY(SELECT o.id FROM organization AS o WHERE o.tenant = $1"
             "  AND o.connection_id = $2 AND NOT o.gone AND" VANISHED ")"
             " WHERE tenant = $1 AND connection_id = $2 AND kind = 2 AND state = 1"
             " AND task_kind = $6::smallint AND subject = $7"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(scope->connection_id),
                       ARG_TEXT(scope->run_id), ARG_INT64(scope->kind),
                       ARG_TEXTS(scope->scopes, scope->scope_count), ARG_INT64(task_kind),
                       ARG_TEXT(subject)),
                  reterr);
}

enum err_code organization_drop_held(struct tx *tx, const char *connection_id, const char *issue_id,
                                     int64_t now_us, int64_t *ret_gone, struct err *reterr)
{
    static const struct statement statement = {
        "organization_drop_held",
        "UPDATE organization AS o SET gone = true, update_time = $4::timestamptz,"
        " revision = o.revision + 1 FROM sync_issue AS i WHERE i.tenant = $1"
        " AND i.connection_id = $2 AND i.id = $3 AND o.tenant = $1 AND o.connection_id = $2"
        " AND o.id = ANY(i.held_ids) AND NOT o.gone AND o.update_time <= i.create_time"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(issue_id),
                       ARG_TIME(now_us)),
                  &rows, reterr));
    *ret_gone = rows_affected(&rows);
    return ERR_OK;
}

enum err_code organization_sweep(struct tx *tx, const struct record_scope *scope, int64_t now_us,
                                 int64_t *ret_gone, struct err *reterr)
{
    static const struct statement statement = {
        "organization_sweep",
        SEEN " UPDATE organization AS o SET gone = true, update_time = $6::timestamptz,"
             "  revision = o.revision + 1"
             " WHERE o.tenant = $1 AND o.connection_id = $2 AND NOT o.gone AND" VANISHED};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(scope->connection_id),
                       ARG_TEXT(scope->run_id), ARG_INT64(scope->kind),
                       ARG_TEXTS(scope->scopes, scope->scope_count), ARG_TIME(now_us)),
                  &rows, reterr));
    *ret_gone = rows_affected(&rows);
    return ERR_OK;
}
