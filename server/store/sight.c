#include "server/store/sight.h"

// The tenant's connection is the one in its slot, else the latest that is not being deleted. A task
// limited to one organization is as fresh as its last run for that organization, and a company as
// the least fresh of its organizations.
static const struct statement GET = {
    "sight_get",
    "SELECT co.display_name, c.id, c.state, c.problem_time, c.provider, c.reveals_paused,"
    "       EXISTS (SELECT FROM mapping m WHERE m.tenant = $1 AND m.connection_id = c.id"
    "               AND m.company_id = co.id),"
    "       f.documents_enabled AND NOT coalesce(d.documents_hidden, false),"
    "       f.checklists_enabled AND NOT coalesce(d.checklists_hidden, false),"
    "       f.password_sharing_enabled, coalesce(a.level, 1),"
    "       (SELECT CASE WHEN count(*) = count(t.time) THEN min(t.time) END FROM mapping m"
    "        LEFT JOIN LATERAL (SELECT max(s.complete_time) AS time FROM sync_freshness s"
    "         WHERE s.tenant = $1 AND s.connection_id = c.id AND s.kind = $3"
    "           AND s.organization_id IN (0, m.organization_id)"
    "           AND s.complete_time >= m.create_time) t ON true"
    "         WHERE m.tenant = $1 AND m.connection_id = c.id AND m.company_id = co.id),"
    "       h.interval_seconds[$3::integer], h.objective_seconds[$3::integer]"
    "  FROM company co"
    "  LEFT JOIN LATERAL (SELECT * FROM connection"
    "                      WHERE tenant = $1 AND state <> 4"
    "                      ORDER BY state IN (1, 2) DESC, create_time DESC LIMIT 1) c ON true"
    "  LEFT JOIN sync_schedule h ON h.tenant = $1 AND h.connection_id = c.id"
    "  LEFT JOIN connection_config f ON f.tenant = $1 AND f.connection_id = c.id"
    "  LEFT JOIN company_password_access a ON a.tenant = $1 AND a.company_id = co.id"
    "  LEFT JOIN company_documentation_access d ON d.tenant = $1 AND d.company_id = co.id"
    " WHERE co.tenant = $1 AND co.id = $2",
};

enum err_code sight_get(struct tx *tx, const char *company_id, int task_kind, struct arena *arena,
                        struct sight *ret_sight, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &GET,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(company_id), ARG_INT64(task_kind)), &rows,
                  reterr));
    if (rows_count(&rows) == 0)
        return err_set(reterr, ERR_RESOURCE_NOT_FOUND, "%s", "");
    *ret_sight = (struct sight){
        .company_display_name = rows_text_copy(&rows, 0, 0, arena),
        .connection_id = rows_text_copy(&rows, 0, 1, arena),
        .standing = {.state = (enum connection_state)rows_int64(&rows, 0, 2),
                     .since_us = rows_time(&rows, 0, 3),
                     .provider = (int)rows_int64(&rows, 0, 4),
                     .reveals_paused = rows_bool(&rows, 0, 5)},
        .mapped = rows_bool(&rows, 0, 6),
        .documents_enabled = rows_bool(&rows, 0, 7),
        .checklists_enabled = rows_bool(&rows, 0, 8),
        .password_sharing_enabled = rows_bool(&rows, 0, 9),
        .password_level = (int)rows_int64(&rows, 0, 10),
        .as_of_time = rows_time(&rows, 0, 11),
        .interval_s = rows_int64(&rows, 0, 12),
        .objective_s = rows_int64(&rows, 0, 13),
    };
    if (ret_sight->company_display_name == NULL ||
        (ret_sight->connection_id == NULL && !rows_null(&rows, 0, 1)))
        return err_no_memory(reterr);
    return ERR_OK;
}
