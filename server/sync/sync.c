#include "server/sync/sync.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/base/encoding.h"
#include "server/sync/sync_private.h"

enum {
    DEFAULT_RUN_THREADS = 16,
    DEFAULT_LEASE_MS = 30000,
    DEFAULT_SCHEDULER_MS = 5000,
    DEFAULT_SLICE_MS = 10000,
    DEFAULT_PAGE_SIZE = 1000,
    DEFAULT_DOCUMENT_PAGE_SIZE = 100,
    DEFAULT_WINDOW = 4,
    DEFAULT_REQUEST_LIMIT = 3000,
    DEFAULT_REQUEST_WINDOW_MS = 300000,
    DEFAULT_RESERVE_PERCENT = 20,
    DEFAULT_RETRY_MS = 500,
    DEFAULT_DISABLED_RETENTION_DAYS = 30,
    DEFAULT_DELETION_HOLD_MS = 3600000,
    DEFAULT_HEARTBEAT_MS = 10000,
    DEFAULT_KEEP_ALIVE_MS = 24 * 3600 * 1000,
    DEFAULT_LEAST_INTERVAL_MS = 15 * 60 * 1000,
};

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value == 0 ? fallback : value;
}

// A short lease is not left for longer than it lasts.
static int64_t look_ms(int64_t lease_ms)
{
    return lease_ms / 3 < DEFAULT_SCHEDULER_MS ? lease_ms / 3 : DEFAULT_SCHEDULER_MS;
}

static void init_threads(struct sync *sync)
{
    pthread_condattr_t steady;
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&sync->lock, NULL);
    (void)pthread_cond_init(&sync->scheduler_wake, &steady);
    (void)pthread_cond_init(&sync->run_wake, &steady);
    (void)pthread_cond_init(&sync->keeper_wake, &steady);
    (void)pthread_cond_init(&sync->timetable_wake, &steady);
    worker_init(&sync->remover, sync, &remover_work, &steady);
    worker_init(&sync->indexer, sync, &indexer_work, &steady);
    (void)pthread_condattr_destroy(&steady);
}

enum err_code sync_new(const struct sync_settings *settings, struct sync **ret_sync,
                       struct err *reterr)
{
    if (settings->page_size < 0 || settings->page_size > 1000 || settings->document_page_size < 0 ||
        settings->document_page_size > 1000 || settings->reserve_percent > 90 ||
        settings->request_limit < 0 || settings->run_threads < 0 || settings->window < 0)
        return err_invalid(reterr, "sync", "a setting of the sync is out of bounds");
    struct sync *sync = calloc(1, sizeof(*sync));
    if (sync == NULL)
        return err_no_memory(reterr);
    sync->store = settings->store;
    sync->background_store =
        settings->background_store == NULL ? settings->store : settings->background_store;
    sync->scheduler_store = settings->scheduler_store;
    sync->vault = settings->vault;
    unsigned char keys[VAULT_KEYS_MAX][32];
    (void)vault_subkeys(sync->vault, "embedded-secret", keys);
    memcpy(sync->findings_key, keys[0], sizeof(sync->findings_key));
    sodium_memzero(keys, sizeof(keys));
    sync->source = *settings->source;
    sync->run_threads = (int)or_default(settings->run_threads, DEFAULT_RUN_THREADS);
    sync->page_size = (int)or_default(settings->page_size, DEFAULT_PAGE_SIZE);
    sync->document_page_size =
        (int)or_default(settings->document_page_size, DEFAULT_DOCUMENT_PAGE_SIZE);
    sync->window = (int)or_default(settings->window, DEFAULT_WINDOW);
    sync->retry_ms = (int)or_default(settings->retry_ms, DEFAULT_RETRY_MS);
    sync->lease_ms = or_default(settings->lease_ms, DEFAULT_LEASE_MS);
    sync->scheduler_ms = or_default(settings->scheduler_ms, look_ms(sync->lease_ms));
    sync->slice_ms = or_default(settings->slice_ms, DEFAULT_SLICE_MS);
    sync->deletion_hold_ms = or_default(settings->deletion_hold_ms, DEFAULT_DELETION_HOLD_MS);
    sync->keep_alive_ms = or_default(settings->keep_alive_ms, DEFAULT_KEEP_ALIVE_MS);
    sync->disabled_retention_days =
        or_default(settings->disabled_retention_days, DEFAULT_DISABLED_RETENTION_DAYS);
    sync->least_interval_ms = or_default(settings->least_interval_ms, DEFAULT_LEAST_INTERVAL_MS);
    encoding_random_id(sync->owner);
    init_threads(sync);
    const struct budget_settings budget = {
        .store = sync->store,
        .limit = (int)or_default(settings->request_limit, DEFAULT_REQUEST_LIMIT),
        .window_ms = or_default(settings->request_window_ms, DEFAULT_REQUEST_WINDOW_MS),
        .reserve_percent =
            settings->reserve_percent < 0 ? DEFAULT_RESERVE_PERCENT : settings->reserve_percent,
        .of_key = settings->request_limit_of_key,
    };
    sync->request_limit = budget.limit;
    sync->request_window_ms = budget.window_ms;
    sync->request_reserve = (int)((int64_t)budget.limit * budget.reserve_percent / 100);
    enum err_code code = budget_new(&budget, &sync->budget, reterr);
    if (code == ERR_OK)
        code = feed_new(sync->store, or_default(settings->heartbeat_ms, DEFAULT_HEARTBEAT_MS),
                        &sync->feed, reterr);
    if (code == ERR_OK)
        code = changes_new(sync->store, or_default(settings->heartbeat_ms, DEFAULT_HEARTBEAT_MS),
                           &sync->changes, reterr);
    if (code != ERR_OK) {
        (void)sync_free(sync);
        return code;
    }
    *ret_sync = sync;
    return ERR_OK;
}

enum err_code sync_start(struct sync *sync, struct err *reterr)
{
    try_(budget_start(sync->budget, reterr));
    try_(feed_start(sync->feed, reterr));
    if (pthread_create(&sync->scheduler, NULL, scheduler_main, sync) != 0) {
        feed_stop(sync->feed);
        return err_set(reterr, ERR_INTERNAL, "no thread for the scheduler");
    }
    sync->started = true;
    if (pthread_create(&sync->keeper, NULL, keeper_main, sync) != 0)
        return err_set(reterr, ERR_INTERNAL, "no thread for the keeper");
    sync->keeper_started = true;
    if (pthread_create(&sync->timetable, NULL, timetable_main, sync) != 0)
        return err_set(reterr, ERR_INTERNAL, "no thread for the timetable");
    sync->timetable_started = true;
    try_(worker_start(&sync->remover, reterr));
    try_(worker_start(&sync->indexer, reterr));
    return changes_start(sync->changes, reterr);
}

void sync_stop(struct sync *sync)
{
    (void)pthread_mutex_lock(&sync->lock);
    sync->stopping = true;
    atomic_store(&sync->keeper_stop, true);
    (void)pthread_cond_signal(&sync->scheduler_wake);
    (void)pthread_cond_signal(&sync->keeper_wake);
    (void)pthread_cond_signal(&sync->timetable_wake);
    worker_stop(&sync->remover);
    worker_stop(&sync->indexer);
    (void)pthread_mutex_unlock(&sync->lock);
    if (sync->started)
        (void)pthread_join(sync->scheduler, NULL);
    if (sync->keeper_started)
        (void)pthread_join(sync->keeper, NULL);
    if (sync->timetable_started)
        (void)pthread_join(sync->timetable, NULL);
    worker_join(&sync->remover);
    worker_join(&sync->indexer);
    sync->timetable_started = false;
    sync->started = sync->keeper_started = false;
    changes_stop(sync->changes);
    feed_stop(sync->feed);
    budget_stop(sync->budget);
}

struct changes *sync_changes(struct sync *sync)
{
    return sync->changes;
}

struct sync *sync_free(struct sync *sync)
{
    if (sync == NULL)
        return NULL;
    (void)feed_free(sync->feed);
    (void)changes_free(sync->changes);
    (void)budget_free(sync->budget);
    (void)pthread_cond_destroy(&sync->keeper_wake);
    (void)pthread_cond_destroy(&sync->timetable_wake);
    worker_done(&sync->remover);
    worker_done(&sync->indexer);
    (void)pthread_cond_destroy(&sync->run_wake);
    (void)pthread_cond_destroy(&sync->scheduler_wake);
    (void)pthread_mutex_destroy(&sync->lock);
    free(sync);
    return NULL;
}

int64_t sync_get_least_interval_s(const struct sync *sync)
{
    return (sync->least_interval_ms + 999) / 1000;
}

void sync_wake(struct sync *sync)
{
    (void)pthread_mutex_lock(&sync->lock);
    sync->woken = true;
    (void)pthread_cond_signal(&sync->scheduler_wake);
    (void)pthread_mutex_unlock(&sync->lock);
}

bool sync_runs_live(const struct sync *sync)
{
    for (const struct run *run = sync->runs; run != NULL; run = run->next)
        if (!atomic_load(&run->over))
            return true;
    return false;
}

void sync_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(cond, lock, &until);
}

// Stops runs of a connection; `run_id` NULL: whichever it is.
static void stop_runs(struct sync *sync, const char *tenant, const char *connection_id,
                      const char *run_id, enum run_why why)
{
    (void)pthread_mutex_lock(&sync->lock);
    for (struct run *run = sync->runs; run != NULL; run = run->next) {
        if (strcmp(run->lease.tenant, tenant) != 0 ||
            strcmp(run->lease.connection_id, connection_id) != 0 ||
            (run_id != NULL && strcmp(run->lease.run_id, run_id) != 0))
            continue;
        int none = RUN_GOES_ON;
        (void)atomic_compare_exchange_strong(&run->why, &none, (int)why);
        atomic_store(&run->stop, true);
        (void)pthread_cond_broadcast(&sync->run_wake);
    }
    sync->woken = true;
    (void)pthread_cond_signal(&sync->scheduler_wake);
    (void)pthread_mutex_unlock(&sync->lock);
}

void sync_stop_run(struct sync *sync, const char *tenant, const char *connection_id,
                   const char *run_id)
{
    stop_runs(sync, tenant, connection_id, run_id, RUN_STOP_CANCEL);
}

void sync_let_go(struct sync *sync, const char *tenant, const char *connection_id)
{
    // Should the run have begun anew already, it begins once more.
    stop_runs(sync, tenant, connection_id, NULL, RUN_STOP_HAND_OVER);
    worker_call(&sync->remover);
}
