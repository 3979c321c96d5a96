#include "server/store/blast_radius.h"

#include "server/store/documentation_sight.h"

// The conditions under which a record `r` is in the sight of company `g`, with the connection's
// settings `f`, the company's access `a` and `d`, and the policy `y`. $1 tenant.

// A folder of passwords must be known and open, with all folders above it.
#define PASSWORD_FOLDER_OPEN                                                        \
    "(r.folder_id = 0 OR EXISTS (SELECT FROM record b WHERE b.tenant = $1"          \
    "  AND b.connection_id = r.connection_id AND b.kind = 8 AND b.id = r.folder_id" \
    "  AND b.organization_id IS NOT DISTINCT FROM r.organization_id"                \
    "  AND NOT b.restricted AND NOT EXISTS ("                                       \
    "   SELECT FROM jsonb_array_elements_text(b.body->'ancestor_ids') e (id)"       \
    "   LEFT JOIN record p ON p.tenant = $1 AND p.connection_id = r.connection_id"  \
    "    AND p.kind = 8 AND p.id = e.id::bigint"                                    \
    "    AND p.organization_id IS NOT DISTINCT FROM b.organization_id"              \
    "   WHERE p.id IS NULL OR p.restricted)))"

#define DOCUMENT                                                                       \
    "f.documents_enabled AND NOT coalesce(d.documents_hidden, false)"                  \
    " AND" SIGHT_SHOWN("r", "f") " AND" SIGHT_DOCUMENT_SHOWN(                          \
        "r", "f",                                                                      \
        "EXISTS (SELECT FROM record b WHERE b.tenant = $1"                             \
        " AND b.connection_id = r.connection_id AND b.kind = 3 AND b.id = r.folder_id" \
        " AND b.organization_id IS NOT DISTINCT FROM r.organization_id"                \
        " AND" SIGHT_FOLDER_OPEN("b") ")")
#define ASSET SIGHT_SHOWN("r", "f") " AND" SIGHT_ASSET_SHOWN("r", "g.company_id")
#define CHECKLIST \
    "f.checklists_enabled AND NOT coalesce(d.checklists_hidden, false) AND" SIGHT_SHOWN("r", "f")
#define PASSWORD                                                                                \
    "f.password_sharing_enabled AND NOT r.personal AND NOT r.archived"                          \
    " AND (a.level = 3 OR (a.level = 2 AND ("                                                   \
    "  (r.category_id = 0 AND a.include_uncategorized)"                                         \
    "  OR EXISTS (SELECT FROM company_password_category k WHERE k.tenant = $1"                  \
    "   AND k.company_id = g.company_id AND k.connection_id = r.connection_id"                  \
    "   AND k.category_id = r.category_id))))"                                                  \
    " AND (coalesce(y.restricted_listed, false) OR (NOT r.restricted AND " PASSWORD_FOLDER_OPEN \
    "))"

// The company's access and the policy. `g` has its id.
#define ACCESS                                                                              \
    " LEFT JOIN company_password_access a ON a.tenant = $1 AND a.company_id = g.company_id" \
    " LEFT JOIN company_documentation_access d ON d.tenant = $1"                            \
    "  AND d.company_id = g.company_id"                                                     \
    " LEFT JOIN reveal_policy y ON y.tenant = $1"

// How many rows of a kind a condition lets through. $2 connection.
#define COUNT(kind, condition)                                                    \
    "(SELECT count(*) FROM record r WHERE r.tenant = $1 AND r.connection_id = $2" \
    "  AND r.kind = " kind " AND r.organization_id = g.organization_id"           \
    " AND " condition ")"

#define COUNTS \
    COUNT("4", DOCUMENT) ", " COUNT("5", ASSET) ", " COUNT("6", CHECKLIST) ", " COUNT("9", PASSWORD)

static const struct statement count_sql = {
    "blast_radius_count",
    "SELECT " COUNTS " FROM unnest($3::bigint[], $4::text[]) WITH ORDINALITY"
    "  AS g (organization_id, company_id, place)"
    " LEFT JOIN connection_config f ON f.tenant = $1 AND f.connection_id = $2" ACCESS
    " ORDER BY g.place"};

// The connection by which companies see is chosen as in sight.c. $2 it, or '', $3 companies, none:
// all, $4 kinds, $5 type, 0: all.
static const struct statement sight_sql = {
    "blast_radius_sight",
    "SELECT g.company_id, r.kind, CASE WHEN cardinality($3::text[]) = 0"
    "  THEN r.archived::int + 2 * (r.publish_time IS NULL)::int"
    "  WHEN r.kind = 5 THEN r.type_id WHEN r.kind = 9 THEN r.category_id ELSE 0 END, count(*)"
    " FROM (SELECT id FROM connection WHERE tenant = $1 AND state <> 4"
    "  ORDER BY state IN (1, 2) DESC, create_time DESC LIMIT 1) c"
    " JOIN mapping g ON g.tenant = $1 AND g.connection_id = c.id"
    "  AND (cardinality($3::text[]) = 0 OR g.company_id = ANY ($3))"
    " JOIN record r ON r.tenant = $1 AND r.connection_id = c.id AND r.kind = ANY ($4::smallint[])"
    "  AND r.organization_id = g.organization_id AND ($5 = 0 OR r.type_id = $5)"
    " LEFT JOIN connection_config f ON f.tenant = $1 AND f.connection_id = c.id" ACCESS
    " WHERE ($2 = '' OR c.id = $2) AND CASE r.kind WHEN 4 THEN " DOCUMENT "  WHEN 5 THEN " ASSET
    " WHEN 6 THEN " CHECKLIST " WHEN 9 THEN " PASSWORD " ELSE false END"
    " GROUP BY 1, 2, 3 ORDER BY g.company_id COLLATE \"C\", 2, 3"};

// $2 connection, $3 kinds, $4 type, 0: all.
static const struct statement unsynced_sql = {
    "blast_radius_unsynced",
    "SELECT count(*) FROM mapping m WHERE m.tenant = $1 AND m.connection_id = $2 AND EXISTS ("
    " SELECT FROM unnest($3::smallint[]) AS u (kind) WHERE NOT EXISTS (SELECT FROM record r"
    "  WHERE r.tenant = $1 AND r.connection_id = $2 AND r.kind = u.kind"
    "  AND r.organization_id = m.organization_id AND ($4 = 0 OR r.type_id = $4)))"};

enum err_code blast_radius_count(struct tx *tx, const char *connection_id,
                                 const int64_t *organization_ids, const char *const *company_ids,
                                 size_t count, struct blast_radius *ret_radii, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    if (count == 0)
        return ERR_OK;
    try_(tx_query(tx, &count_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_INT64S(organization_ids, count), ARG_TEXTS(company_ids, count)),
                  &rows, reterr));
    for (size_t i = 0; i < count; i++)
        ret_radii[i] = (struct blast_radius){
            .documents = rows_int64(&rows, (int)i, 0),
            .flexible_assets = rows_int64(&rows, (int)i, 1),
            .checklists = rows_int64(&rows, (int)i, 2),
            .passwords = rows_int64(&rows, (int)i, 3),
        };
    return ERR_OK;
}

enum err_code blast_radius_sight(struct tx *tx, const struct sight_scope *scope,
                                 struct arena *arena, struct sight_count **ret_counts,
                                 size_t *ret_count, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &sight_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(scope->connection_id),
                       ARG_TEXTS(scope->company_ids, scope->company_count),
                       ARG_INT64S(scope->kinds, scope->kind_count), ARG_INT64(scope->type_id)),
                  &rows, reterr));
    size_t count = (size_t)rows_count(&rows);
    struct sight_count *counts = arena_calloc(arena, count + 1, sizeof(*counts));
    if (counts == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        counts[i] = (struct sight_count){
            .company_id = rows_text_copy(&rows, row, 0, arena),
            .kind = (int)rows_int64(&rows, row, 1),
            .part = rows_int64(&rows, row, 2),
            .count = rows_int64(&rows, row, 3),
        };
        if (counts[i].company_id == NULL)
            return err_no_memory(reterr);
    }
    *ret_counts = counts;
    *ret_count = count;
    return ERR_OK;
}

enum err_code blast_radius_unsynced(struct tx *tx, const struct sight_scope *scope,
                                    int64_t *ret_count, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    *ret_count = 0;
    if (scope->started_count == 0)
        return ERR_OK;
    try_(tx_query(tx, &unsynced_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(scope->connection_id),
                       ARG_INT64S(scope->started, scope->started_count), ARG_INT64(scope->type_id)),
                  &rows, reterr));
    *ret_count = rows_int64(&rows, 0, 0);
    return ERR_OK;
}
