// Another host takes over: of a pair in one connection string, and of a name that moved.

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/store/fixture.h"

enum { CALLERS = 4 };

static const struct test_database *database;
static struct test_postgres *standby;
static char standby_admin_dsn[192];

static int start(void **state)
{
    (void)fixture_start(state);
    database = test_postgres_database(postgres);
    standby = test_postgres_start_standby(postgres);
    (void)snprintf(standby_admin_dsn, sizeof(standby_admin_dsn), "host=%s%s",
                   test_postgres_dir(standby), strchr(database->admin_dsn, ' '));
    return 0;
}

static int stop(void **state)
{
    test_postgres_stop(standby);
    return fixture_stop(state);
}

static const char *database_name(void)
{
    static char name[32];
    (void)snprintf(name, sizeof(name), "%s",
                   test_postgres_value(database->admin_dsn, "SELECT current_database()"));
    return name;
}

static struct store *open_hosts(const char *hosts, const char *rest, int connect_timeout_ms)
{
    char dsn[320];
    (void)snprintf(dsn, sizeof(dsn), "host=%s dbname=%s user=docbridged %s", hosts, database_name(),
                   rest);
    const struct store_settings settings = {.dsn = dsn,
                                            .connections_max = CALLERS,
                                            .connect_timeout_ms = connect_timeout_ms,
                                            .role = "docbridge_server"};
    struct store *store = NULL;
    assert_ok(store_open(&settings, &store, reterr));
    return store;
}

static struct store *open_pair(void)
{
    char hosts[160];
    (void)snprintf(hosts, sizeof(hosts), "%s,%s", test_postgres_dir(postgres),
                   test_postgres_dir(standby));
    return open_hosts(hosts, "target_session_attrs=read-write", 2000);
}

static const struct statement write_row = {
    "write_row", "INSERT INTO company (tenant, id, display_name, name_key, create_time,"
                 " update_time) VALUES ($1, gen_random_uuid()::text, '', '', now(), now())"};

static enum err_code write_once(struct store *store, int64_t ms, struct err *reterr)
{
    _cleanup_(tx_abortp) struct tx *tx = NULL;
    try_(store_begin(store, "t1", deadline_in(ms), NULL, &tx, reterr));
    return fixture_finish(&tx, &write_row, ARGS(ARG_TEXT(tx_tenant(tx))), reterr);
}

struct caller {
    struct store *store;
    pthread_t thread;
    atomic_int written, failed;
};

static atomic_bool ends;

static void *call(void *context)
{
    struct caller *caller = context;
    while (!atomic_load(&ends)) {
        struct err err = {0};
        enum err_code code = write_once(caller->store, 1000, &err);
        if (code != ERR_OK && code != ERR_STORE_UNAVAILABLE && code != ERR_DEADLINE_EXCEEDED) {
            print_message("%s: %s\n", err_reason(code), err.text);
            abort();
        }
        atomic_fetch_add(code == ERR_OK ? &caller->written : &caller->failed, 1);
        (void)usleep(5000);
    }
    return NULL;
}

static int written(struct caller *callers)
{
    int count = 0;
    for (int i = 0; i < CALLERS; i++)
        count += atomic_load(&callers[i].written);
    return count;
}

// Writes from all callers while `take_away` ends the primary and the standby takes over; how long
// after the promotion all callers wrote again.
static int64_t write_through(struct store *store, void (*take_away)(struct test_postgres *))
{
    struct caller callers[CALLERS] = {{0}};
    atomic_store(&ends, false);
    for (int i = 0; i < CALLERS; i++) {
        callers[i].store = store;
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    for (int i = 0; i < 12000 && written(callers) == 0; i++)
        (void)usleep(5000);
    assert_true(written(callers) > 0);
    take_away(postgres);
    (void)usleep(500000);
    test_postgres_promote(standby);
    int64_t start_ms = clock_steady_ms();
    int before[CALLERS], failed = 0;
    for (int i = 0; i < CALLERS; i++)
        before[i] = atomic_load(&callers[i].written);
    bool all = false;
    for (int i = 0; i < 12000 && !all; i++) {
        (void)usleep(5000);
        all = true;
        for (int k = 0; k < CALLERS; k++)
            all = all && atomic_load(&callers[k].written) > before[k];
    }
    int64_t ms = clock_steady_ms() - start_ms;
    atomic_store(&ends, true);
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(callers[i].thread, NULL);
        failed += atomic_load(&callers[i].failed);
    }
    assert_true(all);
    print_message("%d written, %d failed, all wrote again %d ms after the promotion\n",
                  written(callers), failed, (int)ms);
    return ms;
}

static void the_standby_takes_over_from_the_dead(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = open_pair();
    assert_ok(write_once(store, 5000, reterr));
    assert_in_range(write_through(store, test_postgres_kill), 0, 60000);
    fixture_settled(store, standby_admin_dsn);
}

// Harder: nothing refuses, nothing hangs up.
static void the_standby_takes_over_from_the_silent(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = open_pair();
    assert_ok(write_once(store, 5000, reterr));
    assert_in_range(write_through(store, test_postgres_stall), 0, 60000);
    fixture_settled(store, standby_admin_dsn);
    // From now on the silent one is not asked first, which would cost a second each time.
    int64_t start_ms = clock_steady_ms();
    struct tx *txs[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        txs[i] = fixture_begin(store, "t1");
    assert_in_range(clock_steady_ms() - start_ms, 0, CALLERS * 1000 - 1);
    for (int i = 0; i < CALLERS; i++)
        tx_abortp(&txs[i]);
    test_postgres_resume(postgres);
}

// One name, and what answers to it only reads until it is promoted.
static void a_server_that_only_reads_is_unavailable_for_writes(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = open_hosts(test_postgres_dir(standby), "", 2000);
    (void)fixture_recover(store, 60); // it has the database
    struct err err = {0};
    assert_int_equal(write_once(store, 5000, &err), ERR_STORE_UNAVAILABLE);
    assert_non_null(strstr(err.text, "25006"));
    assert_true(err.retry_after_ms >= 500);
    assert_int_equal(store_get_stats(store).open, 0); // another may answer next time
    _cleanup_(store_closep) struct store *writes =
        open_hosts(test_postgres_dir(standby), "target_session_attrs=read-write", 2000);
    assert_int_equal(write_once(writes, 5000, &err), ERR_STORE_UNAVAILABLE);
    test_postgres_promote(standby);
    int64_t start_ms = clock_steady_ms();
    while (write_once(store, 5000, &err) != ERR_OK && clock_steady_ms() - start_ms < 60000)
        (void)usleep(20000);
    assert_in_range(clock_steady_ms() - start_ms, 0, 60000);
    store = store_close(store);
    while (write_once(writes, 5000, &err) != ERR_OK && clock_steady_ms() - start_ms < 60000)
        (void)usleep(20000);
    assert_in_range(clock_steady_ms() - start_ms, 0, 60000);
    fixture_settled(writes, standby_admin_dsn);
}

static void a_recovering_server_is_unavailable(void **state)
{
    (void)state;
    (void)test_postgres_value(standby_admin_dsn, "ALTER SYSTEM SET hot_standby = off");
    test_postgres_halt(standby);
    test_postgres_restart(standby);
    _cleanup_(store_closep) struct store *store = open_hosts(test_postgres_dir(standby), "", 2000);
    struct err err = {0};
    assert_int_equal(fixture_try(store, 5000, &err), ERR_STORE_UNAVAILABLE);
    assert_non_null(strstr(err.text, "57P03"));
    assert_true(err.retry_after_ms >= 500);
    test_postgres_promote(standby);
    int64_t ms = fixture_recover(store, 10);
    print_message("served %d ms after the promotion\n", (int)ms);
    fixture_settled(store, standby_admin_dsn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_standby_takes_over_from_the_dead, start, stop),
        cmocka_unit_test_setup_teardown(the_standby_takes_over_from_the_silent, start, stop),
        cmocka_unit_test_setup_teardown(a_server_that_only_reads_is_unavailable_for_writes, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_recovering_server_is_unavailable, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
