#include "server/store/sync_run.h"

#include <stdio.h>
#include <string.h>

#include "server/base/encoding.h"

enum err_code sync_run_insert(struct tx *tx, const struct sync_run_new *run, bool *ret_inserted,
                              struct err *reterr)
{
    static const struct statement statement = {
        "sync_run_insert",
        "WITH run AS (INSERT INTO sync_run (tenant, connection_id, id, state, trigger, mode,"
        "   organization_ids, actor_subject, actor_display_name, actor_kind, request_id,"
        "   create_time)"
        " VALUES ($1, $2, $3, $4::smallint, $5::smallint, $13::smallint, $6::bigint[], $7, $8, "
        "$9::smallint,"
        "   $10, $11::timestamptz) ON CONFLICT DO NOTHING RETURNING tenant, connection_id, id)"
        " INSERT INTO sync_task (tenant, connection_id, run_id, kind, state)"
        " SELECT run.tenant, run.connection_id, run.id, task.kind, task.state"
        " FROM run, unnest($12::bigint[]) WITH ORDINALITY AS task(state, kind)"};
    int64_t states[SYNC_TASK_KINDS];
    for (int i = 0; i < SYNC_TASK_KINDS; i++)
        states[i] = run->task_states[i];
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(run->connection_id), ARG_TEXT(run->id),
                       ARG_INT64(run->state), ARG_INT64(run->trigger),
                       ARG_INT64S(run->organization_ids, run->organization_count),
                       ARG_TEXT(run->actor_subject), ARG_TEXT(run->actor_display_name),
                       ARG_INT64(run->actor_kind),
                       ARG_TEXT(run->request_id == NULL ? "" : run->request_id),
                       ARG_TIME(run->create_time_us), ARG_INT64S(states, SYNC_TASK_KINDS),
                       ARG_INT64(run->mode)),
                  &rows, reterr));
    *ret_inserted = rows_affected(&rows) > 0;
    return ERR_OK;
}

enum err_code sync_run_find(struct tx *tx, const char *connection_id, const char *request_id,
                            struct arena *arena, const char **ret_run_id, bool *ret_repeated,
                            struct err *reterr)
{
    static const struct statement statement = {
        "sync_run_find", "SELECT id, $3 <> '' AND request_id = $3 FROM sync_run WHERE tenant = $1 "
                         "AND connection_id = $2"
                         " AND (state IN (1, 2, 3, 4) OR ($3 <> '' AND request_id = $3))"
                         " ORDER BY ($3 <> '' AND request_id = $3) DESC LIMIT 1"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id),
                       ARG_TEXT(request_id == NULL ? "" : request_id)),
                  &rows, reterr));
    *ret_run_id = NULL;
    *ret_repeated = false;
    if (rows_count(&rows) == 0)
        return ERR_OK;
    *ret_run_id = rows_text_copy(&rows, 0, 0, arena);
    *ret_repeated = rows_bool(&rows, 0, 1);
    return *ret_run_id == NULL ? err_no_memory(reterr) : ERR_OK;
}

#define RUN_COLUMNS                                                                              \
    "r.connection_id, r.id, r.state, r.trigger, r.organization_ids::text[], r.cancel_requested," \
    " r.request_count, r.resume_time, r.actor_subject, r.actor_display_name, r.actor_kind,"      \
    " r.create_time, r.start_time, r.end_time, r.checkpoint_time,"                               \
    " (SELECT count(*) FROM sync_issue AS i WHERE i.tenant = r.tenant"                           \
    "   AND i.connection_id = r.connection_id AND i.run_id = r.id AND i.state = 1),"             \
    " r.mode,"                                                                                   \
    " (SELECT sum(e.sync + e.other) FROM request_budget AS b,"                                   \
    "   unnest(b.leave_times, b.sync_counts, b.other_counts) AS e(leave, sync, other)"           \
    "   WHERE b.tenant = $1 AND b.connection_id = $2 AND e.leave > clock_timestamp()),"          \
    " f.foreign_count, f.foreign_time"

// What is told of others' use of the key is told of the run that met it.
#define RUN_TABLES                                                               \
    " FROM sync_run AS r LEFT JOIN request_budget AS f ON f.tenant = r.tenant"   \
    " AND f.connection_id = r.connection_id AND f.foreign_time >= r.create_time" \
    " AND f.foreign_time <= coalesce(r.end_time, 'infinity')"

// An array of numbers that is read as one of texts.
static enum err_code read_numbers(const struct rows *rows, int row, int column, struct arena *arena,
                                  const int64_t **ret_numbers, size_t *ret_count,
                                  struct err *reterr)
{
    size_t count = 0;
    const char *const *texts = rows_texts(rows, row, column, arena, &count);
    int64_t *numbers = arena_calloc(arena, count + 1, sizeof(*numbers));
    // "{}" has two bytes and no texts.
    if (numbers == NULL || (texts == NULL && rows_len(rows, row, column) > 2))
        return err_no_memory(reterr);
    for (size_t i = 0; texts != NULL && i < count; i++)
        (void)encoding_int64(texts[i], strlen(texts[i]), &numbers[i]);
    *ret_numbers = numbers;
    *ret_count = count;
    return ERR_OK;
}

static enum err_code read_run(const struct rows *rows, int row, struct arena *arena,
                              struct sync_run_row *run, struct err *reterr)
{
    *run = (struct sync_run_row){
        .connection_id = rows_text_copy(rows, row, 0, arena),
        .id = rows_text_copy(rows, row, 1, arena),
        .state = (int)rows_int64(rows, row, 2),
        .trigger = (int)rows_int64(rows, row, 3),
        .cancel_requested = rows_bool(rows, row, 5),
        .request_count = (int)rows_int64(rows, row, 6),
        .resume_time_us = rows_time(rows, row, 7),
        .actor_subject = rows_text_copy(rows, row, 8, arena),
        .actor_display_name = rows_text_copy(rows, row, 9, arena),
        .actor_kind = (int)rows_int64(rows, row, 10),
        .create_time_us = rows_time(rows, row, 11),
        .start_time_us = rows_time(rows, row, 12),
        .end_time_us = rows_time(rows, row, 13),
        .checkpoint_time_us = rows_time(rows, row, 14),
        .issue_count = (int)rows_int64(rows, row, 15),
        .mode = (int)rows_int64(rows, row, 16),
        .quota = {.used = rows_int64(rows, row, 17),
                  .foreign_count = rows_int64(rows, row, 18),
                  .foreign_time_us = rows_time(rows, row, 19)},
    };
    if (run->connection_id == NULL || run->id == NULL || run->actor_subject == NULL ||
        run->actor_display_name == NULL)
        return err_no_memory(reterr);
    return read_numbers(rows, row, 4, arena, &run->organization_ids, &run->organization_count,
                        reterr);
}

// Reads the tasks of `count` runs of one connection into them.
static enum err_code load_tasks(struct tx *tx, const char *connection_id, struct sync_run_row *runs,
                                size_t count, struct arena *arena, struct err *reterr)
{
    static const struct statement statement = {
        "sync_task_load",
        "SELECT run_id, kind, state, done_count, total_count, created_count, updated_count,"
        " unchanged_count, deleted_count, failed_count, error_reason, error_message,"
        " organization_id, checkpoint FROM sync_task"
        " WHERE tenant = $1 AND connection_id = $2 AND run_id = ANY($3::text[])"
        " ORDER BY run_id, kind"};
    const char **ids = arena_calloc(arena, count + 1, sizeof(*ids));
    if (ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        ids[i] = runs[i].id;
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXTS(ids, count)),
                  &rows, reterr));
    for (int i = 0; i < rows_count(&rows); i++) {
        size_t at = 0;
        while (at < count && strcmp(runs[at].id, rows_text(&rows, i, 0)) != 0)
            at++;
        if (at == count || runs[at].task_count == SYNC_TASK_KINDS)
            continue;
        struct sync_task_row *task = &runs[at].tasks[runs[at].task_count++];
        *task = (struct sync_task_row){
            .kind = (int)rows_int64(&rows, i, 1),
            .state = (int)rows_int64(&rows, i, 2),
            .counts = {rows_int64(&rows, i, 3), rows_int64(&rows, i, 4), rows_int64(&rows, i, 5),
                       rows_int64(&rows, i, 6), rows_int64(&rows, i, 7), rows_int64(&rows, i, 8),
                       rows_int64(&rows, i, 9)},
            .error_reason = rows_text_copy(&rows, i, 10, arena),
            .error_message = rows_text_copy(&rows, i, 11, arena),
            .organization_id = rows_int64(&rows, i, 12),
            .checkpoint = rows_text_copy(&rows, i, 13, arena),
        };
        if (task->error_reason == NULL || task->error_message == NULL || task->checkpoint == NULL)
            return err_no_memory(reterr);
    }
    return ERR_OK;
}

enum err_code sync_run_load(struct tx *tx, const char *connection_id, const char *run_id,
                            struct arena *arena, struct sync_run_row *ret_run, struct err *reterr)
{
    static const struct statement statement = {
        "sync_run_load",
        "SELECT " RUN_COLUMNS RUN_TABLES
        " JOIN connection AS c ON c.tenant = r.tenant AND c.id = r.connection_id AND c.state <> 4"
        " WHERE r.tenant = $1 AND r.connection_id = $2 AND r.id = $3"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(run_id)), &rows,
                  reterr));
    if (rows_count(&rows) == 0) {
        char name[300];
        (void)snprintf(name, sizeof(name), "connections/%s/syncRuns/%s", connection_id, run_id);
        return err_not_found(reterr, name);
    }
    try_(read_run(&rows, 0, arena, ret_run, reterr));
    return load_tasks(tx, connection_id, ret_run, 1, arena, reterr);
}

enum err_code sync_run_list(struct tx *tx, const char *connection_id, int64_t before_time_us,
                            const char *before_id, int limit, struct arena *arena,
                            struct sync_run_row **ret_runs, size_t *ret_count, struct err *reterr)
{
    static const struct statement statement = {
        "sync_run_list",
        "SELECT " RUN_COLUMNS RUN_TABLES " WHERE r.tenant = $1 AND r.connection_id = $2"
        " AND ($3::timestamptz IS NULL OR r.create_time < $3::timestamptz"
        "      OR (r.create_time = $3::timestamptz AND r.id > $4))"
        " ORDER BY r.create_time DESC, r.id LIMIT $5::bigint"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TIME(before_time_us),
                       ARG_TEXT(before_id), ARG_INT64(limit)),
                  &rows, reterr));
    size_t count = (size_t)rows_count(&rows);
    struct sync_run_row *runs = arena_calloc(arena, count + 1, sizeof(*runs));
    if (runs == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        try_(read_run(&rows, (int)i, arena, &runs[i], reterr));
    *ret_runs = runs;
    *ret_count = count;
    return load_tasks(tx, connection_id, runs, count, arena, reterr);
}

enum err_code sync_run_move(struct tx *tx, const char *connection_id, const char *run_id,
                            const struct sync_run_move *move, bool *ret_moved, struct err *reterr)
{
    static const struct statement statement = {
        "sync_run_move",
        "UPDATE sync_run SET state = $5::smallint,"
        " start_time = coalesce(start_time, $6::timestamptz),"
        " end_time = coalesce(end_time, $7::timestamptz), resume_time = $8::timestamptz"
        " WHERE tenant = $1 AND connection_id = $2 AND id = $3"
        " AND state IN ($4::smallint, $5::smallint)"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(run_id),
                       ARG_INT64(move->from), ARG_INT64(move->to), ARG_TIME(move->start_time_us),
                       ARG_TIME(move->end_time_us), ARG_TIME(move->resume_time_us)),
                  &rows, reterr));
    *ret_moved = rows_affected(&rows) == 1;
    return ERR_OK;
}

enum err_code sync_run_ask_cancel(struct tx *tx, const char *connection_id, const char *run_id,
                                  int cancelling, bool *ret_live, struct err *reterr)
{
    static const struct statement statement = {
        "sync_run_ask_cancel",
        "UPDATE sync_run SET cancel_requested = true, state = $4::smallint, resume_time = NULL"
        " WHERE tenant = $1 AND connection_id = $2 AND id = $3 AND state IN (1, 2, 3, 4)"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(run_id),
                       ARG_INT64(cancelling)),
                  &rows, reterr));
    *ret_live = rows_affected(&rows) == 1;
    return ERR_OK;
}

enum err_code sync_run_cancel_live(struct tx *tx, const char *connection_id, int64_t now_us,
                                   int64_t *ret_count, struct err *reterr)
{
    static const struct statement statement = {
        "sync_run_cancel_live",
        "WITH live AS (UPDATE sync_run SET state = 8, cancel_requested = true, end_time = $3,"
        "   resume_time = NULL WHERE tenant = $1 AND connection_id = $2 AND state IN (1, 2, 3, 4)"
        "   RETURNING id),"
        " stopped AS (UPDATE sync_task AS t SET state = 8 FROM live WHERE t.tenant = $1"
        "   AND t.connection_id = $2 AND t.run_id = live.id AND t.state IN (2, 3, 4))"
        " SELECT count(*) FROM live"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TIME(now_us)), &rows,
                  reterr));
    *ret_count = rows_int64(&rows, 0, 0);
    return ERR_OK;
}

enum err_code sync_run_hold(struct tx *tx, const char *connection_id, struct err *reterr)
{
    static const struct statement statement = {
        "sync_run_hold",
        "WITH held AS (UPDATE sync_run SET state = 1, resume_time = NULL"
        "   WHERE tenant = $1 AND connection_id = $2 AND state IN (1, 2, 3) RETURNING id)"
        " UPDATE sync_task AS t SET state = 2 FROM held WHERE t.tenant = $1"
        "   AND t.connection_id = $2 AND t.run_id = held.id AND t.state IN (3, 4)"};
    return tx_run(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id)), reterr);
}

enum err_code sync_run_wish(struct tx *tx, const char *connection_id, const char *run_id,
                            const struct sync_run_wish *wish, bool *ret_live, struct err *reterr)
{
    static const struct statement statement = {
        "sync_run_wish",
        "UPDATE sync_run SET wish_tasks = wish_tasks | $4::integer,"
        " wish_mode = greatest(wish_mode, $6::smallint),"
        " wish_trigger = least(nullif(wish_trigger, 0), $7::smallint),"
        " wish_organization_ids = CASE"
        "  WHEN cardinality($5::bigint[]) = 0"
        "   OR (wish_tasks <> 0 AND cardinality(wish_organization_ids) = 0) THEN '{}'"
        "  ELSE ARRAY(SELECT DISTINCT unnest(wish_organization_ids || $5::bigint[]) ORDER BY 1) END"
        " WHERE tenant = $1 AND connection_id = $2 AND id = $3 AND state IN (1, 2, 3, 4)"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(run_id),
                       ARG_INT64(wish->tasks),
                       ARG_INT64S(wish->organization_ids, wish->organization_count),
                       ARG_INT64(wish->mode), ARG_INT64(wish->trigger)),
                  &rows, reterr));
    *ret_live = rows_affected(&rows) == 1;
    return ERR_OK;
}

enum err_code sync_run_load_wish(struct tx *tx, const char *connection_id, const char *run_id,
                                 struct arena *arena, struct sync_run_wish *ret_wish,
                                 struct err *reterr)
{
    static const struct statement statement = {
        "sync_run_load_wish",
        "SELECT wish_tasks, wish_organization_ids::text[], wish_mode, wish_trigger FROM sync_run"
        " WHERE tenant = $1 AND connection_id = $2 AND id = $3"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(run_id)), &rows,
                  reterr));
    *ret_wish = (struct sync_run_wish){0};
    if (rows_count(&rows) == 0)
        return ERR_OK;
    ret_wish->tasks = (unsigned)rows_int64(&rows, 0, 0);
    ret_wish->mode = (int)rows_int64(&rows, 0, 2);
    ret_wish->trigger = (int)rows_int64(&rows, 0, 3);
    return read_numbers(&rows, 0, 1, arena, &ret_wish->organization_ids,
                        &ret_wish->organization_count, reterr);
}

enum err_code sync_run_add_requests(struct tx *tx, const char *connection_id, const char *run_id,
                                    int requests, struct err *reterr)
{
    static const struct statement statement = {
        "sync_run_add_requests", "UPDATE sync_run SET request_count = request_count + $4::integer"
                                 " WHERE tenant = $1 AND connection_id = $2 AND id = $3"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(run_id),
                       ARG_INT64(requests)),
                  reterr);
}

enum err_code sync_task_move(struct tx *tx, const char *connection_id, const char *run_id, int kind,
                             int state, struct err *reterr)
{
    static const struct statement statement = {
        "sync_task_move",
        "UPDATE sync_task SET state = $5::smallint, error_reason = '', error_message = ''"
        " WHERE tenant = $1 AND connection_id = $2 AND run_id = $3 AND kind = $4::smallint"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(run_id),
                       ARG_INT64(kind), ARG_INT64(state)),
                  reterr);
}

enum err_code sync_task_end(struct tx *tx, const struct sync_task_end *end, bool *ret_ended,
                            struct err *reterr)
{
    static const struct statement statement = {
        "sync_task_end",
        "UPDATE sync_task SET state = $5::smallint, error_reason = $6, error_message = $7,"
        " total_count = CASE WHEN $8::boolean THEN done_count ELSE total_count END,"
        " organization_id = CASE WHEN $8::boolean THEN 0 ELSE organization_id END"
        " WHERE tenant = $1 AND connection_id = $2 AND run_id = $3 AND kind = $4::smallint"
        " AND checkpoint = $9"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(end->connection_id), ARG_TEXT(end->run_id),
                       ARG_INT64(end->kind), ARG_INT64(end->state),
                       ARG_TEXT(end->error_reason == NULL ? "" : end->error_reason),
                       ARG_TEXT(end->error_message == NULL ? "" : end->error_message),
                       ARG_BOOL(end->complete), ARG_TEXT(end->checkpoint)),
                  &rows, reterr));
    *ret_ended = rows_affected(&rows) == 1;
    return ERR_OK;
}

enum err_code sync_task_live(struct tx *tx, const char *connection_id, const char *run_id,
                             int64_t *ret_count, struct err *reterr)
{
    static const struct statement statement = {
        "sync_task_live", "SELECT count(*) FROM sync_task WHERE tenant = $1 AND connection_id = $2"
                          " AND run_id = $3 AND state IN (2, 3, 4)"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(run_id)), &rows,
                  reterr));
    *ret_count = rows_int64(&rows, 0, 0);
    return ERR_OK;
}

// Where a task is when it was not where the step expected it.
static enum err_code find_checkpoint(struct tx *tx, const struct sync_task_step *step,
                                     enum sync_task_moved *ret_moved, struct err *reterr)
{
    static const struct statement statement = {
        "sync_task_checkpoint", "SELECT checkpoint FROM sync_task WHERE tenant = $1"
                                " AND connection_id = $2 AND run_id = $3 AND kind = $4::smallint"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(step->connection_id),
                       ARG_TEXT(step->run_id), ARG_INT64(step->kind)),
                  &rows, reterr));
    bool there =
        rows_count(&rows) == 1 && strcmp(rows_text(&rows, 0, 0), step->new_checkpoint) == 0;
    *ret_moved = there ? SYNC_TASK_MOVED_BEFORE : SYNC_TASK_ELSEWHERE;
    return ERR_OK;
}

enum err_code sync_task_step(struct tx *tx, const struct sync_task_step *step,
                             enum sync_task_moved *ret_moved, struct err *reterr)
{
    static const struct statement statement = {
        "sync_task_step",
        "WITH task AS (UPDATE sync_task SET done_count = done_count + $7::bigint,"
        "   total_count = greatest(total_count + $8::bigint, done_count + $7::bigint),"
        "   created_count = created_count + $9::bigint, updated_count = updated_count + "
        "$10::bigint,"
        "   unchanged_count = unchanged_count + $11::bigint,"
        "   deleted_count = deleted_count + $12::bigint,"
        "   failed_count = failed_count + $13::bigint, organization_id = $14::bigint,"
        "   checkpoint = $6"
        "  WHERE tenant = $1 AND connection_id = $2 AND run_id = $3 AND kind = $4::smallint"
        "    AND checkpoint = $5 RETURNING 1)"
        " UPDATE sync_run SET request_count = request_count + $15::integer,"
        "   checkpoint_time = $16::timestamptz"
        "  WHERE tenant = $1 AND connection_id = $2 AND id = $3 AND EXISTS (SELECT FROM task)"};
    const struct sync_counts *add = &step->add;
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(step->connection_id),
                       ARG_TEXT(step->run_id), ARG_INT64(step->kind),
                       ARG_TEXT(step->old_checkpoint), ARG_TEXT(step->new_checkpoint),
                       ARG_INT64(add->done), ARG_INT64(add->total), ARG_INT64(add->created),
                       ARG_INT64(add->updated), ARG_INT64(add->unchanged), ARG_INT64(add->deleted),
                       ARG_INT64(add->failed), ARG_INT64(step->organization_id),
                       ARG_INT64(step->requests), ARG_TIME(step->now_us)),
                  &rows, reterr));
    if (rows_affected(&rows) != 1)
        return find_checkpoint(tx, step, ret_moved, reterr);
    *ret_moved = SYNC_TASK_MOVED;
    return ERR_OK;
}

enum err_code sync_freshness_put(struct tx *tx, const char *connection_id, int kind,
                                 const int64_t *organization_ids, size_t count, int64_t time_us,
                                 struct err *reterr)
{
    static const struct statement statement = {
        "sync_freshness_put",
        "INSERT INTO sync_freshness AS f (tenant, connection_id, kind, organization_id,"
        " complete_time)"
        " SELECT $1, $2, $3::smallint, o.id, $5::timestamptz FROM unnest($4::bigint[]) AS o(id)"
        " ON CONFLICT (tenant, connection_id, kind, organization_id)"
        " DO UPDATE SET complete_time = excluded.complete_time"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind),
                       ARG_INT64S(organization_ids, count), ARG_TIME(time_us)),
                  reterr);
}
