#include "server/store/sync_issue.h"

#include <stdio.h>
#include <string.h>

enum err_code sync_issue_open(struct tx *tx, const char *connection_id,
                              const struct sync_issue *issue, bool *ret_opened, struct err *reterr)
{
    static const struct statement statement = {
        "sync_issue_open",
        "INSERT INTO sync_issue AS i (tenant, connection_id, id, kind, state, run_id, task_kind,"
        "  subject, message, held_deletion_count, scope_record_count, create_time)"
        " VALUES ($1, $2, $3, $4::smallint, 1, $5, $6::smallint, $7, $8, $9::bigint, $10::bigint,"
        "  $11::timestamptz)"
        " ON CONFLICT (tenant, connection_id, kind, task_kind, subject) WHERE state = 1"
        " DO UPDATE SET message = excluded.message,"
        "  held_deletion_count = excluded.held_deletion_count,"
        // More are gone than were held: the hold begins anew.
        "  create_time = CASE WHEN excluded.held_deletion_count > i.held_deletion_count"
        "   THEN excluded.create_time ELSE i.create_time END,"
        "  run_id = CASE WHEN i.kind <> 2 OR excluded.held_deletion_count > i.held_deletion_count"
        "   THEN excluded.run_id ELSE i.run_id END,"
        "  scope_record_count = excluded.scope_record_count, revision = i.revision + 1"
        " RETURNING id = $3"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(issue->id),
                       ARG_INT64(issue->kind), ARG_TEXT(issue->run_id), ARG_INT64(issue->task_kind),
                       ARG_TEXT(issue->subject), ARG_TEXT(issue->message),
                       ARG_INT64(issue->held_deletion_count), ARG_INT64(issue->scope_record_count),
                       ARG_TIME(issue->create_time_us)),
                  &rows, reterr));
    *ret_opened = rows_count(&rows) == 1 && rows_bool(&rows, 0, 0);
    return ERR_OK;
}

enum err_code sync_issue_resolve(struct tx *tx, const char *connection_id,
                                 enum sync_issue_kind kind, int task_kind,
                                 const char *const *subjects, size_t count, int64_t now_us,
                                 struct err *reterr)
{
    static const struct statement statement = {
        "sync_issue_resolve",
        "UPDATE sync_issue SET state = 2, held_ids = '{}', resolve_time = $6::timestamptz, "
        "revision = revision + 1"
        " WHERE tenant = $1 AND connection_id = $2 AND kind = $3::smallint"
        " AND task_kind = $4::smallint AND subject = ANY($5::text[]) AND state = 1"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind),
                       ARG_INT64(task_kind), ARG_TEXTS(subjects, count), ARG_TIME(now_us)),
                  reterr);
}

enum err_code sync_issue_resolve_unmet(struct tx *tx, const char *connection_id, int task_kind,
                                       const char *run_id, int64_t now_us, struct err *reterr)
{
    static const struct statement statement = {
        "sync_issue_resolve_unmet",
        "UPDATE sync_issue SET state = 2, resolve_time = $5::timestamptz, revision = revision + 1"
        " WHERE tenant = $1 AND connection_id = $2 AND kind IN (1, 3, 5)"
        " AND task_kind = $3::smallint AND run_id <> $4 AND state = 1"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(task_kind),
                       ARG_TEXT(run_id), ARG_TIME(now_us)),
                  reterr);
}

enum err_code sync_issue_open_subjects(struct tx *tx, const char *connection_id,
                                       enum sync_issue_kind kind, int task_kind,
                                       struct arena *arena, const char *const **ret_subjects,
                                       size_t *ret_count, struct err *reterr)
{
    static const struct statement statement = {
        "sync_issue_open_subjects",
        "SELECT subject FROM sync_issue WHERE tenant = $1 AND connection_id = $2"
        " AND kind = $3::smallint AND task_kind = $4::smallint AND state = 1"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind),
                       ARG_INT64(task_kind)),
                  &rows, reterr));
    size_t count = (size_t)rows_count(&rows);
    const char **subjects = arena_calloc(arena, count + 1, sizeof(*subjects));
    if (subjects == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        subjects[i] = rows_text_copy(&rows, (int)i, 0, arena);
        if (subjects[i] == NULL)
            return err_no_memory(reterr);
    }
    *ret_subjects = subjects;
    *ret_count = count;
    return ERR_OK;
}

enum err_code sync_issue_dismissed(struct tx *tx, const char *connection_id,
                                   enum sync_issue_kind kind, int task_kind, const char *subject,
                                   bool *ret_dismissed, struct err *reterr)
{
    static const struct statement statement = {
        "sync_issue_dismissed",
        "SELECT EXISTS (SELECT FROM sync_issue WHERE tenant = $1 AND connection_id = $2"
        " AND kind = $3::smallint AND task_kind = $4::smallint AND subject = $5 AND state = 3)"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind),
                       ARG_INT64(task_kind), ARG_TEXT(subject)),
                  &rows, reterr));
    *ret_dismissed = rows_bool(&rows, 0, 0);
    return ERR_OK;
}

enum err_code sync_issue_find_open(struct tx *tx, const char *connection_id,
                                   enum sync_issue_kind kind, int task_kind, const char *subject,
                                   struct arena *arena, struct sync_issue *ret_issue,
                                   struct err *reterr)
{
    static const struct statement statement = {
        "sync_issue_find_open",
        "SELECT create_time, run_id, held_deletion_count FROM sync_issue WHERE tenant = $1 AND "
        "connection_id = $2"
        " AND kind = $3::smallint AND task_kind = $4::smallint AND subject = $5 AND state = 1"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_INT64(kind),
                       ARG_INT64(task_kind), ARG_TEXT(subject)),
                  &rows, reterr));
    *ret_issue = (struct sync_issue){0};
    if (rows_count(&rows) == 0)
        return ERR_OK;
    *ret_issue = (struct sync_issue){
        .run_id = rows_text_copy(&rows, 0, 1, arena),
        .held_deletion_count = rows_int64(&rows, 0, 2),
        .create_time_us = rows_time(&rows, 0, 0),
    };
    return ret_issue->run_id == NULL ? err_no_memory(reterr) : ERR_OK;
}

#define ISSUE_COLUMNS                                                            \
    "id, kind, state, run_id, task_kind, subject, message, held_deletion_count," \
    " scope_record_count, create_time, resolve_time, revision, held_kind"

static enum err_code read_issue(const struct rows *rows, int row, struct arena *arena,
                                struct sync_issue *issue, struct err *reterr)
{
    *issue = (struct sync_issue){
        .id = rows_text_copy(rows, row, 0, arena),
        .kind = (enum sync_issue_kind)rows_int64(rows, row, 1),
        .state = (enum sync_issue_state)rows_int64(rows, row, 2),
        .run_id = rows_text_copy(rows, row, 3, arena),
        .task_kind = (int)rows_int64(rows, row, 4),
        .subject = rows_text_copy(rows, row, 5, arena),
        .message = rows_text_copy(rows, row, 6, arena),
        .held_deletion_count = rows_int64(rows, row, 7),
        .scope_record_count = rows_int64(rows, row, 8),
        .create_time_us = rows_time(rows, row, 9),
        .resolve_time_us = rows_time(rows, row, 10),
        .revision = rows_int64(rows, row, 11),
        .held_kind = (int)rows_int64(rows, row, 12),
    };
    bool whole = issue->id != NULL && issue->run_id != NULL && issue->subject != NULL &&
                 issue->message != NULL;
    return whole ? ERR_OK : err_no_memory(reterr);
}

enum err_code sync_issue_lock(struct tx *tx, const char *connection_id, const char *id,
                              struct arena *arena, struct sync_issue *ret_issue, struct err *reterr)
{
    static const struct statement statement = {
        "sync_issue_lock", "SELECT " ISSUE_COLUMNS " FROM sync_issue"
                           " WHERE tenant = $1 AND connection_id = $2 AND id = $3 FOR UPDATE"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(id)), &rows,
                  reterr));
    if (rows_count(&rows) == 0) {
        char name[300];
        (void)snprintf(name, sizeof(name), "connections/%s/syncIssues/%s", connection_id, id);
        return err_not_found(reterr, name);
    }
    return read_issue(&rows, 0, arena, ret_issue, reterr);
}

enum err_code sync_issue_end(struct tx *tx, const char *connection_id, const char *id,
                             enum sync_issue_state state, int64_t now_us, struct err *reterr)
{
    static const struct statement statement = {
        "sync_issue_end", "UPDATE sync_issue SET state = $4::smallint, held_ids = '{}',"
                          " resolve_time = $5::timestamptz, revision = revision + 1"
                          " WHERE tenant = $1 AND connection_id = $2 AND id = $3"};
    return tx_run(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(connection_id), ARG_TEXT(id),
                       ARG_INT64(state), ARG_TIME(now_us)),
                  reterr);
}

enum err_code sync_issue_list(struct tx *tx, const struct sync_issue_list *list,
                              struct arena *arena, struct sync_issue **ret_issues,
                              size_t *ret_count, struct err *reterr)
{
    static const struct statement statement = {
        "sync_issue_list",
        "SELECT " ISSUE_COLUMNS " FROM sync_issue"
        " WHERE tenant = $1 AND connection_id = $2"
        " AND ($3::smallint = 0 OR state = $3::smallint) AND ($4::text IS NULL OR run_id = $4)"
        " AND ($5::timestamptz IS NULL OR create_time < $5::timestamptz"
        "      OR (create_time = $5::timestamptz AND id > $6))"
        " ORDER BY create_time DESC, id LIMIT $7::bigint"};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(list->connection_id),
                       ARG_INT64(list->state), ARG_TEXT(list->run_id),
                       ARG_TIME(list->before_time_us), ARG_TEXT(list->before_id),
                       ARG_INT64(list->limit)),
                  &rows, reterr));
    size_t count = (size_t)rows_count(&rows);
    struct sync_issue *issues = arena_calloc(arena, count + 1, sizeof(*issues));
    if (issues == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        try_(read_issue(&rows, (int)i, arena, &issues[i], reterr));
    *ret_issues = issues;
    *ret_count = count;
    return ERR_OK;
}
