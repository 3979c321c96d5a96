#include "server/store/documentation_access.h"

enum err_code documentation_access_get(struct tx *tx, const char *company_id, struct arena *arena,
                                       struct documentation_access *ret_access, struct err *reterr)
{
    static const struct statement statement = {
        "documentation_access_get",
        "SELECT a.documents_hidden, a.checklists_hidden, a.revision, a.update_time,"
        " ARRAY(SELECT 'connections/' || h.connection_id || '/flexibleAssetTypes/' || h.type_id"
        "       FROM company_hidden_type h WHERE h.tenant = a.tenant"
        "       AND h.company_id = a.company_id ORDER BY h.connection_id, h.type_id)"
        " FROM company_documentation_access a WHERE a.tenant = $1 AND a.company_id = $2"};
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(company_id)), &rows,
                  reterr));
    *ret_access = (struct documentation_access){0};
    if (rows_count(&rows) == 0)
        return ERR_OK;
    ret_access->documents_hidden = rows_bool(&rows, 0, 0);
    ret_access->checklists_hidden = rows_bool(&rows, 0, 1);
    ret_access->revision = rows_int64(&rows, 0, 2);
    ret_access->update_time_us = rows_time(&rows, 0, 3);
    ret_access->types = rows_texts(&rows, 0, 4, arena, &ret_access->type_count);
    if (ret_access->types == NULL && rows_len(&rows, 0, 4) > 2) // {}: none
        return err_no_memory(reterr);
    return ERR_OK;
}

enum err_code documentation_access_set(struct tx *tx, const char *company_id,
                                       const struct documentation_access *access, int64_t time_us,
                                       struct err *reterr)
{
    static const struct statement statement = {
        "documentation_access_set",
        "INSERT INTO company_documentation_access (tenant, company_id, documents_hidden,"
        "  checklists_hidden, revision, update_time) VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (tenant, company_id) DO UPDATE SET"
        "  documents_hidden = excluded.documents_hidden,"
        "  checklists_hidden = excluded.checklists_hidden, revision = excluded.revision,"
        "  update_time = excluded.update_time"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(company_id),
                       ARG_BOOL(access->documents_hidden), ARG_BOOL(access->checklists_hidden),
                       ARG_INT64(access->revision + 1), ARG_TIME(time_us)),
                  reterr);
}

enum err_code documentation_access_set_types(struct tx *tx, const char *company_id,
                                             const char *const *connection_ids,
                                             const int64_t *type_ids, size_t count,
                                             size_t *ret_unknown, struct err *reterr)
{
    static const struct statement unknown = {
        "documentation_access_unknown",
        "SELECT g.place FROM unnest($2::text[], $3::bigint[]) WITH ORDINALITY"
        "  AS g (connection_id, id, place)"
        " WHERE NOT EXISTS (SELECT FROM flexible_asset_type t WHERE t.tenant = $1"
        "  AND t.connection_id = g.connection_id AND t.id = g.id) ORDER BY g.place LIMIT 1"};
    static const struct statement drop = {
        "documentation_access_drop_types",
        "DELETE FROM company_hidden_type WHERE tenant = $1 AND company_id = $2"};
    static const struct statement add = {
        "documentation_access_add_types",
        "INSERT INTO company_hidden_type (tenant, company_id, connection_id, type_id)"
        " SELECT DISTINCT $1, $2, g.connection_id, g.id"
        " FROM unnest($3::text[], $4::bigint[]) AS g (connection_id, id)"};
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &unknown,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXTS(connection_ids, count),
                       ARG_INT64S(type_ids, count)),
                  &rows, reterr));
    *ret_unknown = rows_count(&rows) == 1 ? (size_t)rows_int64(&rows, 0, 0) - 1 : count;
    if (*ret_unknown < count)
        return ERR_OK;
    try_(tx_run(tx, &drop, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(company_id)), reterr));
    return tx_run(tx, &add,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(company_id),
                       ARG_TEXTS(connection_ids, count), ARG_INT64S(type_ids, count)),
                  reterr);
}
