#include "server/store/config.h"

#include "server/store/company_set.h"

#define CONFIG                                                                          \
    "SELECT f.documents_enabled, f.checklists_enabled, f.password_sharing_enabled,"     \
    " (SELECT count(*) FROM flexible_asset_type t WHERE t.tenant = f.tenant"            \
    "   AND t.connection_id = f.connection_id AND t.enabled AND t.upstream_state = 1)," \
    " f.revision, f.update_time, f.restricted_shown, f.unpublished_shown,"              \
    " f.archived_shown FROM connection_config f"                                        \
    " WHERE f.tenant = $1 AND f.connection_id = $2"

static const struct statement get_sql = {"config_get", CONFIG};
static const struct statement get_locked_sql = {"config_get_locked", CONFIG " FOR NO KEY UPDATE"};

static const struct statement set_sql = {
    "config_set", "UPDATE connection_config SET documents_enabled = $3, checklists_enabled = $4,"
                  " password_sharing_enabled = $5, revision = revision + 1, update_time = $6,"
                  " restricted_shown = $7, unpublished_shown = $8, archived_shown = $9"
                  " WHERE tenant = $1 AND connection_id = $2"};

#define TYPE                                                                      \
    "SELECT t.id, t.display_name, t.body, t.enabled, t.chosen, t.upstream_state," \
    " t.discover_time, t.revision,"                                               \
    " t.chosen AND t.chosen_fields IS DISTINCT FROM t.body -> 'fields',"          \
    " coalesce(t.chosen_fields, '[]') FROM flexible_asset_type t"                 \
    " WHERE t.tenant = $1 AND t.connection_id = $2"

// The name in a page token may be cut: the row itself, if it is as it was, says where it ends.
static const struct statement list_types_sql = {
    "config_list_types", TYPE " AND ($4 = 0 OR (t.display_name, t.id) > (coalesce("
                              "  (SELECT a.display_name FROM flexible_asset_type a"
                              "   WHERE a.tenant = $1 AND a.connection_id = $2 AND a.id = $4"
                              "   AND starts_with(a.display_name, $3)), $3), $4))"
                              " ORDER BY t.display_name, t.id LIMIT $5"};
static const struct statement get_type_sql = {"config_get_type", TYPE " AND t.id = $3"};
static const struct statement get_type_locked_sql = {"config_get_type_locked",
                                                     TYPE " AND t.id = $3 FOR NO KEY UPDATE"};

static const struct statement set_type_sql = {
    "config_set_type", "UPDATE flexible_asset_type SET enabled = $4, chosen = true,"
                       "  chosen_fields = body -> 'fields', revision = revision + 1"
                       " WHERE tenant = $1 AND connection_id = $2 AND id = $3"};

#define MARK "t.id || ' ' || t.upstream_state || ' ' || encode(t.content_hash, 'hex')"
static const struct statement snapshot_sql = {
    "config_snapshot", "SELECT ARRAY(SELECT " MARK " FROM flexible_asset_type t"
                       "  WHERE t.tenant = $1 AND t.connection_id = $2),"
                       " ARRAY(SELECT k.id::text FROM password_category k"
                       "  WHERE k.tenant = $1 AND k.connection_id = $2)"};
static const struct statement compare_sql = {
    "config_compare",
    "SELECT count(*) FILTER (WHERE o.id IS NULL),"
    " count(*) FILTER (WHERE o.mark <> " MARK "),"
    " (SELECT count(*) FROM password_category k WHERE k.tenant = $1 AND k.connection_id = $2"
    "  AND k.id::text <> ALL ($4))"
    " FROM flexible_asset_type t LEFT JOIN (SELECT split_part(m, ' ', 1)::bigint AS id, m AS mark"
    "  FROM unnest($3::text[]) AS u (m)) o ON o.id = t.id"
    " WHERE t.tenant = $1 AND t.connection_id = $2"};

// Passwords of mapped organizations in the caller's sight, by category; read once for a page.
#define PASSWORDS                                                           \
    "WITH passwords AS MATERIALIZED ("                                      \
    " SELECT r.category_id, count(*) AS count FROM record r JOIN mapping m" \
    "  ON m.tenant = r.tenant AND m.connection_id = r.connection_id"        \
    "  AND m.organization_id = r.organization_id"                           \
    " WHERE r.tenant = $1 AND r.connection_id = $2 AND r.kind = 9"          \
    "  AND ($3 OR m.company_id = ANY ($4) OR " OF_COMPANY_SET(              \
        "m.company_id") ") GROUP BY r.category_id) "

static const struct statement list_categories_sql = {
    "config_list_categories", PASSWORDS
    "SELECT k.id, k.display_name, k.upstream_state = 3,"
    " NOT EXISTS (SELECT FROM company_password_access a WHERE a.tenant = k.tenant"
    "             AND a.update_time >= k.discover_time),"
    " coalesce(p.count, 0), k.discover_time"
    " FROM password_category k LEFT JOIN passwords p ON p.category_id = k.id"
    " WHERE k.tenant = $1 AND k.connection_id = $2"
    " AND ($6 = 0 OR (k.display_name, k.id) > (coalesce("
    "  (SELECT a.display_name FROM password_category a WHERE a.tenant = $1"
    "   AND a.connection_id = $2 AND a.id = $6 AND starts_with(a.display_name, $5)), $5), $6))"
    " ORDER BY k.display_name, k.id LIMIT $7"};
static const struct statement count_uncategorized_sql = {
    "config_count_uncategorized",
    PASSWORDS "SELECT coalesce((SELECT count FROM passwords WHERE category_id = 0), 0)"};

static const struct statement get_access_sql = {
    "config_get_access",
    "SELECT a.level, a.include_uncategorized, a.revision, a.update_time,"
    " ARRAY(SELECT 'connections/' || k.connection_id || '/passwordCategories/' || k.category_id"
    "       FROM company_password_category k"
    "       JOIN connection c ON c.tenant = k.tenant AND c.id = k.connection_id AND c.state <> 4"
    "       WHERE k.tenant = a.tenant AND k.company_id = a.company_id"
    "       ORDER BY k.connection_id, k.category_id)"
    " FROM company_password_access a WHERE a.tenant = $1 AND a.company_id = $2"};

static const struct statement set_access_sql = {
    "config_set_access",
    "INSERT INTO company_password_access (tenant, company_id, level, include_uncategorized,"
    "  revision, update_time) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (tenant, company_id) DO UPDATE SET level = excluded.level,"
    "  include_uncategorized = excluded.include_uncategorized, revision = excluded.revision,"
    "  update_time = excluded.update_time"};
static const struct statement drop_categories_sql = {
    "config_drop_categories",
    "DELETE FROM company_password_category WHERE tenant = $1 AND company_id = $2"};
// A category that is not there gives no row.
static const struct statement add_categories_sql = {
    "config_add_categories",
    "INSERT INTO company_password_category (tenant, company_id, connection_id, category_id)"
    " SELECT DISTINCT $1, $2, k.connection_id, k.id FROM unnest($3::text[], $4::bigint[])"
    "  AS g (connection_id, id) JOIN password_category k ON k.tenant = $1"
    "  AND k.connection_id = g.connection_id AND k.id = g.id"
    "  JOIN connection c ON c.tenant = $1 AND c.id = k.connection_id AND c.state <> 4"};
static const struct statement unknown_category_sql = {
    "config_unknown_category",
    "SELECT g.place FROM unnest($2::text[], $3::bigint[]) WITH ORDINALITY"
    "  AS g (connection_id, id, place)"
    " WHERE NOT EXISTS (SELECT FROM password_category k"
    "  JOIN connection c ON c.tenant = k.tenant AND c.id = k.connection_id AND c.state <> 4"
    "  WHERE k.tenant = $1 AND k.connection_id = g.connection_id AND k.id = g.id)"
    " ORDER BY g.place LIMIT 1"};

enum err_code config_get(struct tx *tx, const char *connection_id, bool lock,
                         struct config *ret_config, bool *ret_found, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, lock ? &get_locked_sql : &get_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), &rows, reterr));
    *ret_found = rows_count(&rows) == 1;
    if (*ret_found)
        *ret_config = (struct config){
            .documents_enabled = rows_bool(&rows, 0, 0),
            .checklists_enabled = rows_bool(&rows, 0, 1),
            .password_sharing_enabled = rows_bool(&rows, 0, 2),
            .enabled_type_count = rows_int64(&rows, 0, 3),
            .revision = rows_int64(&rows, 0, 4),
            .update_time_us = rows_time(&rows, 0, 5),
            .restricted_shown = rows_bool(&rows, 0, 6),
            .unpublished_shown = rows_bool(&rows, 0, 7),
            .archived_shown = rows_bool(&rows, 0, 8),
        };
    return ERR_OK;
}

enum err_code config_set(struct tx *tx, const char *connection_id, const struct config *config,
                         int64_t time_us, struct err *reterr)
{
    return tx_run(tx, &set_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_BOOL(config->documents_enabled), ARG_BOOL(config->checklists_enabled),
                       ARG_BOOL(config->password_sharing_enabled), ARG_TIME(time_us),
                       ARG_BOOL(config->restricted_shown), ARG_BOOL(config->unpublished_shown),
                       ARG_BOOL(config->archived_shown)),
                  reterr);
}

enum err_code config_snapshot(struct tx *tx, const char *connection_id, struct arena *arena,
                              struct config_snapshot *ret_snapshot, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &snapshot_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), &rows,
                  reterr));
    ret_snapshot->types = rows_texts(&rows, 0, 0, arena, &ret_snapshot->type_count);
    ret_snapshot->categories = rows_texts(&rows, 0, 1, arena, &ret_snapshot->category_count);
    bool short_of_memory = (ret_snapshot->types == NULL && rows_len(&rows, 0, 0) > 2) ||
                           (ret_snapshot->categories == NULL && rows_len(&rows, 0, 1) > 2);
    return short_of_memory ? err_no_memory(reterr) : ERR_OK; // {}: none
}

enum err_code config_compare(struct tx *tx, const char *connection_id,
                             const struct config_snapshot *snapshot, struct config_news *ret_news,
                             struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &compare_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_TEXTS(snapshot->types, snapshot->type_count),
                       ARG_TEXTS(snapshot->categories, snapshot->category_count)),
                  &rows, reterr));
    *ret_news = (struct config_news){
        .new_types = rows_int64(&rows, 0, 0),
        .changed_types = rows_int64(&rows, 0, 1),
        .new_categories = rows_int64(&rows, 0, 2),
    };
    return ERR_OK;
}

static enum err_code read_types(const struct rows *rows, struct arena *arena,
                                struct config_type **ret_types, size_t *ret_count,
                                struct err *reterr)
{
    size_t count = (size_t)rows_count(rows);
    struct config_type *types = arena_calloc(arena, count + 1, sizeof(*types));
    if (types == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        types[i] = (struct config_type){
            .id = rows_int64(rows, row, 0),
            .display_name = rows_text_copy(rows, row, 1, arena),
            .body = rows_text_copy(rows, row, 2, arena),
            .enabled = rows_bool(rows, row, 3),
            .chosen = rows_bool(rows, row, 4),
            .upstream_state = (int)rows_int64(rows, row, 5),
            .discover_time_us = rows_time(rows, row, 6),
            .revision = rows_int64(rows, row, 7),
            .drifted = rows_bool(rows, row, 8),
            .chosen_fields = rows_text_copy(rows, row, 9, arena),
        };
        if (types[i].display_name == NULL || types[i].body == NULL ||
            types[i].chosen_fields == NULL)
            return err_no_memory(reterr);
    }
    *ret_types = types;
    *ret_count = count;
    return ERR_OK;
}

enum err_code config_list_types(struct tx *tx, const char *connection_id, const char *after_name,
                                int64_t after_id, int limit, struct arena *arena,
                                struct config_type **ret_types, size_t *ret_count,
                                struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &list_types_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(after_name),
                       ARG_INT64(after_id), ARG_INT64(limit)),
                  &rows, reterr));
    return read_types(&rows, arena, ret_types, ret_count, reterr);
}

enum err_code config_get_type(struct tx *tx, const char *connection_id, int64_t id, bool lock,
                              struct arena *arena, struct config_type **ret_type,
                              struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    size_t count;
    try_(tx_query(tx, lock ? &get_type_locked_sql : &get_type_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(id)), &rows,
                  reterr));
    try_(read_types(&rows, arena, ret_type, &count, reterr));
    if (count == 0)
        *ret_type = NULL;
    return ERR_OK;
}

enum err_code config_set_type(struct tx *tx, const char *connection_id, int64_t id, bool enabled,
                              struct err *reterr)
{
    return tx_run(
        tx, &set_type_sql,
        ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(id), ARG_BOOL(enabled)),
        reterr);
}

enum err_code config_list_categories(struct tx *tx, const char *connection_id,
                                     const struct principal *sight, const char *after_name,
                                     int64_t after_id, int limit, struct arena *arena,
                                     struct config_category **ret_categories, size_t *ret_count,
                                     int64_t *ret_uncategorized_count, struct err *reterr)
{
    const struct arg args[] = {
        ARG_TEXT(tx_tenant(tx)),
        ARG_TEXT(connection_id),
        ARG_BOOL(sight->all_companies),
        ARG_TEXTS(sight->companies, sight->company_count),
        ARG_TEXT(after_name),
        ARG_INT64(after_id),
        ARG_INT64(limit),
    };
    enum { SIGHT_ARGS = 4 };
    struct rows rows _cleanup_(rows_done) = {0};
    struct rows rest _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &count_uncategorized_sql, args, SIGHT_ARGS, &rest, reterr));
    *ret_uncategorized_count = rows_int64(&rest, 0, 0);
    try_(tx_query(tx, &list_categories_sql, args, ARRAY_LEN(args), &rows, reterr));
    size_t count = (size_t)rows_count(&rows);
    struct config_category *categories = arena_calloc(arena, count + 1, sizeof(*categories));
    if (categories == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        categories[i] = (struct config_category){
            .id = rows_int64(&rows, row, 0),
            .display_name = rows_text_copy(&rows, row, 1, arena),
            .gone = rows_bool(&rows, row, 2),
            .fresh = rows_bool(&rows, row, 3),
            .password_count = rows_int64(&rows, row, 4),
            .discover_time_us = rows_time(&rows, row, 5),
        };
        if (categories[i].display_name == NULL)
            return err_no_memory(reterr);
    }
    *ret_categories = categories;
    *ret_count = count;
    return ERR_OK;
}

enum err_code config_get_access(struct tx *tx, const char *company_id, struct arena *arena,
                                struct config_access *ret_access, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &get_access_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(company_id)), &rows,
                  reterr));
    *ret_access = (struct config_access){.level = 1};
    if (rows_count(&rows) == 0)
        return ERR_OK;
    ret_access->level = (int)rows_int64(&rows, 0, 0);
    ret_access->include_uncategorized = rows_bool(&rows, 0, 1);
    ret_access->revision = rows_int64(&rows, 0, 2);
    ret_access->update_time_us = rows_time(&rows, 0, 3);
    ret_access->categories = rows_texts(&rows, 0, 4, arena, &ret_access->category_count);
    if (ret_access->categories == NULL && rows_len(&rows, 0, 4) > 2) // {}: none
        return err_no_memory(reterr);
    return ERR_OK;
}

// Splits pairs into the two arrays that a statement takes.
static bool split(const struct config_category_id *categories, size_t count, struct arena *arena,
                  const char ***ret_connections, int64_t **ret_ids)
{
    const char **connections = arena_calloc(arena, count + 1, sizeof(*connections));
    int64_t *ids = arena_calloc(arena, count + 1, sizeof(*ids));
    if (connections == NULL || ids == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        connections[i] = categories[i].connection_id;
        ids[i] = categories[i].category_id;
    }
    *ret_connections = connections;
    *ret_ids = ids;
    return true;
}

enum err_code config_set_access(struct tx *tx, const char *company_id, int level,
                                bool include_uncategorized,
                                const struct config_category_id *categories, size_t count,
                                int64_t revision, int64_t time_us, size_t *ret_unknown,
                                struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 64 * 1024);
    const char **connections;
    int64_t *ids;
    if (!split(categories, count, &arena, &connections, &ids))
        return err_no_memory(reterr);
    struct rows unknown _cleanup_(rows_done) = {0};
    try_(tx_query(
        tx, &unknown_category_sql,
        ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXTS(connections, count), ARG_INT64S(ids, count)),
        &unknown, reterr));
    *ret_unknown = rows_count(&unknown) == 1 ? (size_t)rows_int64(&unknown, 0, 0) - 1 : count;
    if (*ret_unknown < count)
        return ERR_OK;
    try_(tx_run(tx, &set_access_sql,
                ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(company_id), ARG_INT64(level),
                     ARG_BOOL(include_uncategorized), ARG_INT64(revision + 1), ARG_TIME(time_us)),
                reterr));
    try_(tx_run(tx, &drop_categories_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(company_id)),
                reterr));
    return tx_run(tx, &add_categories_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(company_id), ARG_TEXTS(connections, count),
                       ARG_INT64S(ids, count)),
                  reterr);
}
