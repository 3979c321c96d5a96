// Lists while a first run fills the tables: before they have statistics all ways to read them look
// the same to the planner, and none may read all of a table for each row.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/store.h"
#include "tests/integration/reading/listed.h"

enum { PAGES_MAX = 1000 }; // of Postgres; reading all for each row takes 3,500 to 15,000

static void fill(struct fixture *fixture)
{
    (void)fixture_sql(
        fixture,
        "DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r'"
        "  AND relname LIKE 'record\\_%' LOOP"
        "  EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', t); END LOOP; END $$;"
        "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, body,"
        "  content_hash, enabled, discover_time)"
        "  SELECT 't1', 'c1', n, 'Type', '{}', '', true, now() FROM generate_series(1, 5) n;"
        "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name,"
        "  type_id, folder_id, category_id, restricted, archived, vaulted, personal, publish_time,"
        "  body, content_hash)"
        " SELECT 't1', 'c1', k, i, CASE WHEN i % 50 = 0 THEN 41 ELSE 42 END, 'Record ' || i,"
        "  1 + i % 5, 0, 7, false, false, false, false, now(), '{}', ''"
        "  FROM unnest('{4,5,6,9}'::smallint[]) k, generate_series(20001, 23000) i");
}

// How many pages of tables and indexes a statement reads that is prepared.
static int pages_of(struct fixture *fixture, const char *execute)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct rows rows _cleanup_(rows_done) = {NULL};
    struct err err;
    static const struct statement connection = {
        NULL, "SELECT set_config('docbridge.connection', 'c1', true)"};
    const struct statement explain = {
        NULL,
        arena_printf(&fixture->arena,
                     "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, COSTS OFF) EXECUTE %s", execute)};
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(60000), NULL, &tx, &err),
                     ERR_OK);
    assert_int_equal(tx_run(tx, &connection, NULL, 0, &err), ERR_OK);
    assert_int_equal(tx_query(tx, &explain, NULL, 0, &rows, &err), ERR_OK);
    for (int i = 0; i < rows_count(&rows); i++) {
        const char *found = strstr(rows_text(&rows, i, 0), "Buffers: shared hit=");
        int pages;
        if (found != NULL && sscanf(found, "Buffers: shared hit=%d", &pages) == 1)
            return pages;
    }
    fail_msg("no count of pages");
    return 0;
}

static void a_list_reads_what_it_shows(void **state)
{
    struct fixture *fixture = *state;
    static const char *const statements[] = {
        "documentation_list_documents('t1', 'acme', '', 0, 51)",
        "documentation_list_flexible_assets('t1', 'acme', '', 0, 51, 0)",
        "documentation_list_checklists('t1', 'acme', '', 0, 51, 0)",
        "password_list('t1', 'acme', 'c1', NULL, '', 0, 51, 0, 'tom', 0)",
    };
    fill(fixture);
    struct listed seen = listed(fixture, "acme");
    assert_int_equal(seen.documents, 60);
    assert_int_equal(seen.flexible_assets, 60);
    assert_int_equal(seen.checklists, 60);
    assert_in_range(seen.passwords, 60, 70);
    for (size_t i = 0; i < ARRAY_LEN(statements); i++) {
        int pages = pages_of(fixture, statements[i]);
        if (pages > PAGES_MAX)
            fail_msg("%s reads %d pages", statements[i], pages);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(a_list_reads_what_it_shows)};
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
