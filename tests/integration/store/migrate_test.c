// Migrations: once, in order, and never against a database that has gone another way.

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "server/store/migration.h"
#include "tests/integration/store/fixture.h"

enum { RACERS = 6 };

#define MIGRATION(version, name, sql)                                    \
    {                                                                    \
        (version), (name), (const unsigned char *)(sql), sizeof(sql) - 1 \
    }

static const struct migration items[] = {
    MIGRATION(1, "one", "CREATE TABLE one (n int); INSERT INTO one VALUES (1), (2)"),
    MIGRATION(2, "two", "CREATE TABLE two (n int); SELECT pg_sleep(0.05)"),
    MIGRATION(3, "three", "INSERT INTO two VALUES (3)"),
};
static const struct migrations all = {items, 3}, first_two = {items, 2}, none = {items, 0};

static int version_count(const struct test_database *database)
{
    const char *text =
        test_postgres_value(database->owner_dsn, "SELECT count(*) FROM schema_migrations");
    return text[0] - '0';
}

static void assert_text(const struct err *err, const char *part)
{
    if (strstr(err->text, part) == NULL)
        fail_msg("no \"%s\" in: %s", part, err->text);
    assert_null(strchr(err->text, '\n'));
}

static void racers_apply_once(void **state)
{
    (void)state;
    const struct test_database *database = test_postgres_empty_database(postgres);
    pid_t racers[RACERS];
    for (int i = 0; i < RACERS; i++) {
        racers[i] = fork();
        if (racers[i] == 0) {
            int applied = 0;
            struct err err;
            enum err_code code = migrations_apply(&all, database->owner_dsn, false, &applied, &err);
            _exit(code == ERR_OK ? applied : 100);
        }
    }
    int applied = 0;
    for (int i = 0; i < RACERS; i++) {
        int status;
        assert_true(waitpid(racers[i], &status, 0) == racers[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 100);
        applied += WEXITSTATUS(status);
    }
    assert_int_equal(applied, 3);
    assert_int_equal(version_count(database), 3);
    assert_string_equal(test_postgres_value(database->owner_dsn, "SELECT count(*) FROM one"), "2");
    assert_string_equal(test_postgres_value(database->owner_dsn, "SELECT count(*) FROM two"), "1");
}

static void again_is_nothing(void **state)
{
    (void)state;
    const struct test_database *database = test_postgres_empty_database(postgres);
    int applied = 0;
    assert_ok(migrations_apply(&first_two, database->owner_dsn, false, &applied, reterr));
    assert_int_equal(applied, 2);
    assert_ok(migrations_apply(&first_two, database->owner_dsn, false, &applied, reterr));
    assert_int_equal(applied, 0);
    assert_ok(migrations_apply(&all, database->owner_dsn, false, &applied, reterr));
    assert_int_equal(applied, 1);
}

static void dry_run_changes_nothing(void **state)
{
    (void)state;
    const struct test_database *database = test_postgres_empty_database(postgres);
    int applied = 0;
    assert_ok(migrations_apply(&all, database->owner_dsn, true, &applied, reterr));
    assert_int_equal(applied, 3);
    assert_string_equal(test_postgres_value(database->owner_dsn,
                                            "SELECT count(*) FROM pg_class WHERE relname IN "
                                            "('one', 'two', 'schema_migrations')"),
                        "0");
    assert_ok(migrations_apply(&first_two, database->owner_dsn, false, &applied, reterr));
    assert_ok(migrations_apply(&all, database->owner_dsn, true, &applied, reterr));
    assert_int_equal(applied, 1);
}

static void the_wrong_login_is_sent_to_the_owner_s(void **state)
{
    (void)state;
    const struct test_database *database = test_postgres_empty_database(postgres);
    int applied = 0;
    struct err err;
    assert_int_equal(migrations_apply(&all, database->dsn, false, &applied, &err), ERR_INTERNAL);
    assert_text(&err, "42501");
    assert_text(&err, "--owner-database-url");
    assert_text(&err, "owns the database and has CREATEROLE");
}

static void a_failing_migration_leaves_nothing(void **state)
{
    (void)state;
    static const struct migration bad_items[] = {
        MIGRATION(1, "one", "CREATE TABLE one (n int)"),
        MIGRATION(2, "bad", "CREATE TABLE two (n int); SELECT nonsense"),
    };
    const struct migrations bad = {bad_items, 2};
    const struct test_database *database = test_postgres_empty_database(postgres);
    int applied = 0;
    struct err err;
    assert_int_equal(migrations_apply(&bad, database->owner_dsn, false, &applied, &err),
                     ERR_INTERNAL);
    assert_text(&err, "0002_bad");
    assert_text(&err, "42703");
    assert_int_equal(version_count(database), 1);
    assert_string_equal(test_postgres_value(database->owner_dsn, "SELECT to_regclass('two')"), "");
}

static void another_history_is_refused(void **state)
{
    (void)state;
    static const struct migration changed_items[] = {
        MIGRATION(1, "one", "CREATE TABLE one (n int); INSERT INTO one VALUES (1), (3)"),
        MIGRATION(2, "two", "CREATE TABLE two (n int); SELECT pg_sleep(0.05)"),
    };
    static const struct migration renamed_items[] = {
        MIGRATION(1, "uno", "CREATE TABLE one (n int); INSERT INTO one VALUES (1), (2)"),
    };
    const struct migrations changed = {changed_items, 2}, renamed = {renamed_items, 1};
    const struct test_database *database = test_postgres_empty_database(postgres);
    _cleanup_(store_closep) struct store *store = fixture_open(database, 2);
    int applied = 0;
    struct err err;
    assert_int_equal(migrations_check(&all, store, deadline_in(9000), &err), ERR_FIELD_INVALID);
    assert_text(&err, "this program is newer");
    assert_ok(migrations_check(&none, store, deadline_in(9000), reterr));
    assert_ok(migrations_apply(&first_two, database->owner_dsn, false, &applied, reterr));
    assert_ok(migrations_check(&first_two, store, deadline_in(9000), reterr));
    assert_int_equal(migrations_check(&all, store, deadline_in(9000), &err), ERR_FIELD_INVALID);
    assert_text(&err, "2 of 3");
    for (int dry = 0; dry < 2; dry++) {
        assert_int_equal(migrations_apply(&changed, database->owner_dsn, dry, &applied, &err),
                         ERR_FIELD_INVALID);
        assert_text(&err, "0001_one was changed");
        assert_int_equal(migrations_apply(&renamed, database->owner_dsn, dry, &applied, &err),
                         ERR_FIELD_INVALID);
    }
    assert_int_equal(migrations_check(&changed, store, deadline_in(9000), &err), ERR_FIELD_INVALID);
    assert_ok(migrations_apply(&all, database->owner_dsn, false, &applied, reterr));
    assert_int_equal(migrations_apply(&first_two, database->owner_dsn, false, &applied, &err),
                     ERR_FIELD_INVALID);
    assert_text(&err, "schema is newer");
    assert_int_equal(migrations_check(&first_two, store, deadline_in(9000), &err),
                     ERR_FIELD_INVALID);
    assert_text(&err, "schema is newer");
    (void)test_postgres_value(database->owner_dsn,
                              "DELETE FROM schema_migrations WHERE version = 2");
    assert_int_equal(migrations_apply(&all, database->owner_dsn, false, &applied, &err),
                     ERR_FIELD_INVALID);
    assert_text(&err, "lacks migration 2");
}

static void the_program_s_own_schema_is_complete(void **state)
{
    (void)state;
    const struct test_database *database = test_postgres_database(postgres);
    _cleanup_(store_closep) struct store *store = fixture_open(database, 2);
    assert_ok(store_check_schema(store, deadline_in(9000), reterr));
    int applied = -1;
    assert_ok(store_migrate(database->owner_dsn, true, &applied, reterr));
    assert_int_equal(applied, 0);
    for (size_t i = 0; i < migrations_embedded.count; i++)
        assert_int_equal(migrations_embedded.items[i].version, i + 1);
    // Behind the one wall that must have no gap: every table of tenants has it.
    assert_string_equal(test_postgres_value(database->owner_dsn,
                                            "SELECT string_agg(relname, ' ') FROM pg_class"
                                            " WHERE relnamespace = 'public'::regnamespace"
                                            " AND relkind IN ('r', 'p') AND NOT relrowsecurity"
                                            " AND relname <> 'schema_migrations'"),
                        "");
}

static void an_unreachable_owner_is_unavailable(void **state)
{
    (void)state;
    int applied = 0;
    struct err err;
    assert_int_equal(store_migrate("host=/nonexistent port=5499 password=hunter2 user=u dbname=d",
                                   false, &applied, &err),
                     ERR_STORE_UNAVAILABLE);
    assert_string_equal(err.text, "the database cannot be reached: /nonexistent, port 5499");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(racers_apply_once),
        cmocka_unit_test(again_is_nothing),
        cmocka_unit_test(dry_run_changes_nothing),
        cmocka_unit_test(the_wrong_login_is_sent_to_the_owner_s),
        cmocka_unit_test(a_failing_migration_leaves_nothing),
        cmocka_unit_test(another_history_is_refused),
        cmocka_unit_test(the_program_s_own_schema_is_complete),
        cmocka_unit_test(an_unreachable_owner_is_unavailable),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
