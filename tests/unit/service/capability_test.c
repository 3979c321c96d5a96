// Capabilities as the database keeps them: back as they went, and nothing but them.
#include "server/service/capability.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static Docbridge__V1__Capability **capabilities;
static size_t count;

static enum err_code read_json(struct arena *arena, const char *json)
{
    struct err err = {0};
    enum err_code code = capability_read(arena, json, &capabilities, &count, &err);
    assert_int_equal(code, err.code);
    return code;
}

static void test_what_was_written(void **state)
{
    (void)state;
    static const char *const details[] = {"",          "a \"word\"", "back\\slash", "two\nlines\t",
                                          "\x01 \x7f", "Zoë ✓",      "a/b",         "\u200b"};
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1 << 16);
    struct probe_report report = {0};
    for (int i = 0; i < PROBE_CAPABILITIES; i++) {
        struct probe_capability *capability = &report.capabilities[i];
        capability->kind = (Docbridge__V1__Capability__Kind)(i + 1);
        capability->grant = (Docbridge__V1__Capability__Grant)(i % 4);
        (void)snprintf(capability->detail, sizeof(capability->detail), "%s",
                       details[(size_t)i % ARRAY_LEN(details)]);
    }
    const char *json = capability_json(&arena, &report);
    assert_non_null(json);
    assert_int_equal(read_json(&arena, json), ERR_OK);
    assert_int_equal(count, PROBE_CAPABILITIES);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(capabilities[i]->kind, report.capabilities[i].kind);
        assert_int_equal(capabilities[i]->grant, report.capabilities[i].grant);
        assert_string_equal(capabilities[i]->detail, report.capabilities[i].detail);
    }
}

static void test_other_shapes(void **state)
{
    (void)state;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1 << 16);
    assert_int_equal(read_json(&arena, " [ ] "), ERR_INTERNAL); // Postgres puts nothing around
    assert_int_equal(read_json(&arena, "[]"), ERR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(read_json(&arena, "[{\"detail\":\"{\\u00e9}\",\"since\":12,\"grant\":2,"
                                       " \"by\": \"x\",\"kind\" : 5}]"),
                     ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(capabilities[0]->kind, 5);
    assert_int_equal(capabilities[0]->grant, 2);
    assert_string_equal(capabilities[0]->detail, "{é}");
    assert_int_equal(read_json(&arena, "[{\"kind\": 1}]"), ERR_OK);
    assert_string_equal(capabilities[0]->detail, "");
}

static void test_what_cannot_be_read(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[",
        "{}",
        "[]]",
        "[{}]",
        "[{\"kind\": 1}",
        "[{\"kind\": 1},]",
        "[{\"kind\": 1,}]",
        "[{\"kind\" 1}]",
        "[{\"kind\": }]",
        "[{\"kind\": 99999999999}]",
        "[{\"kind\": null}]",
        "[{\"kind\": [1]}]",
        "[{\"detail\": \"open}]",
        "[{\"detail\": \"open\\\"}]",
        "[{\"detail\": \"open\\",
        "[{\"detail\": \"\\x\"}]",
        "[{\"detail\": \"\\u12\"}]",
        "[{\"detail\": \"\\u12g4\"}]",
        "[{\"detail\": \"\\u0000\"}]",
        "[{\"detail\": \"\\ud83d\\ude00\"}]",
    };
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (read_json(&arena, texts[i]) != ERR_INTERNAL)
            fail_msg("was read: %s", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_written),
        cmocka_unit_test(test_other_shapes),
        cmocka_unit_test(test_what_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
