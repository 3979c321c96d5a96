// Reading values, from answers made without a server: also those that a sane server never gives.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "server/store/store.h"

static struct arena arena;
static struct rows rows;

// One row of one text column.
static const struct rows *answer(const char *value)
{
    rows_done(&rows);
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    char name[] = "value";
    PGresAttDesc column = {.name = name, .typid = 25};
    assert_int_equal(PQsetResultAttrs(result, 1, &column), 1);
    char copy[256];
    (void)snprintf(copy, sizeof(copy), "%s", value == NULL ? "" : value);
    assert_int_equal(PQsetvalue(result, 0, 0, value == NULL ? NULL : copy,
                                value == NULL ? -1 : (int)strlen(copy)),
                     1);
    rows._result = result;
    return &rows;
}

static int start(void **state)
{
    (void)state;
    arena_init(&arena, 65536);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rows_done(&rows);
    arena_done(&arena);
    return 0;
}

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t wall_us;
    } cases[] = {
        {"1970-01-01 00:00:00.000001+00", 1},
        {"1969-12-31 23:59:59.999999+00", -1},
        {"2026-03-01 12:00:00+00", 1772366400000000},
        {"2026-03-01 12:00:00.5+00", 1772366400500000},
        {"2026-03-01 17:30:00.123456+05:30", 1772366400123456},
        {"2026-03-01 07:00:00-05", 1772366400000000},
        {"infinity", 0},
        {"-infinity", 0},
        {"", 0},
        {"0001-01-01 00:00:00+00 BC", 0},
        {"not a time at all, nor short", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (rows_time(answer(cases[i].text), 0, 0) != cases[i].wall_us)
            fail_msg("%s", cases[i].text);
    }
    assert_true(rows_time(answer(NULL), 0, 0) == 0);
}

static void numbers(void **state)
{
    (void)state;
    assert_true(rows_int64(answer("-9223372036854775808"), 0, 0) == INT64_MIN);
    assert_true(rows_int64(answer("9223372036854775808"), 0, 0) == 0);
    assert_true(rows_int64(answer("1.5"), 0, 0) == 0);
    assert_true(rows_bool(answer("t"), 0, 0));
    assert_false(rows_bool(answer("f"), 0, 0));
    assert_false(rows_bool(answer(NULL), 0, 0));
}

static void bytes(void **state)
{
    (void)state;
    struct bytes value = rows_bytes(answer("\\x00ff10"), 0, 0, &arena);
    assert_int_equal(value.len, 3);
    assert_memory_equal(value.data, "\x00\xff\x10", 3);
    value = rows_bytes(answer("\\x"), 0, 0, &arena);
    assert_true(value.data != NULL && value.len == 0);
    assert_null(rows_bytes(answer("x"), 0, 0, &arena).data);
    assert_null(rows_bytes(answer(NULL), 0, 0, &arena).data);
}

static void arrays(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        const char *items[4];
    } cases[] = {
        {"{}", 0, {NULL}},
        {"{a}", 1, {"a"}},
        {"{a,NULL,\"NULL\"}", 3, {"a", NULL, "NULL"}},
        {"{\"\",\"a,b\",\"c\\\"d\\\\e\"}", 3, {"", "a,b", "c\"d\\e"}},
        {"{\"}\",\"{\"}", 2, {"}", "{"}},
        // Cut off: nothing past the end is read.
        {"{\"abc", 1, {"abc"}},
        {"{a,", 2, {"a", ""}},
        {"{\"\\", 1, {"\\"}},
        {"", 0, {NULL}},
        {"x", 0, {NULL}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t count = 99;
        const char *const *items = rows_texts(answer(cases[i].text), 0, 0, &arena, &count);
        if (count != cases[i].count)
            fail_msg("%s: %zu items", cases[i].text, count);
        for (size_t j = 0; j < count; j++) {
            if (cases[i].items[j] == NULL)
                assert_null(items[j]);
            else
                assert_string_equal(items[j], cases[i].items[j]);
        }
    }
    size_t count = 99;
    assert_null(rows_texts(answer(NULL), 0, 0, &arena, &count));
    assert_int_equal(count, 0);
}

static void a_full_arena_gives_nothing(void **state)
{
    (void)state;
    struct arena small;
    arena_init(&small, 1);
    size_t count = 99;
    assert_null(rows_text_copy(answer("abc"), 0, 0, &small));
    assert_null(rows_bytes(answer("\\x0011"), 0, 0, &small).data);
    assert_null(rows_texts(answer("{a}"), 0, 0, &small, &count));
    assert_int_equal(count, 0);
    arena_done(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(times, start, end),
        cmocka_unit_test_setup_teardown(numbers, start, end),
        cmocka_unit_test_setup_teardown(bytes, start, end),
        cmocka_unit_test_setup_teardown(arrays, start, end),
        cmocka_unit_test_setup_teardown(a_full_arena_gives_nothing, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
