#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/sync/feed_private.h"
#include "server/sync/state.h"

enum err_code feed_new(struct store *store, int64_t heartbeat_ms, struct feed **ret_feed,
                       struct err *reterr)
{
    struct feed *feed = calloc(1, sizeof(*feed));
    if (feed == NULL)
        return err_no_memory(reterr);
    feed->store = store;
    feed->heartbeat_ms = heartbeat_ms;
    (void)pthread_mutex_init(&feed->lock, NULL);
    pthread_condattr_t steady;
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&feed->tick, &steady);
    (void)pthread_cond_init(&feed->unpinned, &steady);
    (void)pthread_condattr_destroy(&steady);
    *ret_feed = feed;
    return ERR_OK;
}

void feed_unref_run(struct feed *feed, struct feed_run *run)
{
    if (--run->refs > 0)
        return;
    struct feed_run **at = &feed->runs;
    while (*at != run)
        at = &(*at)->next;
    *at = run->next;
    for (size_t i = 0; i < FEED_ISSUES_MAX; i++)
        free(run->issues[i].text);
    arena_done(&run->arena);
    free(run);
}

struct feed *feed_free(struct feed *feed)
{
    if (feed == NULL)
        return NULL;
    (void)pthread_cond_destroy(&feed->tick);
    (void)pthread_cond_destroy(&feed->unpinned);
    (void)pthread_mutex_destroy(&feed->lock);
    free(feed);
    return NULL;
}

static struct feed_run *find(struct feed *feed, const char *tenant, const struct sync_run_row *row)
{
    struct feed_run *run = feed->runs;
    while (run != NULL && (strcmp(run->tenant, tenant) != 0 || strcmp(run->row.id, row->id) != 0 ||
                           strcmp(run->row.connection_id, row->connection_id) != 0))
        run = run->next;
    return run;
}

static void copy_task(struct feed_run *run, size_t i, const struct sync_task_row *task)
{
    (void)snprintf(run->errors[i].reason, sizeof(run->errors[i].reason), "%s", task->error_reason);
    (void)snprintf(run->errors[i].message, sizeof(run->errors[i].message), "%s",
                   task->error_message);
    run->row.tasks[i] = *task;
    run->row.tasks[i].checkpoint = "";
    run->row.tasks[i].error_reason = run->errors[i].reason;
    run->row.tasks[i].error_message = run->errors[i].message;
}

static struct feed_run *run_new(struct feed *feed, const char *tenant,
                                const struct sync_run_row *row)
{
    struct feed_run *run = calloc(1, sizeof(*run));
    if (run == NULL)
        return NULL;
    arena_init(&run->arena, FEED_ARENA_BYTES + row->organization_count * sizeof(int64_t));
    int64_t *organizations =
        arena_calloc(&run->arena, row->organization_count + 1, sizeof(*organizations));
    run->tenant = arena_strdup(&run->arena, tenant);
    run->row = *row;
    run->row.connection_id = arena_strdup(&run->arena, row->connection_id);
    run->row.id = arena_strdup(&run->arena, row->id);
    run->row.actor_subject = arena_strdup(&run->arena, row->actor_subject);
    run->row.actor_display_name = arena_strdup(&run->arena, row->actor_display_name);
    if (organizations == NULL || run->tenant == NULL || run->row.connection_id == NULL ||
        run->row.id == NULL || run->row.actor_subject == NULL ||
        run->row.actor_display_name == NULL) {
        arena_done(&run->arena);
        free(run);
        return NULL;
    }
    if (row->organization_count > 0)
        memcpy(organizations, row->organization_ids,
               row->organization_count * sizeof(*organizations));
    run->row.organization_ids = organizations;
    for (size_t i = 0; i < row->task_count; i++)
        copy_task(run, i, &row->tasks[i]);
    encoding_random_id(run->epoch);
    run->time_us = clock_wall_us();
    // Whoever follows a run from process to process sees sequences that grow: no run has as many
    // events as milliseconds.
    run->sequence = (run->time_us - row->create_time_us) / 1000;
    if (run->sequence < 0)
        run->sequence = 0;
    run->first_sequence = ++run->sequence;
    if (!run_is_live((enum run_state)row->state))
        run->end_sequence = run->sequence;
    run->next = feed->runs;
    feed->runs = run;
    return run;
}

struct feed_run *feed_get_run(struct feed *feed, const char *tenant, const struct sync_run_row *row)
{
    struct feed_run *run = find(feed, tenant, row);
    return run != NULL ? run : run_new(feed, tenant, row);
}

void feed_pin(struct wakes *wakes, struct sync_watch *watch)
{
    watch->pins++;
    wakes->watches[wakes->count++] = watch;
}

void feed_wake(struct feed *feed, struct wakes *wakes)
{
    if (wakes->count == 0)
        return;
    (void)pthread_mutex_unlock(&feed->lock);
    for (size_t i = 0; i < wakes->count; i++)
        wakes->watches[i]->waker.wake(wakes->watches[i]->waker.context);
    (void)pthread_mutex_lock(&feed->lock);
    for (size_t i = 0; i < wakes->count; i++)
        wakes->watches[i]->pins--;
    wakes->count = 0;
    (void)pthread_cond_broadcast(&feed->unpinned);
}

void feed_wake_run(struct feed *feed, struct feed_run *run)
{
    // Watchers come and go while the lock is given up: the round tells who was met.
    int64_t round = ++run->round;
    struct wakes wakes = {.count = 0};
    size_t handful;
    do {
        for (struct sync_watch *w = run->watches; w != NULL && wakes.count < FEED_WAKES_MAX;
             w = w->next)
            if (w->round < round) {
                w->round = round;
                feed_pin(&wakes, w);
            }
        handful = wakes.count;
        feed_wake(feed, &wakes);
    } while (handful == FEED_WAKES_MAX);
}

static bool task_differs(const struct sync_task_row *a, const struct sync_task_row *b)
{
    return a->state != b->state || memcmp(&a->counts, &b->counts, sizeof(a->counts)) != 0 ||
           a->organization_id != b->organization_id ||
           strcmp(a->error_reason, b->error_reason) != 0;
}

// Takes over how the run stands; true if anything is new.
bool feed_take_over(struct feed_run *run, const struct sync_run_row *row)
{
    int64_t before = run->sequence;
    for (size_t i = 0; i < row->task_count && i < run->row.task_count; i++) {
        if (!task_differs(&run->row.tasks[i], &row->tasks[i]))
            continue;
        copy_task(run, i, &row->tasks[i]);
        run->task_sequence[i] = ++run->sequence;
    }
    if (row->state == RUN_WAITING &&
        (run->row.state != RUN_WAITING || run->row.resume_time_us != row->resume_time_us))
        run->wait_sequence = ++run->sequence;
    run->row.state = row->state;
    run->row.cancel_requested = row->cancel_requested;
    run->row.request_count = row->request_count;
    run->row.quota = row->quota;
    run->row.resume_time_us = row->resume_time_us;
    run->row.start_time_us = row->start_time_us;
    run->row.end_time_us = row->end_time_us;
    run->row.checkpoint_time_us = row->checkpoint_time_us;
    if (row->issue_count > run->row.issue_count)
        run->row.issue_count = row->issue_count;
    if (run->end_sequence == 0 && !run_is_live((enum run_state)row->state))
        run->end_sequence = ++run->sequence;
    if (run->sequence == before)
        return false;
    run->time_us = clock_wall_us();
    return true;
}

struct feed_run *feed_attach(struct feed *feed, const char *tenant, const struct sync_run_row *row)
{
    (void)pthread_mutex_lock(&feed->lock);
    struct feed_run *run = feed_get_run(feed, tenant, row);
    if (run != NULL) {
        run->refs++;
        run->local = true;
        if (feed_take_over(run, row))
            feed_wake_run(feed, run);
    }
    (void)pthread_mutex_unlock(&feed->lock);
    return run;
}

void feed_update(struct feed *feed, struct feed_run *run, const struct sync_run_row *row)
{
    if (run == NULL)
        return;
    (void)pthread_mutex_lock(&feed->lock);
    if (feed_take_over(run, row))
        feed_wake_run(feed, run);
    (void)pthread_mutex_unlock(&feed->lock);
}

// True if it is new.
bool feed_add_issue(struct feed_run *run, const struct sync_issue *issue)
{
    for (size_t i = 0; i < FEED_ISSUES_MAX; i++)
        if (run->issues[i].text != NULL && strcmp(run->issues[i].issue.id, issue->id) == 0)
            return false;
    size_t id = strlen(issue->id) + 1, subject = strlen(issue->subject) + 1;
    size_t message = strlen(issue->message) + 1;
    char *text = malloc(id + subject + message);
    if (text == NULL)
        return false;
    struct feed_issue *place = &run->issues[run->issue_at];
    run->issue_at = (run->issue_at + 1) % FEED_ISSUES_MAX;
    free(place->text);
    place->text = text;
    place->issue = *issue;
    place->issue.run_id = run->row.id;
    place->issue.id = memcpy(text, issue->id, id);
    place->issue.subject = memcpy(text + id, issue->subject, subject);
    place->issue.message = memcpy(text + id + subject, issue->message, message);
    place->sequence = ++run->sequence;
    run->time_us = clock_wall_us();
    return true;
}

void feed_issue(struct feed *feed, struct feed_run *run, const struct sync_issue *issue)
{
    if (run == NULL)
        return;
    (void)pthread_mutex_lock(&feed->lock);
    if (feed_add_issue(run, issue)) {
        run->row.issue_count++;
        feed_wake_run(feed, run);
    }
    (void)pthread_mutex_unlock(&feed->lock);
}

void feed_detach(struct feed *feed, struct feed_run *run)
{
    (void)pthread_mutex_lock(&feed->lock);
    run->local = false;
    feed_unref_run(feed, run);
    (void)pthread_mutex_unlock(&feed->lock);
}

enum err_code feed_start(struct feed *feed, struct err *reterr)
{
    if (pthread_create(&feed->thread, NULL, feed_main, feed) != 0)
        return err_set(reterr, ERR_INTERNAL, "no thread for the feed");
    feed->started = true;
    return ERR_OK;
}

void feed_stop(struct feed *feed)
{
    (void)pthread_mutex_lock(&feed->lock);
    feed->stopping = true;
    (void)pthread_cond_broadcast(&feed->tick);
    (void)pthread_mutex_unlock(&feed->lock);
    if (feed->started)
        (void)pthread_join(feed->thread, NULL);
    feed->started = false;
}
