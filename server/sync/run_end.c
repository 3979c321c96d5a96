// How a run leaves its thread: finished, cancelled, parked, or handed over.
#include "server/audit/connection_move.h"
#include "server/base/log.h"
#include "server/store/sync_page.h"
#include "server/sync/run.h"
#include "server/sync/sync_private.h"

// What the run learned of the key; a run that was stopped, or met other trouble, learned nothing.
static enum err_code record_key(struct run *run, struct tx *tx, enum run_event event,
                                struct connection_move *ret_move, struct err *reterr)
{
    bool worked = event == RUN_ALL_DONE || event == RUN_SOME_DONE;
    const struct connection_finding finding = {
        .credential_version = run->connection.credential_version,
        .time_us = clock_wall_us(),
        .event = run->key_refused ? CONNECTION_KEY_REJECTED : CONNECTION_KEY_WORKED,
        .problem_reason = err_reason(run->broken.code),
        .problem_message = run->broken.text,
    };
    *ret_move = (struct connection_move){0};
    if (!run->key_refused && !worked)
        return ERR_OK;
    return connection_record_finding(tx, run->lease.connection_id, &finding, &run->arena, ret_move,
                                     reterr);
}

static enum err_code finish_in(struct run *run, struct tx *tx, enum run_event event,
                               struct err *reterr)
{
    const char *connection_id = run->lease.connection_id, *run_id = run->lease.run_id;
    struct connection_move move;
    try_(record_key(run, tx, event, &move, reterr));
    try_(run_move(run, tx, event, 0, reterr));
    try_(sync_run_add_requests(tx, connection_id, run_id, run->requests, reterr));
    try_(sync_page_forget(tx, connection_id, run_id, 0, NULL, reterr));
    try_(sync_lease_delete(tx, &run->lease, reterr));
    return audit_connection_move(tx, NULL, "sync", &move, reterr);
}

// Both lists together; some ids may be there twice, which does no harm.
static int64_t *join_ids(struct run *run, const int64_t *a, size_t a_count, const int64_t *b,
                         size_t b_count)
{
    int64_t *ids = arena_calloc(&run->arena, a_count + b_count + 1, sizeof(*ids));
    for (size_t i = 0; ids != NULL && i < a_count; i++)
        ids[i] = a[i];
    for (size_t i = 0; ids != NULL && i < b_count; i++)
        ids[a_count + i] = b[i];
    return ids;
}

// What was asked of the run and not done by it gets a run of its own: wishes of who joined it, and
// organizations that were mapped while it was live, which it may have passed by.
static enum err_code follow_up(struct run *run, struct tx *tx, struct err *reterr)
{
    struct sync_request asked = {
        .connection_id = run->lease.connection_id,
        .trigger = SYNC_TRIGGER_MAPPING,
    };
    struct sync_run_wish wish;
    int64_t *ids;
    size_t count;
    char run_id[SYNC_RUN_ID_BYTES];
    bool joined;
    if (run->broken.code != ERR_OK)
        return ERR_OK;
    try_(
        sync_run_load_wish(tx, asked.connection_id, run->lease.run_id, &run->arena, &wish, reterr));
    try_(sync_connection_mapped_since(tx, asked.connection_id, run->row.create_time_us,
                                      run->row.organization_ids, run->row.organization_count,
                                      &run->arena, &ids, &count, reterr));
    if (count == 0 && wish.tasks == 0)
        return ERR_OK;
    if (wish.tasks != 0) {
        asked.trigger = (enum sync_trigger)wish.trigger;
        // What was mapped meanwhile is to be fetched whole.
        asked.mode = count > 0 ? SYNC_MODE_FULL : (enum sync_mode)wish.mode;
        asked.tasks = wish.tasks | (count > 0 ? SYNC_TASK_ALL & ~SYNC_TASK_ORGANIZATIONS : 0u);
    }
    // A wish for all includes them.
    if (wish.tasks == 0 || wish.organization_count > 0) {
        asked.organization_ids =
            join_ids(run, ids, count, wish.organization_ids, wish.organization_count);
        asked.organization_count = count + wish.organization_count;
        if (asked.organization_ids == NULL)
            return err_no_memory(reterr);
    }
    enum err_code code = sync_request_run(tx, NULL, &asked, run_id, &joined, reterr);
    return connection_refused_use(code) ? ERR_OK : code;
}

// The run is over: all tasks are.
static enum err_code finish_once(struct run *run, struct err *reterr)
{
    enum task_state states[SYNC_TASK_KINDS];
    for (size_t i = 0; i < run->row.task_count; i++)
        states[i] = (enum task_state)run->row.tasks[i].state;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    int64_t live;
    try_(sync_task_live(tx, run->lease.connection_id, run->lease.run_id, &live, reterr));
    if (live > 0)
        return run_go_back(run, reterr);
    try_(finish_in(run, tx, run_outcome(states, (int)run->row.task_count), reterr));
    try_(follow_up(run, tx, reterr));
    try_(tx_commit(&tx, reterr));
    sync_wake(run->sync);
    worker_call(&run->sync->indexer);
    run->row.request_count += run->requests;
    run->requests = 0;
    return ERR_OK;
}

// Stopped by a person: what has not ended is cancelled, checkpoints stay.
static enum err_code finish_cancelled(struct run *run, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, true, &tx, reterr));
    run->row.state = RUN_CANCELLING;
    for (size_t i = 0; i < run->row.task_count; i++) {
        struct sync_task_row *task = &run->row.tasks[i];
        enum task_state to;
        if (!task_transition((enum task_state)task->state, TASK_STOPPED, &to))
            continue;
        try_(sync_task_move(tx, run->lease.connection_id, run->lease.run_id, task->kind, (int)to,
                            reterr));
        task->state = (int)to;
    }
    try_(finish_in(run, tx, RUN_STOPPED, reterr));
    try_(follow_up(run, tx, reterr));
    try_(tx_commit(&tx, reterr));
    sync_wake(run->sync);
    worker_call(&run->sync->indexer);
    return ERR_OK;
}

// Out of quota: gives the thread back until the time has come.
static enum err_code park(struct run *run, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    for (size_t i = 0; i < run->row.task_count; i++) {
        struct sync_task_row *task = &run->row.tasks[i];
        enum task_state to;
        if (!task_transition((enum task_state)task->state, TASK_OUT_OF_QUOTA, &to))
            continue;
        try_(sync_task_move(tx, run->lease.connection_id, run->lease.run_id, task->kind, (int)to,
                            reterr));
        task->state = (int)to;
    }
    try_(run_move(run, tx, RUN_OUT_OF_QUOTA, clock_wall_us() + run->wait_ms * 1000, reterr));
    try_(sync_run_add_requests(tx, run->lease.connection_id, run->lease.run_id, run->requests,
                               reterr));
    try_(sync_lease_release(tx, &run->lease, run->sync->owner, run->wait_ms, reterr));
    try_(tx_commit(&tx, reterr));
    run->row.request_count += run->requests;
    run->requests = 0;
    scheduler_park(run->sync, run->wait_ms);
    return ERR_OK;
}

// The process ends, or cannot reach the database: whoever comes first goes on in `due_ms`.
static enum err_code give_back(struct run *run, int64_t due_ms, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, true, &tx, reterr));
    try_(sync_run_add_requests(tx, run->lease.connection_id, run->lease.run_id, run->requests,
                               reterr));
    try_(sync_lease_release(tx, &run->lease, run->sync->owner, due_ms, reterr));
    return tx_commit(&tx, reterr);
}

enum err_code run_finish(struct run *run, struct err *reterr)
{
    struct sync_run_row before = run->row;
    enum err_code code;
    int tries = 0;
    do {
        run->row = before;
        code = finish_once(run, reterr);
    } while (run_try_again(run, code, &tries));
    if (code != ERR_OK)
        run->row = before;
    return code;
}

enum err_code run_settle(struct run *run, enum err_code code, struct err *reterr)
{
    int why = atomic_load(&run->why);
    if (why == RUN_STOP_LOST)
        return ERR_OK;
    if (why == RUN_STOP_CANCEL)
        return finish_cancelled(run, reterr);
    if (why == RUN_STOP_HAND_OVER)
        return give_back(run, 0, reterr);
    if (code == ERR_UPSTREAM_RATE_LIMITED)
        return park(run, reterr);
    return give_back(run, run->sync->scheduler_ms, reterr);
}
