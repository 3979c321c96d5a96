// Which bytes are UTF-8, and which characters a terminal must not see.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/cleanup.h"
#include "server/base/utf8.h"

static void decodes_the_edges(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bytes;
        uint32_t point;
    } vectors[] = {
        {"\x00", 1, 0},
        {"\x7f", 1, 0x7f},
        {"\xc2\x80", 2, 0x80},
        {"\xdf\xbf", 2, 0x7ff},
        {"\xe0\xa0\x80", 3, 0x800},
        {"\xed\x9f\xbf", 3, 0xd7ff},
        {"\xee\x80\x80", 3, 0xe000},
        {"\xef\xbf\xbf", 3, 0xffff},
        {"\xf0\x90\x80\x80", 4, 0x10000},
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        uint32_t point = 42;
        assert_int_equal(utf8_decode(vectors[i].text, vectors[i].bytes, &point), vectors[i].bytes);
        assert_int_equal(point, vectors[i].point);
        assert_true(utf8_valid(vectors[i].text, vectors[i].bytes));
        for (size_t len = 0; len < vectors[i].bytes; len++)
            assert_int_equal(utf8_decode(vectors[i].text, len, &point), 0);
    }
}

static void refuses_ill_formed_bytes(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\x80", // a continuation alone
        "\xbf",
        "\xc0\xaf", // overlong
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80", // surrogates
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80", // above 10ffff
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "\xc3", // cut
        "\xe2\x82",
        "\xf0\x9f\x98",
        "\xc3(", // no continuation
        "\xe2(\xa1",
        "\xe2\x82(",
        "\xf0\x9f(\x80",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        uint32_t point;
        assert_int_equal(utf8_decode(texts[i], strlen(texts[i]), &point), 0);
        assert_false(utf8_valid(texts[i], strlen(texts[i])));
    }
    assert_false(utf8_valid("good until \xff", 12));
    assert_true(utf8_valid("", 0));
}

static void counts_characters(void **state)
{
    (void)state;
    assert_int_equal(utf8_length("", 0), 0);
    assert_int_equal(utf8_length("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10), 4);
}

static void knows_what_must_not_be_shown(void **state)
{
    (void)state;
    static const uint32_t hidden[] = {0,      0x1b,   0x1f,   0x7f,   0x80,   0x85,
                                      0x9f,   0x61c,  0x200e, 0x200f, 0x2028, 0x2029,
                                      0x202a, 0x202e, 0x2066, 0x2069};
    static const uint32_t shown[] = {0x20,   0x7e,   0xa0,   0xad,   0x61b,  0x61d,  0x200b,
                                     0x200d, 0x2010, 0x2027, 0x202f, 0x2065, 0x206a, 0x1f600};
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
        assert_true(utf8_is_unprintable(hidden[i]));
    for (size_t i = 0; i < ARRAY_LEN(shown); i++)
        assert_false(utf8_is_unprintable(shown[i]));
}

static void knows_texts_that_may_be_shown(void **state)
{
    (void)state;
    assert_true(utf8_is_printable(""));
    assert_true(utf8_is_printable("auth0|\u00e9\U0001F600"));
    assert_false(utf8_is_printable("a\n"));
    assert_false(utf8_is_printable("a\u202eb"));
    assert_false(utf8_is_printable("a\xff"));
}

static void blanks_around_a_text_do_not_count(void **state)
{
    (void)state;
    static const char *const blanks[] = {" ",      "\t",     "\r\n",   "\x0b",   "\x01",
                                         "\u00a0", "\u2003", "\u200b", "\u3000", "\ufeff",
                                         "\u2060", "\u3164", "\u2800", "\u00ad", "\U000E0001",
                                         "\ufe0f", "\u034f", "\u0301", "\u17b4", "\U000E0100"};
    for (size_t i = 0; i < ARRAY_LEN(blanks); i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "%s%s", blanks[i], blanks[i]);
        assert_int_equal(utf8_seen_length(text), 0);
        (void)snprintf(text, sizeof(text), "%sx%s\u00e9%s", blanks[i], blanks[i], blanks[i]);
        assert_int_equal(utf8_seen_length(text), 2 + utf8_length(blanks[i], strlen(blanks[i])));
    }
    assert_int_equal(utf8_seen_length(""), 0);
    assert_int_equal(utf8_seen_length("T-1"), 3);
    assert_int_equal(utf8_seen_length("\u65e5\u672c"), 2);
}

static void a_cut_divides_no_character(void **state)
{
    (void)state;
    assert_int_equal(utf8_cut("abc", 3, 5), 3);
    assert_int_equal(utf8_cut("abc", 3, 2), 2);
    assert_int_equal(utf8_cut("a\u00e9", 3, 2), 1);
    assert_int_equal(utf8_cut("\U0001F600", 4, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_divides_no_character),
        cmocka_unit_test(decodes_the_edges),
        cmocka_unit_test(refuses_ill_formed_bytes),
        cmocka_unit_test(counts_characters),
        cmocka_unit_test(knows_what_must_not_be_shown),
        cmocka_unit_test(knows_texts_that_may_be_shown),
        cmocka_unit_test(blanks_around_a_text_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
