// Keys that nobody uses: one request a day, by one process, that says how the key stands.
#include <stdio.h>

#include "tests/integration/sync/fixture.h"

// The connection was last used so long ago, and its key is to be looked at now.
static void seed(struct fixture *fixture, const char *unused)
{
    char sql[256];
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE connection SET key_last_success_time = now() - interval '%s';"
                   "INSERT INTO keep_alive (tenant, connection_id, due_time)"
                   " VALUES ('t1', 'c1', now() - interval '1 minute')",
                   unused);
    (void)fixture_sql(fixture, sql);
}

// Starts the engine, and stops it when the turn is over: due again about `hours` from now.
static void take_turn(struct fixture *fixture, int hours)
{
    char sql[160];
    (void)snprintf(sql, sizeof(sql),
                   "SELECT abs(extract(epoch FROM due_time - now()) - %d * 3600) < 600"
                   " FROM keep_alive",
                   hours);
    fixture_start_sync(fixture);
    fixture_wait_for(fixture, sql, "t");
    fixture_stop_sync(fixture);
}

static void an_idle_key_is_used_once(void **state)
{
    struct fixture *fixture = *state;
    struct sync *others[3] = {NULL};
    struct err err = {0};
    seed(fixture, "2 days");
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(sync_new(&fixture->settings, &others[i], &err), ERR_OK);
        assert_int_equal(sync_start(others[i], &err), ERR_OK);
    }
    fixture_wait_for(
        fixture, "SELECT key_last_success_time > now() - interval '1 minute' FROM connection", "t");
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        sync_stop(others[i]);
        (void)sync_free(others[i]);
    }
    assert_int_equal(fake_probe_count(), 1);
    assert_int_equal(fake_request_count(SOURCE_KIND_COUNT), 0);
    assert_sql(fixture, "SELECT due_time > now() + interval '23 hours' FROM keep_alive", "t");
    // What is daily is neither a change nor an event.
    assert_sql(fixture, "SELECT revision FROM connection", "1");
    assert_sql(fixture, "SELECT count(*) FROM audit_event", "0");
}

static void a_key_in_use_costs_nothing(void **state)
{
    struct fixture *fixture = *state;
    seed(fixture, "5 hours");
    take_turn(fixture, 19);
    assert_int_equal(fake_probe_count(), 0);
    assert_sql(fixture, "SELECT key_last_success_time < now() - interval '4 hours' FROM connection",
               "t");
}

static void a_pause_of_syncs_does_not_let_a_key_die(void **state)
{
    struct fixture *fixture = *state;
    seed(fixture, "2 days");
    (void)fixture_sql(fixture, "UPDATE connection SET sync_paused = true, reveals_paused = true");
    take_turn(fixture, 24);
    assert_int_equal(fake_probe_count(), 1);
}

static void only_what_is_active_is_kept(void **state)
{
    struct fixture *fixture = *state;
    seed(fixture, "80 days");
    for (int number = 2; number <= 4; number++) {
        char sql[128];
        (void)snprintf(sql, sizeof(sql),
                       "UPDATE connection SET state = %d; UPDATE keep_alive SET due_time = now()",
                       number);
        (void)fixture_sql(fixture, sql);
        take_turn(fixture, 24);
    }
    assert_int_equal(fake_probe_count(), 0);
}

static void a_refused_key_is_an_error_told_once(void **state)
{
    struct fixture *fixture = *state;
    seed(fixture, "2 days");
    fake_set_probe(ERR_UPSTREAM_KEY_REJECTED);
    take_turn(fixture, 24);
    (void)fixture_sql(fixture, "UPDATE keep_alive SET due_time = now()");
    take_turn(fixture, 24);
    assert_int_equal(fake_probe_count(), 1);
    assert_sql(fixture, "SELECT state || problem_reason FROM connection", "2UPSTREAM_KEY_REJECTED");
    assert_sql(fixture, "SELECT key_last_success_time < now() - interval '1 day' FROM connection",
               "t");
    assert_sql(fixture, "SELECT string_agg(type || ' ' || changes, '') FROM audit_event",
               "15 [{\"field\":\"state\",\"old\":\"ACTIVE\",\"new\":\"ERROR\"},"
               "{\"field\":\"problem.reason\",\"old\":null,"
               "\"new\":\"UPSTREAM_KEY_REJECTED\"}]");
}

static void what_says_nothing_of_the_key_is_tried_again(void **state)
{
    static const struct {
        enum err_code code;
        int hours;
    } cases[] = {{ERR_UPSTREAM_UNREACHABLE, 1},
                 {ERR_UPSTREAM_TIMEOUT, 1},
                 {ERR_UPSTREAM_ERROR, 1},
                 {ERR_UPSTREAM_ACCESS_DENIED, 24}};
    struct fixture *fixture = *state;
    seed(fixture, "2 days");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fake_set_probe(cases[i].code);
        (void)fixture_sql(fixture, "UPDATE keep_alive SET due_time = now()");
        take_turn(fixture, cases[i].hours);
        assert_int_equal(fake_probe_count(), i + 1);
        assert_sql(fixture, "SELECT state FROM connection", "1");
    }
    assert_sql(fixture, "SELECT key_last_success_time < now() - interval '1 day' FROM connection",
               "t");
    assert_sql(fixture, "SELECT count(*) FROM audit_event", "0");
}

static void it_draws_on_the_budget(void **state)
{
    struct fixture *fixture = *state;
    seed(fixture, "2 days");
    fixture->settings.keep_alive_ms = 20;
    fixture->settings.request_limit = 3;
    fixture->settings.reserve_percent = 0;
    fixture->settings.request_window_ms = 3 * 3600 * 1000;
    take_turn(fixture, 3);
    assert_int_equal(fake_probe_count(), 3);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_idle_key_is_used_once),
        TEST(a_key_in_use_costs_nothing),
        TEST(a_pause_of_syncs_does_not_let_a_key_die),
        TEST(only_what_is_active_is_kept),
        TEST(a_refused_key_is_an_error_told_once),
        TEST(what_says_nothing_of_the_key_is_tried_again),
        TEST(it_draws_on_the_budget),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
