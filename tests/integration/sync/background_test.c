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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_take_turns_in_the_database, fixture_fresh,
                                        fixture_drop),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
