#include "server/store/record.h"

#include "server/store/search_index.h"

// No statement here is left to statistics. These tables run full and empty, and one that was
// counted while it was empty is taken for empty when it is full: joined, each of its rows would be
// compared with each of the others.

// A lookup by the primary key for each row: only that gives the order asked for. Put as an
// equality, such a table is read through the index by organization, whole for every row. Bounded on
// both sides: from one bound alone the index reads on to the end of its page, which costs four
// times as much.
enum err_code record_diff(struct tx *tx, const char *connection_id, int kind, const int64_t *ids,
                          const struct bytes *hashes, size_t count, enum record_change *ret_changes,
                          struct err *reterr)
{
    static const struct statement statement = {
        "record_diff",
        "SELECT i.place, r.id IS NULL"
        " FROM unnest($4::bigint[], $5::bytea[]) WITH ORDINALITY AS i(id, hash, place)"
        " LEFT JOIN LATERAL (SELECT id, content_hash FROM record WHERE tenant = $1"
        "   AND connection_id = $2 AND kind = $3::smallint AND record.id >= i.id"
        "   AND record.id <= i.id ORDER BY record.id LIMIT 1) AS r ON r.id = i.id"
        " WHERE r.id IS NULL OR r.content_hash <> i.hash"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    for (size_t i = 0; i < count; i++)
        ret_changes[i] = RECORD_SAME;
    if (count == 0)
        return ERR_OK;
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind),
                       ARG_INT64S(ids, count), ARG_BYTEAS(hashes, count)),
                  &rows, reterr));
    for (int i = 0; i < rows_count(&rows); i++) {
        int64_t place = rows_int64(&rows, i, 0);
        if (place >= 1 && place <= (int64_t)count)
            ret_changes[place - 1] = rows_bool(&rows, i, 1) ? RECORD_NEW : RECORD_CHANGED;
    }
    return ERR_OK;
}

// The number of this change of the connection's records.
#define NEXT_SEQUENCE                                                  \
    "WITH next AS (UPDATE record_sequence SET sequence = sequence + 1" \
    " WHERE tenant = $1 AND connection_id = $2 RETURNING sequence)"

// Of document folders and what readers are told of there is a row of record_change.
#define PUT(table)                                                                                 \
    NEXT_SEQUENCE                                                                                  \
    ", change AS (INSERT INTO record_change"                                                       \
    "  (tenant, connection_id, sequence, kind, ids, organization_ids)"                             \
    "  SELECT $1, $2, (SELECT sequence FROM next), $3::smallint, $4::bigint[],"                    \
    "   ARRAY(SELECT DISTINCT unnest($5::bigint[])) WHERE $3::smallint BETWEEN 3 AND 7)"           \
    " INSERT INTO " table " AS r (tenant, connection_id, kind, id, organization_id, display_name," \
    "  web_url, type_id, folder_id, category_id, restricted, archived, vaulted, personal,"         \
    "  create_time, update_time, publish_time, password_update_time, body, content_hash,"          \
    "  create_sequence, change_sequence)"                                                          \
    " SELECT $1, $2, $3::smallint, i.id, i.organization_id, i.display_name,"                       \
    "  coalesce(i.web_url, ''), i.type_id, i.folder_id, i.category_id, i.restricted,"              \
    "  i.archived, i.vaulted, i.personal, i.create_time, i.update_time, i.publish_time,"           \
    "  i.password_update_time, i.body::jsonb, i.hash, (SELECT sequence FROM next),"                \
    "  (SELECT sequence FROM next)"                                                                \
    " FROM unnest($4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::bigint[],"               \
    "  $9::bigint[], $10::bigint[], $11::boolean[], $12::boolean[], $13::boolean[],"               \
    "  $14::boolean[], $15::timestamptz[], $16::timestamptz[], $17::timestamptz[],"                \
    "  $18::timestamptz[], $19::text[], $20::bytea[])"                                             \
    "  AS i(id, organization_id, display_name, web_url, type_id, folder_id, category_id,"          \
    "  restricted, archived, vaulted, personal, create_time, update_time, publish_time,"           \
    "  password_update_time, body, hash)"
#define OR_CHANGE                                                                         \
    " ON CONFLICT (tenant, connection_id, kind, id) DO UPDATE SET"                        \
    "  organization_id = excluded.organization_id, display_name = excluded.display_name," \
    "  web_url = excluded.web_url, type_id = excluded.type_id,"                           \
    "  folder_id = excluded.folder_id, category_id = excluded.category_id,"               \
    "  restricted = excluded.restricted, archived = excluded.archived,"                   \
    "  vaulted = excluded.vaulted, personal = excluded.personal,"                         \
    "  create_time = excluded.create_time, update_time = excluded.update_time,"           \
    "  publish_time = excluded.publish_time,"                                             \
    "  password_update_time = excluded.password_update_time, body = excluded.body,"       \
    "  content_hash = excluded.content_hash, change_sequence = excluded.change_sequence"  \
    " WHERE r.content_hash IS DISTINCT FROM excluded.content_hash"

// Each kind's partition by its own name: by that of the whole table any row would count as a change
// of what the gates of reveals are read from (gate_change). And to look for a row that is known not
// to be there costs a fifth of storing it.
#define STATEMENTS(kind)                                            \
    {                                                               \
        .add = {"record_add_" kind, PUT("record_" kind)},           \
        .put = {"record_put_" kind, PUT("record_" kind) OR_CHANGE}, \
    }
static const struct {
    struct statement add, put;
} by_kind[] = {
    [3] = STATEMENTS("document_folder"),    [4] = STATEMENTS("document"),
    [5] = STATEMENTS("flexible_asset"),     [6] = STATEMENTS("checklist"),
    [7] = STATEMENTS("checklist_template"), [8] = STATEMENTS("password_folder"),
    [9] = STATEMENTS("password"),
};

enum err_code record_put(struct tx *tx, const char *connection_id, int kind,
                         const struct record_batch *batch, bool new, struct err *reterr)
{
    size_t n = batch->count;
    if (n == 0)
        return ERR_OK;
    if (kind < 0 || kind >= (int)ARRAY_LEN(by_kind) || by_kind[kind].add.sql == NULL)
        return err_set(reterr, ERR_INTERNAL, "there is no table for records of kind %d", kind);
    return tx_run(tx, new ? &by_kind[kind].add : &by_kind[kind].put,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind),
                       ARG_INT64S(batch->ids, n), ARG_INT64S(batch->organization_ids, n),
                       ARG_TEXTS(batch->names, n), ARG_TEXTS(batch->web_urls, n),
                       ARG_INT64S(batch->type_ids, n), ARG_INT64S(batch->folder_ids, n),
                       ARG_INT64S(batch->category_ids, n), ARG_BOOLS(batch->restricted, n),
                       ARG_BOOLS(batch->archived, n), ARG_BOOLS(batch->vaulted, n),
                       ARG_BOOLS(batch->personal, n), ARG_TIMES(batch->create_times, n),
                       ARG_TIMES(batch->update_times, n), ARG_TIMES(batch->publish_times, n),
                       ARG_TIMES(batch->password_update_times, n), ARG_TEXTS(batch->bodies, n),
                       ARG_BYTEAS(batch->hashes, n)),
                  reterr);
}

// Rows in scope, and whether a page of the walk had them.
#define SCOPE_ROWS                                                                        \
    " record AS r WHERE r.tenant = $1 AND r.connection_id = $2 AND r.kind = $3::smallint" \
    " AND ($4::bigint = 0 OR r.type_id = $4::bigint) AND r.organization_id = ANY($5::bigint[])"
#define SEEN                                                                                    \
    " seen AS MATERIALIZED (SELECT DISTINCT unnest(p.ids) AS id FROM sync_page AS p"            \
    " WHERE p.tenant = $1 AND p.connection_id = $2 AND p.run_id = $6 AND p.kind = $3::smallint" \
    " AND p.scope = ANY($7::text[]))"
// NOT IN is a hash table at any estimate.
#define VANISHED " r.id NOT IN (SELECT id FROM seen)"
#define SCOPE_ARGS                                                                                \
    ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(scope->connection_id), ARG_INT64(scope->kind),         \
         ARG_INT64(scope->type_id),                                                               \
         ARG_INT64S(scope->organization_ids, scope->organization_count), ARG_TEXT(scope->run_id), \
         ARG_TEXTS(scope->scopes, scope->scope_count))

enum err_code record_sweep_count(struct tx *tx, const struct record_scope *scope,
                                 int64_t *ret_total, int64_t *ret_vanished, struct err *reterr)
{
    static const struct statement statement = {
        "record_sweep_count",
        "WITH" SEEN " SELECT count(*), count(*) FILTER (WHERE" VANISHED ") FROM" SCOPE_ROWS};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, SCOPE_ARGS, &rows, reterr));
    *ret_total = rows_int64(&rows, 0, 0);
    *ret_vanished = rows_int64(&rows, 0, 1);
    return ERR_OK;
}

enum err_code record_sweep_hold(struct tx *tx, const struct record_scope *scope, int task_kind,
                                const char *subject, struct err *reterr)
{
    static const struct statement statement = {
        "record_sweep_hold",
        "WITH" SEEN " UPDATE sync_issue SET held_kind = $3::smallint, held_sequence = coalesce("
        "  (SELECT sequence FROM record_sequence WHERE tenant = $1 AND connection_id = $2), 0),"
        " held_ids = ARRAY(SELECT r.id FROM" SCOPE_ROWS " AND" VANISHED ")"
        " WHERE tenant = $1 AND connection_id = $2 AND kind = 2 AND state = 1"
        " AND task_kind = $8::smallint AND subject = $9"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(scope->connection_id),
                       ARG_INT64(scope->kind), ARG_INT64(scope->type_id),
                       ARG_INT64S(scope->organization_ids, scope->organization_count),
                       ARG_TEXT(scope->run_id), ARG_TEXTS(scope->scopes, scope->scope_count),
                       ARG_INT64(task_kind), ARG_TEXT(subject)),
                  reterr);
}

// Deletes rows with their words, and leaves a tombstone of each that readers can have seen.
#define TOLD "organization_id, type_id, folder_id, restricted, archived, publish_time"
#define DELETE_AND_TELL(rows)                                                      \
    NEXT_SEQUENCE                                                                  \
    "," rows " RETURNING r.kind, r.id, r.organization_id, r.type_id, r.folder_id," \
    "  r.restricted, r.archived, r.publish_time),"                                 \
    " tombstone AS (INSERT INTO record_tombstone"                                  \
    "  (tenant, connection_id, change_sequence, kind, id, " TOLD ")"               \
    "  SELECT $1, $2, (SELECT sequence FROM next), kind, id, " TOLD                \
    "  FROM gone WHERE kind BETWEEN 3 AND 7 ON CONFLICT DO NOTHING),"              \
    " words AS (DELETE FROM search_entry AS e USING gone AS g WHERE e.tenant = $1" \
    "  AND e.connection_id = $2 AND e.kind = g.kind AND e.id = g.id)"              \
    " SELECT count(*) FROM gone"

enum err_code record_delete_held(struct tx *tx, const char *connection_id, const char *issue_id,
                                 int64_t *ret_deleted, struct err *reterr)
{
    static const struct statement statement = {
        "record_delete_held",
        DELETE_AND_TELL(
            " gone AS (DELETE FROM record AS r USING sync_issue AS i WHERE i.tenant = $1"
            " AND i.connection_id = $2 AND i.id = $3 AND r.tenant = $1"
            " AND r.connection_id = $2 AND r.kind = i.held_kind"
            " AND r.id = ANY(i.held_ids) AND r.change_sequence <= i.held_sequence")};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(search_hold_still(tx, connection_id, reterr));
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(issue_id)), &rows,
                  reterr));
    *ret_deleted = rows_int64(&rows, 0, 0);
    return ERR_OK;
}

enum err_code record_sweep(struct tx *tx, const struct record_scope *scope, int64_t *ret_deleted,
                           struct err *reterr)
{
    static const struct statement statement = {
        "record_sweep", DELETE_AND_TELL(SEEN ", gone AS (DELETE FROM" SCOPE_ROWS " AND" VANISHED)};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(search_hold_still(tx, scope->connection_id, reterr));
    try_(tx_query(tx, &statement, SCOPE_ARGS, &rows, reterr));
    *ret_deleted = rows_int64(&rows, 0, 0);
    return ERR_OK;
}

enum err_code record_purge(struct tx *tx, const char *connection_id, int kind,
                           const int64_t *type_ids, size_t type_count, int limit,
                           int64_t *ret_deleted, struct err *reterr)
{
    static const struct statement statement = {
        "record_purge",
        DELETE_AND_TELL(
            " gone AS (DELETE FROM record AS r WHERE r.tenant = $1 AND r.connection_id = $2"
            " AND r.kind = $3::smallint AND r.id = ANY (ARRAY(SELECT id FROM record"
            "  WHERE tenant = $1 AND connection_id = $2 AND kind = $3::smallint"
            "  AND (cardinality($4::bigint[]) = 0 OR type_id = ANY($4::bigint[]))"
            "  LIMIT $5::bigint))")};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(search_hold_still(tx, connection_id, reterr));
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind),
                       ARG_INT64S(type_ids, type_count), ARG_INT64(limit)),
                  &rows, reterr));
    *ret_deleted = rows_int64(&rows, 0, 0);
    return ERR_OK;
}

enum err_code record_foldered(struct tx *tx, const struct record_foldered *asked,
                              struct arena *arena, int64_t **ret_ids, size_t *ret_count,
                              struct err *reterr)
{
    static const struct statement statement = {
        "record_foldered",
        "SELECT DISTINCT organization_id FROM record AS r WHERE tenant = $1 AND connection_id = $2"
        " AND kind = $3::smallint AND organization_id = ANY($4::bigint[]) AND folder_id <> 0"
        " AND (NOT $6::boolean"
        "  OR (r.folder_id NOT IN (SELECT f.id FROM record AS f WHERE f.tenant = $1"
        "       AND f.connection_id = $2 AND f.kind = $5::smallint)"
        "      AND (EXISTS (SELECT FROM record AS f WHERE f.tenant = $1 AND f.connection_id = $2"
        "        AND f.kind = $5::smallint)"
        "       OR r.organization_id NOT IN (SELECT unnest(c.organization_ids)"
        "        FROM sync_cursor AS c WHERE c.tenant = $1 AND c.connection_id = $2"
        "        AND c.kind = $5::smallint))))"
        " ORDER BY organization_id"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(asked->connection_id),
                       ARG_INT64(asked->kind),
                       ARG_INT64S(asked->organization_ids, asked->organization_count),
                       ARG_INT64(asked->folder_kind), ARG_BOOL(asked->unknown_only)),
                  &rows, reterr));
    size_t found = (size_t)rows_count(&rows);
    int64_t *ids = arena_calloc(arena, found + 1, sizeof(*ids));
    if (ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < found; i++)
        ids[i] = rows_int64(&rows, (int)i, 0);
    *ret_ids = ids;
    *ret_count = found;
    return ERR_OK;
}

enum err_code record_count_lost(struct tx *tx, const char *connection_id, int kind, int folder_kind,
                                int64_t *ret_count, struct err *reterr)
{
    static const struct statement statement = {
        "record_count_lost",
        "SELECT count(*) FROM record AS r WHERE tenant = $1 AND connection_id = $2"
        " AND kind = $3::smallint AND folder_id <> 0"
        " AND (folder_id, organization_id) NOT IN ("
        "  SELECT f.id, f.organization_id FROM record AS f WHERE f.tenant = $1 AND f.connection_id "
        "= $2"
        "   AND f.kind = $4::smallint)"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind),
                       ARG_INT64(folder_kind)),
                  &rows, reterr));
    *ret_count = rows_int64(&rows, 0, 0);
    return ERR_OK;
}

enum err_code record_new(struct tx *tx, const char *connection_id, int kind, const int64_t *ids,
                         const int64_t *update_times, size_t count, struct arena *arena,
                         const int64_t **ret_ids, size_t *ret_count, struct err *reterr)
{
    static const struct statement statement = {
        "record_new",
        "SELECT w.id FROM unnest($4::bigint[], $5::timestamptz[]) AS w(id, update_time)"
        " LEFT JOIN LATERAL (SELECT id, update_time FROM record WHERE tenant = $1"
        "   AND connection_id = $2 AND kind = $3::smallint AND record.id >= w.id"
        "   AND record.id <= w.id ORDER BY record.id LIMIT 1) AS r ON r.id = w.id"
        " WHERE r.update_time IS DISTINCT FROM w.update_time ORDER BY w.id"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind),
                       ARG_INT64S(ids, count), ARG_TIMES(update_times, count)),
                  &rows, reterr));
    size_t found = (size_t)rows_count(&rows);
    int64_t *new_ids = arena_calloc(arena, found + 1, sizeof(*new_ids));
    if (new_ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < found; i++)
        new_ids[i] = rows_int64(&rows, (int)i, 0);
    *ret_ids = new_ids;
    *ret_count = found;
    return ERR_OK;
}

enum err_code record_count_open(struct tx *tx, const struct record_open *asked, int64_t *ret_count,
                                struct err *reterr)
{
    static const struct statement statement = {
        "record_count_open",
        "WITH met AS MATERIALIZED (SELECT unnest(ids) AS id FROM sync_page WHERE tenant = $1"
        "  AND connection_id = $2 AND kind = $3::smallint AND run_id = $5::text)"
        " SELECT count(*) FROM record AS r WHERE r.tenant = $1 AND r.connection_id = $2"
        " AND r.kind = $3::smallint AND r.organization_id = ANY($4::bigint[])"
        " AND r.body->'completed' IS DISTINCT FROM 'true'::jsonb"
        " AND r.id NOT IN (SELECT id FROM met)"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(asked->connection_id),
                       ARG_INT64(asked->kind),
                       ARG_INT64S(asked->organization_ids, asked->organization_count),
                       ARG_TEXT(asked->run_id)),
                  &rows, reterr));
    *ret_count = rows_int64(&rows, 0, 0);
    return ERR_OK;
}

enum err_code record_extents(struct tx *tx, const struct record_extents *asked, struct arena *arena,
                             struct record_extent **ret_extents, size_t *ret_count,
                             struct err *reterr)
{
    static const struct statement statement = {
        "record_extents",
        "SELECT organization_id, count(*), min(update_time), max(update_time) FROM record"
        " WHERE tenant = $1 AND connection_id = $2 AND kind = $3::smallint"
        " AND organization_id = ANY($4::bigint[])"
        " GROUP BY organization_id HAVING count(*) > $5::bigint ORDER BY organization_id"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(asked->connection_id),
                       ARG_INT64(asked->kind),
                       ARG_INT64S(asked->organization_ids, asked->organization_count),
                       ARG_INT64(asked->more_than)),
                  &rows, reterr));
    size_t count = (size_t)rows_count(&rows);
    struct record_extent *extents = arena_calloc(arena, count + 1, sizeof(*extents));
    if (extents == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        extents[i] = (struct record_extent){
            .organization_id = rows_int64(&rows, (int)i, 0),
            .count = rows_int64(&rows, (int)i, 1),
            .oldest_us = rows_time(&rows, (int)i, 2),
            .newest_us = rows_time(&rows, (int)i, 3),
        };
    *ret_extents = extents;
    *ret_count = count;
    return ERR_OK;
}
