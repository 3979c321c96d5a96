// What the gates of a reveal cost the database: one statement that finds the entry by its key, even
// while the tables have no statistics, as after a first sync.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/password.h"
#include "tests/integration/reading/fixture.h"

// Rows of stored entries that this transaction has read so far.
static const struct statement rows_read = {
    "test_rows_read", "SELECT coalesce(seq_tup_read + idx_tup_fetch, 0)"
                      " FROM pg_stat_xact_user_tables WHERE relname = 'record_password'"};

static void an_entry_is_found_by_its_key(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct password_gates gates;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct rows rows _cleanup_(rows_done) = {0};
    const struct password_gates_query query = {
        .company_id = "acme", .password_id = PASSWORD_PLAIN, .subject = "ada", .with_key = true};
    (void)fixture_sql(fixture,
                      "INSERT INTO record (tenant, connection_id, kind, id, organization_id,"
                      " display_name, body, content_hash) SELECT 't1', 'c1', 9, 100000 + i, 41,"
                      " 'Entry ' || i, '{}', '' FROM generate_series(1, 5000) i");
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(10000), NULL, &tx, &err),
                     ERR_OK);
    // Often enough for a plan that is kept.
    for (int i = 0; i < 7; i++)
        assert_int_equal(password_gates_get(tx, &query, &fixture->arena, &gates, &err), ERR_OK);
    assert_true(gates.found);
    assert_non_null(gates.key);
    assert_int_equal(tx_query(tx, &rows_read, NULL, 0, &rows, &err), ERR_OK);
    assert_int_equal(rows_int64(&rows, 0, 0), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_entry_is_found_by_its_key, fixture_fresh, fixture_drop),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
