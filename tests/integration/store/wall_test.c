// The second wall: what row-level security and the roles allow whatever a statement says.

#include <stdio.h>
#include <string.h>

#include "tests/integration/store/fixture.h"

static const struct test_database *database;
static struct store *store;

#define INSERT_COMPANY(tenant)                                                           \
    "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time)" \
    " VALUES ('" tenant "', '" tenant "', '', 'the same name', now(), now())"

static void run(const char *tenant, const char *sql, enum err_code expected)
{
    const struct statement statement = {NULL, sql};
    struct tx *tx = fixture_begin(store, tenant);
    assert_code(fixture_finish(&tx, &statement, NULL, 0, reterr), expected);
    tx_abortp(&tx);
}

static int open_store(void **state)
{
    (void)fixture_start(state);
    database = test_postgres_database(postgres);
    store = fixture_open(database, 2);
    run("red", INSERT_COMPANY("red"), ERR_OK);
    run("blue", INSERT_COMPANY("blue"), ERR_OK);
    return 0;
}

static int close_store(void **state)
{
    store = store_close(store);
    return fixture_stop(state);
}

// A statement that forgot its tenant.
static const char all_tenants[] = "SELECT coalesce(string_agg(tenant, ','), '-') FROM company";

static void a_statement_without_its_tenant_sees_only_it(void **state)
{
    (void)state;
    static const char *const tenants[][2] = {{"red", "red"},    {"blue", "blue"}, {"green", "-"},
                                             {"RED", "-"},      {"", "-"},        {NULL, "-"},
                                             {"red' OR '", "-"}};
    for (size_t i = 0; i < ARRAY_LEN(tenants); i++) {
        _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, tenants[i][0]);
        assert_string_equal(fixture_value(tx, all_tenants), tenants[i][1]);
    }
}

// It runs with its owner's rights, so the wall does not hold it.
static void the_search_for_names_keeps_to_the_tenant(void **state)
{
    (void)state;
    static const char search[] = "SELECT coalesce(string_agg(company_id, ','), '-')"
                                 " FROM company_like('none', ARRAY['the same name'])";
    static const char *const tenants[][2] = {
        {"red", "red"}, {"blue", "blue"}, {"green", "-"}, {NULL, "-"}};
    for (size_t i = 0; i < ARRAY_LEN(tenants); i++) {
        _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, tenants[i][0]);
        assert_string_equal(fixture_value(tx, search), tenants[i][1]);
    }
}

// The same of the search for words, even where two tenants have connections of the same id.
static void the_search_for_words_keeps_to_the_tenant(void **state)
{
    (void)state;
    static const char *const tenants[][2] = {
        {"red", "red"}, {"blue", "blue"}, {"green", "-"}, {NULL, "-"}};
    (void)test_postgres_value(
        database->admin_dsn,
        "SET session_replication_role = replica; INSERT INTO search_entry (tenant, connection_id,"
        " kind, id, organization_id, content, fragments, words) SELECT t, 'c1', 4, length(t),"
        " 1, t, t || ' piece', search_words('', 'word') FROM unnest('{red,blue}'::text[]) t");
    static const char *const searches[] = {
        "'{1}', '{4}', search_query('word'), NULL",
        "'{1}', '{4}', NULL, '%piece%'",
        "'{1,2,3,4,5}', '{4}', search_query('word'), NULL",
        "'{1,2,3,4,5}', '{4}', NULL, '%piece%'",
    };
    for (size_t k = 0; k < ARRAY_LEN(searches); k++)
        for (size_t i = 0; i < ARRAY_LEN(tenants); i++) {
            char sql[512];
            (void)snprintf(sql, sizeof(sql),
                           "SELECT coalesce(string_agg(CASE id WHEN 3 THEN 'red' ELSE 'blue' END,"
                           " ','), '-') FROM search_find('c1', %s, 100)",
                           searches[k]);
            _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, tenants[i][0]);
            assert_string_equal(fixture_value(tx, sql), tenants[i][1]);
        }
}

static void the_setting_ends_with_its_transaction(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *single = fixture_open(database, 1);
    struct tx *tx = fixture_begin(single, "red");
    assert_string_equal(fixture_value(tx, all_tenants), "red");
    assert_ok(tx_commit(&tx, reterr));
    tx = fixture_begin(single, NULL);
    assert_string_equal(fixture_value(tx, all_tenants), "-");
    tx_abortp(&tx);
}

static void no_row_of_another_tenant_is_touched(void **state)
{
    (void)state;
    run("red", INSERT_COMPANY("green"), ERR_INTERNAL);
    run("red", "UPDATE company SET tenant = 'green'", ERR_INTERNAL);
    run("red", "UPDATE company SET display_name = 'mine'", ERR_OK);
    run("red", "DELETE FROM company WHERE tenant = 'blue'", ERR_OK);
    assert_string_equal(test_postgres_value(database->owner_dsn,
                                            "SELECT string_agg(tenant || display_name, ','"
                                            " ORDER BY tenant) FROM company"),
                        "blue,redmine");
}

static void the_login_alone_has_no_rights(void **state)
{
    (void)state;
    const struct store_settings settings = {
        .dsn = database->dsn, .connections_max = 1, .unnamed_statements = fixture_pooled};
    _cleanup_(store_closep) struct store *bare = NULL;
    assert_ok(store_open(&settings, &bare, reterr));
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(bare, "red");
    const struct statement statement = {"all", all_tenants};
    assert_code(tx_run(tx, &statement, NULL, 0, reterr), ERR_INTERNAL);
}

static void the_scheduler_sees_what_is_due_and_nothing_else(void **state)
{
    (void)state;
    (void)test_postgres_value(
        database->owner_dsn,
        "INSERT INTO connection (tenant, id, display_name, provider, region, state, create_time,"
        " update_time) SELECT t, 'c', '', 1, 1, 1, now(), now() FROM unnest('{red,blue}'::text[]) "
        "t;"
        "INSERT INTO sync_run (tenant, connection_id, id, state, trigger, mode, actor_subject,"
        " actor_display_name, actor_kind, create_time)"
        " SELECT t, 'c', 'r', 1, 1, 1, '', '', 1, now() FROM unnest('{red,blue}'::text[]) t;"
        "INSERT INTO sync_lease (tenant, connection_id, run_id, owner, fence, expire_time)"
        " SELECT t, 'c', 'r', '', 1, now() FROM unnest('{red,blue}'::text[]) t;"
        "INSERT INTO keep_alive (tenant, connection_id, due_time)"
        " SELECT t, 'c', now() FROM unnest('{red,blue}'::text[]) t");
    const struct store_settings settings = {.dsn = database->dsn,
                                            .connections_max = 1,
                                            .unnamed_statements = fixture_pooled,
                                            .role = "docbridge_scheduler"};
    _cleanup_(store_closep) struct store *scheduler = NULL;
    assert_ok(store_open(&settings, &scheduler, reterr));
    struct tx *tx = fixture_begin(scheduler, NULL);
    assert_string_equal(fixture_value(tx, "SELECT count(*) FROM sync_lease"), "2");
    assert_string_equal(fixture_value(tx, "SELECT count(*) FROM keep_alive"), "2");
    const struct statement statement = {"all", all_tenants};
    assert_code(tx_run(tx, &statement, NULL, 0, reterr), ERR_INTERNAL);
    tx_abortp(&tx);
    tx = fixture_begin(store, "red");
    assert_string_equal(fixture_value(tx, "SELECT count(*) FROM sync_lease"), "1");
    assert_string_equal(fixture_value(tx, "SELECT count(*) FROM keep_alive"), "1");
    tx_abortp(&tx);
}

static void the_janitor_sees_whose_key_it_is_and_no_sealed_byte(void **state)
{
    (void)state;
    (void)test_postgres_value(
        database->owner_dsn,
        "INSERT INTO connection (tenant, id, display_name, provider, region, state, create_time,"
        " update_time) SELECT t, 'k', '', 1, 1, 3, now(), now() FROM unnest('{red,blue}'::text[]) "
        "t;"
        "INSERT INTO vault_record SELECT t, 'k', 'api-key', 1, 'xchacha20poly1305-v2', 'id', '', ''"
        " FROM unnest('{red,blue}'::text[]) t");
    const struct store_settings settings = {.dsn = database->dsn,
                                            .connections_max = 1,
                                            .unnamed_statements = fixture_pooled,
                                            .role = "docbridge_janitor"};
    _cleanup_(store_closep) struct store *janitor = NULL;
    assert_ok(store_open(&settings, &janitor, reterr));
    struct tx *tx = fixture_begin(janitor, NULL);
    assert_string_equal(fixture_value(tx, "SELECT count(master_key_id) FROM vault_record"), "2");
    tx_abortp(&tx);
    static const char *const refused[] = {
        "SELECT wrapped_key FROM vault_record",
        "SELECT ciphertext FROM vault_record",
        "UPDATE vault_record SET master_key_id = 'x'",
        "DELETE FROM vault_record",
        "SELECT id FROM connection",
        "SELECT resource FROM audit_event",
        "UPDATE audit_event SET hash = previous_hash",
        "INSERT INTO audit_mark SELECT * FROM audit_mark",
        "UPDATE audit_head SET sequence = 0",
    };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        const struct statement statement = {NULL, refused[i]};
        tx = fixture_begin(janitor, NULL);
        assert_code(tx_run(tx, &statement, NULL, 0, reterr), ERR_INTERNAL);
        tx_abortp(&tx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_statement_without_its_tenant_sees_only_it),
        cmocka_unit_test(the_search_for_names_keeps_to_the_tenant),
        cmocka_unit_test(the_search_for_words_keeps_to_the_tenant),
        cmocka_unit_test(the_setting_ends_with_its_transaction),
        cmocka_unit_test(no_row_of_another_tenant_is_touched),
        cmocka_unit_test(the_login_alone_has_no_rights),
        cmocka_unit_test(the_scheduler_sees_what_is_due_and_nothing_else),
        cmocka_unit_test(the_janitor_sees_whose_key_it_is_and_no_sealed_byte),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
