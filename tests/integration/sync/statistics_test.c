// Tables that run full and empty, counted while they were empty: the planner takes them for empty
// ever after. What reads them must not be slow by that, whatever their statistics say.

#include <stdio.h>
#include <string.h>

#include "server/store/record.h"
#include "tests/integration/sync/fixture.h"

#define FILL                                                                                       \
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, type_id," \
    "  folder_id, category_id, restricted, archived, vaulted, personal, update_time, body,"        \
    "  content_hash)"                                                                              \
    " SELECT 't1', 'c1', k, i, 1 + i % 5, 'Record', 7, i % 400, 0, false, false, false, false,"    \
    "  now(), '{}', '\\x00' FROM unnest('{3,4,6}'::smallint[]) k, generate_series(1, 1000) i;"     \
    "INSERT INTO sync_page SELECT 't1', 'c1', 'r1', 6, 's', p,"                                    \
    "  ARRAY(SELECT generate_series(p * 100 - 99, p * 100)) FROM generate_series(1, 10) p;"

// Filled, emptied, counted, and filled again, while nobody else counts.
static struct tx *begin(struct fixture *fixture)
{
    struct err err = {0};
    struct tx *tx = NULL;
    (void)fixture_sql(
        fixture,
        "DO $$ DECLARE t regclass; BEGIN"
        " FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND (relname = 'sync_page'"
        "  OR relname LIKE 'record\\_%') LOOP"
        "  EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', t); END LOOP; END $$;"
        "INSERT INTO sync_run (tenant, connection_id, id, state, trigger, mode, actor_subject,"
        "  actor_display_name, actor_kind, create_time)"
        " VALUES ('t1', 'c1', 'r1', 5, 1, 1, 'ada', 'Ada', 1, now())");
    (void)fixture_sql(fixture, FILL);
    (void)fixture_sql(fixture, "DELETE FROM record; DELETE FROM sync_page");
    (void)fixture_sql(fixture, "ANALYZE");
    (void)fixture_sql(fixture, FILL);
    assert_sql(fixture,
               "SELECT string_agg(DISTINCT reltuples::text, ',') FROM pg_class"
               " WHERE relname IN ('sync_page', 'record_document', 'record_checklist')",
               "0");
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(600000), NULL, &tx, &err),
                     ERR_OK);
    return tx;
}

// The plan of a statement that ran in `tx`, a line a step. An array of numbers is one parameter.
static const char *plan(struct fixture *fixture, struct tx *tx, const char *execute)
{
    struct err err = {0};
    struct rows rows _cleanup_(rows_done) = {NULL};
    const struct statement statement = {
        NULL, arena_printf(&fixture->arena, "EXPLAIN (COSTS OFF, VERBOSE) EXECUTE %s", execute)};
    assert_int_equal(tx_query(tx, &statement, NULL, 0, &rows, &err), ERR_OK);
    const char *text = "";
    for (int i = 0; i < rows_count(&rows); i++)
        text = arena_printf(&fixture->arena, "%s%s\n", text, rows_text(&rows, i, 0));
    assert_non_null(text);
    return text;
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no \"%s\" in\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("\"%s\" in\n%s", part, text);
}

static void open_checklists_are_hashed(void **state)
{
    struct fixture *fixture = *state;
    struct tx *tx _cleanup_(tx_abortp) = begin(fixture);
    struct err err = {0};
    static const int64_t organizations[] = {1, 2, 3, 4, 5};
    const struct record_open asked = {"c1", "r1", SOURCE_CHECKLISTS, organizations, 5};
    int64_t count;
    assert_int_equal(record_count_open(tx, &asked, &count, &err), ERR_OK);
    assert_int_equal(count, 0); // the pages had all
    const char *text = plan(fixture, tx, "record_count_open('t1', 'c1', 6, '{1,2,3,4,5}', 'r1')");
    assert_has(text, "hashed SubPlan");
    assert_lacks(text, "Nested Loop");
}

static void folders_are_hashed(void **state)
{
    struct fixture *fixture = *state;
    struct tx *tx _cleanup_(tx_abortp) = begin(fixture);
    struct err err = {0};
    static const int64_t organizations[] = {1, 2, 3, 4, 5};
    const struct record_foldered asked = {
        "c1", SOURCE_DOCUMENTS, SOURCE_DOCUMENT_FOLDERS, organizations, 5, true};
    int64_t *ids;
    size_t count;
    assert_int_equal(record_foldered(tx, &asked, &fixture->arena, &ids, &count, &err), ERR_OK);
    assert_int_equal(count, 0); // all folders are stored
    const char *text = plan(fixture, tx, "record_foldered('t1', 'c1', 4, '{1,2,3,4,5}', 3, true)");
    assert_has(text, "hashed SubPlan");
    assert_lacks(text, "Nested Loop");
}

static void records_are_found_by_their_ids(void **state)
{
    struct fixture *fixture = *state;
    struct tx *tx _cleanup_(tx_abortp) = begin(fixture);
    struct err err = {0};
    static const int64_t ids[] = {1, 999, 1001}, times[] = {1, 1, 1};
    static const struct bytes hashes[] = {{"", 1}, {"", 1}, {"", 1}};
    const int64_t *new_ids;
    size_t count;
    enum record_change changes[3];
    assert_int_equal(record_new(tx, "c1", SOURCE_DOCUMENTS, ids, times, 3, &fixture->arena,
                                &new_ids, &count, &err),
                     ERR_OK);
    assert_int_equal(count, 3); // of other times, and not stored
    assert_int_equal(record_diff(tx, "c1", SOURCE_DOCUMENTS, ids, hashes, 3, changes, &err),
                     ERR_OK);
    assert_int_equal(changes[0], RECORD_SAME);
    assert_int_equal(changes[2], RECORD_NEW);
    static const char *const executes[] = {"record_new('t1', 'c1', 4, '{1,2}', '{now,now}')",
                                           "record_diff('t1', 'c1', 4, '{1,2}', '{a,b}')"};
    for (size_t i = 0; i < ARRAY_LEN(executes); i++) {
        const char *text = plan(fixture, tx, executes[i]);
        assert_has(text, "record_document_pkey");
        assert_has(text, "id >= ");
        assert_lacks(text, "Seq Scan");
    }
}

static void what_is_gone_is_hashed(void **state)
{
    struct fixture *fixture = *state;
    struct tx *tx _cleanup_(tx_abortp) = begin(fixture);
    struct err err = {0};
    static const int64_t organizations[] = {1, 2, 3, 4, 5};
    static const char *const scopes[] = {"s"};
    const struct record_scope scope = {
        .connection_id = "c1",
        .kind = SOURCE_CHECKLISTS,
        .organization_ids = organizations,
        .organization_count = 5,
        .run_id = "r1",
        .scopes = scopes,
        .scope_count = 1,
    };
    int64_t total, vanished;
    assert_int_equal(record_sweep_count(tx, &scope, &total, &vanished, &err), ERR_OK);
    assert_int_equal(total, 1000);
    assert_int_equal(vanished, 0);
    const char *text =
        plan(fixture, tx, "record_sweep_count('t1', 'c1', 6, 0, '{1,2,3,4,5}', 'r1', '{s}')");
    assert_has(text, "hashed SubPlan");
    assert_lacks(text, "Nested Loop");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(open_checklists_are_hashed),
        TEST(folders_are_hashed),
        TEST(records_are_found_by_their_ids),
        TEST(what_is_gone_is_hashed),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
