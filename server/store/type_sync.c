#include "server/store/type_sync.h"

#define COUNT(table)                                                    \
    "SELECT count(*) FROM " table                                       \
    " WHERE tenant = $1 AND connection_id = $2 AND upstream_state <> 3" \
    " AND id <> ALL($3)"

static enum err_code count(struct tx *tx, const struct statement *statement,
                           const char *connection_id, const struct type_batch *batch,
                           int64_t *ret_missing, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_INT64S(batch->present_ids, batch->present_count)),
                  &rows, reterr));
    *ret_missing = rows_int64(&rows, 0, 0);
    return ERR_OK;
}

enum err_code type_sync_count(struct tx *tx, const char *connection_id,
                              const struct type_batch *batch, int64_t *ret_missing,
                              struct err *reterr)
{
    static const struct statement statement = {"type_sync_count", COUNT("flexible_asset_type")};
    return count(tx, &statement, connection_id, batch, ret_missing, reterr);
}

enum err_code category_sync_count(struct tx *tx, const char *connection_id,
                                  const struct type_batch *batch, int64_t *ret_missing,
                                  struct err *reterr)
{
    static const struct statement statement = {"category_sync_count", COUNT("password_category")};
    return count(tx, &statement, connection_id, batch, ret_missing, reterr);
}

// Which texts of assets are found, and what of them is masked, is decided by the fields of their
// types when they are indexed: assets are indexed once more where fields change, as they need not
// change themselves. Told first, so that whoever indexes waits until the fields are stored.
static enum err_code follow_fields(struct tx *tx, const char *connection_id,
                                   const struct type_batch *batch, struct err *reterr)
{
    static const struct statement statement = {
        "type_sync_follow_fields",
        "UPDATE search_progress SET rebuild_kind = 5, rebuild_id = 0"
        " WHERE tenant = $1 AND connection_id = $2 AND (rebuild_kind = 0 OR rebuild_kind >= 5)"
        "  AND EXISTS (SELECT FROM unnest($3::bigint[], $4::text[]) AS i (id, body)"
        "   JOIN flexible_asset_type t ON t.tenant = $1 AND t.connection_id = $2 AND t.id = i.id"
        "   WHERE t.body -> 'fields' IS DISTINCT FROM i.body::jsonb -> 'fields')"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_INT64S(batch->ids, batch->count),
                       ARG_TEXTS(batch->bodies, batch->count)),
                  reterr);
}

enum err_code type_sync_put(struct tx *tx, const char *connection_id,
                            const struct type_batch *batch, int64_t now_us, struct err *reterr)
{
    static const struct statement put = {
        "type_sync_put",
        "INSERT INTO flexible_asset_type AS t (tenant, connection_id, id, display_name, body,"
        "  content_hash, upstream_state, discover_time)"
        " SELECT $1, $2, i.id, i.display_name, i.body::jsonb, i.hash,"
        "  CASE WHEN i.body::jsonb -> 'enabled' = 'false' THEN 2 ELSE 1 END, $7::timestamptz"
        " FROM unnest($3::bigint[], $4::text[], $5::text[], $6::bytea[])"
        "  AS i(id, display_name, body, hash)"
        " ON CONFLICT (tenant, connection_id, id) DO UPDATE SET"
        "  display_name = excluded.display_name, body = excluded.body,"
        "  content_hash = excluded.content_hash, upstream_state = excluded.upstream_state,"
        "  revision = t.revision + 1"
        " WHERE t.content_hash IS DISTINCT FROM excluded.content_hash"
        "  OR t.upstream_state <> excluded.upstream_state"};
    static const struct statement remove = {
        "type_sync_remove",
        "UPDATE flexible_asset_type SET upstream_state = 3, revision = revision + 1"
        " WHERE tenant = $1 AND connection_id = $2 AND upstream_state <> 3"
        " AND cardinality($3::bigint[]) > 0 AND id <> ALL($3::bigint[])"};
    static const struct statement stamp = {
        "type_sync_stamp", "UPDATE connection SET types_refresh_time = $3::timestamptz"
                           " WHERE tenant = $1 AND id = $2"};
    size_t n = batch->count;
    try_(follow_fields(tx, connection_id, batch, reterr));
    try_(tx_run(tx, &put,
                ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64S(batch->ids, n),
                     ARG_TEXTS(batch->names, n), ARG_TEXTS(batch->bodies, n),
                     ARG_BYTEAS(batch->hashes, n), ARG_TIME(now_us)),
                reterr));
    try_(tx_run(tx, &remove,
                ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                     ARG_INT64S(batch->present_ids, batch->present_count)),
                reterr));
    return tx_run(tx, &stamp,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TIME(now_us)), reterr);
}

enum err_code category_sync_put(struct tx *tx, const char *connection_id,
                                const struct type_batch *batch, int64_t now_us, struct err *reterr)
{
    static const struct statement put = {
        "category_sync_put",
        "INSERT INTO password_category AS c (tenant, connection_id, id, display_name,"
        "  upstream_state, discover_time)"
        " SELECT $1, $2, i.id, i.display_name, 1, $5::timestamptz"
        " FROM unnest($3::bigint[], $4::text[]) AS i(id, display_name)"
        " ON CONFLICT (tenant, connection_id, id) DO UPDATE SET"
        "  display_name = excluded.display_name, upstream_state = 1"
        " WHERE c.display_name <> excluded.display_name OR c.upstream_state <> 1"};
    static const struct statement remove = {
        "category_sync_remove", "UPDATE password_category SET upstream_state = 3"
                                " WHERE tenant = $1 AND connection_id = $2 AND upstream_state <> 3"
                                " AND cardinality($3::bigint[]) > 0 AND id <> ALL($3::bigint[])"};
    size_t n = batch->count;
    try_(tx_run(tx, &put,
                ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64S(batch->ids, n),
                     ARG_TEXTS(batch->names, n), ARG_TIME(now_us)),
                reterr));
    return tx_run(tx, &remove,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_INT64S(batch->present_ids, batch->present_count)),
                  reterr);
}

enum err_code type_sync_load_enabled(struct tx *tx, const char *connection_id, struct arena *arena,
                                     struct type_sync_enabled **ret_types, size_t *ret_count,
                                     struct err *reterr)
{
    static const struct statement statement = {
        "type_sync_load_enabled",
        "SELECT t.id, ARRAY(SELECT field ->> 'key' FROM jsonb_array_elements(f.fields) AS field"
        "  WHERE (field ->> 'kind' = 'Password' OR lower(field ->> 'tag_type') = 'passwords')"
        "   AND field ->> 'key' IS NOT NULL),"
        " ARRAY(SELECT field ->> 'key' FROM jsonb_array_elements(f.fields) AS field"
        "  WHERE field ->> 'key' IS NOT NULL)"
        " FROM flexible_asset_type AS t, LATERAL (SELECT CASE jsonb_typeof(t.body -> 'fields')"
        "  WHEN 'array' THEN t.body -> 'fields' ELSE '[]' END AS fields) AS f WHERE t.tenant = $1 "
        "AND t.connection_id = $2"
        " AND t.enabled AND t.upstream_state = 1 ORDER BY t.id"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), &rows,
                  reterr));
    size_t count = (size_t)rows_count(&rows);
    struct type_sync_enabled *types = arena_calloc(arena, count + 1, sizeof(*types));
    if (types == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        types[i].id = rows_int64(&rows, (int)i, 0);
        types[i].secret_traits = rows_texts(&rows, (int)i, 1, arena, &types[i].secret_trait_count);
        types[i].known_traits = rows_texts(&rows, (int)i, 2, arena, &types[i].known_trait_count);
        // Without the lists a secret could be kept.
        if ((types[i].secret_traits == NULL && rows_len(&rows, (int)i, 1) > 2) ||
            (types[i].known_traits == NULL && rows_len(&rows, (int)i, 2) > 2))
            return err_no_memory(reterr);
    }
    *ret_types = types;
    *ret_count = count;
    return ERR_OK;
}

enum err_code category_sync_lacks(struct tx *tx, const char *connection_id, int kind,
                                  bool *ret_lacks, struct err *reterr)
{
    static const struct statement statement = {
        "category_sync_lacks",
        "SELECT NOT EXISTS (SELECT FROM password_category WHERE tenant = $1 AND connection_id = $2)"
        " OR EXISTS (SELECT FROM record AS r WHERE r.tenant = $1 AND r.connection_id = $2"
        "  AND r.kind = $3::smallint AND r.category_id <> 0"
        "  AND NOT EXISTS (SELECT FROM password_category AS c WHERE c.tenant = $1"
        "   AND c.connection_id = $2 AND c.id = r.category_id))"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind)), &rows,
                  reterr));
    *ret_lacks = rows_bool(&rows, 0, 0);
    return ERR_OK;
}
