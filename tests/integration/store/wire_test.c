// What TCP does to a connection: it comes in pieces, late, half, or not at all.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/store/pg.h"
#include "tests/integration/store/fixture.h"
#include "tests/support/fault_proxy.h"

// No test waits so long: what takes less is not what the name of the test rules out.
enum { PROMPT_MS = 20000 };

static const struct test_database *database;
static struct fault_proxy *proxy;
static char tail[64]; // of a DSN, behind the port

static int start(void **state)
{
    (void)fixture_start(state);
    database = test_postgres_database(postgres);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/.s.PGSQL.5432", test_postgres_dir(postgres));
    proxy = fault_proxy_start(path);
    (void)snprintf(tail, sizeof(tail), "dbname=%s user=docbridged",
                   test_postgres_value(database->admin_dsn, "SELECT current_database()"));
    return 0;
}

static int stop(void **state)
{
    fault_proxy_stop(proxy);
    return fixture_stop(state);
}

static struct store *open_wire_within(int connections_max, int connect_timeout_ms)
{
    char dsn[192];
    (void)snprintf(dsn, sizeof(dsn), "host=127.0.0.1 port=%d %s", fault_proxy_port(proxy), tail);
    const struct store_settings settings = {.dsn = dsn,
                                            .connections_max = connections_max,
                                            .connect_timeout_ms = connect_timeout_ms,
                                            .role = "docbridge_server"};
    struct store *store = NULL;
    assert_ok(store_open(&settings, &store, reterr));
    return store;
}

static struct store *open_wire(int connections_max)
{
    return open_wire_within(connections_max, 3000);
}

static void a_slow_wire_is_only_slow(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = open_wire(2);
    fault_proxy_delay(proxy, 20);
    for (int i = 0; i < 3; i++)
        assert_ok(fixture_try(store, 30000, reterr));
    fault_proxy_delay(proxy, 0);
    fixture_settled(store, database->admin_dsn);
}

// At any byte of the greeting or of an answer.
static void a_cut_wire_is_told_and_replaced(void **state)
{
    (void)state;
    int told = 0, served = 0;
    for (int bytes = 0; bytes < 900; bytes += bytes < 32 ? 1 : 29) {
        _cleanup_(store_closep) struct store *store = open_wire(2);
        fault_proxy_cut(proxy, bytes);
        struct err err = {0};
        enum err_code code = fixture_try(store, 30000, &err);
        if (code != ERR_OK && code != ERR_STORE_UNAVAILABLE)
            fail_msg("after %d bytes: %s: %s", bytes, err_reason(code), err.text);
        told += code == ERR_STORE_UNAVAILABLE;
        served += code == ERR_OK;
        fault_proxy_cut(proxy, -1);
        (void)fixture_recover(store, 10);
        struct store_stats stats = store_get_stats(store);
        assert_int_equal(stats.idle, stats.open);
    }
    assert_true(told > 20);
    assert_true(served > 0);
    _cleanup_(store_closep) struct store *store = open_wire(2);
    assert_ok(fixture_try(store, 5000, reterr));
    fixture_settled(store, database->admin_dsn);
}

static void a_reset_between_calls_goes_unnoticed(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = open_wire(2);
    for (int i = 0; i < 5; i++) {
        assert_ok(fixture_try(store, 5000, reterr));
        assert_int_equal(fault_proxy_connections(proxy), 1);
        fault_proxy_reset(proxy);
        for (int k = 0; k < 10000 && fault_proxy_connections(proxy) > 0; k++)
            (void)usleep(2000);
    }
    assert_ok(fixture_try(store, 5000, reterr));
    fixture_settled(store, database->admin_dsn);
}

static void a_reset_in_a_statement_is_told_at_once(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = open_wire(2);
    struct tx *tx = NULL;
    assert_ok(store_begin(store, "t1", deadline_in(4000), NULL, &tx, reterr));
    assert_string_equal(fixture_value(tx, "SELECT 1"), "1");
    fault_proxy_reset(proxy);
    static const struct statement sleep_long = {"sleep_long", "SELECT pg_sleep(30)"};
    // Not when the deadline is over, of which the code would tell.
    assert_code(tx_run(tx, &sleep_long, NULL, 0, reterr), ERR_STORE_UNAVAILABLE);
    tx_abortp(&tx);
    assert_ok(fixture_try(store, 5000, reterr));
    // If the server has the statement nobody can tell it; its own time-out ends it.
    fixture_settled(store, database->admin_dsn);
}

// Half open: our packets are taken, nothing returns.
static void a_silent_wire_costs_the_deadline(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = open_wire_within(3, 3000);
    struct tx *txs[3];
    for (int i = 0; i < 3; i++)
        txs[i] = fixture_begin(store, "t1");
    for (int i = 0; i < 3; i++)
        tx_abortp(&txs[i]);
    assert_int_equal(store_get_stats(store).idle, 3);
    fault_proxy_stall(proxy, true);
    int64_t start_ms = clock_steady_ms();
    assert_code(fixture_try(store, 500, reterr), ERR_DEADLINE_EXCEEDED);
    assert_in_range(clock_steady_ms() - start_ms, 500, PROMPT_MS);
    // The two others are as dead, and nobody has to find out by waiting.
    assert_int_equal(store_get_stats(store).open, 0);
    start_ms = clock_steady_ms();
    assert_code(fixture_try(store, 30000, reterr), ERR_STORE_UNAVAILABLE);
    assert_in_range(clock_steady_ms() - start_ms, 2900, PROMPT_MS); // connect_timeout_ms
    fault_proxy_stall(proxy, false);
    int64_t ms = fixture_recover(store, 10);
    print_message("recovered %d ms after the silence\n", (int)ms);
    fixture_settled(store, database->admin_dsn);
}

static void a_silent_host_is_passed_over(void **state)
{
    (void)state;
    struct fault_proxy *silent = fault_proxy_start("/nowhere");
    fault_proxy_stall(silent, true);
    char dsn[192];
    (void)snprintf(dsn, sizeof(dsn), "host=127.0.0.1,127.0.0.1 port=%d,%d %s",
                   fault_proxy_port(silent), fault_proxy_port(proxy), tail);
    const struct store_settings settings = {
        .dsn = dsn, .connections_max = 2, .connect_timeout_ms = 8000, .role = "docbridge_server"};
    _cleanup_(store_closep) struct store *store = NULL;
    assert_ok(store_open(&settings, &store, reterr));
    int64_t start_ms = clock_steady_ms();
    struct tx *first = fixture_begin(store, "t1");
    assert_true(clock_steady_ms() - start_ms >= 3900); // half of the time
    start_ms = clock_steady_ms();
    struct tx *second = fixture_begin(store, "t1");
    assert_in_range(clock_steady_ms() - start_ms, 0, 3900); // and it learned
    tx_abortp(&first);
    tx_abortp(&second);
    assert_ok(fixture_try(store, 30000, reterr));
    fixture_settled(store, database->admin_dsn);
    fault_proxy_stop(silent);
}

// No proxy can hold back the kernel's acknowledgements, so the limits themselves are looked at.
static void the_kernel_watches_an_idle_wire(void **state)
{
    (void)state;
    char dsn[192];
    (void)snprintf(dsn, sizeof(dsn), "host=127.0.0.1 port=%d %s", fault_proxy_port(proxy), tail);
    _cleanup_(pg_target_freep) struct pg_target *target = NULL;
    _cleanup_(pg_freep) struct pg *pg = pg_new(/* unnamed= */ false);
    assert_ok(pg_target_new(dsn, NULL, /* session_settings= */ true, &target, reterr));
    const struct pg_wait wait = {deadline_in(5000), NULL};
    assert_ok(pg_connect(pg, target, /* pipeline= */ true, &wait, reterr));
    static const struct {
        int level, option, value;
    } cases[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},
                 {IPPROTO_TCP, TCP_KEEPIDLE, 30},
                 {IPPROTO_TCP, TCP_KEEPINTVL, 10},
                 {IPPROTO_TCP, TCP_KEEPCNT, 3},
                 {IPPROTO_TCP, TCP_USER_TIMEOUT, 30000}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int value = 0;
        socklen_t len = sizeof(value);
        assert_int_equal(
            getsockopt(PQsocket(pg->conn), cases[i].level, cases[i].option, &value, &len), 0);
        assert_int_equal(value, cases[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_wire_is_only_slow),
        cmocka_unit_test(a_cut_wire_is_told_and_replaced),
        cmocka_unit_test(a_reset_between_calls_goes_unnoticed),
        cmocka_unit_test(a_reset_in_a_statement_is_told_at_once),
        cmocka_unit_test(a_silent_wire_costs_the_deadline),
        cmocka_unit_test(a_silent_host_is_passed_over),
        cmocka_unit_test(the_kernel_watches_an_idle_wire),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
