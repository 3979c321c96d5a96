// What runs leave to calls while they work.
#include <unistd.h>

#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

enum { WAIT_MS = 60000, NAP_US = 5000 };

static void wait_for_waiters(struct store *store)
{
    struct deadline deadline = deadline_in(WAIT_MS);
    while (store_get_stats(store).waiting == 0) {
        assert_true(deadline_left_ms(deadline) > 0);
        (void)usleep(NAP_US);
    }
}

// While one run is held within the transaction of a page, with the only connection for runs, the
// next stands in line; calls go on.
static void runs_take_turns_in_the_database(void **state)
{
    struct fixture *fixture = *state;
    static const struct statement lock = {NULL, "LOCK TABLE sync_page IN SHARE MODE"};
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct err err = {0};
    char other_run[SYNC_RUN_ID_BYTES];
    fixture_seed(fixture);
    fixture_connect(fixture, "t2", "c2");
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(600000), NULL, &tx, &err),
                     ERR_OK);
    assert_int_equal(tx_run(tx, &lock, NULL, 0, &err), ERR_OK);
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    fixture_wait_for(fixture,
                     "SELECT count(*) FROM pg_locks WHERE relation = 'sync_page'::regclass"
                     " AND NOT granted",
                     "1");
    fixture->caller.tenant = "t2";
    fixture_ask_of(fixture, "c2", SYNC_TASK_ORGANIZATIONS, other_run);
    fixture_wait_for(fixture, "SELECT owner <> '' FROM sync_lease WHERE connection_id = 'c2'", "t");
    wait_for_waiters(fixture->background_store);
    assert_int_equal(fixture_run(fixture).state, RUN_RUNNING);
    assert_sql(fixture, "SELECT state FROM sync_run WHERE connection_id = 'c2'", "1");
    assert_sql(fixture,
               "SELECT count(*) FROM pg_locks WHERE relation = 'sync_page'::regclass"
               " AND NOT granted",
               "1");
    tx_abortp(&tx);
    tx = NULL;
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    fixture_wait_for(fixture, "SELECT state FROM sync_run WHERE connection_id = 'c2'", "5");
}

// Notes of commits that move a checkpoint, the index or a run whether they wait for the disk: what
// runs when the transaction ends sees what was set for it.
static const char NOTES_COMMITS[] =
    "CREATE TABLE noted (what text, waits text); GRANT ALL ON noted TO PUBLIC;"
    "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
    " INSERT INTO noted VALUES (TG_ARGV[0], current_setting('synchronous_commit'));"
    " RETURN NULL; END $$;"
    "CREATE CONSTRAINT TRIGGER note AFTER UPDATE ON sync_task INITIALLY DEFERRED FOR EACH ROW"
    " WHEN (OLD.checkpoint <> NEW.checkpoint AND NEW.checkpoint NOT LIKE '% complete=1 %')"
    " EXECUTE FUNCTION note('page');"
    "CREATE CONSTRAINT TRIGGER note_end AFTER UPDATE ON sync_task INITIALLY DEFERRED FOR EACH ROW"
    " WHEN (OLD.checkpoint <> NEW.checkpoint AND NEW.checkpoint LIKE '% complete=1 %')"
    " EXECUTE FUNCTION note('end of a walk');"
    "CREATE CONSTRAINT TRIGGER note AFTER UPDATE ON search_progress INITIALLY DEFERRED FOR EACH ROW"
    " WHEN (OLD.sequence <> NEW.sequence) EXECUTE FUNCTION note('index');"
    "CREATE CONSTRAINT TRIGGER note AFTER UPDATE ON sync_run INITIALLY DEFERRED FOR EACH ROW"
    " WHEN (NEW.end_time IS NOT NULL) EXECUTE FUNCTION note('run')";

static void what_can_be_done_again_waits_for_no_disk(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    // For connections that are made from now on, as those of runs are.
    (void)fixture_sql(fixture, "DO $$ BEGIN EXECUTE format("
                               " 'ALTER DATABASE %I SET synchronous_commit = on',"
                               " current_database()); END $$");
    (void)fixture_sql(fixture, NOTES_COMMITS);
    fixture->settings.page_size = 2;
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fixture_wait_for(fixture, "SELECT count(*) > 0 FROM noted WHERE what = 'index'", "t");
    assert_sql(fixture, "SELECT string_agg(DISTINCT what || ' ' || waits, ', ') FROM noted",
               "end of a walk off, index off, page off, run on");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_take_turns_in_the_database, fixture_fresh,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(what_can_be_done_again_waits_for_no_disk, fixture_fresh,
                                        fixture_drop),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
