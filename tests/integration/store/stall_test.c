// A server that stands still: it takes whatever is sent and says nothing, for as long as it likes.

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/store/fixture.h"

enum { CALLERS = 4, DEADLINE_MS = 500, DRAIN_MS = 2000, SLACK_MS = 20000 };

static const struct test_database *database;

static int start(void **state)
{
    (void)fixture_start(state);
    database = test_postgres_database(postgres);
    return 0;
}

// So many idle connections.
static struct store *warm_store(int connections)
{
    struct store *store = fixture_open(database, connections);
    struct tx *txs[CALLERS] = {NULL};
    for (int i = 0; i < connections; i++) {
        txs[i] = fixture_begin(store, "t1");
        assert_string_equal(fixture_value(txs[i], "SELECT 1"), "1");
    }
    for (int i = 0; i < connections; i++)
        tx_abortp(&txs[i]);
    assert_int_equal(store_get_stats(store).idle, connections);
    return store;
}

struct caller {
    struct store *store;
    pthread_t thread;
    int calls, late;
};

// Calls for three seconds, and twice. Each must end in time, without success and without another
// error.
static void *call(void *context)
{
    struct caller *caller = context;
    struct deadline end = deadline_in(3000);
    while (deadline_left_ms(end) > 0 || caller->calls < 2) {
        struct err err;
        int64_t start_ms = clock_steady_ms();
        enum err_code code = fixture_try(caller->store, DEADLINE_MS, &err);
        if (code != ERR_DEADLINE_EXCEEDED && code != ERR_STORE_UNAVAILABLE)
            abort();
        caller->calls++;
        caller->late += clock_steady_ms() - start_ms > DEADLINE_MS + DRAIN_MS + SLACK_MS;
        (void)usleep(10000);
    }
    return NULL;
}

static void calls_end_and_return_when_it_goes_on(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = warm_store(CALLERS);
    test_postgres_stall(postgres);
    struct caller callers[CALLERS] = {{0}};
    for (int i = 0; i < CALLERS; i++) {
        callers[i].store = store;
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++)
        pthread_join(callers[i].thread, NULL);
    int calls = 0;
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(callers[i].late, 0);
        calls += callers[i].calls;
    }
    assert_true(calls >= 2 * CALLERS);
    test_postgres_resume(postgres);
    int64_t ms = fixture_recover(store, 10);
    print_message("%d calls ended; recovered %d ms after the stall\n", calls, (int)ms);
    fixture_settled(store, database->admin_dsn);
}

static const struct statement write_row = {
    "write_row", "INSERT INTO company (tenant, id, display_name, name_key, create_time,"
                 " update_time) VALUES ($1, $2, '', '', now(), now())"};

static void a_transaction_in_the_middle_is_given_up(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = warm_store(2);
    struct tx *tx = NULL;
    assert_ok(store_begin(store, "half", deadline_in(1500), NULL, &tx, reterr));
    assert_ok(tx_run(tx, &write_row, ARGS(ARG_TEXT("half"), ARG_TEXT("a")), reterr));
    test_postgres_stall(postgres);
    int64_t start_ms = clock_steady_ms();
    assert_code(tx_commit(&tx, reterr), ERR_DEADLINE_EXCEEDED);
    assert_null(tx);
    assert_in_range(clock_steady_ms() - start_ms, 0, 1500 + DRAIN_MS + SLACK_MS);
    // Its idle neighbour went with it.
    assert_int_equal(store_get_stats(store).open, 0);
    test_postgres_resume(postgres);
    (void)fixture_recover(store, 10);
    fixture_settled(store, database->admin_dsn);
}

// The rollback has a time of its own, as the deadline may be long over.
static void an_abort_is_bounded(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = warm_store(1);
    struct tx *tx = fixture_begin(store, "half");
    assert_ok(tx_run(tx, &write_row, ARGS(ARG_TEXT("half"), ARG_TEXT("b")), reterr));
    test_postgres_stall(postgres);
    int64_t start_ms = clock_steady_ms();
    tx_abortp(&tx);
    assert_in_range(clock_steady_ms() - start_ms, 0, 2 * DRAIN_MS + SLACK_MS);
    assert_int_equal(store_get_stats(store).open, 0);
    test_postgres_resume(postgres);
    (void)fixture_recover(store, 10);
    fixture_settled(store, database->admin_dsn);
    assert_string_equal(
        test_postgres_value(database->admin_dsn, "SELECT count(*) FROM company WHERE id = 'b'"),
        "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_end_and_return_when_it_goes_on),
        cmocka_unit_test(a_transaction_in_the_middle_is_given_up),
        cmocka_unit_test(an_abort_is_bounded),
    };
    return cmocka_run_group_tests(tests, start, fixture_stop);
}
