// The scheduler: finds due leases, gives each a thread, keeps them alive, takes threads back.
#include <stdlib.h>

#include "server/base/log.h"
#include "server/sync/sync_private.h"

// curl, yajl and libpq need little; sanitizers need more.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STACK_BYTES = 4 * 1024 * 1024 };
#else
enum { STACK_BYTES = 512 * 1024 };
#endif

enum { LOOK_ARENA_BYTES = 256 * 1024, TX_MS = 10000 };

void scheduler_park(struct sync *sync, int64_t ms)
{
    // A little later, so that the database agrees that the time has come.
    int64_t due_ms = clock_steady_ms() + ms + 20;
    (void)pthread_mutex_lock(&sync->lock);
    if (sync->look_ms == 0 || due_ms < sync->look_ms)
        sync->look_ms = due_ms;
    (void)pthread_cond_signal(&sync->scheduler_wake);
    (void)pthread_mutex_unlock(&sync->lock);
}

static bool start_run(struct sync *sync, const struct sync_lease *lease)
{
    struct run *run = run_new(sync, lease);
    if (run == NULL)
        return false;
    pthread_attr_t attributes;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)pthread_mutex_lock(&sync->lock);
    bool started = pthread_create(&run->thread, &attributes, run_main, run) == 0;
    if (started) {
        run->next = sync->runs;
        sync->runs = run;
        sync->run_count++;
    }
    (void)pthread_mutex_unlock(&sync->lock);
    (void)pthread_attr_destroy(&attributes);
    if (!started)
        (void)run_free(run);
    return started;
}

static void claim(struct sync *sync, int max)
{
    struct err err;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, LOOK_ARENA_BYTES);
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct sync_lease *leases;
    size_t count;
    if (store_begin(sync->scheduler_store, "", deadline_in(TX_MS), NULL, &tx, &err) != ERR_OK ||
        sync_lease_claim(tx, sync->owner, sync->lease_ms, max, &arena, &leases, &count, &err) !=
            ERR_OK ||
        tx_commit(&tx, &err) != ERR_OK) {
        log_event(LOG_WARN, "the scheduler cannot look for runs", LOG_ERR(&err));
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (!start_run(sync, &leases[i]))
            log_event(LOG_ERROR, "no thread for a run", LOG_STR("run", leases[i].run_id));
}

// The run that has had its thread longest, and for its slice at least, among those that do not give
// way yet; NULL: none.
static struct run *longest(const struct sync *sync)
{
    int64_t before_ms = clock_steady_ms() - sync->slice_ms;
    struct run *longest = NULL;
    for (struct run *run = sync->runs; run != NULL; run = run->next)
        if (run->taken_ms <= before_ms && !atomic_load(&run->over) &&
            !atomic_load(&run->gives_way) && (longest == NULL || run->taken_ms < longest->taken_ms))
            longest = run;
    return longest;
}

// All threads are taken: as many runs as wait for one get that of a run that had its slice, which
// goes on behind them.
static void make_way(struct sync *sync)
{
    struct err err;
    int64_t waiting;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    if (longest(sync) == NULL)
        return;
    if (store_begin(sync->scheduler_store, "", deadline_in(TX_MS), NULL, &tx, &err) != ERR_OK ||
        sync_lease_count_due(tx, sync->run_threads, &waiting, &err) != ERR_OK) {
        log_event(LOG_WARN, "the scheduler cannot see who waits", LOG_ERR(&err));
        return;
    }
    for (const struct run *run = sync->runs; run != NULL; run = run->next)
        waiting -= atomic_load(&run->gives_way);
    struct run *run;
    while (waiting-- > 0 && (run = longest(sync)) != NULL) {
        log_event(LOG_INFO, "a run gives way", LOG_STR("run", run->lease.run_id));
        atomic_store(&run->gives_way, true);
    }
}

// Joins the threads of runs that are over; with `all`, of all runs.
static void reap(struct sync *sync, bool all)
{
    struct run *over = NULL;
    (void)pthread_mutex_lock(&sync->lock);
    for (struct run **at = &sync->runs; *at != NULL;) {
        struct run *run = *at;
        if (!all && !atomic_load(&run->over)) {
            at = &run->next;
            continue;
        }
        *at = run->next;
        run->next = over;
        over = run;
        sync->run_count--;
    }
    (void)pthread_mutex_unlock(&sync->lock);
    while (over != NULL) {
        struct run *run = over;
        over = run->next;
        (void)pthread_join(run->thread, NULL);
        (void)run_free(run);
    }
}

// Only this thread adds and removes runs, so that it may walk them without the lock.
static void prolong(struct sync *sync)
{
    size_t count = 0, capacity = (size_t)sync->run_count;
    if (capacity == 0)
        return;
    struct err err;
    struct sync_lease *leases _cleanup_(freep) = calloc(capacity, sizeof(*leases));
    struct run **runs _cleanup_(freep) = calloc(capacity, sizeof(*runs));
    bool *held _cleanup_(freep) = calloc(capacity, sizeof(*held));
    if (leases == NULL || runs == NULL || held == NULL)
        return;
    for (struct run *run = sync->runs; run != NULL && count < capacity; run = run->next) {
        if (atomic_load(&run->over))
            continue;
        runs[count] = run;
        leases[count++] = run->lease;
    }
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    if (store_begin(sync->scheduler_store, "", deadline_in(TX_MS), NULL, &tx, &err) != ERR_OK ||
        sync_lease_prolong(tx, sync->owner, sync->lease_ms, leases, count, held, &err) != ERR_OK ||
        tx_commit(&tx, &err) != ERR_OK) {
        log_event(LOG_WARN, "leases could not be prolonged", LOG_ERR(&err));
        return;
    }
    for (size_t i = 0; i < count; i++)
        // A run that is ending has given its lease away by itself; the stop does not reach it.
        if (!held[i] && !atomic_load(&runs[i]->over))
            run_stop(runs[i], RUN_STOP_LOST);
}

static void stop_runs(struct sync *sync)
{
    for (struct run *run = sync->runs; run != NULL; run = run->next)
        run_stop(run, RUN_STOP_HAND_OVER);
    reap(sync, true);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void *scheduler_main(void *context)
{
    struct sync *sync = context;
    int64_t next_look_ms = 0, next_prolong_ms = 0;
    bool stopping = false;
    while (!stopping) {
        reap(sync, false);
        int64_t now_ms = clock_steady_ms();
        if (now_ms >= next_prolong_ms) {
            prolong(sync);
            next_prolong_ms = now_ms + sync->lease_ms / 3;
        }
        int room = sync->run_threads - sync->run_count;
        if (now_ms >= next_look_ms) {
            if (room > 0)
                claim(sync, room);
            else
                make_way(sync);
            next_look_ms = clock_steady_ms() + sync->scheduler_ms;
        }
        (void)pthread_mutex_lock(&sync->lock);
        now_ms = clock_steady_ms();
        if (!sync->woken && !sync->stopping) {
            int64_t until_ms = earlier(next_prolong_ms, next_look_ms);
            if (sync->look_ms != 0)
                until_ms = earlier(until_ms, sync->look_ms);
            if (until_ms > now_ms)
                sync_cond_wait(&sync->scheduler_wake, &sync->lock, until_ms - now_ms);
        }
        bool parked_due = sync->look_ms != 0 && clock_steady_ms() >= sync->look_ms;
        if (parked_due)
            sync->look_ms = 0;
        if (sync->woken || parked_due)
            next_look_ms = 0;
        sync->woken = false;
        stopping = sync->stopping;
        (void)pthread_mutex_unlock(&sync->lock);
    }
    stop_runs(sync);
    return NULL;
}
