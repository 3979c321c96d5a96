// Runs whose connection changes under them: another key, or the end.
#include <string.h>
#include <unistd.h>

#include "server/store/vault_record.h"
#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

static atomic_bool reached, go_on;

// Holds requests for documents until the test lets them go or the run is told to stop.
static enum err_code block(const struct source_query *query, const atomic_bool *cancelled,
                           struct source_attempt *attempt, struct err *reterr)
{
    (void)attempt;
    (void)reterr;
    if (query->kind != SOURCE_DOCUMENTS)
        return ERR_OK;
    atomic_store(&reached, true);
    while (!atomic_load(&go_on) && !atomic_load(cancelled))
        (void)usleep(1000);
    return ERR_OK;
}

// A run that is in the midst of a request for documents.
static void begin_run(struct fixture *fixture)
{
    atomic_store(&reached, false);
    atomic_store(&go_on, false);
    fixture_seed(fixture);
    fake_set_hook(block);
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    struct deadline deadline = deadline_in(20000);
    while (!atomic_load(&reached)) {
        assert_true(deadline_left_ms(deadline) > 0);
        (void)usleep(1000);
    }
}

static struct tx *begin(struct fixture *fixture)
{
    struct tx *tx = NULL;
    struct err err = {0};
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(9000), NULL, &tx, &err), ERR_OK);
    return tx;
}

// What RotateCredential does, in SQL of its own.
static void swap_key(struct fixture *fixture)
{
    static const struct statement swap = {
        "test_swap_key", "UPDATE connection SET credential_version = 2,"
                         " key_last_success_time = NULL WHERE tenant = $1 AND id = 'c1'"};
    const struct vault_context context = {"t1", "c1", "api-key", 2};
    struct secret *key _cleanup_(secret_freep) = secret_copy("ITG.next", 8);
    struct sealed sealed;
    struct err err = {0};
    assert_int_equal(vault_seal(fixture->vault, &context, key, &fixture->arena, &sealed, &err),
                     ERR_OK);
    struct tx *tx = begin(fixture);
    assert_int_equal(sync_pass_on_run(tx, "c1", &err), ERR_OK);
    assert_int_equal(tx_run(tx, &swap, ARGS(ARG_TEXT("t1")), &err), ERR_OK);
    assert_int_equal(vault_record_insert(tx, "c1", 2, &sealed, &err), ERR_OK);
    assert_int_equal(vault_record_delete_before(tx, "c1", 2, &err), ERR_OK);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
}

static void a_run_goes_on_with_the_new_key(void **state)
{
    struct fixture *fixture = *state;
    begin_run(fixture);
    swap_key(fixture);
    atomic_store(&go_on, true);
    sync_let_go(fixture->sync, "t1", "c1");
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    // A success counts for the key that a run began with: it began anew.
    assert_sql(fixture, "SELECT key_last_success_time IS NOT NULL FROM connection", "t");
    assert_sql(fixture, "SELECT created_count = done_count FROM sync_task WHERE kind = 2", "t");
}

// Another process has the run, and is told nothing.
static void a_run_elsewhere_notices_by_itself(void **state)
{
    struct fixture *fixture = *state;
    begin_run(fixture);
    swap_key(fixture);
    atomic_store(&go_on, true);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT key_last_success_time IS NOT NULL FROM connection", "t");
    assert_sql(fixture, "SELECT created_count = done_count FROM sync_task WHERE kind = 2", "t");
}

static void nobody_carries_an_abandoned_run_on(void **state)
{
    struct fixture *fixture = *state;
    int64_t cancelled;
    struct err err = {0};
    begin_run(fixture);
    struct tx *tx = begin(fixture);
    assert_int_equal(sync_abandon_run(tx, "c1", &cancelled, &err), ERR_OK);
    assert_int_equal(cancelled, 1);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
    atomic_store(&go_on, true);
    sync_let_go(fixture->sync, "t1", "c1");
    assert_int_equal(fixture_wait(fixture), RUN_CANCELLED);
    fixture_stop_sync(fixture);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 4", "0");
    assert_sql(fixture, "SELECT count(*) FROM sync_lease", "0");
    assert_sql(fixture, "SELECT count(*) FROM sync_task WHERE state IN (2, 3, 4)", "0");
}

static void count_wake(void *context)
{
    (void)atomic_fetch_add((atomic_int *)context, 1);
}

static void watchers_of_a_deleted_run_hear_its_end(void **state)
{
    struct fixture *fixture = *state;
    atomic_int wakes = 0;
    const struct stream_waker waker = {count_wake, &wakes};
    struct sync_watch *watch = NULL;
    struct sync_event event = {0};
    int64_t cancelled;
    struct err err = {0};
    begin_run(fixture);
    assert_int_equal(
        sync_watch_open(fixture->sync, "t1", "c1", fixture->run_id, &waker, &watch, &err), ERR_OK);
    struct tx *tx = begin(fixture);
    assert_int_equal(sync_abandon_run(tx, "c1", &cancelled, &err), ERR_OK);
    assert_int_equal(tx_commit(&tx, &err), ERR_OK);
    (void)fixture_sql(fixture, "DELETE FROM connection");
    sync_let_go(fixture->sync, "t1", "c1");
    struct deadline deadline = deadline_in(20000);
    while (event.kind != SYNC_EVENT_FINISHED) {
        assert_true(deadline_left_ms(deadline) > 0);
        assert_int_equal(sync_watch_next(watch, &fixture->arena, &event, &err), ERR_OK);
        if (event.kind == SYNC_EVENT_NONE)
            (void)usleep(1000);
    }
    assert_int_equal(event.run->state, RUN_CANCELLED);
    sync_watch_close(watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(a_run_goes_on_with_the_new_key),
        TEST(a_run_elsewhere_notices_by_itself),
        TEST(nobody_carries_an_abandoned_run_on),
        TEST(watchers_of_a_deleted_run_hear_its_end),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
