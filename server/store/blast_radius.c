#include "server/store/blast_radius.h"

// How many rows of a kind a condition lets through. $1 tenant, $2 connection.
#define COUNT(kind, condition)                                                    \
    "(SELECT count(*) FROM record r WHERE r.tenant = $1 AND r.connection_id = $2" \
    "  AND r.kind = " kind " AND r.organization_id = g.organization_id"           \
    "  AND NOT r.restricted AND NOT r.archived AND " condition ")"

// A folder must be known and open, with all folders above it.
#define FOLDER_OPEN(kind)                                                                \
    "(r.folder_id = 0 OR EXISTS (SELECT FROM record f WHERE f.tenant = $1"               \
    "  AND f.connection_id = $2 AND f.kind = " kind " AND f.id = r.folder_id"            \
    "  AND NOT f.restricted AND NOT EXISTS ("                                            \
    "   SELECT FROM jsonb_array_elements_text(f.body->'ancestor_ids') a (id)"            \
    "   LEFT JOIN record p ON p.tenant = $1 AND p.connection_id = $2 AND p.kind = " kind \
    "    AND p.id = a.id::bigint WHERE p.id IS NULL OR p.restricted)))"

#define DOCUMENT                                                      \
    "f.documents_enabled AND NOT coalesce(d.documents_hidden, false)" \
    " AND r.publish_time IS NOT NULL AND " FOLDER_OPEN("3")
#define ASSET                                                                \
    "EXISTS (SELECT FROM flexible_asset_type t WHERE t.tenant = $1"          \
    " AND t.connection_id = $2 AND t.id = r.type_id AND t.enabled)"          \
    " AND NOT EXISTS (SELECT FROM company_hidden_type h WHERE h.tenant = $1" \
    "  AND h.company_id = g.company_id AND h.connection_id = $2 AND h.type_id = r.type_id)"
#define CHECKLIST "f.checklists_enabled AND NOT coalesce(d.checklists_hidden, false)"
#define PASSWORD                                                               \
    "f.password_sharing_enabled AND NOT r.personal"                            \
    " AND (a.level = 3 OR (a.level = 2 AND ("                                  \
    "  (r.category_id = 0 AND a.include_uncategorized)"                        \
    "  OR EXISTS (SELECT FROM company_password_category k WHERE k.tenant = $1" \
    "   AND k.company_id = g.company_id AND k.connection_id = $2"              \
    "   AND k.category_id = r.category_id)))) AND " FOLDER_OPEN("8")

#define COUNTS \
    COUNT("4", DOCUMENT) ", " COUNT("5", ASSET) ", " COUNT("6", CHECKLIST) ", " COUNT("9", PASSWORD)

static const struct statement count_sql = {
    "blast_radius_count",
    "SELECT " COUNTS " FROM unnest($3::bigint[], $4::text[]) WITH ORDINALITY"
    "  AS g (organization_id, company_id, place)"
    " LEFT JOIN connection_config f ON f.tenant = $1 AND f.connection_id = $2"
    " LEFT JOIN company_password_access a ON a.tenant = $1 AND a.company_id = g.company_id"
    " LEFT JOIN company_documentation_access d ON d.tenant = $1 AND d.company_id = g.company_id"
    " ORDER BY g.place"};

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
