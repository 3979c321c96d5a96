#include "server/store/setup.h"

// Grant 2 is DENIED; of kinds, 2, 3 and 4 are documents, flexible asset types and checklists, 5 is
// passwords. State 1 of a task is DISABLED, 2 to 4 come before its end; kind 1 is organizations.
static const struct statement get_sql = {
    "setup_get",
    "SELECT c.state, EXISTS (SELECT FROM company p WHERE p.tenant = c.tenant),"
    " EXISTS (SELECT FROM organization o WHERE o.tenant = c.tenant AND o.connection_id = c.id"
    "  AND NOT o.gone),"
    " c.inventory_denied,"
    " EXISTS (SELECT FROM sync_task k WHERE k.tenant = c.tenant AND k.connection_id = c.id"
    "  AND k.kind = 1 AND k.state BETWEEN 2 AND 4),"
    " EXISTS (SELECT FROM mapping m JOIN organization o ON o.tenant = m.tenant"
    "  AND o.connection_id = m.connection_id AND o.id = m.organization_id"
    "  WHERE m.tenant = c.tenant AND m.connection_id = c.id AND NOT o.gone),"
    " coalesce(f.documents_enabled OR f.checklists_enabled, false)"
    "  OR EXISTS (SELECT FROM flexible_asset_type t WHERE t.tenant = c.tenant"
    "   AND t.connection_id = c.id AND t.enabled AND t.upstream_state = 1),"
    " (SELECT count(DISTINCT a ->> 'kind') = 3 FROM jsonb_array_elements(c.capabilities) a"
    "  WHERE a ->> 'grant' = '2' AND a ->> 'kind' IN ('2', '3', '4')),"
    " coalesce(f.password_sharing_enabled, false),"
    " EXISTS (SELECT FROM company_password_access a WHERE a.tenant = c.tenant AND a.level > 1),"
    " c.capabilities @> '[{\"kind\": 5, \"grant\": 2}]',"
    " EXISTS (SELECT FROM sync_task k WHERE k.tenant = c.tenant AND k.connection_id = c.id"
    "  AND k.kind > 1 AND k.state > 1)"
    " FROM connection c LEFT JOIN connection_config f ON f.tenant = c.tenant"
    "  AND f.connection_id = c.id WHERE c.tenant = $1 AND c.id = $2 AND c.state <> 4"};

enum err_code setup_get(struct tx *tx, const char *connection_id, struct setup *ret_setup,
                        bool *ret_found, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &get_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), &rows,
                  reterr));
    *ret_found = rows_count(&rows) == 1;
    if (!*ret_found)
        return ERR_OK;
    *ret_setup = (struct setup){
        .state = (int)rows_int64(&rows, 0, 0),
        .companies = rows_bool(&rows, 0, 1),
        .organizations = rows_bool(&rows, 0, 2),
        .inventory_denied = rows_bool(&rows, 0, 3),
        .inventory_fetching = rows_bool(&rows, 0, 4),
        .mappings = rows_bool(&rows, 0, 5),
        .documentation_chosen = rows_bool(&rows, 0, 6),
        .documentation_denied = rows_bool(&rows, 0, 7),
        .sharing = rows_bool(&rows, 0, 8),
        .access_given = rows_bool(&rows, 0, 9),
        .passwords_denied = rows_bool(&rows, 0, 10),
        .content_synced = rows_bool(&rows, 0, 11),
    };
    return ERR_OK;
}
