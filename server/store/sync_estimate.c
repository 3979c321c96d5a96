#include "server/store/sync_estimate.h"

enum err_code sync_estimate_load(struct tx *tx, const char *connection_id, int kind,
                                 const int64_t *organization_ids, size_t count, int page_size,
                                 struct sync_estimate *ret_estimate, struct err *reterr)
{
    static const struct statement statement = {
        "sync_estimate_load",
        "SELECT coalesce(sum(c.root + c.foldered), 0)::bigint,"
        " coalesce(sum(greatest(1, ceil((c.root + c.foldered) / $5::numeric))), 0)::bigint,"
        " count(*) FILTER (WHERE c.root + c.foldered > 0), count(*) FILTER (WHERE c.foldered > 0),"
        " coalesce(sum(greatest(1, ceil(c.root / $5::numeric))), 0)::bigint,"
        " coalesce(sum(greatest(1, ceil(c.foldered / $5::numeric))), 0)::bigint,"
        " coalesce(sum(c.pages), 0)::bigint"
        " FROM (SELECT f.id, coalesce(sum(f.rows) FILTER (WHERE f.folder_id = 0), 0) AS root,"
        "   coalesce(sum(f.rows) FILTER (WHERE f.folder_id <> 0), 0) AS foldered,"
        "   sum(ceil(f.rows / $5::numeric)) FILTER (WHERE f.folder_id <> 0) AS pages"
        "  FROM (SELECT w.id, r.folder_id, count(r.id) AS rows"
        "   FROM unnest($4::bigint[]) AS w(id) LEFT JOIN record AS r ON r.tenant = $1"
        "    AND r.connection_id = $2 AND r.kind = $3::smallint AND r.organization_id = w.id"
        "   GROUP BY w.id, r.folder_id) AS f GROUP BY f.id) AS c"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind),
                       ARG_INT64S(organization_ids, count), ARG_INT64(page_size)),
                  &rows, reterr));
    *ret_estimate = (struct sync_estimate){
        .record_count = rows_int64(&rows, 0, 0),
        .page_count = rows_int64(&rows, 0, 1),
        .organization_count = rows_int64(&rows, 0, 2),
        .foldered_count = rows_int64(&rows, 0, 3),
        .root_page_count = rows_int64(&rows, 0, 4),
        .foldered_page_count = rows_int64(&rows, 0, 5),
        .folder_page_count = rows_int64(&rows, 0, 6),
    };
    return ERR_OK;
}

enum err_code sync_estimate_used(struct tx *tx, const char *connection_id, int64_t *ret_used,
                                 struct err *reterr)
{
    static const struct statement statement = {
        "sync_estimate_used",
        "SELECT coalesce(sum(e.sync + e.other), 0)::bigint FROM request_budget AS b,"
        " unnest(b.leave_times, b.sync_counts, b.other_counts) AS e(leave, sync, other)"
        " WHERE b.tenant = $1 AND b.connection_id = $2 AND e.leave > clock_timestamp()"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), &rows,
                  reterr));
    *ret_used = rows_int64(&rows, 0, 0);
    return ERR_OK;
}
