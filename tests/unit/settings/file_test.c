// The file: every line is read whole or refused, whatever the parser beneath would do with it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/settings/loading.h"

static void reads_a_file(void **state)
{
    struct loading *loading = *state;
    char *file = loading_file("# a comment\n"
                              "; another\n"
                              "\n"
                              "listen = unix:/run/docbridge.sock, 127.0.0.1:1\r\n"
                              "pollers=3\n"
                              "reflection : true\n"
                              "token_issuer = https://issuer ; with = this\n"
                              "  database_connections =  7  \n"
                              "log_level = warn");
    assert_int_equal(load(loading, "--config", file), ERR_OK);
    assert_string_equal(loading->settings.listen, "unix:/run/docbridge.sock, 127.0.0.1:1");
    assert_int_equal(loading->settings.pollers, 3);
    assert_true(loading->settings.reflection);
    assert_string_equal(loading->settings.token_issuer, "https://issuer ; with = this");
    assert_int_equal(loading->settings.database_connections, 7);
    assert_string_equal(loading->settings.log_level, "warn");
}

static void finds_the_file(void **state)
{
    struct loading *loading = *state;
    char *file = loading_file("pollers = 3\n");
    char option[600];
    (void)snprintf(option, sizeof(option), "--config=%s", file);
    assert_int_equal(load(loading, option), ERR_OK);
    assert_int_equal(loading->settings.pollers, 3);
    assert_int_equal(load(loading, "migrate", "--config", file, "--dry-run"), ERR_OK);
    assert_int_equal(loading->settings.pollers, 3);
    assert_string_equal(loading->command.word, "migrate");
    assert_int_equal(setenv("DOCBRIDGE_CONFIG", file, 1), 0);
    assert_int_equal(load(loading), ERR_OK);
    assert_int_equal(loading->settings.pollers, 3);
    // The command line names another one, here none at all.
    assert_int_equal(load(loading, "--config="), ERR_OK);
    assert_int_equal(loading->settings.pollers, 0);
}

static void refuses_a_file_that_it_cannot_read(void **state)
{
    (void)state;
    const char *folder = getenv("TEST_TMPDIR");
    assert_refused("config", "cannot be read", "--config", "/nowhere/docbridged.conf");
    char option[600];
    (void)snprintf(option, sizeof(option), "--config=%s", folder == NULL ? "/tmp" : folder);
    assert_refused("config", "cannot be read", option);
}

static void refuses_lines_that_are_no_settings(void **state)
{
    (void)state;
    char *file = loading_file("pollers = 3\nlisten\nlog_level = warn\n");
    assert_refused("config", "line 2: not `name = value`", "--config", file);
    // A good line after a bad one excuses nothing.
    file = loading_file("polers = 3\nlog_level = warn\n");
    assert_refused("polers", "is no setting", "--config", file);
    file = loading_file("pollers = 65\nlog_level = warn\n");
    assert_refused("pollers", "from 0 to 64", "--config", file);
    file = loading_file("[server]\npollers = 3\n");
    assert_refused("pollers", "is no setting", "--config", file);
    file = loading_file("Pollers = 3\n");
    assert_refused("Pollers", "is no setting", "--config", file);
    file = loading_file("config = /etc/other.conf\n");
    assert_refused("config", "is no setting", "--config", file);
    file = loading_file("owner_database_url = postgresql:///x\n");
    assert_refused("owner_database_url", "is no setting", "--config", file);
    file = loading_file("= 3\n");
    assert_refused("", "is no setting", "--config", file);
}

// The last of two would win unseen, and the first is the one that was found and changed.
static void refuses_a_setting_that_stands_twice(void **state)
{
    (void)state;
    char *file = loading_file("pollers = 3\n\n# again\nlog_level = warn\npollers = 3\n");
    assert_refused("pollers", "is set twice", "--config", file);
    assert_refused("pollers", ", lines 1 and 5)", "--config", file);
    assert_refused("pollers", file, "--config", file);
    assert_refused("reflection", "lines 1 and 2", "--config",
                   loading_file("reflection = false\nreflection = false\n"));
}

// inih would cut a line at 200 bytes and go on with the rest: as a line, a continuation or a
// comment, depending on its first byte.
static void takes_lines_beyond_200_bytes(void **state)
{
    struct loading *loading = *state;
    static const char *const rests[] = {
        "x", "#x", ";x", " x", "=x", "\tpollers = 9", "\\npollers = 9", "[x]"};
    for (size_t cut = 190; cut < 206; cut++) {
        for (size_t i = 0; i < ARRAY_LEN(rests); i++) {
            char text[400], wanted[400];
            size_t head = (size_t)snprintf(text, sizeof(text), "token_issuer = ");
            memset(text + head, 'a', cut - head);
            // A tab within a value is no text, and refused as such.
            (void)snprintf(text + cut, sizeof(text) - cut, "%s\npollers = 3\n", rests[i]);
            (void)snprintf(wanted, sizeof(wanted), "%.*s", (int)strcspn(text + head, "\n"),
                           text + head);
            char *file = loading_file(text);
            if (rests[i][0] == '\t') {
                assert_refused("token_issuer", "control characters", "--config", file);
                continue;
            }
            assert_int_equal(load(loading, "--config", file), ERR_OK);
            assert_string_equal(loading->settings.token_issuer, wanted);
            assert_int_equal(loading->settings.pollers, 3);
        }
    }
}

static void refuses_lines_that_are_too_long(void **state)
{
    (void)state;
    enum { BYTES = 6000 };
    static char text[BYTES + 64];
    static const char *const rests[] = {"", "#x", " x", "\nlog_level = warn\n"};
    for (size_t i = 0; i < ARRAY_LEN(rests); i++) {
        size_t head = (size_t)snprintf(text, sizeof(text), "pollers = 3\ntoken_issuer = ");
        memset(text + head, 'a', BYTES - head);
        (void)snprintf(text + BYTES, sizeof(text) - BYTES, "%s", rests[i]);
        char *file = loading_file(text);
        assert_refused("config", "line 2: too long", "--config", file);
    }
}

static void refuses_bytes_that_are_no_text(void **state)
{
    (void)state;
    static const char nul[] = "token_issuer = a\0b\n";
    assert_refused("config", "line 1: too long, or no text", "--config",
                   loading_file_bytes(nul, sizeof(nul) - 1));
    assert_refused("token_issuer", "control characters", "--config",
                   loading_file("token_issuer = a\x1b[2Jb\n"));
}

// An indented line is a setting of its own, not more of the one above it.
static void joins_no_lines(void **state)
{
    struct loading *loading = *state;
    char *file = loading_file("token_issuer = a\n  token_audience = b\n\tpollers = 3\n");
    assert_int_equal(load(loading, "--config", file), ERR_OK);
    assert_string_equal(loading->settings.token_issuer, "a");
    assert_string_equal(loading->settings.token_audience, "b");
    assert_int_equal(loading->settings.pollers, 3);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, loading_start, loading_stop)
    const struct CMUnitTest tests[] = {
        TEST(reads_a_file),
        TEST(finds_the_file),
        TEST(refuses_a_file_that_it_cannot_read),
        TEST(refuses_lines_that_are_no_settings),
        TEST(refuses_a_setting_that_stands_twice),
        TEST(takes_lines_beyond_200_bytes),
        TEST(refuses_lines_that_are_too_long),
        TEST(refuses_bytes_that_are_no_text),
        TEST(joins_no_lines),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
