// Precedence, bounds, what is refused as a whole, and --print-config (SEC-04, SEC-08).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/settings/loading.h"

static void the_nearest_source_decides(void **state)
{
    struct loading *loading = *state;
    char *file = loading_file("pollers = 3\nlog_level = warn\nreflection = true\n"
                              "token_issuer = file\n");
    assert_int_equal(setenv("DOCBRIDGE_POLLERS", "4", 1), 0);
    assert_int_equal(setenv("DOCBRIDGE_REFLECTION", "false", 1), 0);
    assert_int_equal(setenv("DOCBRIDGE_TOKEN_ISSUER", "environment", 1), 0);
    assert_int_equal(load(loading, "--pollers=5", "--config", file, "--token-issuer", "flag"),
                     ERR_OK);
    assert_int_equal(loading->settings.pollers, 5);
    assert_string_equal(loading->settings.token_issuer, "flag");
    assert_int_equal(load(loading, "--config", file), ERR_OK);
    assert_int_equal(loading->settings.pollers, 4);
    assert_false(loading->settings.reflection);
    assert_string_equal(loading->settings.token_issuer, "environment");
    assert_string_equal(loading->settings.log_level, "warn");
    assert_int_equal(loading->settings.store_workers, 8);
}

static void every_source_keeps_the_bounds(void **state)
{
    (void)state;
    assert_refused("pollers", "command line", "--pollers=65");
    assert_refused("pollers", "docbridged-", "--config", loading_file("pollers = -1\n"));
    assert_int_equal(setenv("DOCBRIDGE_POLLERS", "65", 1), 0);
    assert_refused("pollers", "DOCBRIDGE_POLLERS");
    // A wrong value is refused even where a nearer source has a good one.
    assert_refused("pollers", "DOCBRIDGE_POLLERS", "--pollers=1");
}

static void holds_numbers_within_their_bounds(void **state)
{
    struct loading *loading = *state;
    static const struct {
        const char *name;
        int64_t least, most;
    } rows[] = {
        {"database_connections", 2, 500},
        {"pollers", 0, 64},
        {"store_workers", 1, 256},
        {"upstream_workers", 1, 256},
        {"queue_max", 1, 65536},
        {"connections_max", 1, 100000},
        {"deadline_max_ms", 1000, 600000},
        {"drain_ms", 0, 600000},
        {"sync_run_threads", 1, 256},
        {"sync_connections", 0, 256},
        {"sync_window", 1, 16},
        {"sync_lease_ms", 1000, 600000},
        {"sync_request_limit", 1, 1000000},
        {"sync_request_window_ms", 1000, 3600000},
        {"sync_reserve_percent", 0, 90},
        {"disabled_retention_days", 1, 36500},
        {"sync_interval_min_ms", 1000, 86400000},
        {"upstream_timeout_ms", 1000, 600000},
        {"metrics_port", 0, 65535},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char option[128];
        const int64_t good[] = {rows[i].least, rows[i].most};
        const int64_t bad[] = {rows[i].least - 1, rows[i].most + 1};
        for (size_t k = 0; k < 2; k++) {
            (void)snprintf(option, sizeof(option), "--%s=%ld", rows[i].name, (long)good[k]);
            if (load(loading, option) != ERR_OK)
                fail_msg("refused: %s", option);
            (void)snprintf(option, sizeof(option), "--%s=%ld", rows[i].name, (long)bad[k]);
            assert_refused(rows[i].name, "must be a number from", option);
        }
    }
    static const char *const others[] = {"",    "x",   "1x", " 1",
                                         "1.5", "0x1", "+1", "18446744073709551617"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        char option[64];
        (void)snprintf(option, sizeof(option), "--pollers=%s", others[i]);
        assert_refused("pollers", "must be a number from 0 to 64", option);
    }
}

static void refuses_passwords_in_connection_strings(void **state)
{
    struct loading *loading = *state;
    static char *const secret[] = {
        "postgresql://docbridge:secret@db/docbridge",
        "postgres://docbridge:secret@db",
        "postgresql://docbridge:se?ret@db/docbridge",
        "postgresql://docbridge:se#ret@db/docbridge",
        "postgresql://:secret@db/docbridge",
        "postgresql://db/docbridge?user=x&password=secret",
        "host=db password=secret",
        "password='secret' host=db",
        "host=db password = secret",
        "host=db password  =secret",
        "host=db sslpassword=secret",
    };
    static char *const plain[] = {
        "postgresql://docbridge@db:5432/docbridge",
        "postgresql://db:5432,other:5432/docbridge",
        "postgresql:///docbridge?host=/run/postgresql",
        "host=db user=docbridge passfile=/etc/docbridge/pgpass",
        "host=db dbname=password",
        "",
    };
    for (size_t i = 0; i < ARRAY_LEN(secret); i++) {
        assert_refused("database_url", "must not hold a password", "--database-url", secret[i]);
        assert_refused("owner_database_url", "must not hold a password", "migrate",
                       "--owner-database-url", secret[i]);
        assert_int_equal(load(loading, "--database-url", secret[i]), ERR_FIELD_INVALID);
        assert_null(strstr(loading->err.text, "secret"));
    }
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        assert_int_equal(load(loading, "--database-url", plain[i]), ERR_OK);
    assert_int_equal(setenv("DOCBRIDGE_DATABASE_URL", secret[0], 1), 0);
    assert_refused("database_url", "must not hold a password");
}

static void refuses_a_password_of_the_proxy(void **state)
{
    struct loading *loading = *state;
    assert_refused("upstream_proxy", "must not hold a password", "--upstream-proxy",
                   "http://user:secret@proxy:3128");
    assert_refused("upstream_proxy", "must not hold a password", "--upstream-proxy",
                   "user:secret@proxy:3128");
    assert_int_equal(load(loading, "--upstream-proxy", "http://proxy:3128"), ERR_OK);
    assert_int_equal(load(loading, "--upstream-proxy", "proxy:3128"), ERR_OK);
}

static void takes_other_hosts_in_development_alone(void **state)
{
    struct loading *loading = *state;
    static const char *const names[] = {"itglue_us_url", "itglue_eu_url", "itglue_au_url",
                                        "itglue_ca_file"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char option[64];
        (void)snprintf(option, sizeof(option), "--%s=http://127.0.0.1:1", names[i]);
        assert_refused(names[i], "only with development = true", option);
        assert_refused(names[i], "only with development = true", option, "--development=false");
        assert_int_equal(load(loading, option, "--development"), ERR_OK);
    }
    assert_int_equal(load(loading, "--itglue-eu-url=http://127.0.0.1:1", "--development"), ERR_OK);
    assert_string_equal(loading->settings.itglue_eu_url, "http://127.0.0.1:1");
    assert_null(loading->settings.itglue_us_url);
}

static void knows_four_log_levels(void **state)
{
    struct loading *loading = *state;
    static char *const good[] = {"debug", "info", "warn", "error"};
    static char *const bad[] = {"", "INFO", "warning", "trace", "info "};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(load(loading, "--log-level", good[i]), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_refused("log_level", "must be debug, info, warn or error", "--log-level", bad[i]);
}

static void knows_two_kinds_of_pooler(void **state)
{
    struct loading *loading = *state;
    assert_int_equal(load(loading, "--pooler=transaction"), ERR_OK);
    assert_string_equal(loading->settings.pooler, "transaction");
    assert_int_equal(load(loading, "--pooler=session"), ERR_OK);
    assert_refused("pooler", "must be session or transaction", "--pooler=statement");
}

static void finds_the_master_key_among_credentials(void **state)
{
    struct loading *loading = *state;
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/run/credentials/docbridged", 1), 0);
    assert_int_equal(load(loading), ERR_OK);
    assert_string_equal(loading->settings.master_key_file,
                        "/run/credentials/docbridged/master-key");
    assert_int_equal(load(loading, "--master-key-file=/etc/key"), ERR_OK);
    assert_string_equal(loading->settings.master_key_file, "/etc/key");
    // No other default: without either the server has no key, and says so.
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_int_equal(load(loading), ERR_OK);
    assert_null(loading->settings.master_key_file);
}

static void takes_an_empty_text_for_none(void **state)
{
    struct loading *loading = *state;
    assert_int_equal(setenv("DOCBRIDGE_ITGLUE_US_URL", "", 1), 0);
    assert_int_equal(setenv("DOCBRIDGE_MASTER_KEY_FILE", "", 1), 0);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/c", 1), 0);
    assert_int_equal(load(loading, "--tls-certificate-file="), ERR_OK);
    assert_null(loading->settings.itglue_us_url);
    assert_null(loading->settings.tls_certificate_file);
    assert_string_equal(loading->settings.master_key_file, "/c/master-key");
    // Where there is a default, empty is a choice.
    assert_int_equal(load(loading, "--listen="), ERR_OK);
    assert_string_equal(loading->settings.listen, "");
}

static char *print(const struct settings *settings)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    settings_print(settings, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

// What --print-config prints is a file that loads to the same settings.
static void reads_what_it_prints(void **state)
{
    struct loading *loading = *state;
    for (int changed = 0; changed < 2; changed++) {
        if (changed)
            assert_int_equal(load(loading, "--listen=unix:/a b", "--pollers=9", "--reflection",
                                  "--drain-ms=0", "--database-url=host=db user=x ; y # z",
                                  "--development", "--itglue-us-url=http://127.0.0.1:1"),
                             ERR_OK);
        else
            assert_int_equal(load(loading), ERR_OK);
        char *first _cleanup_(freep) = print(&loading->settings);
        struct loading again = {0};
        if (load(&again, "--config", loading_file(first)) != ERR_OK)
            fail_msg("%s", again.err.text);
        char *second _cleanup_(freep) = print(&again.settings);
        assert_string_equal(first, second);
        if (changed)
            assert_string_equal(again.settings.database_url, "host=db user=x ; y # z");
        else
            assert_null(again.settings.database_url);
        settings_done(&again.settings);
    }
}

// Help and --print-config come from one table: each names every setting.
static void helps_with_each_setting(void **state)
{
    struct loading *loading = *state;
    assert_int_equal(load(loading), ERR_OK);
    char *printed _cleanup_(freep) = print(&loading->settings);
    char *help _cleanup_(freep) = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&help, &len);
    assert_non_null(out);
    settings_help(out);
    assert_int_equal(fclose(out), 0);
    size_t count = 0;
    for (char *rest = printed, *line; (line = strsep(&rest, "\n")) != NULL && line[0] != '\0';) {
        char name[80];
        (void)snprintf(name, sizeof(name), "\n  %.*s ", (int)strcspn(line, " "), line);
        if (strstr(help, name) == NULL)
            fail_msg("no help for%s", name);
        count++;
    }
    assert_int_equal(count, 49);
    assert_non_null(strstr(help, "migrate"));
    assert_non_null(strstr(help, "DOCBRIDGE_<NAME>"));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, loading_start, loading_stop)
    const struct CMUnitTest tests[] = {
        TEST(the_nearest_source_decides),
        TEST(every_source_keeps_the_bounds),
        TEST(holds_numbers_within_their_bounds),
        TEST(refuses_passwords_in_connection_strings),
        TEST(refuses_a_password_of_the_proxy),
        TEST(takes_other_hosts_in_development_alone),
        TEST(knows_four_log_levels),
        TEST(knows_two_kinds_of_pooler),
        TEST(finds_the_master_key_among_credentials),
        TEST(takes_an_empty_text_for_none),
        TEST(reads_what_it_prints),
        TEST(helps_with_each_setting),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
