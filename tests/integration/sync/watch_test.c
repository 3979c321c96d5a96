// What watchers are told of a run.
#include <string.h>
#include <unistd.h>

#include "server/sync/state.h"
#include "server/sync/sync_private.h"
#include "tests/integration/sync/fixture.h"

// A watcher's waker: counts.
static void count_wake(void *context)
{
    (void)atomic_fetch_add((atomic_int *)context, 1);
}

static struct sync_watch *open_watch(struct fixture *fixture, struct sync *sync, atomic_int *wakes)
{
    struct sync_watch *watch = NULL;
    struct err err = {0};
    struct stream_waker waker = {count_wake, wakes};
    assert_int_equal(sync_watch_open(sync, "t1", "c1", fixture->run_id, &waker, &watch, &err),
                     ERR_OK);
    return watch;
}

static struct sync_event next_event(struct fixture *fixture, struct sync_watch *watch)
{
    struct sync_event event;
    struct err err = {0};
    assert_int_equal(sync_watch_next(watch, &fixture->arena, &event, &err), ERR_OK);
    return event;
}

// Waits for a wake, as rpc does, and takes what there is.
static struct sync_event wait_event(struct fixture *fixture, struct sync_watch *watch,
                                    atomic_int *wakes)
{
    struct deadline deadline = deadline_in(20000);
    for (;;) {
        int before = atomic_load(wakes);
        struct sync_event event = next_event(fixture, watch);
        if (event.kind != SYNC_EVENT_NONE)
            return event;
        while (atomic_load(wakes) == before) {
            assert_true(deadline_left_ms(deadline) > 0);
            (void)usleep(500);
        }
    }
}

// Reads to the end; what the tasks said last must be what the end says.
static int read_to_end(struct fixture *fixture, struct sync_watch *watch, atomic_int *wakes,
                       int64_t after)
{
    struct sync_task_row last[SYNC_TASK_KINDS] = {{0}};
    struct sync_event event;
    int events = 0;
    for (;;) {
        event = wait_event(fixture, watch, wakes);
        if (event.kind == SYNC_EVENT_HEARTBEAT)
            continue;
        events++;
        assert_true(event.sequence > after || event.kind == SYNC_EVENT_FINISHED);
        after = event.sequence;
        if (event.kind == SYNC_EVENT_FINISHED)
            break;
        assert_int_not_equal(event.kind, SYNC_EVENT_END);
        if (event.kind == SYNC_EVENT_SNAPSHOT)
            memcpy(last, event.run->tasks, sizeof(last));
        if (event.kind == SYNC_EVENT_TASK)
            last[event.task->kind - 1] = *event.task;
    }
    for (int i = 0; i < SYNC_TASK_KINDS; i++) {
        assert_int_equal(last[i].state, event.run->tasks[i].state);
        assert_int_equal(last[i].counts.done, event.run->tasks[i].counts.done);
    }
    assert_int_equal(next_event(fixture, watch).kind, SYNC_EVENT_END);
    return events;
}

static void a_run_is_followed_to_its_end(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture->settings.page_size = 2;
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    atomic_int wakes = 0;
    struct sync_watch *watch = open_watch(fixture, fixture->sync, &wakes);
    struct sync_event event = next_event(fixture, watch);
    assert_int_equal(event.kind, SYNC_EVENT_SNAPSHOT);
    assert_string_equal(event.run->id, fixture->run_id);
    (void)read_to_end(fixture, watch, &wakes, event.sequence);
    sync_watch_close(watch);
}

static void an_ended_run_is_told_at_once(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    atomic_int wakes = 0;
    struct sync_watch *watch = open_watch(fixture, fixture->sync, &wakes);
    struct sync_event event = next_event(fixture, watch);
    assert_int_equal(event.kind, SYNC_EVENT_SNAPSHOT);
    assert_int_equal(event.run->state, RUN_SUCCEEDED);
    assert_int_equal(event.run->tasks[1].counts.done, 14);
    assert_int_equal(next_event(fixture, watch).kind, SYNC_EVENT_FINISHED);
    assert_int_equal(next_event(fixture, watch).kind, SYNC_EVENT_END);
    assert_int_equal(next_event(fixture, watch).kind, SYNC_EVENT_END);
    sync_watch_close(watch);
}

static void another_process_follows_by_polling(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture->settings.page_size = 2;
    fixture_ask(fixture, 0);
    // An engine whose feed lives but whose scheduler takes no runs.
    struct sync *other = NULL;
    struct err err = {0};
    assert_int_equal(sync_new(&fixture->settings, &other, &err), ERR_OK);
    assert_int_equal(feed_start(other->feed, &err), ERR_OK);
    atomic_int wakes = 0;
    struct sync_watch *watch = open_watch(fixture, other, &wakes);
    struct sync_event event = next_event(fixture, watch);
    assert_int_equal(event.kind, SYNC_EVENT_SNAPSHOT);
    assert_int_equal(event.run->state, RUN_QUEUED);
    assert_int_equal(next_event(fixture, watch).kind, SYNC_EVENT_NONE);
    fixture_start_sync(fixture);
    (void)read_to_end(fixture, watch, &wakes, event.sequence);
    sync_watch_close(watch);
    sync_stop(other);
    (void)sync_free(other);
}

static void a_slow_reader_gets_the_newest(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture->settings.page_size = 1;
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    atomic_int wakes = 0;
    struct sync_watch *watch = open_watch(fixture, fixture->sync, &wakes);
    struct sync_event event = next_event(fixture, watch);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    sync_stop(fixture->sync);
    // A hundred pages later: one event a task at most, and the end.
    assert_in_range(read_to_end(fixture, watch, &wakes, event.sequence), 1, 6);
    sync_watch_close(watch);
}

static void a_watcher_resumes_where_it_was(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    atomic_int wakes = 0;
    struct sync_watch *first = open_watch(fixture, fixture->sync, &wakes);
    (void)next_event(fixture, first);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    struct sync_event event = wait_event(fixture, first, &wakes);
    char cursor[SYNC_CURSOR_BYTES];
    sync_watch_cursor(first, cursor);
    // The same feed: goes on with what follows, without a snapshot.
    struct sync_watch *second = open_watch(fixture, fixture->sync, &wakes);
    assert_true(sync_watch_resume(second, cursor));
    struct sync_event follows = wait_event(fixture, second, &wakes);
    assert_int_not_equal(follows.kind, SYNC_EVENT_SNAPSHOT);
    assert_true(follows.sequence >= event.sequence);
    sync_watch_close(first);
    sync_watch_close(second);
    // Another feed: begins with a snapshot, and still counts upwards.
    struct sync *other = NULL;
    struct err err = {0};
    assert_int_equal(sync_new(&fixture->settings, &other, &err), ERR_OK);
    struct sync_watch *third = open_watch(fixture, other, &wakes);
    assert_true(sync_watch_resume(third, cursor));
    follows = next_event(fixture, third);
    assert_int_equal(follows.kind, SYNC_EVENT_SNAPSHOT);
    assert_true(follows.sequence >= event.sequence);
    assert_false(sync_watch_resume(third, "nonsense"));
    assert_false(sync_watch_resume(third, "abc.x"));
    sync_watch_close(third);
    (void)sync_free(other);
}

static atomic_bool wait_seen;

// A wait that nobody looked at while it lasted would not be told.
static enum err_code refuse_until_seen(const struct source_query *query,
                                       const atomic_bool *cancelled, struct source_attempt *attempt,
                                       struct err *reterr)
{
    (void)cancelled;
    if (query->kind != SOURCE_PASSWORDS || atomic_load(&wait_seen))
        return ERR_OK;
    attempt->retry_after_ms = 300;
    return err_set(reterr, ERR_UPSTREAM_RATE_LIMITED, "slower");
}

static void waits_and_issues_are_told(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fake_put(&(struct fake_record){
        .kind = SOURCE_CHECKLISTS, .id = 3001, .organization_id = 3, .name = "x", .bad = true});
    atomic_store(&wait_seen, false);
    fake_set_hook(refuse_until_seen);
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    atomic_int wakes = 0;
    struct sync_watch *watch = open_watch(fixture, fixture->sync, &wakes);
    bool waited = false, issue = false;
    for (;;) {
        struct sync_event event = wait_event(fixture, watch, &wakes);
        if (event.kind == SYNC_EVENT_QUOTA_WAIT) {
            waited = true;
            assert_true(event.run->resume_time_us > 0);
            atomic_store(&wait_seen, true);
        }
        if (event.kind == SYNC_EVENT_ISSUE) {
            issue = true;
            assert_string_equal(event.issue->subject, "checklists/3001");
        }
        if (event.kind == SYNC_EVENT_FINISHED) {
            assert_int_equal(event.run->state, RUN_PARTIAL);
            assert_int_equal(event.run->issue_count, 1);
            break;
        }
    }
    assert_true(waited);
    assert_true(issue);
    sync_watch_close(watch);
}

static void a_quiet_run_shows_life(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture->settings.heartbeat_ms = 10;
    fixture_ask(fixture, 0);
    struct sync *idle = NULL;
    struct err err = {0};
    assert_int_equal(sync_new(&fixture->settings, &idle, &err), ERR_OK);
    assert_int_equal(feed_start(idle->feed, &err), ERR_OK);
    atomic_int wakes = 0;
    struct sync_watch *watch = open_watch(fixture, idle, &wakes);
    assert_int_equal(next_event(fixture, watch).kind, SYNC_EVENT_SNAPSHOT);
    for (int i = 0; i < 2; i++)
        assert_int_equal(wait_event(fixture, watch, &wakes).kind, SYNC_EVENT_HEARTBEAT);
    sync_watch_close(watch);
    sync_stop(idle);
    (void)sync_free(idle);
}

// More watchers than are woken at once, coming and going while a run is busy.
static void many_watchers_all_hear_the_end(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture->settings.page_size = 1;
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    static atomic_int wakes[300];
    struct sync_watch *watches[300];
    for (size_t i = 0; i < ARRAY_LEN(watches); i++) {
        atomic_store(&wakes[i], 0);
        watches[i] = open_watch(fixture, fixture->sync, &wakes[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(watches); i += 3) {
        sync_watch_close(watches[i]);
        watches[i] = NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(watches); i++)
        if (watches[i] != NULL) {
            (void)read_to_end(fixture, watches[i], &wakes[i], 0);
            sync_watch_close(watches[i]);
        }
}

static void strangers_see_nothing(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    atomic_int wakes = 0;
    struct stream_waker waker = {count_wake, &wakes};
    struct sync_watch *watch = NULL;
    struct err err = {0};
    assert_int_equal(
        sync_watch_open(fixture->sync, "t2", "c1", fixture->run_id, &waker, &watch, &err),
        ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(sync_watch_open(fixture->sync, "t1", "c1", "none", &waker, &watch, &err),
                     ERR_RESOURCE_NOT_FOUND);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_run_is_followed_to_its_end),
        TEST(an_ended_run_is_told_at_once),
        TEST(another_process_follows_by_polling),
        TEST(a_slow_reader_gets_the_newest),
        TEST(a_watcher_resumes_where_it_was),
        TEST(waits_and_issues_are_told),
        TEST(a_quiet_run_shows_life),
        TEST(many_watchers_all_hear_the_end),
        TEST(strangers_see_nothing),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
