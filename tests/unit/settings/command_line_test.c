// The command line: flags in every spelling, command words, and what is no option.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/settings/loading.h"

static void serves_by_default(void **state)
{
    struct loading *loading = *state;
    assert_int_equal(load(loading), ERR_OK);
    assert_null(loading->command.word);
    assert_false(loading->command.help || loading->command.version || loading->command.print ||
                 loading->command.check || loading->command.dry_run);
    assert_null(loading->command.owner_database_url);
    assert_string_equal(loading->settings.listen, "127.0.0.1:7443");
    assert_string_equal(loading->settings.log_level, "info");
    assert_int_equal(loading->settings.database_connections, 16);
    assert_int_equal(loading->settings.sync_request_limit, 3000);
    assert_int_equal(loading->settings.sync_request_window_ms, 300000);
    assert_false(loading->settings.reflection || loading->settings.development);
    assert_null(loading->settings.database_url);
    assert_null(loading->settings.master_key_file);
}

static void reads_flags_in_each_spelling(void **state)
{
    struct loading *loading = *state;
    assert_int_equal(load(loading, "--database-connections=3", "--log_level", "warn",
                          "--token-jwks_file=/a=b", "--upstream-proxy", "--listen"),
                     ERR_OK);
    assert_int_equal(loading->settings.database_connections, 3);
    assert_string_equal(loading->settings.log_level, "warn");
    assert_string_equal(loading->settings.token_jwks_file, "/a=b");
    assert_string_equal(loading->settings.upstream_proxy, "--listen");
    // The last of two decides.
    assert_int_equal(load(loading, "--pollers=1", "--pollers=2"), ERR_OK);
    assert_int_equal(loading->settings.pollers, 2);
}

static void reads_switches(void **state)
{
    struct loading *loading = *state;
    assert_int_equal(load(loading, "--reflection"), ERR_OK);
    assert_true(loading->settings.reflection);
    assert_int_equal(load(loading, "--reflection=true", "--development=false"), ERR_OK);
    assert_true(loading->settings.reflection);
    assert_false(loading->settings.development);
    assert_int_equal(load(loading, "--reflection", "--reflection=false"), ERR_OK);
    assert_false(loading->settings.reflection);
    assert_refused("reflection", "true or false", "--reflection=yes");
    assert_refused("reflection", "true or false", "--reflection=1");
    assert_refused("reflection", "true or false", "--reflection=");
    // A switch takes no value from the next argument, which is then a command.
    assert_int_equal(load(loading, "--reflection", "migrate"), ERR_OK);
    assert_string_equal(loading->command.word, "migrate");
}

static void reads_commands(void **state)
{
    struct loading *loading = *state;
    assert_int_equal(load(loading, "migrate", "--owner-database-url", "postgresql:///db",
                          "--dry-run", "--pollers", "2"),
                     ERR_OK);
    assert_string_equal(loading->command.word, "migrate");
    assert_string_equal(loading->command.owner_database_url, "postgresql:///db");
    assert_true(loading->command.dry_run);
    assert_int_equal(loading->settings.pollers, 2);
    assert_int_equal(load(loading, "--owner-database-url=host=/run", "migrate"), ERR_OK);
    assert_string_equal(loading->command.word, "migrate");
    assert_string_equal(loading->command.owner_database_url, "host=/run");
    assert_false(loading->command.dry_run);
    assert_refused("again", "one argument too many", "migrate", "again");
}

static void reads_what_is_asked_about_itself(void **state)
{
    struct loading *loading = *state;
    assert_int_equal(load(loading, "--help"), ERR_OK);
    assert_true(loading->command.help);
    assert_int_equal(load(loading, "--version"), ERR_OK);
    assert_true(loading->command.version);
    assert_int_equal(load(loading, "--print-config"), ERR_OK);
    assert_true(loading->command.print);
    assert_false(loading->command.check);
    assert_int_equal(load(loading, "--check-config"), ERR_OK);
    assert_true(loading->command.check);
    assert_false(loading->command.print);
}

static void refuses_what_is_no_option(void **state)
{
    (void)state;
    assert_refused("--listn", "is no option", "--listn=x");
    assert_refused("--", "is no option", "--");
    assert_refused("--listen-", "is no option", "--listen-");
    assert_refused("--listenx", "is no option", "--listenx", "y");
    assert_refused("--LISTEN", "is no option", "--LISTEN=x");
    assert_refused("--help", "is no option", "--help=yes");
    assert_refused("--config", "lacks its value", "--config");
    assert_refused("--owner-database-url", "lacks its value", "migrate", "--owner-database-url");
    assert_refused("listen", "needs a value", "--listen");
    assert_refused("pollers", "needs a value", "--pollers");
}

// Someone who guesses `--database-password=...` must not read the password in the log.
static void repeats_no_value_of_a_wrong_option(void **state)
{
    struct loading *loading = *state;
    assert_int_equal(load(loading, "--database-password=hunter2"), ERR_FIELD_INVALID);
    assert_null(strstr(loading->err.text, "hunter2"));
    assert_non_null(strstr(loading->err.text, "--database-password: is no option"));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, loading_start, loading_stop)
    const struct CMUnitTest tests[] = {
        TEST(serves_by_default),
        TEST(reads_flags_in_each_spelling),
        TEST(reads_switches),
        TEST(reads_commands),
        TEST(reads_what_is_asked_about_itself),
        TEST(refuses_what_is_no_option),
        TEST(repeats_no_value_of_a_wrong_option),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
