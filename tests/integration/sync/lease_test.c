// Runs that pass from process to process.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/store/connection.h"
#include "server/store/sync_lease.h"
#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

static atomic_bool reached, go_on;

// Holds the second page of the passwords of organization 5.
static enum err_code block(const struct source_query *query, const atomic_bool *cancelled,
                           struct source_attempt *attempt, struct err *reterr)
{
    (void)attempt;
    (void)reterr;
    if (query->kind != SOURCE_PASSWORDS || query->organization_id != 5 || query->page_number != 2)
        return ERR_OK;
    atomic_store(&reached, true);
    while (!atomic_load(&go_on) && !atomic_load(cancelled))
        (void)usleep(1000);
    return ERR_OK;
}

static void prepare(struct fixture *fixture)
{
    fixture_seed(fixture);
    atomic_store(&reached, false);
    atomic_store(&go_on, false);
    fake_set_hook(block);
    fixture->settings.page_size = 2;
    fixture->settings.lease_ms = 600;
}

static void wait_reached(void)
{
    struct deadline deadline = deadline_in(20000);
    while (!atomic_load(&reached)) {
        assert_true(deadline_left_ms(deadline) > 0);
        (void)usleep(1000);
    }
}

// The run ends well, and what was stored before is not asked for again.
static void assert_goes_on(struct fixture *fixture)
{
    struct source_query first;
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    assert_true(fake_request(0, &first));
    assert_int_equal(first.kind, SOURCE_PASSWORDS);
    assert_int_equal(first.organization_id, 5);
    assert_int_equal(first.page_number, 2);
    struct sync_run_row run = fixture_run(fixture);
    assert_int_equal(run.tasks[2].counts.created, 8);
    assert_int_equal(run.tasks[2].counts.done, 8);
    assert_int_equal(run.tasks[2].counts.deleted, 0);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9", "8");
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 4", "12");
}

static void a_killed_process_is_taken_over(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    fixture_ask(fixture, 0);
    // Nothing that the child inherits may be in use: its connections are its own.
    fixture_close(fixture);
    pid_t child = fork();
    if (child == 0) {
        fixture_open(fixture);
        fixture_start_sync(fixture);
        for (;;)
            (void)pause();
    }
    assert_true(child > 0);
    fixture_open(fixture);
    fixture->backend.store = fixture->store;
    fixture_wait_for(fixture,
                     "SELECT checkpoint LIKE '%key=5 %offset=2%' FROM sync_task"
                     " WHERE kind = 3",
                     "t");
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    fake_set_hook(NULL);
    fixture_start_sync(fixture);
    assert_goes_on(fixture);
}

static void a_stopped_process_gives_its_runs_back(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    fixture->settings.lease_ms = 3600000; // only a lease given back is due so soon
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    wait_reached();
    fixture_stop_sync(fixture);
    assert_sql(fixture, "SELECT owner = '' AND expire_time <= clock_timestamp() FROM sync_lease",
               "t");
    assert_sql(fixture, "SELECT state FROM sync_run", "2");
    fake_set_hook(NULL);
    fake_forget_requests();
    fixture_start_sync(fixture);
    assert_goes_on(fixture);
}

static void who_lost_its_lease_writes_no_more(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    fixture->settings.lease_ms = 3600000; // no look at the lease but that of the page
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    wait_reached();
    (void)fixture_sql(fixture, "UPDATE sync_lease SET owner = 'other', fence = fence + 1,"
                               " expire_time = now() + interval '1 hour'");
    atomic_store(&go_on, true);
    fixture_stop_sync(fixture);
    assert_sql(fixture, "SELECT checkpoint LIKE '%key=5 %offset=2%' FROM sync_task WHERE kind = 3",
               "t");
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9", "6");
    assert_sql(fixture, "SELECT owner FROM sync_lease", "other");
    assert_sql(fixture, "SELECT state FROM sync_run", "2");
}

static void a_lost_lease_is_noticed_by_the_heartbeat(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    wait_reached();
    (void)fixture_sql(fixture, "UPDATE sync_lease SET owner = 'other', fence = fence + 1,"
                               " expire_time = now() + interval '1 hour'");
    // The request in flight is given up: the hook returns only when it is told to stop.
    fixture_stop_sync(fixture);
    assert_false(atomic_load(&go_on));
    assert_sql(fixture, "SELECT owner FROM sync_lease", "other");
}

static void a_living_process_keeps_its_run(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    fixture->settings.lease_ms = 6000; // a third of it may pass between two looks, and much more
    fixture_start_sync(fixture);
    struct sync *other = NULL;
    struct err err = {0};
    assert_int_equal(sync_new(&fixture->settings, &other, &err), ERR_OK);
    assert_int_equal(sync_start(other, &err), ERR_OK);
    fixture_ask(fixture, 0);
    wait_reached();
    // Long enough for the other to take what is not prolonged: it looks ten times a second.
    const char *lapsed = arena_printf(
        &fixture->arena, "SELECT clock_timestamp() > timestamptz '%s' + interval '1 second'",
        fixture_sql(fixture, "SELECT expire_time FROM sync_lease"));
    fixture_wait_for(fixture, lapsed, "t");
    assert_sql(fixture, "SELECT fence FROM sync_lease", "2");
    atomic_store(&go_on, true);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    sync_stop(other);
    (void)sync_free(other);
}

static void of_many_schedulers_one_takes_a_run(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    struct sync *others[4] = {NULL};
    struct err err = {0};
    fixture->settings.scheduler_ms = 5;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(sync_new(&fixture->settings, &others[i], &err), ERR_OK);
        assert_int_equal(sync_start(others[i], &err), ERR_OK);
    }
    for (int round = 0; round < 10; round++) {
        fake_forget_requests();
        fixture_ask(fixture, 0);
        for (size_t i = 0; i < ARRAY_LEN(others); i++)
            sync_wake(others[i]);
        assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
        struct sync_run_row run = fixture_run(fixture);
        assert_int_equal(run.request_count, fake_request_count(SOURCE_KIND_COUNT));
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        sync_stop(others[i]);
        (void)sync_free(others[i]);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)

// Pauses syncs of c1, or ends the pause, as PauseConnection and ResumeConnection do.
static void set_paused(struct fixture *fixture, bool on)
{
    struct tx *tx = NULL;
    struct err err = {0};
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(5000), NULL, &tx, &err), ERR_OK);
    assert_int_equal(on ? sync_hold_run(tx, "c1", &err) : sync_unhold_run(tx, "c1", &err), ERR_OK);
    assert_int_equal(connection_set_paused(tx, "c1", on, false, clock_wall_us(), &err), ERR_OK);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
    if (fixture->sync != NULL)
        sync_let_go(fixture->sync, "t1", "c1");
}

// What any scheduler would find.
static void assert_nothing_is_due(struct fixture *fixture)
{
    struct tx *tx = NULL;
    struct err err = {0};
    struct sync_lease *leases;
    size_t count;
    assert_int_equal(store_begin(fixture->scheduler_store, "", deadline_in(5000), NULL, &tx, &err),
                     ERR_OK);
    assert_int_equal(
        sync_lease_claim(tx, "other", 60000, 10, &fixture->arena, &leases, &count, &err), ERR_OK);
    tx_abortp(&tx);
    assert_int_equal(count, 0);
}

// What a standby lacked that took the database's place: a task's last page, and the end of a task.
static const char LOSES_COMMITS[] =
    "CREATE TABLE lost (what text); GRANT ALL ON lost TO PUBLIC;"
    "CREATE FUNCTION lose_page() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
    " IF NOT EXISTS (SELECT FROM lost WHERE what = 'page') THEN"
    "  INSERT INTO lost VALUES ('page');"
    "  DELETE FROM record WHERE kind = 3 AND organization_id = 5;"
    "  DELETE FROM sync_page WHERE kind = 3 AND scope LIKE 'organization=5 %';"
    "  NEW.checkpoint := regexp_replace(NEW.checkpoint, 'key=5 (.*) offset=.*',"
    "   'key=3 \\1 offset=100 size=100 total=1 rows=1 again=0 confirm=0 blind=0 unsure=0"
    " complete=1 since=0 newest=-1');"
    " END IF; RETURN NEW; END $$;"
    "CREATE TRIGGER lose_page BEFORE UPDATE OF checkpoint ON sync_task FOR EACH ROW"
    " WHEN (NEW.kind = 2 AND NEW.checkpoint LIKE 'plan=% stage=1 key=5 % complete=1 %')"
    " EXECUTE FUNCTION lose_page();"
    "CREATE FUNCTION lose_end() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
    " IF NOT EXISTS (SELECT FROM lost WHERE what = 'end') THEN"
    "  INSERT INTO lost VALUES ('end'); NEW.state := OLD.state; END IF; RETURN NEW; END $$;"
    "CREATE TRIGGER lose_end BEFORE UPDATE OF state ON sync_task FOR EACH ROW"
    " WHEN (NEW.kind = 3 AND NEW.state = 5) EXECUTE FUNCTION lose_end()";

static void a_database_that_lost_commits_is_believed(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    (void)fixture_sql(fixture, LOSES_COMMITS);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT string_agg(what, ' ' ORDER BY what) FROM lost", "end page");
    assert_sql(fixture, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM record WHERE kind = 3",
               "30 50");
    assert_sql(fixture, "SELECT string_agg(DISTINCT state::text, ' ') FROM sync_task", "5");
}

static void a_paused_run_goes_on_where_it_was(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    fixture->settings.lease_ms = 3600000;
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    wait_reached();
    set_paused(fixture, true);
    assert_sql(fixture,
               "SELECT r.state || ' ' || t.state || ' ' || l.owner || l.expire_time"
               " FROM sync_run r, sync_task t, sync_lease l WHERE t.kind = 3",
               "1 2 infinity");
    fake_set_hook(NULL);
    fake_forget_requests();
    assert_nothing_is_due(fixture);
    assert_sql(fixture, "SELECT state FROM sync_run WHERE connection_id = 'c1'", "1");
    assert_sql(fixture, "SELECT checkpoint LIKE '%key=5 %offset=2%' FROM sync_task WHERE kind = 3",
               "t");
    set_paused(fixture, false);
    assert_goes_on(fixture);
}

// Another process is told by the lease alone, with its next page.
static void a_pause_stops_other_processes_too(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    fixture->settings.lease_ms = 3600000;
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    wait_reached();
    struct sync *sync = fixture->sync;
    fixture->sync = NULL; // not told
    set_paused(fixture, true);
    fixture->sync = sync;
    atomic_store(&go_on, true);
    fixture_stop_sync(fixture);
    assert_sql(fixture, "SELECT checkpoint LIKE '%key=5 %offset=2%' FROM sync_task WHERE kind = 3",
               "t");
    assert_sql(fixture, "SELECT r.state || ' ' || l.expire_time FROM sync_run r, sync_lease l",
               "1 infinity");
    fake_set_hook(NULL);
    fake_forget_requests();
    set_paused(fixture, false);
    fixture_start_sync(fixture);
    assert_goes_on(fixture);
}

// Queued in the moment of the pause, or left by a process that died: whoever takes it holds it.
static void what_is_taken_while_paused_is_held(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    fake_set_hook(NULL);
    fixture_ask(fixture, 0);
    (void)fixture_sql(fixture, "UPDATE connection SET sync_paused = true");
    fixture_start_sync(fixture);
    fixture_wait_for(fixture, "SELECT expire_time FROM sync_lease", "infinity");
    assert_sql(fixture, "SELECT state FROM sync_run", "1");
    assert_int_equal(fake_request_count(SOURCE_KIND_COUNT), 0);
    set_paused(fixture, false);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
}

static void a_paused_run_can_be_cancelled(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    fixture_ask(fixture, 0);
    set_paused(fixture, true);
    fixture_start_sync(fixture);
    fixture_cancel(fixture);
    assert_int_equal(fixture_wait(fixture), RUN_CANCELLED);
    assert_sql(fixture, "SELECT count(*) FROM sync_lease", "0");
    // Nor does a pause stop what is being cancelled.
    set_paused(fixture, false);
    fixture_ask(fixture, 0);
    wait_reached();
    (void)fixture_sql(fixture, "UPDATE sync_run SET cancel_requested = true, state = 4"
                               " WHERE state = 2");
    set_paused(fixture, true);
    assert_int_equal(fixture_wait(fixture), RUN_CANCELLED);
}

// As DisconnectConnection does.
static void an_abandoned_run_is_over_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct tx *tx = NULL;
    struct err err = {0};
    int64_t cancelled;
    prepare(fixture);
    fixture->settings.lease_ms = 3600000;
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    wait_reached();
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(5000), NULL, &tx, &err), ERR_OK);
    assert_int_equal(sync_abandon_run(tx, "c1", &cancelled, &err), ERR_OK);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
    assert_int_equal(cancelled, 1);
    atomic_store(&go_on, true);
    fixture_stop_sync(fixture);
    assert_sql(fixture, "SELECT state || ' ' || (end_time IS NOT NULL) FROM sync_run", "8 true");
    assert_sql(fixture, "SELECT count(*) FROM sync_task WHERE state IN (2, 3, 4)", "0");
    assert_sql(fixture, "SELECT checkpoint LIKE '%key=5 %offset=2%' FROM sync_task WHERE kind = 3",
               "t");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_killed_process_is_taken_over),
        TEST(a_stopped_process_gives_its_runs_back),
        TEST(who_lost_its_lease_writes_no_more),
        TEST(a_lost_lease_is_noticed_by_the_heartbeat),
        TEST(a_living_process_keeps_its_run),
        TEST(of_many_schedulers_one_takes_a_run),
        TEST(a_database_that_lost_commits_is_believed),
        TEST(a_paused_run_goes_on_where_it_was),
        TEST(a_pause_stops_other_processes_too),
        TEST(what_is_taken_while_paused_is_held),
        TEST(a_paused_run_can_be_cancelled),
        TEST(an_abandoned_run_is_over_at_once),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
