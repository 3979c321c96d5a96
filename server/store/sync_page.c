#include "server/store/sync_page.h"

enum err_code sync_page_put(struct tx *tx, const char *connection_id, const char *run_id, int kind,
                            const char *scope, int64_t page, const int64_t *ids, size_t count,
                            struct err *reterr)
{
    static const struct statement statement = {
        "sync_page_put",
        "INSERT INTO sync_page (tenant, connection_id, run_id, kind, scope, page, ids)"
        " VALUES ($1, $2, $3, $4::smallint, $5, $6::integer, $7::bigint[])"
        " ON CONFLICT (tenant, connection_id, run_id, kind, scope, page)"
        " DO UPDATE SET ids = excluded.ids"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(run_id),
                       ARG_INT64(kind), ARG_TEXT(scope), ARG_INT64(page), ARG_INT64S(ids, count)),
                  reterr);
}

enum err_code sync_page_repeats(struct tx *tx, const char *connection_id, const char *run_id,
                                int kind, const char *scope, bool *ret_repeats, struct err *reterr)
{
    static const struct statement statement = {
        "sync_page_repeats",
        "WITH page AS (SELECT ids FROM sync_page WHERE tenant = $1 AND connection_id = $2"
        "  AND run_id = $3 AND kind = $4::smallint AND scope = $5)"
        " SELECT (SELECT sum(cardinality(ids)) FROM page)"
        "  > (SELECT count(*) FROM (SELECT DISTINCT unnest(ids) FROM page) id)"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(run_id),
                       ARG_INT64(kind), ARG_TEXT(scope)),
                  &rows, reterr));
    *ret_repeats = rows_bool(&rows, 0, 0);
    return ERR_OK;
}

enum err_code sync_page_forget(struct tx *tx, const char *connection_id, const char *run_id,
                               int kind, const char *scope, struct err *reterr)
{
    static const struct statement statement = {
        "sync_page_forget",
        "DELETE FROM sync_page WHERE tenant = $1 AND connection_id = $2 AND run_id = $3"
        " AND ($5::text IS NULL OR (kind = $4::smallint AND scope = $5::text))"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(run_id),
                       ARG_INT64(kind), ARG_TEXT(scope)),
                  reterr);
}
