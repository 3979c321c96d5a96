#include <stdio.h>
#include <string.h>

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
    assert_ok(store_begin(store, tenant, deadline_in(10000), NULL, &tx, reterr));
    return tx;
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
