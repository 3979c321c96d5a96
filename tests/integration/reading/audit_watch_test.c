// The trail as it is written: who watches sees it, from where a stream broke.
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "docbridge/v1/audit.pb-c.h"
#include "server/audit/trail.h"
#include "tests/integration/reading/events.h"

static struct err err;
static atomic_int wakes;

static void count_wake(void *context)
{
    (void)context;
    atomic_fetch_add(&wakes, 1);
}

static const struct stream_waker waker = {count_wake, NULL};
static char token[2000];

static enum err_code open_watch(struct fixture *fixture, const char *filter,
                                const char *resume_token, void **ret_state)
{
    Docbridge__V1__WatchAuditEventsRequest in = DOCBRIDGE__V1__WATCH_AUDIT_EVENTS_REQUEST__INIT;
    in.filter = arena_strdup(&fixture->arena, filter);
    in.resume_token = arena_strdup(&fixture->arena, resume_token);
    err = (struct err){0};
    return event_method("WatchAuditEvents")
        ->stream->open(&fixture->request, &in, &waker, ret_state, &err);
}

static enum err_code try_next(struct fixture *fixture, void *watched,
                              Docbridge__V1__WatchAuditEventsResponse *out,
                              enum stream_step *ret_step)
{
    return event_method("WatchAuditEvents")
        ->stream->next(&fixture->request, watched, &fixture->arena, out, ret_step, &err);
}

// The sequence of the next event; 0: idle; -1: a sign of life.
static int64_t next(struct fixture *fixture, void *watched)
{
    Docbridge__V1__WatchAuditEventsResponse out = DOCBRIDGE__V1__WATCH_AUDIT_EVENTS_RESPONSE__INIT;
    enum stream_step step = STREAM_END;
    assert_int_equal(try_next(fixture, watched, &out, &step), ERR_OK);
    if (step == STREAM_IDLE)
        return 0;
    assert_int_equal(step, STREAM_MESSAGE);
    (void)snprintf(token, sizeof(token), "%s", out.resume_token);
    return out.audit_event == NULL ? -1 : out.audit_event->sequence;
}

// Past the sign of life that gives whoever has none a token.
static enum err_code watch(struct fixture *fixture, const char *filter, const char *resume_token,
                           void **ret_state)
{
    enum err_code code = open_watch(fixture, filter, resume_token, ret_state);
    if (code == ERR_OK && resume_token[0] == '\0')
        assert_int_equal(next(fixture, *ret_state), -1);
    return code;
}

// Before there is an event.
static void a_watcher_can_resume_from_the_start_on(void **state)
{
    struct fixture *fixture = *state;
    const struct stream_handler *handler = event_method("WatchAuditEvents")->stream;
    void *watched;
    append_some(fixture, 2);
    assert_int_equal(open_watch(fixture, "", "", &watched), ERR_OK);
    assert_int_equal(next(fixture, watched), -1);
    assert_int_equal(next(fixture, watched), 0);
    handler->close(watched);
    append(fixture, "acme", AUDIT_PASSWORD_REVEAL);
    assert_int_equal(open_watch(fixture, "", token, &watched), ERR_OK);
    assert_int_equal(next(fixture, watched), 3);
    assert_int_equal(next(fixture, watched), 0);
    handler->close(watched);
}

static void a_watcher_sees_what_comes(void **state)
{
    struct fixture *fixture = *state;
    const struct stream_handler *handler = event_method("WatchAuditEvents")->stream;
    void *all, *moves;
    append_some(fixture, 2);
    assert_int_equal(watch(fixture, "", "", &all), ERR_OK);
    assert_int_equal(watch(fixture, "type = CONNECTION_STATE", "", &moves), ERR_OK);
    assert_int_equal(next(fixture, all), 0);
    atomic_store(&wakes, 0);
    append(fixture, "acme", AUDIT_PASSWORD_REVEAL);
    assert_int_equal(atomic_load(&wakes), 2);
    assert_int_equal(next(fixture, all), 3);
    char after_three[sizeof(token)];
    memcpy(after_three, token, sizeof(token));
    assert_int_equal(next(fixture, all), 0);
    assert_int_equal(next(fixture, moves), 0);
    // Of another process, or in a change's own transaction: the look finds it.
    struct tx *tx = NULL;
    const struct audit_event event = {
        .type = AUDIT_CONNECTION_STATE, .phase = AUDIT_SINGLE, .outcome = AUDIT_SUCCEEDED};
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(5000), NULL, &tx, &err), ERR_OK);
    assert_int_equal(audit_append(tx, &fixture->request, &event, NULL, &err), ERR_OK);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
    assert_int_equal(atomic_load(&wakes), 2);
    // trail_look() is the thread's; starting and stopping runs it once at least.
    assert_int_equal(trail_start(fixture->trail, &err), ERR_OK);
    trail_stop(fixture->trail);
    assert_int_equal(atomic_load(&wakes), 4);
    assert_int_equal(next(fixture, moves), 4);
    assert_int_equal(next(fixture, all), 4);
    handler->close(all);
    // A later stream goes on where the first was, and only with its own filter.
    assert_int_equal(watch(fixture, "", after_three, &all), ERR_OK);
    assert_int_equal(next(fixture, all), 4);
    handler->close(all);
    assert_int_equal(watch(fixture, "type = SYNC", after_three, &all), ERR_PAGE_TOKEN_INVALID);
    assert_string_equal(err.text, "the resume token is not one of this caller, stream and filter");
    assert_string_equal(err.field, "resume_token");
    assert_int_equal(watch(fixture, "type = NOTHING", "", &all), ERR_FIELD_INVALID);
    assert_int_equal(watch(fixture, "outcome = UNRESOLVED", "", &all), ERR_FIELD_INVALID);
    handler->close(moves);
}

// Of a trail that was longer once, such as before a restore: what is written anew up to there would
// be left out without a word.
static void a_watcher_does_not_go_on_in_a_shorter_trail(void **state)
{
    struct fixture *fixture = *state;
    const struct stream_handler *handler = event_method("WatchAuditEvents")->stream;
    void *watched;
    append_some(fixture, 2);
    assert_int_equal(watch(fixture, "", "", &watched), ERR_OK);
    append_some(fixture, 1);
    assert_int_equal(next(fixture, watched), 3);
    handler->close(watched);
    assert_int_equal(watch(fixture, "", token, &watched), ERR_OK);
    (void)fixture_sql(fixture, "DELETE FROM audit_event WHERE sequence = 3;"
                               "UPDATE audit_head SET sequence = 2, hash = (SELECT hash"
                               " FROM audit_event WHERE sequence = 2)");
    Docbridge__V1__WatchAuditEventsResponse out = DOCBRIDGE__V1__WATCH_AUDIT_EVENTS_RESPONSE__INIT;
    enum stream_step step;
    void *again;
    assert_int_equal(watch(fixture, "", token, &again), ERR_PAGE_TOKEN_INVALID);
    // Nor does a stream that lives meanwhile.
    assert_int_equal(try_next(fixture, watched, &out, &step), ERR_PAGE_TOKEN_INVALID);
    assert_string_equal(err.field, "resume_token");
    handler->close(watched);
}

static void a_watcher_sees_its_companies(void **state)
{
    struct fixture *fixture = *state;
    static const char *const companies[] = {"beta"};
    fixture->caller.all_companies = false;
    fixture->caller.companies = companies;
    fixture->caller.company_count = 1;
    void *watched;
    assert_int_equal(watch(fixture, "", "", &watched), ERR_OK);
    append(fixture, "acme", AUDIT_PASSWORD_REVEAL);
    append(fixture, "beta", AUDIT_PASSWORD_REVEAL);
    append(fixture, NULL, AUDIT_SYNC);
    assert_int_equal(next(fixture, watched), 2);
    assert_int_equal(next(fixture, watched), 0);
    // Its silence is broken now and then.
    clock_fake(true, clock_wall_us(), clock_steady_ms() + 11000);
    fixture->request.deadline = deadline_in(10000);
    assert_int_equal(next(fixture, watched), -1);
    assert_int_equal(next(fixture, watched), 0);
    clock_fake(false, 0, 0);
    event_method("WatchAuditEvents")->stream->close(watched);
}

// What is looked through for long is no silence: whoever looks for what is rare from far back gets
// a sign of life on the way, and resumes from there.
static void a_long_look_is_no_silence(void **state)
{
    struct fixture *fixture = *state;
    void *watched;
    append_some(fixture, 1);
    assert_int_equal(watch(fixture, "", "", &watched), ERR_OK);
    append_some(fixture, 1);
    assert_int_equal(next(fixture, watched), 2);
    event_method("WatchAuditEvents")->stream->close(watched);
    assert_int_equal(watch(fixture, "type = SYNC", "", &watched), ERR_OK);
    (void)fixture_sql(fixture, "INSERT INTO audit_event (tenant, sequence, event_time, type, phase,"
                               " outcome, actor_subject, actor_display_name, actor_kind,"
                               " previous_hash, hash) SELECT tenant, 1 + n, event_time, type, 3, 1,"
                               " actor_subject, actor_display_name, actor_kind, previous_hash, hash"
                               " FROM audit_event, generate_series(2, 12000) n WHERE sequence = 1;"
                               "UPDATE audit_head SET sequence = 12001");
    append(fixture, "acme", AUDIT_SYNC);
    clock_fake(true, clock_wall_us(), clock_steady_ms() + 11000);
    fixture->request.deadline = deadline_in(10000);
    assert_int_equal(next(fixture, watched), -1);
    event_method("WatchAuditEvents")->stream->close(watched);
    assert_int_equal(watch(fixture, "type = SYNC", token, &watched), ERR_OK);
    assert_int_equal(next(fixture, watched), 12002);
    assert_int_equal(next(fixture, watched), 0);
    clock_fake(false, 0, 0);
    event_method("WatchAuditEvents")->stream->close(watched);
}

// Old events go in many steps, between which those who watch are looked after.
static void a_long_removal_is_no_silence(void **state)
{
    struct fixture *fixture = *state;
    struct trail *trail;
    void *watched;
    const struct trail_settings settings = {.store = fixture->store,
                                            .janitor_store = fixture->janitor_store,
                                            .look_ms = 1,
                                            .heartbeat_ms = 1};
    assert_int_equal(trail_new(&settings, &trail, &err), ERR_OK);
    fixture->backend.trail = trail;
    clock_fake(true, clock_wall_us() - INT64_C(500) * 24 * 3600 * 1000000, clock_steady_ms());
    append_some(fixture, 10001);
    clock_fake(false, 0, 0);
    // What goes before one that stays is told.
    (void)fixture_sql(fixture, "UPDATE audit_event SET ticket = 'x' WHERE sequence = 7000");
    trail_retain_all(trail);
    assert_string_equal(fixture_sql(fixture, "SELECT changes FROM audit_event"
                                             " WHERE actor_subject = 'docbridge:retention'"),
                        "[{\"field\":\"first_sequence\",\"old\":null,\"new\":\"5001\"}]");
    (void)fixture_sql(fixture, "UPDATE audit_event SET ticket = '' WHERE sequence = 7000");
    fixture->request.deadline = deadline_in(10000);
    assert_int_equal(watch(fixture, "", "", &watched), ERR_OK);
    (void)usleep(10000);
    atomic_store(&wakes, 0);
    trail_retain_all(trail);
    assert_string_equal(fixture_sql(fixture, "SELECT min(sequence) FROM audit_event"), "10002");
    assert_true(atomic_load(&wakes) > 1);
    event_method("WatchAuditEvents")->stream->close(watched);
    fixture->backend.trail = fixture->trail;
    trail = trail_free(trail);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_watcher_can_resume_from_the_start_on),
        TEST(a_watcher_sees_what_comes),
        TEST(a_watcher_does_not_go_on_in_a_shorter_trail),
        TEST(a_watcher_sees_its_companies),
        TEST(a_long_look_is_no_silence),
        TEST(a_long_removal_is_no_silence),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
