// GetSyncSchedule and UpdateSyncSchedule: what is chosen, and how each task stands.
#include "tests/integration/service/fixture.h"

#include <stdio.h>

#include "docbridge/v1/config.pb-c.h"

#define STATE(name) DOCBRIDGE__V1__SYNC_SCHEDULE__TASK__STATE__STATE_##name
#define FRESHNESS(name) DOCBRIDGE__V1__SYNC_SCHEDULE__TASK__FRESHNESS__FRESHNESS_##name

static char schedule_name[] = "connections/c1/syncSchedule";

static void seed(struct fixture *fixture)
{
    fixture_seed_connection(fixture);
    (void)fixture_sql(
        fixture,
        "UPDATE connection_config SET documents_enabled = true,"
        " password_sharing_enabled = true;"
        "INSERT INTO sync_schedule (tenant, connection_id, look_time, due_times,"
        " full_due_time) VALUES ('t1', 'c1', now() + interval '1 hour',"
        " array_fill(now() + interval '50 minutes', ARRAY[5]), now() + interval '5 hours')");
}

static void get(struct fixture *fixture, Docbridge__V1__SyncSchedule *out)
{
    Docbridge__V1__GetSyncScheduleRequest in = DOCBRIDGE__V1__GET_SYNC_SCHEDULE_REQUEST__INIT;
    in.name = schedule_name;
    docbridge__v1__sync_schedule__init(out);
    assert_int_equal(fixture_call(fixture, &config_service, "GetSyncSchedule", &in, out), ERR_OK);
}

// Changes one field. `seconds` 0: unset.
static enum err_code update(struct fixture *fixture, char *path, size_t offset, int64_t seconds,
                            char *etag, Docbridge__V1__SyncSchedule *out)
{
    static Docbridge__V1__UpdateSyncScheduleRequest in;
    static Docbridge__V1__SyncSchedule wanted;
    static Google__Protobuf__FieldMask mask;
    static Google__Protobuf__Duration duration;
    static char *paths[1];
    docbridge__v1__update_sync_schedule_request__init(&in);
    docbridge__v1__sync_schedule__init(&wanted);
    google__protobuf__field_mask__init(&mask);
    google__protobuf__duration__init(&duration);
    docbridge__v1__sync_schedule__init(out);
    paths[0] = path;
    mask.paths = paths;
    mask.n_paths = 1;
    duration.seconds = seconds;
    wanted.name = schedule_name;
    wanted.etag = etag;
    if (seconds != 0)
        *(Google__Protobuf__Duration **)(void *)((char *)&wanted + offset) = &duration;
    in.sync_schedule = &wanted;
    in.update_mask = &mask;
    return fixture_call(fixture, &config_service, "UpdateSyncSchedule", &in, out);
}

#define UPDATE(field, seconds, etag, out)                                                          \
    update(fixture, (char[]){#field}, offsetof(Docbridge__V1__SyncSchedule, field), seconds, etag, \
           out)

static char none[] = "";

static void shows_what_is_on_by_default(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SyncSchedule out;
    seed(fixture);
    get(fixture, &out);
    assert_string_equal(out.name, schedule_name);
    assert_null(out.documents_interval);
    assert_null(out.full_sync_interval);
    assert_non_null(out.next_run_time);
    assert_true(out.next_full_sync_time->seconds > out.next_run_time->seconds);
    assert_int_equal(out.n_tasks, 5);
    for (size_t i = 0; i < 5; i++) {
        const Docbridge__V1__SyncSchedule__Task *task = out.tasks[i];
        bool on = i < 3;
        assert_int_equal(task->kind, i + 1);
        assert_int_equal(task->interval->seconds, 3600);
        assert_int_equal(task->objective->seconds, 8100);
        assert_int_equal(task->state, on ? STATE(NEVER) : STATE(DISABLED));
        assert_int_equal(task->freshness, on ? FRESHNESS(FRESH) : FRESHNESS(UNSPECIFIED));
        assert_int_equal(task->next_run_time != NULL, on);
        assert_null(task->complete_time);
    }
}

static void takes_what_is_chosen(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SyncSchedule out;
    seed(fixture);
    assert_int_equal(UPDATE(documents_interval, 900, none, &out), ERR_OK);
    assert_int_equal(out.documents_interval->seconds, 900);
    assert_int_equal(out.tasks[1]->interval->seconds, 900);
    assert_int_equal(out.tasks[1]->objective->seconds, 2025);
    assert_int_equal(out.tasks[0]->interval->seconds, 3600);
    // What was due in 50 minutes is due in 15, and looked at now.
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM sync_schedule WHERE"
                                             " due_times[2] < now() + interval '16 minutes' AND"
                                             " due_times[1] > now() + interval '40 minutes' AND"
                                             " look_time <= now()"),
                     1);
    assert_string_equal(
        fixture_changes(fixture, 6 /* TYPE_CONFIG */),
        "[{\"field\":\"documents_interval\",\"old\":\"default\",\"new\":\"900s\"}]");
    assert_int_equal(UPDATE(full_sync_interval, 3600, none, &out), ERR_OK);
    assert_true(out.next_full_sync_time->seconds <= out.update_time->seconds + 3600);
    assert_int_equal(UPDATE(documents_objective, 1000, out.etag, &out), ERR_OK);
    assert_int_equal(out.tasks[1]->objective->seconds, 1000);
    // As it is already: no change, no event.
    int64_t events = fixture_number(fixture, "SELECT count(*) FROM audit_event");
    assert_int_equal(UPDATE(documents_objective, 1000, none, &out), ERR_OK);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event"), events);
    assert_int_equal(UPDATE(documents_objective, 0, none, &out), ERR_OK);
    assert_int_equal(UPDATE(documents_interval, 0, none, &out), ERR_OK);
    assert_null(out.documents_interval);
    assert_int_equal(out.tasks[1]->interval->seconds, 3600);
}

static void refuses_what_cannot_be(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SyncSchedule out;
    char stale[] = "r99";
    seed(fixture);
    assert_int_equal(UPDATE(checklists_interval, 899, none, &out), ERR_INTERVAL_TOO_SHORT);
    assert_string_equal(fixture_meta(fixture, "minimum"), "900s");
    assert_int_equal(UPDATE(checklists_interval, -5, none, &out), ERR_INTERVAL_TOO_SHORT);
    assert_int_equal(UPDATE(full_sync_interval, 30 * 86400 + 1, none, &out), ERR_FIELD_INVALID);
    // Nobody can keep data fresher than he fetches it.
    assert_int_equal(UPDATE(passwords_objective, 3599, none, &out), ERR_FIELD_INVALID);
    assert_int_equal(UPDATE(passwords_objective, 3600, none, &out), ERR_OK);
    assert_int_equal(UPDATE(passwords_interval, 7200, none, &out), ERR_FIELD_INVALID);
    assert_int_equal(UPDATE(passwords_interval, 1800, stale, &out), ERR_ETAG_MISMATCH);
    assert_int_equal(UPDATE(next_run_time, 1800, none, &out), ERR_FIELD_INVALID);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event"), 1);
}

// Each state that a task can be in has a word of its own.
static void tells_states_apart(void **state)
{
    static const struct {
        int run, task;
        Docbridge__V1__SyncSchedule__Task__State state;
    } cases[] = {
        {1, 2, STATE(QUEUED)},    {2, 3, STATE(RUNNING)}, {3, 4, STATE(WAITING_FOR_QUOTA)},
        {5, 5, STATE(DONE)},      {6, 6, STATE(PARTIAL)}, {7, 7, STATE(FAILED)},
        {8, 8, STATE(CANCELLED)},
    };
    struct fixture *fixture = *state;
    Docbridge__V1__SyncSchedule out;
    seed(fixture);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char sql[1024];
        (void)snprintf(sql, sizeof(sql),
                       "DELETE FROM sync_run; INSERT INTO sync_run (tenant, connection_id, id,"
                       " state, trigger, mode, organization_ids, actor_subject, actor_display_name,"
                       " actor_kind, request_id, create_time) VALUES ('t1', 'c1', 'old', 5, 1, 1,"
                       " '{}', 'x', 'x', 1, '', now() - interval '1 hour'), ('t1', 'c1', 'new', %d,"
                       " 1, 1, '{}', 'x', 'x', 1, '', now()); INSERT INTO sync_task (tenant,"
                       " connection_id, run_id, kind, state) VALUES ('t1', 'c1', 'old', 2, 7),"
                       " ('t1', 'c1', 'old', 3, 6), ('t1', 'c1', 'new', 2, %d), ('t1', 'c1', 'new',"
                       " 3, 1)",
                       cases[i].run, cases[i].task);
        (void)fixture_sql(fixture, sql);
        get(fixture, &out);
        assert_int_equal(out.tasks[1]->state, cases[i].state);
        // The new run was not asked for it.
        assert_int_equal(out.tasks[2]->state, STATE(PARTIAL));
        assert_int_equal(out.tasks[0]->state, STATE(NEVER));
        assert_int_equal(out.tasks[4]->state, STATE(DISABLED));
    }
    (void)fixture_sql(fixture, "UPDATE connection SET sync_paused = true; UPDATE sync_schedule SET"
                               " breach_times[2] = '2026-01-01 00:00:00+00'");
    get(fixture, &out);
    assert_int_equal(out.tasks[1]->state, STATE(PAUSED));
    assert_int_equal(out.tasks[4]->state, STATE(DISABLED));
    assert_null(out.tasks[1]->next_run_time);
    assert_null(out.next_run_time);
    assert_int_equal(out.tasks[1]->freshness, FRESHNESS(STALE));
    assert_int_equal(out.tasks[1]->stale_time->seconds, 1767225600);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shows_what_is_on_by_default),
        TEST(takes_what_is_chosen),
        TEST(refuses_what_cannot_be),
        TEST(tells_states_apart),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
