// The timetable: looks at schedules whose time has come, asks for the runs that are due, and says
// when data has become too old, or fresh again. One thread a process; of many processes, one looks.
#include "server/sync/timetable.h"
#include "server/audit/audit.h"
#include "server/base/log.h"
#include "server/sync/sync_private.h"

#include <sodium.h>
#include <stdio.h>

enum { TX_MS = 10000, LOOK_ARENA_BYTES = 1024 * 1024, TASK_COUNT = SCHEDULE_KINDS - 1 };

static const char *const fields[SCHEDULE_KINDS] = {
    "", "organizations", "documents", "passwords", "flexible_assets", "checklists",
};

void timetable_read(const struct sync_schedule *row, const struct sync_connection *connection,
                    struct schedule *ret_schedule)
{
    const bool on[SCHEDULE_KINDS] = {
        false,
        true,
        connection->documents_enabled,
        connection->passwords_enabled,
        connection->assets_enabled,
        connection->checklists_enabled,
    };
    enum connection_state state = connection->standing.state;
    enum err_code use = connection_check_use(&connection->standing, CONNECTION_FOR_SYNC, NULL);
    int64_t full_s = row->full_interval_s;
    *ret_schedule = (struct schedule){
        .may_run = use == ERR_OK && !connection->removing,
        .judged = use != ERR_PROVIDER_NOT_SUPPORTED &&
                  (state == CONNECTION_ACTIVE || state == CONNECTION_ERROR),
        .full_interval_us = (full_s == 0 ? SCHEDULE_FULL_INTERVAL_S : full_s) * 1000000,
        .full_due_us = row->full_due_time_us,
    };
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++) {
        const struct sync_schedule_task *task = &row->tasks[kind];
        ret_schedule->tasks[kind] = (struct schedule_task){
            .enabled = on[kind],
            .interval_us = schedule_interval_s(task->interval_s) * 1000000,
            .objective_us = schedule_objective_s(task->interval_s, task->objective_s) * 1000000,
            .due_us = task->due_time_us,
            .complete_us = task->complete_time_us,
            .breach_us = task->breach_time_us,
            .since_us = task->since_time_us,
        };
    }
}

// Tells which data has become too old, and which is no longer so.
static enum err_code audit(struct tx *tx, const char *connection_id,
                           const struct schedule_decision *decision, struct err *reterr)
{
    char resource[200], names[TASK_COUNT][64];
    struct audit_change changes[TASK_COUNT];
    size_t count = 0;
    (void)snprintf(resource, sizeof(resource), "connections/%s/syncSchedule", connection_id);
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++) {
        bool breached = (decision->breached & 1u << kind) != 0;
        if (!breached && (decision->mended & 1u << kind) == 0)
            continue;
        (void)snprintf(names[count], sizeof(names[count]), "%s.freshness", fields[kind]);
        changes[count] = (struct audit_change){names[count], breached ? "FRESH" : "STALE",
                                               breached ? "STALE" : "FRESH"};
        count++;
    }
    const struct audit_event event = {
        .type = AUDIT_SYNC,
        .phase = AUDIT_SINGLE,
        .outcome = AUDIT_SUCCEEDED,
        .resource = resource,
        .changes = changes,
        .change_count = count,
    };
    return count == 0 ? ERR_OK : audit_append_system(tx, "scheduler", &event, NULL, reterr);
}

static enum err_code ask(struct tx *tx, const char *connection_id,
                         const struct schedule_decision *decision, struct err *reterr)
{
    const struct sync_request asked = {
        .connection_id = connection_id,
        .tasks = decision->tasks,
        .trigger = SYNC_TRIGGER_SCHEDULE,
        .mode = decision->full ? SYNC_MODE_FULL : SYNC_MODE_QUICK,
    };
    char run_id[SYNC_RUN_ID_BYTES];
    bool joined;
    return decision->tasks == 0 ? ERR_OK
                                : sync_request_run(tx, NULL, &asked, run_id, &joined, reterr);
}

static void note(const struct schedule_decision *decision, int64_t now_us,
                 struct sync_schedule *row)
{
    row->full_due_time_us = decision->full_due_us;
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++) {
        struct sync_schedule_task *task = &row->tasks[kind];
        task->due_time_us = decision->due_us[kind];
        task->since_time_us = decision->since_us[kind];
        if ((decision->breached & 1u << kind) != 0)
            task->breach_time_us = now_us;
        if ((decision->mended & 1u << kind) != 0)
            task->breach_time_us = 0;
    }
}

// Judges one schedule. The connection is locked first, as by whoever asks for a run.
static enum err_code look(struct sync *sync, const struct sync_schedule_due *due,
                          struct arena *arena, bool *ret_asked, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct sync_connection connection;
    struct sync_schedule row;
    struct schedule schedule;
    struct schedule_decision decision;
    bool found;
    try_(store_begin(sync->store, due->tenant, deadline_in(TX_MS), NULL, &tx, reterr));
    try_(sync_connection_load(tx, due->connection_id, true, arena, &connection, reterr));
    try_(sync_schedule_get(tx, due->connection_id, true, arena, &row, &found, reterr));
    if (!found)
        return ERR_OK;
    timetable_read(&row, &connection, &schedule);
    schedule_decide(&schedule, row.now_us, (double)randombytes_uniform(1001) / 1000, &decision);
    note(&decision, row.now_us, &row);
    try_(ask(tx, due->connection_id, &decision, reterr));
    try_(sync_schedule_put(tx, due->connection_id, &row, decision.look_us, reterr));
    try_(audit(tx, due->connection_id, &decision, reterr));
    *ret_asked = decision.tasks != 0;
    return tx_commit(&tx, reterr);
}

// False: none is to be looked at, or it went wrong.
static bool take_turn(struct sync *sync)
{
    struct err err = {0};
    struct sync_schedule_due due = {0};
    struct arena arena _cleanup_(arena_done);
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    bool asked = false;
    arena_init(&arena, LOOK_ARENA_BYTES);
    enum err_code code =
        store_begin(sync->scheduler_store, "", deadline_in(TX_MS), NULL, &tx, &err);
    if (code == ERR_OK)
        code = sync_schedule_take(tx, &arena, &due, &err);
    if (code == ERR_OK)
        code = tx_commit(&tx, &err);
    bool found = code == ERR_OK && due.tenant != NULL;
    if (found)
        code = look(sync, &due, &arena, &asked, &err);
    // Deleted, or changed by somebody in this moment: looked at again in a minute.
    if (code != ERR_OK && code != ERR_RESOURCE_NOT_FOUND)
        log_event(LOG_WARN, "a schedule could not be looked at",
                  LOG_STR("connection", found ? due.connection_id : ""), LOG_ERR(&err));
    if (asked)
        sync_wake(sync);
    return found;
}

void *timetable_main(void *context)
{
    struct sync *sync = context;
    while (!atomic_load(&sync->keeper_stop)) {
        if (take_turn(sync))
            continue;
        (void)pthread_mutex_lock(&sync->lock);
        if (!sync->stopping)
            sync_cond_wait(&sync->timetable_wake, &sync->lock, sync->scheduler_ms);
        (void)pthread_mutex_unlock(&sync->lock);
    }
    return NULL;
}
