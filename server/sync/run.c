#include "server/sync/run.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/counter.h"
#include "server/base/frugal.h"
#include "server/base/log.h"
#include "server/store/statistics.h"
#include "server/sync/sync_private.h"
#include "server/sync/task.h"
#include "server/sync/types.h"

enum { RUN_ARENA_BYTES = 32 * 1024 * 1024, TX_MS = 60000, TX_TRIES_MAX = 6 };

struct run *run_new(struct sync *sync, const struct sync_lease *lease)
{
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL)
        return NULL;
    run->sync = sync;
    run->taken_ms = clock_steady_ms();
    arena_init(&run->arena, RUN_ARENA_BYTES);
    run->lease = (struct sync_lease){
        .tenant = arena_strdup(&run->arena, lease->tenant),
        .connection_id = arena_strdup(&run->arena, lease->connection_id),
        .run_id = arena_strdup(&run->arena, lease->run_id),
        .fence = lease->fence,
    };
    if (run->lease.tenant == NULL || run->lease.connection_id == NULL || run->lease.run_id == NULL)
        return run_free(run);
    return run;
}

struct run *run_free(struct run *run)
{
    if (run == NULL)
        return NULL;
    run->ahead = ahead_free(run->ahead);
    source_closep(&run->source);
    arena_done(&run->arena);
    free(run);
    return NULL;
}

void run_stop(struct run *run, enum run_why why)
{
    int none = RUN_GOES_ON;
    (void)atomic_compare_exchange_strong(&run->why, &none, (int)why);
    atomic_store(&run->stop, true);
    (void)pthread_mutex_lock(&run->sync->lock);
    (void)pthread_cond_broadcast(&run->sync->run_wake);
    (void)pthread_mutex_unlock(&run->sync->lock);
}

bool run_gives_way(const struct run *run)
{
    return run->stepped && atomic_load(&run->gives_way);
}

enum err_code run_give_way(struct run *run, struct err *reterr)
{
    if (run_gives_way(run))
        run_stop(run, RUN_STOP_HAND_OVER);
    return atomic_load(&run->stop) ? run_stopped(run, reterr) : ERR_OK;
}

bool run_sleep(struct run *run, int64_t ms)
{
    struct sync *sync = run->sync;
    struct deadline deadline = deadline_in(ms);
    (void)pthread_mutex_lock(&sync->lock);
    while (!atomic_load(&run->stop) && deadline_left_ms(deadline) > 0)
        sync_cond_wait(&sync->run_wake, &sync->lock, deadline_left_ms(deadline));
    (void)pthread_mutex_unlock(&sync->lock);
    return !atomic_load(&run->stop);
}

enum err_code run_stopped(struct run *run, struct err *reterr)
{
    static const char *const words[] = {
        [RUN_GOES_ON] = "",
        [RUN_STOP_CANCEL] = "the run is cancelled",
        [RUN_STOP_HAND_OVER] = "the run is handed over",
        [RUN_STOP_LOST] = "another process carries the run on",
    };
    return err_set(reterr, ERR_CANCELLED, "%s", words[atomic_load(&run->why)]);
}

// Whatever else the run was told, it must not write any more.
static enum err_code lose(struct run *run, struct err *reterr)
{
    atomic_store(&run->why, RUN_STOP_LOST);
    atomic_store(&run->stop, true);
    return run_stopped(run, reterr);
}

enum err_code run_go_back(struct run *run, struct err *reterr)
{
    log_event(LOG_WARN, "the database lost commits, going back to its checkpoint",
              LOG_STR("run", run->lease.run_id));
    run_stop(run, RUN_STOP_HAND_OVER);
    return run_stopped(run, reterr);
}

enum err_code run_begin(struct run *run, bool even_stopping, struct tx **ret_tx, struct err *reterr)
{
    if (atomic_load(&run->stop) && !even_stopping)
        return run_stopped(run, reterr);
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(store_begin(run->sync->background_store, run->lease.tenant, deadline_in(TX_MS), NULL, &tx,
                     reterr));
    struct sync_lease_check check;
    try_(sync_lease_check(tx, &run->lease, run->sync->owner, &check, reterr));
    if (!check.held)
        return lose(run, reterr);
    if (check.cancel_requested && !even_stopping) {
        run_stop(run, RUN_STOP_CANCEL);
        return run_stopped(run, reterr);
    }
    *ret_tx = steal(tx);
    return ERR_OK;
}

bool run_try_again(struct run *run, enum err_code code, int *tries)
{
    if ((code != ERR_STORE_UNAVAILABLE && code != ERR_DEADLINE_EXCEEDED && code != ERR_CONFLICT) ||
        *tries >= TX_TRIES_MAX)
        return false;
    int64_t ms = (int64_t)100 << *tries;
    (*tries)++;
    return run_sleep(run, ms / 2 + (int64_t)randombytes_uniform((uint32_t)ms));
}

struct sync_task_row *run_task(struct run *run, int kind)
{
    for (size_t i = 0; i < run->row.task_count; i++)
        if (run->row.tasks[i].kind == kind)
            return &run->row.tasks[i];
    return NULL;
}

static struct sync_run_quota run_quota(const struct run *run)
{
    const struct budget_use use = budget_use(run->account);
    struct sync_run_quota quota = {.used = use.used};
    if (use.foreign_time_us >= run->row.create_time_us) {
        quota.foreign_count = use.foreign;
        quota.foreign_time_us = use.foreign_time_us;
    }
    return quota;
}

void run_publish(struct run *run)
{
    if (run->account != NULL)
        run->row.quota = run_quota(run);
    feed_update(run->sync->feed, run->feed, &run->row);
}

static void count_move(enum run_state to)
{
    static const struct {
        enum run_state state;
        enum counter counter;
    } table[] = {{RUN_WAITING, COUNTER_RUN_WAITING},
                 {RUN_SUCCEEDED, COUNTER_RUN_SUCCEEDED},
                 {RUN_PARTIAL, COUNTER_RUN_PARTIAL},
                 {RUN_FAILED, COUNTER_RUN_FAILED},
                 {RUN_CANCELLED, COUNTER_RUN_CANCELLED}};
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].state == to)
            counter_add(table[i].counter, 1);
}

enum err_code run_move(struct run *run, struct tx *tx, enum run_event event, int64_t resume_time_us,
                       struct err *reterr)
{
    enum run_state to;
    if (!run_transition((enum run_state)run->row.state, event, &to))
        return err_set(reterr, ERR_INTERNAL, "a run in state %d cannot meet event %d",
                       run->row.state, (int)event);
    int64_t now_us = clock_wall_us();
    struct sync_run_move move = {
        .from = run->row.state,
        .to = (int)to,
        .start_time_us = event == RUN_TAKEN ? now_us : 0,
        .end_time_us = run_is_live(to) ? 0 : now_us,
        .resume_time_us = resume_time_us,
    };
    bool moved;
    try_(sync_run_move(tx, run->lease.connection_id, run->lease.run_id, &move, &moved, reterr));
    if (moved)
        count_move(to);
    if (!moved) {
        run_stop(run, RUN_STOP_CANCEL);
        run->row.state = RUN_CANCELLING;
        return run_stopped(run, reterr);
    }
    run->row.state = (int)to;
    run->row.resume_time_us = resume_time_us;
    if (run->row.start_time_us == 0)
        run->row.start_time_us = move.start_time_us;
    run->row.end_time_us = move.end_time_us;
    return ERR_OK;
}

// Reads the run and marks it as running.
static enum err_code take(struct run *run, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, true, &tx, reterr));
    try_(sync_run_load(tx, run->lease.connection_id, run->lease.run_id, &run->arena, &run->row,
                       reterr));
    for (size_t i = 0; i < run->row.task_count; i++)
        (void)snprintf(run->checkpoints[run->row.tasks[i].kind - 1], CHECKPOINT_BYTES, "%s",
                       run->row.tasks[i].checkpoint);
    // Locked, so that a pause or its end comes wholly before or after.
    try_(sync_connection_load(tx, run->lease.connection_id, true, &run->arena, &run->connection,
                              reterr));
    if (!run_is_live((enum run_state)run->row.state)) {
        // A lease that outlived its run has nothing to give.
        try_(sync_lease_delete(tx, &run->lease, reterr));
        try_(tx_commit(&tx, reterr));
        return lose(run, reterr);
    }
    if (run->connection.standing.sync_paused && !run->row.cancel_requested) {
        // It was queued, or its process died, while syncs were being paused.
        try_(sync_hold_run(tx, run->lease.connection_id, reterr));
        try_(tx_commit(&tx, reterr));
        return lose(run, reterr);
    }
    if (run->row.cancel_requested)
        run_stop(run, RUN_STOP_CANCEL);
    try_(run_move(run, tx, RUN_TAKEN, 0, reterr));
    try_(tx_commit(&tx, reterr));
    run->feed = feed_attach(run->sync->feed, run->lease.tenant, &run->row);
    return ERR_OK;
}

static enum err_code open_source(struct run *run, struct err *reterr)
{
    const struct sync_connection *connection = &run->connection;
    if (connection->scheme == NULL)
        return err_set(reterr, ERR_CONNECTION_NOT_ACTIVE, "the connection has no API key");
    struct vault_context context = {
        .tenant = run->lease.tenant,
        .connection = run->lease.connection_id,
        .purpose = "api-key",
        .version = connection->credential_version,
    };
    struct sealed sealed = {
        .scheme = connection->scheme,
        .master_key_id = connection->master_key_id,
        .wrapped_key = connection->wrapped_key.data,
        .wrapped_key_len = connection->wrapped_key.len,
        .ciphertext = connection->ciphertext.data,
        .ciphertext_len = connection->ciphertext.len,
    };
    struct secret *key _cleanup_(secret_freep) = NULL;
    try_(vault_unseal(run->sync->vault, &context, &sealed, &key, reterr));
    try_(source_open(&run->sync->source, (enum source_provider)connection->standing.provider,
                     (enum source_region)connection->region, key, &run->source, reterr));
    run->ahead = run->sync->window > 1 ? ahead_new(run, run->sync->window) : NULL;
    return budget_open(run->sync->budget, run->lease.tenant, run->lease.connection_id,
                       connection->credential_version, &run->account, reterr);
}

// A refused request may mean the resource or the key: the plain probe tells.
static enum err_code judge_key(struct run *run, const struct err *refusal, struct err *reterr)
{
    struct source_attempt attempt = {0};
    struct err err = {0};
    int64_t organizations;
    try_(run_take(run, reterr));
    enum err_code code =
        source_probe(run->source, deadline_in(TX_MS), &run->stop, &organizations, &attempt, &err);
    run->requests += attempt.request_count;
    if (atomic_load(&run->stop))
        return run_stopped(run, reterr);
    if (code == ERR_UPSTREAM_RATE_LIMITED) {
        run->wait_ms = budget_refused(run->account, attempt.retry_after_ms);
        *reterr = err;
        return code;
    }
    if (code == refusal->code) {
        run->broken = err;
        run->key_refused = true;
    }
    return ERR_OK;
}

static bool says_key_is_bad(enum err_code code)
{
    return code == ERR_UPSTREAM_KEY_REJECTED || code == ERR_UPSTREAM_API_NOT_ENABLED;
}

// Whether a task's error is the run's: it must stop, wait, or leave everything to another process.
static bool is_of_run(enum err_code code)
{
    return code == ERR_CANCELLED || code == ERR_UPSTREAM_RATE_LIMITED ||
           code == ERR_STORE_UNAVAILABLE;
}

static enum err_code run_tasks(struct run *run, struct err *reterr)
{
    static const int order[] = {1, 3, 4, 5, 2}; // documents, the largest, last
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        struct sync_task_row *row = run_task(run, order[i]);
        if (row == NULL || task_is_over((enum task_state)row->state))
            continue;
        struct err err = {0};
        enum err_code code =
            run->broken.code != ERR_OK ? run->broken.code : task_run(run, row->kind, &err);
        if (run->broken.code != ERR_OK)
            err = run->broken;
        else if (says_key_is_bad(code))
            try_(judge_key(run, &err, reterr));
        if (is_of_run(code)) {
            *reterr = err;
            return code;
        }
        try_(task_end(run, row->kind, code, &err, reterr));
    }
    return ERR_OK;
}

// A new connection learns what its types and categories are, whatever is on.
static enum err_code refresh_types(struct run *run, struct err *reterr)
{
    if (run->row.trigger != SYNC_TRIGGER_CONNECT || run->broken.code != ERR_OK)
        return ERR_OK;
    static const enum source_kind kinds[] = {SOURCE_FLEXIBLE_ASSET_TYPES,
                                             SOURCE_PASSWORD_CATEGORIES};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        enum err_code code = types_refresh(run, kinds[i], reterr);
        if (is_of_run(code))
            return code;
        if (code != ERR_OK)
            log_event(LOG_WARN, "types or categories were not refreshed", LOG_ERR(reterr));
    }
    return ERR_OK;
}

static enum err_code carry_on(struct run *run, struct err *reterr)
{
    try_(take(run, reterr));
    run_publish(run);
    if (atomic_load(&run->stop))
        return run_stopped(run, reterr);
    enum err_code code = open_source(run, reterr);
    if (code != ERR_OK) {
        if (is_of_run(code))
            return code;
        run->broken = *reterr;
        run->key_refused = code == ERR_VAULT_RECORD_UNREADABLE;
        if (run->key_refused)
            (void)err_set(&run->broken, code,
                          "the stored API key cannot be opened: enter it again");
    }
    try_(run_tasks(run, reterr));
    try_(refresh_types(run, reterr));
    return run_finish(run, reterr);
}

static void conclude(struct run *run, enum err_code code, struct err *err)
{
    for (int tries = 0; code != ERR_OK;) {
        if (code != ERR_CANCELLED && code != ERR_UPSTREAM_RATE_LIMITED)
            log_event(LOG_ERROR, "a run is interrupted", LOG_STR("run", run->lease.run_id),
                      LOG_ERR(err));
        struct sync_run_row before = run->row;
        enum err_code settled = run_settle(run, code, err);
        if (settled == ERR_OK)
            break;
        run->row = before;
        // Cancelled while it was being parked, say: settle that instead.
        if (settled != ERR_CANCELLED && !run_try_again(run, settled, &tries)) {
            log_event(LOG_ERROR, "a run is left to its lease", LOG_STR("run", run->lease.run_id),
                      LOG_ERR(err));
            break;
        }
        if (++tries > TX_TRIES_MAX)
            break;
    }
    if (run->feed != NULL) {
        if (atomic_load(&run->why) != RUN_STOP_LOST)
            run_publish(run);
        feed_detach(run->sync->feed, run->feed);
    }
}

void *run_main(void *context)
{
    struct run *run = context;
    struct sync *sync = run->sync;
    struct err err = {0};
    frugal_thread();
    log_event(LOG_INFO, "run taken", LOG_STR("run", run->lease.run_id),
              LOG_INT("fence", run->lease.fence));
    enum err_code code = carry_on(run, &err);
    conclude(run, code, &err);
    log_event(LOG_INFO, "run left", LOG_STR("run", run->lease.run_id),
              LOG_INT("state", run->row.state), LOG_INT("requests", run->row.request_count));
    if (!run_is_live((enum run_state)run->row.state))
        statistics_make_first(sync->background_store, run->lease.tenant);
    (void)pthread_mutex_lock(&sync->lock);
    atomic_store(&run->over, true);
    sync->woken = true; // there is a thread for another run
    (void)pthread_cond_signal(&sync->scheduler_wake);
    (void)pthread_cond_signal(&sync->indexer.wake); // which may have made way for it
    (void)pthread_mutex_unlock(&sync->lock);
    return NULL;
}
