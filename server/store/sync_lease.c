#include "server/store/sync_lease.h"

enum err_code sync_lease_claim(struct tx *tx, const char *owner, int64_t lease_ms, int max,
                               struct arena *arena, struct sync_lease **ret_leases,
                               size_t *ret_count, struct err *reterr)
{
    // Found once. As a subquery it would be run again for each row it is joined with when the
    // planner thinks that the table has one row; each time it would find the next ones, so that
    // the limit were none. All that take what is due do so.
    static const struct statement statement = {
        "sync_lease_claim",
        "WITH due AS MATERIALIZED (SELECT tenant, connection_id FROM sync_lease"
        "  WHERE expire_time <= clock_timestamp()"
        "  ORDER BY expire_time LIMIT $3::bigint FOR UPDATE SKIP LOCKED)"
        " UPDATE sync_lease AS l"
        " SET owner = $1, fence = l.fence + 1,"
        "     expire_time = clock_timestamp() + $2::bigint * interval '1 millisecond'"
        " FROM due"
        " WHERE l.tenant = due.tenant AND l.connection_id = due.connection_id"
        " RETURNING l.tenant, l.connection_id, l.run_id, l.fence"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(owner), ARG_INT64(lease_ms), ARG_INT64(max)), &rows,
                  reterr));
    size_t count = (size_t)rows_count(&rows);
    struct sync_lease *leases = arena_calloc(arena, count + 1, sizeof(*leases));
    if (leases == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        leases[i].tenant = rows_text_copy(&rows, (int)i, 0, arena);
        leases[i].connection_id = rows_text_copy(&rows, (int)i, 1, arena);
        leases[i].run_id = rows_text_copy(&rows, (int)i, 2, arena);
        leases[i].fence = rows_int64(&rows, (int)i, 3);
        if (leases[i].tenant == NULL || leases[i].connection_id == NULL || leases[i].run_id == NULL)
            return err_no_memory(reterr);
    }
    *ret_leases = leases;
    *ret_count = count;
    return ERR_OK;
}

enum err_code sync_lease_count_due(struct tx *tx, int max, int64_t *ret_count, struct err *reterr)
{
    static const struct statement statement = {
        "sync_lease_count_due",
        "SELECT count(*) FROM (SELECT FROM sync_lease WHERE expire_time <= clock_timestamp()"
        " LIMIT $1::bigint) AS due"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, ARGS(ARG_INT64(max)), &rows, reterr));
    *ret_count = rows_int64(&rows, 0, 0);
    return ERR_OK;
}

enum err_code sync_lease_prolong(struct tx *tx, const char *owner, int64_t lease_ms,
                                 const struct sync_lease *leases, size_t count, bool *ret_held,
                                 struct err *reterr)
{
    static const struct statement statement = {
        "sync_lease_prolong",
        "UPDATE sync_lease AS l"
        " SET expire_time = clock_timestamp() + $2::bigint * interval '1 millisecond'"
        " FROM unnest($3::text[], $4::text[], $5::bigint[]) WITH ORDINALITY"
        "      AS mine(tenant, connection_id, fence, place)"
        " WHERE l.tenant = mine.tenant AND l.connection_id = mine.connection_id"
        "   AND l.fence = mine.fence AND l.owner = $1"
        " RETURNING mine.place"};
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1024 * 1024);
    const char **tenants = arena_calloc(&arena, count, sizeof(*tenants));
    const char **connections = arena_calloc(&arena, count, sizeof(*connections));
    int64_t *fences = arena_calloc(&arena, count, sizeof(*fences));
    if (tenants == NULL || connections == NULL || fences == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        tenants[i] = leases[i].tenant;
        connections[i] = leases[i].connection_id;
        fences[i] = leases[i].fence;
        ret_held[i] = false;
    }
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(owner), ARG_INT64(lease_ms), ARG_TEXTS(tenants, count),
                       ARG_TEXTS(connections, count), ARG_INT64S(fences, count)),
                  &rows, reterr));
    for (int i = 0; i < rows_count(&rows); i++) {
        int64_t place = rows_int64(&rows, i, 0);
        if (place >= 1 && place <= (int64_t)count)
            ret_held[place - 1] = true;
    }
    return ERR_OK;
}

enum err_code sync_lease_check(struct tx *tx, const struct sync_lease *lease, const char *owner,
                               struct sync_lease_check *ret_check, struct err *reterr)
{
    static const struct statement statement = {
        "sync_lease_check",
        "SELECT r.cancel_requested FROM sync_lease AS l JOIN sync_run AS r"
        " ON r.tenant = l.tenant AND r.connection_id = l.connection_id AND r.id = l.run_id"
        " WHERE l.tenant = $1 AND l.connection_id = $2 AND l.run_id = $3 AND l.owner = $4"
        "   AND l.fence = $5::bigint FOR SHARE OF l"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(lease->tenant), ARG_TEXT(lease->connection_id),
                       ARG_TEXT(lease->run_id), ARG_TEXT(owner), ARG_INT64(lease->fence)),
                  &rows, reterr));
    ret_check->held = rows_count(&rows) == 1;
    ret_check->cancel_requested = ret_check->held && rows_bool(&rows, 0, 0);
    return ERR_OK;
}

enum err_code sync_lease_put(struct tx *tx, const char *connection_id, const char *run_id,
                             struct err *reterr)
{
    static const struct statement statement = {
        "sync_lease_put",
        "INSERT INTO sync_lease AS l (tenant, connection_id, run_id, owner, fence, expire_time)"
        " VALUES ($1, $2, $3, '', 1, clock_timestamp())"
        " ON CONFLICT (tenant, connection_id) DO UPDATE"
        " SET run_id = excluded.run_id, owner = '', fence = l.fence + 1,"
        "     expire_time = excluded.expire_time"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(run_id)), reterr);
}

enum err_code sync_lease_release(struct tx *tx, const struct sync_lease *lease, const char *owner,
                                 int64_t due_ms, struct err *reterr)
{
    static const struct statement statement = {
        "sync_lease_release",
        "UPDATE sync_lease"
        " SET owner = '', expire_time = clock_timestamp() + $6::bigint * interval '1 millisecond'"
        " WHERE tenant = $1 AND connection_id = $2 AND run_id = $3 AND owner = $4"
        "   AND fence = $5::bigint"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(lease->tenant), ARG_TEXT(lease->connection_id),
                       ARG_TEXT(lease->run_id), ARG_TEXT(owner), ARG_INT64(lease->fence),
                       ARG_INT64(due_ms)),
                  reterr);
}

enum err_code sync_lease_hurry(struct tx *tx, const char *connection_id, const char *run_id,
                               struct err *reterr)
{
    static const struct statement statement = {
        "sync_lease_hurry",
        "UPDATE sync_lease SET expire_time = clock_timestamp()"
        " WHERE tenant = $1 AND connection_id = $2 AND run_id = $3 AND owner = ''"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(run_id)), reterr);
}

enum err_code sync_lease_lock(struct tx *tx, const char *connection_id, struct err *reterr)
{
    static const struct statement statement = {
        "sync_lease_lock",
        "SELECT FROM sync_lease WHERE tenant = $1 AND connection_id = $2 FOR UPDATE"};
    return tx_run(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), reterr);
}

enum err_code sync_lease_pass_on(struct tx *tx, const char *connection_id, struct err *reterr)
{
    static const struct statement statement = {
        "sync_lease_pass_on",
        "UPDATE sync_lease SET owner = '', fence = fence + 1, expire_time ="
        " CASE expire_time WHEN 'infinity' THEN expire_time ELSE clock_timestamp() END"
        " WHERE tenant = $1 AND connection_id = $2"};
    return tx_run(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), reterr);
}

enum err_code sync_lease_drop(struct tx *tx, const char *connection_id, struct err *reterr)
{
    static const struct statement statement = {
        "sync_lease_drop", "DELETE FROM sync_lease WHERE tenant = $1 AND connection_id = $2"};
    return tx_run(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), reterr);
}

enum err_code sync_lease_hold(struct tx *tx, const char *connection_id, struct err *reterr)
{
    static const struct statement statement = {
        "sync_lease_hold",
        "UPDATE sync_lease AS l SET owner = '', fence = l.fence + 1, expire_time = 'infinity'"
        " WHERE l.tenant = $1 AND l.connection_id = $2 AND NOT EXISTS (SELECT FROM sync_run AS r"
        "   WHERE r.tenant = $1 AND r.connection_id = $2 AND r.id = l.run_id"
        "     AND r.cancel_requested)"};
    return tx_run(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), reterr);
}

enum err_code sync_lease_unhold(struct tx *tx, const char *connection_id, struct err *reterr)
{
    // Every lease is locked: one that is about to be held is waited for.
    static const struct statement statement = {
        "sync_lease_unhold",
        "UPDATE sync_lease SET expire_time ="
        " CASE expire_time WHEN 'infinity' THEN clock_timestamp() ELSE expire_time END"
        " WHERE tenant = $1 AND connection_id = $2"};
    return tx_run(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), reterr);
}

enum err_code sync_lease_delete(struct tx *tx, const struct sync_lease *lease, struct err *reterr)
{
    static const struct statement statement = {
        "sync_lease_delete",
        "DELETE FROM sync_lease WHERE tenant = $1 AND connection_id = $2 AND run_id = $3"
        " AND fence = $4::bigint"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(lease->tenant), ARG_TEXT(lease->connection_id),
                       ARG_TEXT(lease->run_id), ARG_INT64(lease->fence)),
                  reterr);
}
