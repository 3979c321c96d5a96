#include "server/store/sight.h"

// A task limited to one organization is as fresh as its last run for that organization, and a
// company as the least fresh of its organizations. A list that lacks rows is no fresher than when
// that was first seen, however often it is read: its open issue (sync/list_issue.h) is of the
// organization, or of all. That of folders is a doubt which an account may have for ever, and that
// of a type that is turned off no run looks at any more.
static const struct statement GET = {
    "sight_get",
    "SELECT" SIGHT_COLUMNS ","
    "       f.documents_enabled AND NOT coalesce(d.documents_hidden, false),"
    "       f.checklists_enabled AND NOT coalesce(d.checklists_hidden, false),"
    "       (SELECT CASE WHEN count(*) = count(t.time) THEN min(least(t.time, i.time)) END"
    "         FROM mapping m"
    "        LEFT JOIN LATERAL (SELECT max(s.complete_time) AS time FROM sync_freshness s"
    "         WHERE s.tenant = $1 AND s.connection_id = c.id AND s.kind = $3"
    "           AND s.organization_id IN (0, m.organization_id)"
    "           AND s.complete_time >= m.create_time) t ON true"
    "        LEFT JOIN LATERAL (SELECT min(i.create_time) AS time FROM sync_issue i"
    "         WHERE i.tenant = $1 AND i.connection_id = c.id AND i.task_kind = $3"
    "           AND i.kind = 5 AND i.state = 1"
    "           AND i.subject <> 'documentFolders' AND (i.subject NOT LIKE 'organizations/%'"
    "            OR i.subject LIKE 'organizations/' || m.organization_id || '/%')"
    "           AND NOT EXISTS (SELECT FROM flexible_asset_type y WHERE y.tenant = $1"
    "            AND y.connection_id = c.id AND NOT y.enabled"
    "            AND i.subject LIKE 'flexibleAssetTypes/' || y.id || '/%')) i ON true"
    "         WHERE m.tenant = $1 AND m.connection_id = c.id AND m.company_id = $2),"
    "       h.interval_seconds[$3::integer], h.objective_seconds[$3::integer],"
    "       set_config('docbridge.connection', coalesce(c.id, ''), true)" SIGHT_TABLES
    "  LEFT JOIN sync_schedule h ON h.tenant = $1 AND h.connection_id = c.id"
    "  LEFT JOIN company_documentation_access d ON d.tenant = $1 AND d.company_id = $2"
    " WHERE co.tenant = $1 AND co.id = $2",
};

enum err_code sight_read(const struct rows *rows, int row, struct arena *arena,
                         struct sight *ret_sight, struct err *reterr)
{
    *ret_sight = (struct sight){
        .company_display_name = rows_text_copy(rows, row, 0, arena),
        .connection_id = rows_text_copy(rows, row, 1, arena),
        .standing = {.state = (enum connection_state)rows_int64(rows, row, 2),
                     .since_us = rows_time(rows, row, 3),
                     .provider = (int)rows_int64(rows, row, 4),
                     .reveals_paused = rows_bool(rows, row, 5)},
        .mapped = rows_bool(rows, row, 6),
        .password_sharing_enabled = rows_bool(rows, row, 7),
        .password_level = (int)rows_int64(rows, row, 8),
    };
    if (ret_sight->company_display_name == NULL ||
        (ret_sight->connection_id == NULL && !rows_null(rows, row, 1)))
        return err_no_memory(reterr);
    return ERR_OK;
}

enum err_code sight_take(const struct rows *rows, struct arena *arena, struct sight *ret_sight,
                         struct err *reterr)
{
    if (rows_count(rows) == 0)
        return err_set(reterr, ERR_RESOURCE_NOT_FOUND, "%s", "");
    try_(sight_read(rows, 0, arena, ret_sight, reterr));
    ret_sight->documents_enabled = rows_bool(rows, 0, SIGHT_COLUMN_COUNT);
    ret_sight->checklists_enabled = rows_bool(rows, 0, SIGHT_COLUMN_COUNT + 1);
    ret_sight->as_of_time = rows_time(rows, 0, SIGHT_COLUMN_COUNT + 2);
    ret_sight->interval_s = rows_int64(rows, 0, SIGHT_COLUMN_COUNT + 3);
    ret_sight->objective_s = rows_int64(rows, 0, SIGHT_COLUMN_COUNT + 4);
    return ERR_OK;
}

void sight_ask(struct tx *tx, const char *company_id, int task_kind, struct rows *ret_rows)
{
    tx_query_ahead(tx, &GET,
                   ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(company_id), ARG_INT64(task_kind)),
                   ret_rows);
}

enum err_code sight_get(struct tx *tx, const char *company_id, int task_kind, struct arena *arena,
                        struct sight *ret_sight, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &GET,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(company_id), ARG_INT64(task_kind)), &rows,
                  reterr));
    return sight_take(&rows, arena, ret_sight, reterr);
}
