// Watchers: each a cursor into its run; what lies behind the cursor is told in order.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/sync/feed_private.h"
#include "server/sync/state.h"
#include "server/sync/sync_private.h"

enum err_code sync_watch_open(struct sync *sync, const char *tenant, const char *connection_id,
                              const char *run_id, const struct stream_waker *waker,
                              struct sync_watch **ret_watch, struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 4 * 1024 * 1024);
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct sync_run_row row;
    try_(store_begin(sync->store, tenant, deadline_in(10000), NULL, &tx, reterr));
    try_(sync_run_load(tx, connection_id, run_id, &arena, &row, reterr));
    tx_abortp(&tx);
    return feed_watch(sync->feed, tenant, &row, waker, ret_watch, reterr);
}

enum err_code feed_watch(struct feed *feed, const char *tenant, const struct sync_run_row *row,
                         const struct stream_waker *waker, struct sync_watch **ret_watch,
                         struct err *reterr)
{
    struct sync_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return err_no_memory(reterr);
    (void)pthread_mutex_lock(&feed->lock);
    struct feed_run *run = feed_get_run(feed, tenant, row);
    if (run != NULL) {
        run->refs++;
        *watch = (struct sync_watch){
            .next = run->watches,
            .feed = feed,
            .run = run,
            .waker = *waker,
            .round = run->round,
            .heartbeat_at_ms = clock_steady_ms() + feed->heartbeat_ms,
        };
        run->watches = watch;
        if (feed->watch_count++ == 0)
            (void)pthread_cond_signal(&feed->tick);
    }
    (void)pthread_mutex_unlock(&feed->lock);
    if (run == NULL) {
        free(watch);
        return err_no_memory(reterr);
    }
    *ret_watch = watch;
    return ERR_OK;
}

void sync_watch_close(struct sync_watch *watch)
{
    if (watch == NULL)
        return;
    struct feed *feed = watch->feed;
    (void)pthread_mutex_lock(&feed->lock);
    while (watch->pins > 0)
        (void)pthread_cond_wait(&feed->unpinned, &feed->lock);
    struct sync_watch **at = &watch->run->watches;
    while (*at != watch)
        at = &(*at)->next;
    *at = watch->next;
    feed->watch_count--;
    feed_unref_run(feed, watch->run);
    (void)pthread_mutex_unlock(&feed->lock);
    free(watch);
}

static bool copy_row(const struct feed_run *run, struct arena *arena,
                     const struct sync_run_row **ret_row)
{
    struct sync_run_row *row = arena_alloc(arena, sizeof(*row));
    int64_t *ids = arena_calloc(arena, run->row.organization_count + 1, sizeof(*ids));
    if (row == NULL || ids == NULL)
        return false;
    *row = run->row;
    if (row->organization_count > 0)
        memcpy(ids, run->row.organization_ids, row->organization_count * sizeof(*ids));
    row->organization_ids = ids;
    row->connection_id = arena_strdup(arena, row->connection_id);
    row->id = arena_strdup(arena, row->id);
    row->actor_subject = arena_strdup(arena, row->actor_subject);
    row->actor_display_name = arena_strdup(arena, row->actor_display_name);
    bool whole = row->connection_id != NULL && row->id != NULL && row->actor_subject != NULL &&
                 row->actor_display_name != NULL;
    for (size_t i = 0; i < row->task_count; i++) {
        row->tasks[i].error_reason = arena_strdup(arena, row->tasks[i].error_reason);
        row->tasks[i].error_message = arena_strdup(arena, row->tasks[i].error_message);
        whole = whole && row->tasks[i].error_reason != NULL && row->tasks[i].error_message != NULL;
    }
    *ret_row = row;
    return whole;
}

static bool copy_issue(const struct feed_issue *from, struct arena *arena,
                       const struct sync_issue **ret_issue)
{
    struct sync_issue *issue = arena_alloc(arena, sizeof(*issue));
    if (issue == NULL)
        return false;
    *issue = from->issue;
    issue->id = arena_strdup(arena, issue->id);
    issue->run_id = arena_strdup(arena, issue->run_id);
    issue->subject = arena_strdup(arena, issue->subject);
    issue->message = arena_strdup(arena, issue->message);
    *ret_issue = issue;
    return issue->id != NULL && issue->run_id != NULL && issue->subject != NULL &&
           issue->message != NULL;
}

// The oldest thing that the watcher has not seen; the end comes after all others.
struct pending {
    enum sync_event_kind kind;
    int64_t sequence;
    size_t index;
};

static void consider(struct pending *pending, int64_t cursor, enum sync_event_kind kind,
                     int64_t sequence, size_t index)
{
    if (sequence > cursor && (pending->kind == SYNC_EVENT_NONE || sequence < pending->sequence))
        *pending = (struct pending){kind, sequence, index};
}

static struct pending find_pending(const struct sync_watch *watch)
{
    const struct feed_run *run = watch->run;
    struct pending pending = {SYNC_EVENT_NONE, 0, 0};
    for (size_t i = 0; i < run->row.task_count; i++)
        consider(&pending, watch->cursor, SYNC_EVENT_TASK, run->task_sequence[i], i);
    if (run->row.state == RUN_WAITING)
        consider(&pending, watch->cursor, SYNC_EVENT_QUOTA_WAIT, run->wait_sequence, 0);
    for (size_t i = 0; i < FEED_ISSUES_MAX; i++)
        consider(&pending, watch->cursor, SYNC_EVENT_ISSUE, run->issues[i].sequence, i);
    return pending;
}

static bool fill(struct sync_watch *watch, struct arena *arena, struct sync_event *event)
{
    struct feed_run *run = watch->run;
    if (!copy_row(run, arena, &event->run))
        return false;
    if (!watch->snapshot_sent) {
        watch->snapshot_sent = true;
        watch->cursor = run->sequence;
        event->kind = SYNC_EVENT_SNAPSHOT;
        return true;
    }
    struct pending pending = find_pending(watch);
    event->kind = pending.kind;
    if (pending.kind == SYNC_EVENT_NONE) {
        if (run->end_sequence == 0 || watch->finished_sent)
            return true;
        watch->finished_sent = true;
        if (watch->cursor < run->end_sequence)
            watch->cursor = run->end_sequence;
        event->kind = SYNC_EVENT_FINISHED;
        return true;
    }
    watch->cursor = pending.sequence;
    if (pending.kind == SYNC_EVENT_TASK)
        event->task = &event->run->tasks[pending.index];
    return pending.kind != SYNC_EVENT_ISSUE ||
           copy_issue(&run->issues[pending.index], arena, &event->issue);
}

enum err_code sync_watch_next(struct sync_watch *watch, struct arena *arena,
                              struct sync_event *ret_event, struct err *reterr)
{
    struct feed *feed = watch->feed;
    *ret_event = (struct sync_event){0};
    (void)pthread_mutex_lock(&feed->lock);
    bool whole = true;
    int64_t now_ms = clock_steady_ms();
    if (watch->finished_sent)
        ret_event->kind = SYNC_EVENT_END;
    else
        whole = fill(watch, arena, ret_event);
    if (ret_event->kind == SYNC_EVENT_NONE && now_ms >= watch->heartbeat_at_ms)
        ret_event->kind = SYNC_EVENT_HEARTBEAT;
    if (ret_event->kind != SYNC_EVENT_NONE)
        watch->heartbeat_at_ms = now_ms + feed->heartbeat_ms;
    ret_event->sequence = watch->cursor;
    ret_event->time_us =
        ret_event->kind == SYNC_EVENT_HEARTBEAT ? clock_wall_us() : watch->run->time_us;
    (void)pthread_mutex_unlock(&feed->lock);
    return whole ? ERR_OK : err_no_memory(reterr);
}

void sync_watch_cursor(const struct sync_watch *watch, char ret_text[SYNC_CURSOR_BYTES])
{
    (void)snprintf(ret_text, SYNC_CURSOR_BYTES, "%s.%" PRId64, watch->run->epoch, watch->cursor);
}

bool sync_watch_resume(struct sync_watch *watch, const char *cursor)
{
    const char *dot = strchr(cursor, '.');
    int64_t sequence;
    if (dot == NULL || !encoding_int64(dot + 1, strlen(dot + 1), &sequence) || sequence < 0)
        return false;
    struct feed *feed = watch->feed;
    struct feed_run *run = watch->run;
    (void)pthread_mutex_lock(&feed->lock);
    bool same = strlen(run->epoch) == (size_t)(dot - cursor) &&
                memcmp(run->epoch, cursor, (size_t)(dot - cursor)) == 0 &&
                sequence <= run->sequence;
    if (same) {
        watch->snapshot_sent = true;
        watch->cursor = sequence;
    } else if (sequence > run->sequence) {
        run->sequence = sequence;
        if (run->end_sequence != 0)
            run->end_sequence = sequence;
    }
    (void)pthread_mutex_unlock(&feed->lock);
    return true;
}
