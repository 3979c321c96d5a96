// The wire form of parameters, against bytes worked out by hand.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/args.h"

static struct arena arena;
static struct args_bound bound;

static int start(void **state)
{
    (void)state;
    arena_init(&arena, 65536);
    memset(&bound, 0, sizeof(bound));
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static void assert_bound(const struct arg *arg, Oid type, const void *bytes, size_t len)
{
    assert_int_equal(args_bind(arg, 1, &arena, &bound, NULL), ERR_OK);
    assert_int_equal(bound.count, 1);
    assert_int_equal(bound.types[0], type);
    assert_int_equal(bound.formats[0], 1);
    if (bytes == NULL) {
        assert_null(bound.values[0]);
        return;
    }
    assert_int_equal(bound.lengths[0], len);
    assert_memory_equal(bound.values[0], bytes, len);
}

#define ASSERT_BOUND(value, type, literal) \
    assert_bound(&(value), (type), literal, sizeof(literal) - 1)

static void scalars(void **state)
{
    (void)state;
    ASSERT_BOUND(ARG_INT64(258), 20, "\0\0\0\0\0\0\1\2");
    ASSERT_BOUND(ARG_INT64(-1), 20, "\xff\xff\xff\xff\xff\xff\xff\xff");
    ASSERT_BOUND(ARG_INT64(INT64_MIN), 20, "\x80\0\0\0\0\0\0\0");
    ASSERT_BOUND(ARG_BOOL(true), 16, "\1");
    ASSERT_BOUND(ARG_BOOL(false), 16, "\0");
    // One microsecond after 2000-01-01.
    ASSERT_BOUND(ARG_TIME(946684800000001), 1184, "\0\0\0\0\0\0\0\1");
    ASSERT_BOUND(ARG_BYTES("a\0b", 3), 17, "a\0b");
    assert_bound(&ARG_TIME(0), 1184, NULL, 0);
    assert_bound(&ARG_BYTES(NULL, 0), 17, NULL, 0);
}

static void text_is_untyped(void **state)
{
    (void)state;
    const struct arg args[] = {ARG_TEXT("o'x\\"), ARG_TEXT(NULL), ARG_NULL};
    assert_int_equal(args_bind(args, 3, &arena, &bound, NULL), ERR_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bound.types[i], 0);
        assert_int_equal(bound.formats[i], 0);
    }
    assert_string_equal(bound.values[0], "o'x\\");
    assert_null(bound.values[1]);
    assert_null(bound.values[2]);
}

static void arrays(void **state)
{
    (void)state;
    static const char *const texts[] = {"ab", NULL, ""};
    ASSERT_BOUND(ARG_TEXTS(texts, 3), 1009,
                 "\0\0\0\1\0\0\0\1\0\0\0\x19\0\0\0\3\0\0\0\1"
                 "\0\0\0\2"
                 "ab\xff\xff\xff\xff\0\0\0\0");
    ASSERT_BOUND(ARG_TEXTS(texts, 1), 1009,
                 "\0\0\0\1\0\0\0\0\0\0\0\x19\0\0\0\1\0\0\0\1"
                 "\0\0\0\2"
                 "ab");
    ASSERT_BOUND(ARG_TEXTS(NULL, 0), 1009, "\0\0\0\0\0\0\0\0\0\0\0\x19");
    static const bool bools[] = {true, false};
    ASSERT_BOUND(ARG_BOOLS(bools, 2), 1000,
                 "\0\0\0\1\0\0\0\0\0\0\0\x10\0\0\0\2\0\0\0\1\0\0\0\1\1\0\0\0\1\0");
    static const int64_t numbers[] = {7};
    ASSERT_BOUND(ARG_INT64S(numbers, 1), 1016,
                 "\0\0\0\1\0\0\0\0\0\0\0\x14\0\0\0\1\0\0\0\1\0\0\0\x8\0\0\0\0\0\0\0\7");
    static const int64_t times[] = {0};
    ASSERT_BOUND(ARG_TIMES(times, 1), 1185,
                 "\0\0\0\1\0\0\0\1\0\0\x4\xa0\0\0\0\1\0\0\0\1\xff\xff\xff\xff");
    static const struct bytes bytes[] = {{"\0", 1}};
    ASSERT_BOUND(ARG_BYTEAS(bytes, 1), 1001,
                 "\0\0\0\1\0\0\0\0\0\0\0\x11\0\0\0\1\0\0\0\1\0\0\0\1\0");
}

static void bounds(void **state)
{
    (void)state;
    static const struct arg args[ARGS_MAX + 1];
    assert_int_equal(args_bind(args, ARGS_MAX, &arena, &bound, NULL), ERR_OK);
    assert_int_equal(args_bind(args, ARGS_MAX + 1, &arena, &bound, NULL), ERR_INTERNAL);
    struct arena small;
    arena_init(&small, 4);
    assert_int_equal(args_bind(&ARG_INT64(1), 1, &small, &bound, NULL), ERR_INTERNAL);
    static const char *const texts[] = {"ab"};
    assert_int_equal(args_bind(&ARG_TEXTS(texts, 1), 1, &small, &bound, NULL), ERR_INTERNAL);
    arena_done(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scalars, start, end),
        cmocka_unit_test_setup_teardown(text_is_untyped, start, end),
        cmocka_unit_test_setup_teardown(arrays, start, end),
        cmocka_unit_test_setup_teardown(bounds, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
