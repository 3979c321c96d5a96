// The maximum of a buffer, its failure, and JSON strings.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/buffer.h"

static void appends_and_closes_with_a_nul(void **state)
{
    (void)state;
    struct buffer buffer _cleanup_(buffer_done);
    buffer_init(&buffer, 1000);
    assert_true(buffer_text(&buffer, "ab"));
    assert_true(buffer_append(&buffer, "c\0d", 3));
    assert_true(buffer_printf(&buffer, "%03d", 7));
    assert_true(buffer_append(&buffer, NULL, 0));
    assert_int_equal(buffer.len, 8);
    assert_memory_equal(buffer.data, "abc\0d007", 9);
}

static void holds_its_maximum_and_not_more(void **state)
{
    (void)state;
    struct buffer buffer _cleanup_(buffer_done);
    buffer_init(&buffer, 300);
    for (int i = 0; i < 300; i++)
        assert_true(buffer_append(&buffer, "x", 1));
    assert_int_equal(buffer.len, 300);
    assert_false(buffer_append(&buffer, "x", 1));
    assert_true(buffer.failed);
    assert_int_equal(buffer.len, 0);
    assert_null(buffer.data);
    assert_false(buffer_text(&buffer, ""));
    assert_false(buffer_printf(&buffer, "%d", 1));
    assert_null(buffer_steal(&buffer, NULL));
    buffer_reset(&buffer);
    assert_true(buffer_text(&buffer, "again"));
    assert_string_equal(buffer.data, "again");
}

static void fails_at_once_for_more_than_the_maximum(void **state)
{
    (void)state;
    struct buffer buffer _cleanup_(buffer_done);
    buffer_init(&buffer, 10);
    assert_false(buffer_append(&buffer, "x", SIZE_MAX));
    buffer_reset(&buffer);
    assert_false(buffer_printf(&buffer, "%011d", 1));
    buffer_reset(&buffer);
    assert_true(buffer_printf(&buffer, "%010d", 1));
}

static void is_stolen_once(void **state)
{
    (void)state;
    struct buffer buffer _cleanup_(buffer_done);
    buffer_init(&buffer, 10);
    size_t len = 99;
    char *empty _cleanup_(freep) = buffer_steal(&buffer, &len);
    assert_string_equal(empty, "");
    assert_int_equal(len, 0);
    assert_true(buffer_text(&buffer, "abc"));
    char *text _cleanup_(freep) = buffer_steal(&buffer, &len);
    assert_string_equal(text, "abc");
    assert_int_equal(len, 3);
    assert_int_equal(buffer.len, 0);
}

static void escapes_json(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *json;
    } vectors[] = {
        {"", 0, "\"\""},
        {"plain /", 7, "\"plain /\""},
        {"\"\\", 2, "\"\\\"\\\\\""},
        {"a\n\t\x1b[0m", 7, "\"a\\u000a\\u0009\\u001b[0m\""},
        {"\0", 1, "\"\\u0000\""},
        {"\x7f", 1, "\"\\u007f\""},
        {"\xc2\x85\xc2\x9f\xc2\xa0", 6, "\"\\u0085\\u009f\xc2\xa0\""},
        {"\xe2\x80\xaegnp.exe", 10, "\"\\u202egnp.exe\""},
        {"\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", 8, "\"\\u200e\\u200f\\u061c\""},
        {"\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\xa8\xe2\x80\xa9", 12,
         "\"\\u2066\\u2069\\u2028\\u2029\""},
        {"\xf0\x9f\x98\x80\xc3\xbc", 6, "\"\xf0\x9f\x98\x80\xc3\xbc\""},
        {"a\xff"
         "b",
         3,
         "\"a\xef\xbf\xbd"
         "b\""},
        {"\xf0\x9f\x98", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct buffer buffer _cleanup_(buffer_done);
        buffer_init(&buffer, 1000);
        assert_true(buffer_json_string(&buffer, vectors[i].text, vectors[i].len));
        assert_string_equal(buffer.data, vectors[i].json);
    }
}

static void fails_in_the_middle_of_json(void **state)
{
    (void)state;
    for (size_t max = 0; max < 8; max++) {
        struct buffer buffer _cleanup_(buffer_done);
        buffer_init(&buffer, max);
        assert_false(buffer_json_string(&buffer, "\n\n", 2));
        assert_true(buffer.failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_and_closes_with_a_nul),
        cmocka_unit_test(holds_its_maximum_and_not_more),
        cmocka_unit_test(fails_at_once_for_more_than_the_maximum),
        cmocka_unit_test(is_stolen_once),
        cmocka_unit_test(escapes_json),
        cmocka_unit_test(fails_in_the_middle_of_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
