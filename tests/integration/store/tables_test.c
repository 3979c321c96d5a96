// The second wall over every table that there is: read from the catalog, so that a new table is
// tested without a word here.

#include <stdio.h>
#include <string.h>

#include "tests/integration/store/fixture.h"

enum { TABLES_MAX = 200, NAME_BYTES = 64 };

static const struct test_database *database;
static struct store *store;
static char tables[TABLES_MAX][NAME_BYTES];
static size_t table_count;

// All tables with rows; a partition is one too. schema_migrations is everybody's to read.
#define TABLES                                                                               \
    " FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', " \
    "'p') AND c.relname <> 'schema_migrations'"

// A row of each tenant in each table, made from the types of its columns alone: what keys and
// checks would ask for is nothing to the wall, so they are not asked.
static const char fill[] =
    "SET session_replication_role = replica;"
    "DO $$ DECLARE t record; names text; contents text; BEGIN"
    " FOR t IN SELECT conrelid::regclass AS name, conname FROM pg_constraint"
    "  WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND conislocal LOOP"
    "  EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', t.name, t.conname);"
    " END LOOP;"
    " FOR t IN SELECT c.oid, c.relname" TABLES " AND NOT c.relispartition LOOP"
    "  SELECT string_agg(quote_ident(attname), ','),"
    "   string_agg(CASE WHEN attname = 'tenant' THEN 'tenant.name'"
    "    WHEN attname = 'kind' AND t.relname = 'record' THEN '9'"
    "    WHEN typname IN ('text', 'bytea', 'tsvector') THEN '''x''' WHEN typname = 'bool' THEN "
    "'false'"
    "    WHEN typname = 'timestamptz' THEN 'now()'"
    "    WHEN typname = 'xid8' THEN '''7'''"
    "    WHEN typname IN ('jsonb', '_text', '_int8', '_timestamptz') THEN '''{}'''"
    "    ELSE '1' END, ',') INTO names, contents"
    "   FROM pg_attribute JOIN pg_type y ON y.oid = atttypid"
    "   WHERE attrelid = t.oid AND attnum > 0 AND NOT attisdropped AND attnotnull"
    "    AND NOT atthasdef;"
    "  EXECUTE format('INSERT INTO %I (%s) SELECT %s FROM unnest(''{red,blue}''::text[]) tenant"
    " (name)', t.relname, names, contents);"
    " END LOOP; END $$; SELECT ''";

static int start(void **state)
{
    (void)fixture_start(state);
    database = test_postgres_database(postgres);
    store = fixture_open(database, 2);
    (void)test_postgres_value(database->admin_dsn, fill);
    const char *names = test_postgres_value(
        database->admin_dsn, "SELECT string_agg(c.relname, ',' ORDER BY c.relname)" TABLES);
    for (const char *at = names; *at != '\0'; table_count++) {
        size_t len = strcspn(at, ",");
        assert_true(table_count < TABLES_MAX && len < NAME_BYTES);
        (void)snprintf(tables[table_count], NAME_BYTES, "%.*s", (int)len, at);
        at += len + (at[len] == ',');
    }
    return 0;
}

static int stop(void **state)
{
    store = store_close(store);
    return fixture_stop(state);
}

static const char *sql_of(const char *before, const char *table, const char *after)
{
    static char sql[256];
    (void)snprintf(sql, sizeof(sql), "%s %.*s %s", before, NAME_BYTES, table, after);
    return sql;
}

static bool has_rows(const char *table)
{
    return strcmp(
               test_postgres_value(database->admin_dsn, sql_of("SELECT count(*) FROM", table, "")),
               "0") != 0;
}

// A statement that forgot its tenant reads what is the transaction's, in every table.
static void no_table_shows_another_tenant(void **state)
{
    (void)state;
    size_t shown = 0;
    for (size_t i = 0; i < table_count; i++) {
        static const char *const tenants[] = {"red", "blue"};
        bool rows = has_rows(tables[i]);
        const char *sql =
            sql_of("SELECT coalesce(string_agg(DISTINCT tenant, ','), '-') FROM", tables[i], "");
        for (size_t j = 0; j < ARRAY_LEN(tenants); j++) {
            struct tx *tx = fixture_begin(store, tenants[j]);
            const char *seen = fixture_value(tx, sql);
            if (strcmp(seen, rows ? tenants[j] : "-") != 0)
                fail_msg("%s shows %s to %s", tables[i], seen, tenants[j]);
            tx_abortp(&tx);
        }
        struct tx *nobody = fixture_begin(store, NULL);
        if (strcmp(fixture_value(nobody, sql), "-") != 0)
            fail_msg("%s shows something to nobody", tables[i]);
        tx_abortp(&nobody);
        shown += rows;
    }
    // All but empty partitions.
    assert_true(shown > 20);
}

// What a statement of red's does: the number of rows, or that it is refused.
static enum err_code write_as_red(const char *sql, int *ret_count)
{
    const struct statement statement = {NULL, sql};
    struct tx *tx = fixture_begin(store, "red");
    _cleanup_(rows_done) struct rows rows = {NULL};
    enum err_code code = tx_query(tx, &statement, NULL, 0, &rows, NULL);
    *ret_count = code == ERR_OK ? rows_count(&rows) : 0;
    tx_abortp(&tx);
    return code;
}

// Rows of another tenant can be neither changed nor dropped, and none can be made its own.
static void no_table_lets_another_tenant_be_written(void **state)
{
    (void)state;
    static const char of_blue[] = "WHERE tenant = 'blue' RETURNING 1";
    for (size_t i = 0; i < table_count; i++) {
        const char *table = tables[i];
        int count;
        (void)!write_as_red(sql_of("DELETE FROM", table, of_blue), &count);
        assert_int_equal(count, 0);
        (void)!write_as_red(sql_of("UPDATE", table, "SET tenant = tenant RETURNING 1"), &count);
        assert_true(count <= 1);
        if (has_rows(table))
            assert_int_equal(write_as_red(sql_of("UPDATE", table, "SET tenant = 'blue'"), &count),
                             ERR_INTERNAL);
    }
}

static void every_table_is_behind_the_wall(void **state)
{
    (void)state;
    assert_string_equal(
        test_postgres_value(
            database->admin_dsn,
            "SELECT coalesce(string_agg(c.relname, ','), '')" TABLES
            " AND NOT (c.relrowsecurity AND EXISTS (SELECT FROM pg_policies p"
            "  WHERE p.tablename = c.relname AND p.policyname = 'of_tenant'"
            "   AND p.roles = '{docbridge_server}' AND p.permissive = 'PERMISSIVE' AND p.cmd = "
            "'ALL'"
            "   AND p.qual = '(tenant = current_tenant())' AND p.with_check = p.qual)"
            "  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = "
            "'tenant'"
            "   AND a.attnotnull))"),
        "");
    // One permissive policy for the serving role each: they add up.
    assert_string_equal(
        test_postgres_value(
            database->admin_dsn,
            "SELECT coalesce(string_agg(policyname || ' on ' || tablename, ','), '')"
            " FROM pg_policies WHERE policyname <> 'of_tenant' AND permissive = 'PERMISSIVE'"
            " AND roles && '{docbridge_server,public}'"),
        "");
    // And no other way around: views run with their owner's rights.
    assert_string_equal(
        test_postgres_value(
            database->admin_dsn,
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('v', 'm', 'f')"),
        "0");
    // These functions have their owner's rights: wall_test shows that two keep to the tenant, and
    // the others take and answer nothing.
    assert_string_equal(
        test_postgres_value(database->admin_dsn,
                            "SELECT string_agg(proname, ',' ORDER BY proname) FROM pg_proc"
                            " WHERE pronamespace = 'public'::regnamespace AND prosecdef"),
        "company_like,make_first_statistics,search_find,search_merge");
}

static void no_role_of_ours_climbs_over_it(void **state)
{
    (void)state;
    assert_string_equal(
        test_postgres_value(
            database->admin_dsn,
            "SELECT count(*) FROM pg_roles WHERE rolname IN ('docbridge_server',"
            " 'docbridge_scheduler', 'docbridge_janitor', 'docbridged') AND NOT"
            " (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)"),
        "4");
    assert_string_equal(
        test_postgres_value(
            database->admin_dsn,
            "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
            " WHERE c.relnamespace = 'public'::regnamespace AND (r.rolname LIKE 'docbridge\\_s%'"
            " OR r.rolname IN ('docbridge_janitor', 'docbridged'))"),
        "0");
    // The serving role is a member of none, so it cannot become the owner or look at leases.
    assert_string_equal(
        test_postgres_value(
            database->admin_dsn,
            "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member"
            " WHERE r.rolname IN ('docbridge_server', 'docbridge_scheduler',"
            " 'docbridge_janitor')"),
        "0");
}

// Who looks across tenants does so at these, and at nothing else.
static void the_other_roles_have_what_they_were_given(void **state)
{
    (void)state;
    assert_string_equal(
        test_postgres_value(
            database->admin_dsn,
            "SELECT string_agg(DISTINCT grantee || ' ' || table_name || ' ' || privilege_type, ','"
            " ORDER BY grantee || ' ' || table_name || ' ' || privilege_type)"
            " FROM information_schema.table_privileges"
            " WHERE grantee IN ('docbridge_scheduler', 'docbridge_janitor')"),
        "docbridge_janitor audit_event DELETE,docbridge_janitor audit_mark DELETE,"
        "docbridge_janitor audit_retained INSERT,docbridge_janitor audit_retained SELECT,"
        "docbridge_janitor audit_retained UPDATE,"
        "docbridge_janitor gate_change DELETE,"
        "docbridge_scheduler keep_alive SELECT,docbridge_scheduler keep_alive UPDATE,"
        "docbridge_scheduler record_sequence SELECT,"
        "docbridge_scheduler removal SELECT,docbridge_scheduler removal UPDATE,"
        "docbridge_scheduler search_progress SELECT,docbridge_scheduler search_progress UPDATE,"
        "docbridge_scheduler sync_lease SELECT,docbridge_scheduler sync_lease UPDATE,"
        "docbridge_scheduler sync_schedule SELECT,docbridge_scheduler sync_schedule UPDATE");
    assert_string_equal(
        test_postgres_value(
            database->admin_dsn,
            "SELECT string_agg(table_name || '.' || column_name || ' ' || privilege_type, ','"
            " ORDER BY table_name, column_name) FROM information_schema.column_privileges"
            " WHERE grantee = 'docbridge_janitor' AND table_name <> 'audit_retained'"),
        "audit_event.event_time SELECT,audit_event.hash SELECT,audit_event.sequence SELECT,"
        "audit_event.tenant SELECT,audit_head.sequence SELECT,audit_head.tenant SELECT,"
        "audit_mark.sequence SELECT,audit_mark.tenant SELECT,"
        "gate_change.change_time SELECT,"
        "vault_record.connection_id SELECT,vault_record.master_key_id SELECT,"
        "vault_record.purpose SELECT,vault_record.scheme SELECT,vault_record.tenant SELECT,"
        "vault_record.version SELECT");
    // Nothing is everybody's but the list of migrations.
    assert_string_equal(
        test_postgres_value(database->admin_dsn,
                            "SELECT string_agg(table_name || ' ' || privilege_type, ',')"
                            " FROM information_schema.table_privileges WHERE grantee = 'PUBLIC'"
                            " AND table_schema = 'public'"),
        "schema_migrations SELECT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_table_shows_another_tenant),
        cmocka_unit_test(no_table_lets_another_tenant_be_written),
        cmocka_unit_test(every_table_is_behind_the_wall),
        cmocka_unit_test(no_role_of_ours_climbs_over_it),
        cmocka_unit_test(the_other_roles_have_what_they_were_given),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
