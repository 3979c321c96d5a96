// Cursors of lists by name: there and back, and names that are too long for a token.
#include "server/service/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/utf8.h"
#include "server/service/page.h"

static void goes_there_and_back(void **state)
{
    (void)state;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1 << 16);
    const char *cursor;
    const char *name;
    const char *id;
    int64_t number;
    assert_int_equal(cursor_make(&arena, "co-1", "Acme & Söhne", &cursor, NULL), ERR_OK);
    assert_int_equal(cursor_open(&arena, cursor, &id, &name, NULL), ERR_OK);
    assert_string_equal(id, "co-1");
    assert_string_equal(name, "Acme & Söhne");
    assert_int_equal(cursor_make_number(&arena, INT64_MAX, "", &cursor, NULL), ERR_OK);
    assert_int_equal(cursor_open_number(&arena, cursor, &number, &name, NULL), ERR_OK);
    assert_true(number == INT64_MAX);
    assert_string_equal(name, "");
    assert_int_equal(cursor_open_number(&arena, "", &number, &name, NULL), ERR_OK);
    assert_int_equal(number, 0);
    assert_string_equal(name, "");
}

static void refuses_what_it_did_not_make(void **state)
{
    (void)state;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1 << 16);
    const char *name;
    const char *id;
    int64_t number;
    assert_int_equal(cursor_open(&arena, "co-1", &id, &name, NULL), ERR_PAGE_TOKEN_INVALID);
    assert_int_equal(cursor_open_number(&arena, "x y", &number, &name, NULL),
                     ERR_PAGE_TOKEN_INVALID);
}

static void cuts_at_a_character(void **state)
{
    (void)state;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1 << 16);
    char long_name[1025];
    char long_id[129];
    memset(long_id, 'i', sizeof(long_id) - 1);
    long_id[sizeof(long_id) - 1] = '\0';
    // At each offset of a character of four bytes to the place of the cut.
    for (size_t shift = 0; shift < 4; shift++) {
        const char *cursor;
        const char *name;
        const char *id;
        memset(long_name, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof(long_name); i += 4)
            memcpy(long_name + i, "\xf0\x9f\x94\x91", 5);
        assert_int_equal(cursor_make(&arena, long_id, long_name, &cursor, NULL), ERR_OK);
        assert_true(strlen(cursor) <= PAGE_CURSOR_MAX);
        assert_int_equal(cursor_open(&arena, cursor, &id, &name, NULL), ERR_OK);
        assert_true(utf8_valid(name, strlen(name)));
        assert_memory_equal(name, long_name, strlen(name));
        assert_string_equal(id, long_id);
    }
}

static void says_when_memory_ends(void **state)
{
    (void)state;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1);
    const char *cursor;
    assert_int_equal(cursor_make(&arena, "co-1", "Acme", &cursor, NULL), ERR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_there_and_back),
        cmocka_unit_test(refuses_what_it_did_not_make),
        cmocka_unit_test(cuts_at_a_character),
        cmocka_unit_test(says_when_memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
