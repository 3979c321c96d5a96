#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/store/fixture.h"

struct test_postgres *postgres;

#ifdef FIXTURE_POOLED
const bool fixture_pooled = true;
#else
const bool fixture_pooled = false;
#endif

int fixture_start(void **state)
{
    (void)state;
    postgres = fixture_pooled ? test_postgres_start_pooled() : test_postgres_start();
    return 0;
}

int fixture_stop(void **state)
{
    (void)state;
    test_postgres_stop(postgres);
    return 0;
}

struct store *fixture_open(const struct test_database *database, int connections_max)
{
    const struct store_settings settings = {.dsn = database->dsn,
                                            .connections_max = connections_max,
                                            .unnamed_statements = fixture_pooled,
                                            .role = "docbridge_server"};
    struct store *store = NULL;
    assert_ok(store_open(&settings, &store, reterr));
    return store;
}

struct tx *fixture_begin(struct store *store, const char *tenant)
{
    struct tx *tx = NULL;
    assert_ok(store_begin(store, tenant, deadline_in(60000), NULL, &tx, reterr));
    return tx;
}

enum err_code fixture_finish(struct tx **tx, const struct statement *statement,
                             const struct arg *args, size_t arg_count, struct err *reterr)
{
    tx_commit_with_next(*tx);
    try_(tx_run(*tx, statement, args, arg_count, reterr));
    return tx_commit(tx, reterr);
}

enum err_code fixture_try(struct store *store, int64_t ms, struct err *reterr)
{
    static const struct statement one = {"one", "SELECT 1"};
    _cleanup_(tx_abortp) struct tx *tx = NULL;
    try_(store_begin(store, "t1", deadline_in(ms), NULL, &tx, reterr));
    return fixture_finish(&tx, &one, NULL, 0, reterr);
}

int64_t fixture_recover(struct store *store, int seconds)
{
    int64_t start_ms = clock_steady_ms();
    struct err err = {0};
    while (fixture_try(store, 2000, &err) != ERR_OK) {
        if (clock_steady_ms() - start_ms > seconds * 1000)
            fail_msg("no recovery within %d s: %s", seconds, err.text);
        (void)usleep(20000);
    }
    return clock_steady_ms() - start_ms;
}

void fixture_settled(struct store *store, const char *admin_dsn)
{
    struct store_stats stats = store_get_stats(store);
    assert_int_equal(stats.idle, stats.open);
    assert_int_equal(stats.waiting, 0);
    static const char ours[] = "SELECT count(*) || ' of ' || count(*) FILTER (WHERE state = 'idle')"
                               " FROM pg_stat_activity WHERE datname = current_database()"
                               " AND usename = 'docbridged'";
    int count = -1, idle = -1;
    // A backend ends a moment after its client; PgBouncer's are its own, but none may be at work.
    for (int i = 0; i < 600 && (count != idle || (!fixture_pooled && count != stats.open)); i++) {
        (void)usleep(i == 0 ? 0 : 50000);
        const char *text = test_postgres_value(admin_dsn, ours);
        assert_int_equal(sscanf(text, "%d of %d", &count, &idle), 2);
    }
    if (count != idle || (!fixture_pooled && count != stats.open))
        fail_msg("%d connections of ours, %d at the server, %d of these idle: %s", stats.open,
                 count, idle,
                 test_postgres_value(admin_dsn,
                                     "SELECT string_agg(concat_ws(' ', state, wait_event,"
                                     " now() - backend_start, left(query, 60)), '; ')"
                                     " FROM pg_stat_activity"
                                     " WHERE usename = 'docbridged'"));
}

const char *fixture_value(struct tx *tx, const char *sql)
{
    static char text[256];
    const struct statement statement = {NULL, sql};
    struct rows rows = {NULL};
    assert_ok(tx_query(tx, &statement, NULL, 0, &rows, reterr));
    (void)snprintf(text, sizeof(text), "%s", rows_count(&rows) > 0 ? rows_text(&rows, 0, 0) : "");
    rows_done(&rows);
    return text;
}
