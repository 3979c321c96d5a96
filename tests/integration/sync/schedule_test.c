// Schedules: runs that begin by themselves, once, and data that is said to be too old.
#include <stdio.h>
#include <unistd.h>

#include "server/store/sync_schedule.h"
#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

// The connection's schedule, looked at now; runs are due in so many minutes.
static void seed(struct fixture *fixture, int due_minutes, int full_minutes)
{
    struct tx *tx = NULL;
    struct err err = {0};
    char sql[512];
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(5000), NULL, &tx, &err), ERR_OK);
    assert_int_equal(sync_schedule_make(tx, "c1", 0, 0, &err), ERR_OK);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE sync_schedule SET due_times = array_fill(now() + interval '%d minutes',"
                   " ARRAY[5]), full_due_time = now() + interval '%d minutes',"
                   " since_times = array_fill(now(), ARRAY[5])",
                   due_minutes, full_minutes);
    (void)fixture_sql(fixture, sql);
}

// Has it looked at once, by an engine that is stopped then.
static void look(struct fixture *fixture)
{
    (void)fixture_sql(fixture, "UPDATE sync_schedule SET look_time = '2000-01-01'");
    fixture_start_sync(fixture);
    fixture_wait_for(fixture, "SELECT look_time > now() FROM sync_schedule", "t");
    fixture_stop_sync(fixture);
}

static void of_many_one_starts_what_is_due(void **state)
{
    struct fixture *fixture = *state;
    struct sync *others[3] = {NULL};
    struct err err = {0};
    fixture_seed(fixture);
    seed(fixture, -1, 600);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(sync_new(&fixture->settings, &others[i], &err), ERR_OK);
        assert_int_equal(sync_start(others[i], &err), ERR_OK);
    }
    fixture_wait_for(fixture, "SELECT count(*) FROM sync_run WHERE state = 5", "1");
    (void)usleep(300000);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        sync_stop(others[i]);
        (void)sync_free(others[i]);
    }
    assert_sql(fixture,
               "SELECT string_agg(concat_ws(' ', trigger, mode, actor_subject, actor_kind), ',')"
               " FROM sync_run",
               "2 1 scheduler 4");
    assert_sql(fixture,
               "SELECT string_agg((t BETWEEN now() + interval '59 minutes'"
               " AND now() + interval '67 minutes')::text, ' ')"
               " FROM sync_schedule, unnest(due_times) AS t",
               "true true true true true");
    assert_sql(fixture, "SELECT look_time = due_times[1] FROM sync_schedule", "t");
    assert_sql(fixture, "SELECT string_agg(changes::text, '') FROM audit_event",
               "[{\"field\":\"trigger\",\"old\":null,\"new\":\"SCHEDULE\"}]");
}

static void once_a_day_all_is_fetched(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    seed(fixture, 30, -1);
    fixture_start_sync(fixture);
    fixture_wait_for(fixture,
                     "SELECT string_agg(concat_ws(' ', state, trigger, mode), ',')"
                     " FROM sync_run",
                     "5 2 2");
    assert_sql(fixture, "SELECT full_due_time > now() + interval '23 hours' FROM sync_schedule",
               "t");
}

static void only_what_is_due_is_run(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    seed(fixture, 30, 600);
    (void)fixture_sql(fixture,
                      "UPDATE sync_schedule SET due_times[3] = now(), due_times[5] = now()");
    (void)fixture_sql(fixture, "UPDATE connection_config SET checklists_enabled = false");
    fixture_start_sync(fixture);
    fixture_wait_for(fixture, "SELECT state FROM sync_run", "5");
    assert_sql(fixture, "SELECT string_agg(state::text, '' ORDER BY kind) FROM sync_task", "11511");
}

static void who_cannot_be_synced_is_left(void **state)
{
    static const char *const changes[] = {
        "UPDATE connection SET sync_paused = true",
        "UPDATE connection SET sync_paused = false, state = 2",
        "UPDATE connection SET state = 3",
        "UPDATE connection SET state = 4",
    };
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    seed(fixture, -1, -1);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        (void)fixture_sql(fixture, changes[i]);
        look(fixture);
        assert_sql(fixture, "SELECT count(*) FROM sync_run", "0");
    }
    (void)fixture_sql(fixture, "UPDATE connection SET state = 1;"
                               " UPDATE sync_schedule SET look_time = now()");
    fixture_start_sync(fixture);
    fixture_wait_for(fixture, "SELECT count(*) FROM sync_run WHERE state = 5", "1");
}

static void a_live_run_is_joined(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    seed(fixture, 30, 600);
    fixture_ask(fixture, 0);
    (void)fixture_sql(fixture, "UPDATE sync_lease SET expire_time = 'infinity'");
    (void)fixture_sql(fixture, "UPDATE sync_schedule SET due_times = array_fill(now(), ARRAY[5])");
    look(fixture);
    assert_sql(fixture, "SELECT concat_ws(' ', count(*), sum(wish_tasks)) FROM sync_run", "1 0");
    assert_sql(fixture, "SELECT due_times[1] > now() FROM sync_schedule", "t");
    // It is of what changed: all of it is fetched by another after it.
    (void)fixture_sql(fixture, "UPDATE sync_run SET mode = 1;"
                               " UPDATE sync_schedule SET full_due_time = now()");
    look(fixture);
    assert_sql(fixture, "SELECT concat_ws(' ', wish_tasks, wish_mode, wish_trigger) FROM sync_run",
               "62 2 2");
    (void)fixture_sql(fixture, "UPDATE sync_lease SET expire_time = now()");
    fixture_start_sync(fixture);
    fixture_wait_for(fixture,
                     "SELECT string_agg(concat_ws(' ', state, trigger, mode), ','"
                     " ORDER BY create_time) FROM sync_run",
                     "5 1 1,5 2 2");
}

#define EVENTS                                                                                 \
    "SELECT string_agg(concat_ws(' ', type, actor_kind, resource, c ->> 'field', c ->> 'old'," \
    " c ->> 'new'), ',' ORDER BY sequence, c ->> 'field') FROM audit_event,"                   \
    " jsonb_array_elements(changes::jsonb) AS c WHERE c ->> 'field' LIKE '%freshness'"

static void what_is_too_old_is_told_once(void **state)
{
    struct fixture *fixture = *state;
    seed(fixture, 30, 600);
    // Paused, so that nothing mends it by itself; one type was complete, the others never.
    (void)fixture_sql(fixture, "UPDATE connection SET sync_paused = true;"
                               " UPDATE sync_schedule SET since_times ="
                               "  array_fill(now() - interval '134 minutes', ARRAY[5]);"
                               " INSERT INTO sync_freshness VALUES"
                               "  ('t1', 'c1', 3, 0, now() - interval '136 minutes')");
    look(fixture);
    assert_sql(fixture, "SELECT count(*) FROM audit_event", "0");
    (void)fixture_sql(fixture, "UPDATE sync_schedule SET"
                               " since_times[3] = now() - interval '2 days',"
                               " objective_seconds[1] = 8000");
    look(fixture);
    look(fixture);
    assert_sql(fixture, EVENTS,
               "7 4 connections/c1/syncSchedule organizations.freshness FRESH STALE,"
               "7 4 connections/c1/syncSchedule passwords.freshness FRESH STALE");
    (void)fixture_sql(fixture, "UPDATE sync_freshness SET complete_time = now()");
    look(fixture);
    look(fixture);
    assert_sql(fixture, EVENTS,
               "7 4 connections/c1/syncSchedule organizations.freshness FRESH STALE,"
               "7 4 connections/c1/syncSchedule passwords.freshness FRESH STALE,"
               "7 4 connections/c1/syncSchedule passwords.freshness STALE FRESH");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_many_one_starts_what_is_due), TEST(once_a_day_all_is_fetched),
        TEST(only_what_is_due_is_run),        TEST(who_cannot_be_synced_is_left),
        TEST(a_live_run_is_joined),           TEST(what_is_too_old_is_told_once),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
