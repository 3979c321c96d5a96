// What callers ask of the engine within their own transactions: queueing and cancelling.
#include <stdio.h>

#include "server/audit/audit.h"
#include "server/base/encoding.h"
#include "server/store/connection.h"
#include "server/sync/sync_private.h"

enum { FIND_TRIES = 3, FIND_ARENA_BYTES = 64 * 1024 };

static void choose_tasks(const struct sync_connection *connection, unsigned tasks, bool limited,
                         int ret_states[SYNC_TASK_KINDS])
{
    const bool on[SYNC_TASK_KINDS] = {true, connection->documents_enabled,
                                      connection->passwords_enabled, connection->assets_enabled,
                                      connection->checklists_enabled};
    for (int i = 0; i < SYNC_TASK_KINDS; i++) {
        // The inventory is of all organizations: who asks for some does not mean it.
        bool asked = tasks == 0 ? i > 0 || !limited : (tasks & (2u << i)) != 0;
        ret_states[i] = asked && on[i] ? TASK_QUEUED : TASK_DISABLED;
    }
}

static enum err_code audit(struct tx *tx, const struct request *request, const char *connection_id,
                           const char *run_id, const char *field, const char *old_value,
                           const char *new_value, struct err *reterr)
{
    char resource[300];
    (void)snprintf(resource, sizeof(resource), "connections/%s/syncRuns/%s", connection_id, run_id);
    struct audit_change change = {field, old_value, new_value};
    struct audit_event event = {
        .type = AUDIT_SYNC,
        .phase = AUDIT_SINGLE,
        .outcome = AUDIT_SUCCEEDED,
        .resource = resource,
        .changes = &change,
        .change_count = 1,
    };
    if (request == NULL)
        return audit_append_system(tx, "scheduler", &event, NULL, reterr);
    return audit_append(tx, request, &event, NULL, reterr);
}

static enum err_code find(struct tx *tx, const struct sync_request *asked,
                          char ret_run_id[SYNC_RUN_ID_BYTES], bool *ret_found, bool *ret_repeated,
                          struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, FIND_ARENA_BYTES);
    const char *run_id;
    try_(sync_run_find(tx, asked->connection_id, asked->request_id, &arena, &run_id, ret_repeated,
                       reterr));
    *ret_found = run_id != NULL;
    if (*ret_found)
        (void)snprintf(ret_run_id, SYNC_RUN_ID_BYTES, "%s", run_id);
    return ERR_OK;
}

static enum sync_mode mode_of(const struct sync_request *asked)
{
    return asked->mode == 0 ? SYNC_MODE_FULL : asked->mode;
}

static enum err_code queue(struct tx *tx, const struct request *request,
                           const struct sync_request *asked,
                           const struct sync_connection *connection,
                           char ret_run_id[SYNC_RUN_ID_BYTES], bool *ret_queued, struct err *reterr)
{
    static const char *const triggers[] = {
        [SYNC_TRIGGER_MANUAL] = "MANUAL",
        [SYNC_TRIGGER_SCHEDULE] = "SCHEDULE",
        [SYNC_TRIGGER_CONNECT] = "CONNECT",
        [SYNC_TRIGGER_MAPPING] = "MAPPING",
    };
    encoding_random_id(ret_run_id);
    struct sync_run_new run = {
        .connection_id = asked->connection_id,
        .id = ret_run_id,
        .state = RUN_QUEUED,
        .trigger = (int)asked->trigger,
        .mode = (int)mode_of(asked),
        .organization_ids = asked->organization_ids,
        .organization_count = asked->organization_count,
        .actor_subject = request == NULL ? "scheduler" : request->caller->subject,
        .actor_display_name = request == NULL ? "docbridge" : request->caller->display_name,
        .actor_kind = request == NULL ? (int)ACTOR_SYSTEM : (int)request->caller->actor,
        .request_id = asked->request_id,
        .create_time_us = clock_wall_us(),
    };
    choose_tasks(connection, asked->tasks, asked->organization_count > 0, run.task_states);
    try_(sync_run_insert(tx, &run, ret_queued, reterr));
    if (!*ret_queued)
        return ERR_OK;
    try_(sync_lease_put(tx, asked->connection_id, ret_run_id, reterr));
    return audit(tx, request, asked->connection_id, ret_run_id, "trigger", NULL,
                 triggers[asked->trigger], reterr);
}

static bool contains(const struct sync_run_row *row, int64_t organization_id)
{
    for (size_t i = 0; i < row->organization_count; i++)
        if (row->organization_ids[i] == organization_id)
            return true;
    return false;
}

static bool has_organizations(const struct sync_run_row *row, const struct sync_request *asked)
{
    if (row->organization_count == 0)
        return true;
    for (size_t i = 0; i < asked->organization_count; i++)
        if (!contains(row, asked->organization_ids[i]))
            return false;
    return asked->organization_count > 0;
}

// The tasks that are asked for and that the live run does not do, or not for all organizations, or
// less thoroughly.
static unsigned find_missing(const struct sync_run_row *row, const struct sync_request *asked,
                             const struct sync_connection *connection)
{
    int wanted[SYNC_TASK_KINDS];
    unsigned missing = 0;
    bool thorough = row->mode >= (int)mode_of(asked);
    bool organizations = has_organizations(row, asked);
    choose_tasks(connection, asked->tasks, asked->organization_count > 0, wanted);
    for (size_t i = 0; i < row->task_count; i++) {
        const struct sync_task_row *task = &row->tasks[i];
        bool done = row->state != RUN_CANCELLING && task->state != TASK_DISABLED && thorough &&
                    (organizations || task->kind == 1);
        if (wanted[task->kind - 1] != TASK_DISABLED && !done)
            missing |= 1u << task->kind;
    }
    return missing;
}

// Joins a run; what it does not do is done by another when it ends.
static enum err_code join(struct tx *tx, const struct sync_request *asked,
                          const struct sync_connection *connection, const char *run_id,
                          bool *ret_joined, struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, FIND_ARENA_BYTES + 1024 * 1024);
    struct sync_run_row row;
    try_(sync_run_load(tx, asked->connection_id, run_id, &arena, &row, reterr));
    struct sync_run_wish wish = {
        .tasks = find_missing(&row, asked, connection),
        .mode = (int)mode_of(asked),
        .trigger = (int)asked->trigger,
        .organization_ids = asked->organization_ids,
        .organization_count = asked->organization_count,
    };
    *ret_joined = true;
    if (!run_is_live((enum run_state)row.state) || wish.tasks == 0)
        return ERR_OK;
    return sync_run_wish(tx, asked->connection_id, run_id, &wish, ret_joined, reterr);
}

enum err_code sync_request_run(struct tx *tx, const struct request *request,
                               const struct sync_request *asked, char ret_run_id[SYNC_RUN_ID_BYTES],
                               bool *ret_joined, struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, FIND_ARENA_BYTES);
    struct sync_connection connection;
    bool repeated;
    try_(sync_connection_load(tx, asked->connection_id, true, &arena, &connection, reterr));
    // A repeated request gets its answer whatever became of the connection.
    try_(find(tx, asked, ret_run_id, ret_joined, &repeated, reterr));
    if (!repeated) {
        try_(connection_check_use(&connection.standing, CONNECTION_FOR_SYNC, reterr));
        if (connection.removing)
            return err_set(reterr, ERR_CONNECTION_NOT_ACTIVE,
                           "the content of the former account is being removed; then a sync begins "
                           "by itself");
    }
    if (*ret_joined)
        try_(join(tx, asked, &connection, ret_run_id, ret_joined, reterr));
    if (*ret_joined)
        return ERR_OK;
    for (int tries = 0; tries < FIND_TRIES; tries++) {
        bool queued;
        try_(queue(tx, request, asked, &connection, ret_run_id, &queued, reterr));
        if (queued)
            return ERR_OK;
        // Someone else was first; unless that run has ended already, it is joined.
        try_(find(tx, asked, ret_run_id, ret_joined, &repeated, reterr));
        if (*ret_joined)
            try_(join(tx, asked, &connection, ret_run_id, ret_joined, reterr));
        if (*ret_joined)
            return ERR_OK;
    }
    return err_set(reterr, ERR_CONFLICT, "runs of this connection begin and end too fast");
}

// Runs and those who join them lock the connection before the run.
static enum err_code lock_connection(struct tx *tx, const char *connection_id, struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, FIND_ARENA_BYTES);
    struct connection *connection;
    return connection_lock(tx, connection_id, &arena, &connection, reterr);
}

enum err_code sync_abandon_run(struct tx *tx, const char *connection_id, int64_t *ret_cancelled,
                               struct err *reterr)
{
    try_(sync_lease_drop(tx, connection_id, reterr));
    try_(lock_connection(tx, connection_id, reterr));
    return sync_run_cancel_live(tx, connection_id, clock_wall_us(), ret_cancelled, reterr);
}

enum err_code sync_hold_run(struct tx *tx, const char *connection_id, struct err *reterr)
{
    try_(sync_lease_hold(tx, connection_id, reterr));
    try_(lock_connection(tx, connection_id, reterr));
    return sync_run_hold(tx, connection_id, reterr);
}

enum err_code sync_unhold_run(struct tx *tx, const char *connection_id, struct err *reterr)
{
    return sync_lease_unhold(tx, connection_id, reterr);
}

enum err_code sync_pass_on_run(struct tx *tx, const char *connection_id, struct err *reterr)
{
    return sync_lease_pass_on(tx, connection_id, reterr);
}

enum err_code sync_cancel_run(struct tx *tx, const struct request *request,
                              const char *connection_id, const char *run_id, bool *ret_live,
                              struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, FIND_ARENA_BYTES + 1024 * 1024);
    struct sync_run_row row;
    try_(sync_run_load(tx, connection_id, run_id, &arena, &row, reterr));
    try_(sync_run_ask_cancel(tx, connection_id, run_id, RUN_CANCELLING, ret_live, reterr));
    if (!*ret_live || row.cancel_requested)
        return ERR_OK;
    try_(sync_lease_hurry(tx, connection_id, run_id, reterr));
    return audit(tx, request, connection_id, run_id, "cancel_requested", "false", "true", reterr);
}
