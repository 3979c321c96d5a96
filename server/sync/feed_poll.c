// The feed's one thread: reads the watched runs of other processes, gives signs of life.
#include "server/base/log.h"
#include "server/sync/feed_private.h"
#include "server/sync/sync_private.h"

enum { TICK_MS = 1000, POLL_MS = 5000, POLLED_MAX = 256 };

// Reads a run of another process. Called without the lock; `run` is held by a reference.
static void poll_run(struct feed *feed, struct feed_run *run)
{
    struct err err;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1024 * 1024);
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct sync_run_row row;
    struct sync_issue *issues;
    size_t count;
    struct sync_issue_list list = {
        .connection_id = run->row.connection_id, .run_id = run->row.id, .limit = FEED_ISSUES_MAX};
    enum err_code code =
        store_begin(feed->store, run->tenant, deadline_in(POLL_MS), NULL, &tx, &err);
    if (code == ERR_OK)
        code = sync_run_load(tx, run->row.connection_id, run->row.id, &arena, &row, &err);
    if (code == ERR_OK)
        code = sync_issue_list(tx, &list, &arena, &issues, &count, &err);
    if (code == ERR_RESOURCE_NOT_FOUND) {
        // Deleted with its connection, which cancelled it.
        row = run->row;
        row.state = RUN_CANCELLED;
        row.end_time_us = clock_wall_us();
        count = 0;
    } else if (code != ERR_OK) {
        log_event(LOG_WARN, "a watched run could not be read", LOG_ERR(&err));
        return;
    }
    tx_abortp(&tx);
    (void)pthread_mutex_lock(&feed->lock);
    // Meanwhile it may have become ours, which knows better.
    if (!run->local) {
        bool changed = false;
        for (size_t i = count; i-- > 0;)
            changed = feed_add_issue(run, &issues[i]) || changed;
        if (feed_take_over(run, &row) || changed)
            feed_wake_run(feed, run);
    }
    (void)pthread_mutex_unlock(&feed->lock);
}

static void wake_idle(struct feed *feed)
{
    for (;;) {
        struct wakes wakes = {.count = 0};
        int64_t now_ms = clock_steady_ms();
        for (struct feed_run *run = feed->runs; run != NULL; run = run->next)
            for (struct sync_watch *w = run->watches; w != NULL && wakes.count < FEED_WAKES_MAX;
                 w = w->next)
                if (w->pins == 0 && now_ms >= w->heartbeat_at_ms && now_ms > w->woken_ms &&
                    !w->finished_sent) {
                    // A watcher too slow to answer is not woken again at once.
                    w->woken_ms = now_ms;
                    feed_pin(&wakes, w);
                }
        size_t handful = wakes.count;
        feed_wake(feed, &wakes);
        if (handful < FEED_WAKES_MAX)
            return;
    }
}

static void poll_all(struct feed *feed)
{
    struct feed_run *runs[POLLED_MAX];
    size_t count = 0;
    for (struct feed_run *run = feed->runs; run != NULL && count < ARRAY_LEN(runs); run = run->next)
        if (!run->local && run->watches != NULL && run->end_sequence == 0) {
            run->refs++;
            runs[count++] = run;
        }
    (void)pthread_mutex_unlock(&feed->lock);
    for (size_t i = 0; i < count; i++)
        poll_run(feed, runs[i]);
    (void)pthread_mutex_lock(&feed->lock);
    for (size_t i = 0; i < count; i++)
        feed_unref_run(feed, runs[i]);
}

void *feed_main(void *context)
{
    struct feed *feed = context;
    (void)pthread_mutex_lock(&feed->lock);
    while (!feed->stopping) {
        sync_cond_wait(&feed->tick, &feed->lock, feed->watch_count > 0 ? TICK_MS : 60 * TICK_MS);
        if (feed->stopping || feed->watch_count == 0)
            continue;
        poll_all(feed);
        wake_idle(feed);
    }
    (void)pthread_mutex_unlock(&feed->lock);
    return NULL;
}
