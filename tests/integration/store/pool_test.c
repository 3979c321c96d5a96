// Who gets a connection, and when, while the server is well.

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/store/fixture.h"

enum { QUEUE = 6 };

static const struct test_database *database;
static struct store *store; // of one connection

static int open_store(void **state)
{
    (void)fixture_start(state);
    database = test_postgres_database(postgres);
    store = fixture_open(database, 1);
    return 0;
}

static int close_store(void **state)
{
    store = store_close(store);
    return fixture_stop(state);
}

static void assert_stats(int open, int idle, int waiting)
{
    struct store_stats stats = store_get_stats(store);
    assert_int_equal(stats.open, open);
    assert_int_equal(stats.idle, idle);
    assert_int_equal(stats.waiting, waiting);
}

static void wait_for_waiting(int count)
{
    for (int i = 0; i < 30000 && store_get_stats(store).waiting != count; i++)
        (void)usleep(1000);
    assert_int_equal(store_get_stats(store).waiting, count);
}

static void a_full_pool_waits_until_the_deadline(void **state)
{
    (void)state;
    struct tx *tx = fixture_begin(store, "t1"), *other = NULL;
    int64_t start_ms = clock_steady_ms();
    assert_code(store_begin(store, "t1", deadline_in(300), NULL, &other, reterr),
                ERR_DEADLINE_EXCEEDED);
    assert_in_range(clock_steady_ms() - start_ms, 300, 20000);
    assert_null(other);
    assert_stats(1, 0, 0);
    tx_abortp(&tx);
    assert_stats(1, 1, 0);
    assert_code(store_begin(store, "t1", deadline_in(0), NULL, &other, reterr), ERR_OK);
    const struct statement one = {"one", "SELECT 1"};
    assert_code(tx_run(other, &one, NULL, 0, reterr), ERR_DEADLINE_EXCEEDED);
    tx_abortp(&other);
    assert_stats(1, 1, 0);
}

static atomic_bool gone;

static void *wait_cancelled(void *ret_code)
{
    struct tx *tx = NULL;
    *(enum err_code *)ret_code = store_begin(store, "t1", deadline_in(60000), &gone, &tx, NULL);
    tx_abortp(&tx);
    return NULL;
}

static void a_waiter_can_leave(void **state)
{
    (void)state;
    atomic_store(&gone, false);
    struct tx *tx = fixture_begin(store, "t1");
    pthread_t thread;
    enum err_code code = ERR_OK;
    assert_int_equal(pthread_create(&thread, NULL, wait_cancelled, &code), 0);
    wait_for_waiting(1);
    int64_t start_ms = clock_steady_ms();
    atomic_store(&gone, true);
    pthread_join(thread, NULL);
    assert_int_equal(code, ERR_CANCELLED);
    assert_in_range(clock_steady_ms() - start_ms, 0, 30000);
    assert_stats(1, 0, 0);
    tx_abortp(&tx);
}

static atomic_int served;
static int served_as[QUEUE];

static void *wait_in_line(void *place)
{
    struct tx *tx = NULL;
    if (store_begin(store, "t1", deadline_in(60000), NULL, &tx, NULL) == ERR_OK)
        *(int *)place = atomic_fetch_add(&served, 1);
    (void)usleep(5000); // long enough for the next to be wrong, if it came too early
    tx_abortp(&tx);
    return NULL;
}

static void first_come_first_served(void **state)
{
    (void)state;
    struct tx *tx = fixture_begin(store, "t1");
    pthread_t threads[QUEUE];
    for (int i = 0; i < QUEUE; i++) {
        served_as[i] = -1;
        assert_int_equal(pthread_create(&threads[i], NULL, wait_in_line, &served_as[i]), 0);
        wait_for_waiting(i + 1);
    }
    tx_abortp(&tx);
    for (int i = 0; i < QUEUE; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < QUEUE; i++)
        assert_int_equal(served_as[i], i);
    assert_stats(1, 1, 0);
}

static void *hammer(void *failures)
{
    static const struct statement sleep_short = {"sleep_short", "SELECT pg_sleep(0.002)"};
    for (int i = 0; i < 100; i++) {
        struct tx *tx = NULL;
        // One in ten is too late, whether in the queue or in the statement.
        int64_t ms = i % 10 == 0 ? 3 : 60000;
        enum err_code code = store_begin(store, "t1", deadline_in(ms), NULL, &tx, NULL);
        if (code == ERR_OK && i % 3 == 0)
            code = fixture_finish(&tx, &sleep_short, NULL, 0, NULL);
        else if (code == ERR_OK)
            code = tx_run(tx, &sleep_short, NULL, 0, NULL);
        if (code != ERR_OK && !(ms == 3 && code == ERR_DEADLINE_EXCEEDED))
            atomic_fetch_add((atomic_int *)failures, 1);
        tx_abortp(&tx);
    }
    return NULL;
}

static void nothing_leaks_under_threads(void **state)
{
    (void)state;
    struct store *single = store;
    store = fixture_open(database, 3);
    atomic_int failures = 0;
    pthread_t threads[8];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &failures), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&failures), 0);
    struct store_stats stats = store_get_stats(store);
    assert_in_range(stats.open, 1, 3);
    assert_int_equal(stats.idle, stats.open);
    assert_int_equal(stats.waiting, 0);
    (void)store_close(store);
    store = single;
}

static void a_backend_that_died_idle_is_not_handed_out(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct tx *tx = fixture_begin(store, "t1");
        assert_string_equal(fixture_value(tx, "SELECT 1"), "1");
        assert_ok(tx_commit(&tx, reterr));
        (void)test_postgres_value(database->admin_dsn,
                                  "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                                  " WHERE application_name = 'docbridged'");
    }
    struct tx *tx = fixture_begin(store, "t1");
    assert_string_equal(fixture_value(tx, "SELECT 1"), "1");
    tx_abortp(&tx);
    assert_stats(1, 1, 0);
}

static void a_connection_lost_in_a_transaction_is_closed(void **state)
{
    (void)state;
    struct tx *tx = fixture_begin(store, "t1");
    assert_string_equal(fixture_value(tx, "SELECT 1"), "1");
    (void)test_postgres_value(database->admin_dsn,
                              "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                              " WHERE application_name = 'docbridged'");
    const struct statement one = {"one", "SELECT 1"};
    struct err err;
    assert_int_equal(tx_run(tx, &one, NULL, 0, &err), ERR_STORE_UNAVAILABLE);
    assert_true(err.retry_after_ms >= 500);
    tx_abortp(&tx);
    assert_stats(0, 0, 0);
    tx = fixture_begin(store, "t1");
    assert_string_equal(fixture_value(tx, "SELECT 1"), "1");
    tx_abortp(&tx);
}

// A statement that neither ends nor can be cancelled costs its connection, not its thread.
static void a_backend_that_hangs_is_given_up(void **state)
{
    (void)state;
    struct tx *tx = fixture_begin(store, "t1");
    int64_t pid = 0;
    const char *text = fixture_value(tx, "SELECT pg_backend_pid()");
    assert_int_equal(sscanf(text, "%ld", &pid), 1);
    tx_abortp(&tx);
    assert_ok(store_begin(store, "t1", deadline_in(3000), NULL, &tx, reterr));
    assert_int_equal(kill((pid_t)pid, SIGSTOP), 0);
    const struct statement one = {"one", "SELECT 1"};
    int64_t start_ms = clock_steady_ms();
    assert_code(tx_run(tx, &one, NULL, 0, reterr), ERR_DEADLINE_EXCEEDED);
    assert_in_range(clock_steady_ms() - start_ms, 2000, 30000);
    tx_abortp(&tx);
    assert_stats(0, 0, 0);
    assert_int_equal(kill((pid_t)pid, SIGCONT), 0);
}

static void the_server_s_own_limit_is_told(void **state)
{
    (void)state;
    if (fixture_pooled)
        skip(); // PgBouncer keeps the limit to itself and lets its client wait
    (void)test_postgres_value(database->admin_dsn, "ALTER ROLE docbridged CONNECTION LIMIT 2");
    _cleanup_(store_closep) struct store *wide = fixture_open(database, 4);
    struct tx *first = NULL, *second = NULL, *third = NULL;
    struct err err;
    struct store *single = store; // its connection counts
    store = store_close(single);
    fixture_settled(wide, database->admin_dsn); // a backend ends a moment after its client
    assert_ok(store_begin(wide, "t1", deadline_in(9000), NULL, &first, reterr));
    assert_ok(store_begin(wide, "t1", deadline_in(9000), NULL, &second, reterr));
    assert_int_equal(store_begin(wide, "t1", deadline_in(9000), NULL, &third, &err),
                     ERR_STORE_UNAVAILABLE);
    assert_non_null(strstr(err.text, "53300"));
    tx_abortp(&first);
    assert_ok(store_begin(wide, "t1", deadline_in(9000), NULL, &third, reterr));
    tx_abortp(&second);
    tx_abortp(&third);
    (void)test_postgres_value(database->admin_dsn, "ALTER ROLE docbridged CONNECTION LIMIT -1");
    store = fixture_open(database, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_pool_waits_until_the_deadline),
        cmocka_unit_test(a_waiter_can_leave),
        cmocka_unit_test(first_come_first_served),
        cmocka_unit_test(nothing_leaks_under_threads),
        cmocka_unit_test(a_backend_that_died_idle_is_not_handed_out),
        cmocka_unit_test(a_connection_lost_in_a_transaction_is_closed),
        cmocka_unit_test(a_backend_that_hangs_is_given_up),
        cmocka_unit_test(the_server_s_own_limit_is_told),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
