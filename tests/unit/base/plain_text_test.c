// What a search finds of HTML: its text, and nothing of what stands around it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/cleanup.h"
#include "server/base/plain_text.h"

static void becomes(const char *html, const char *expected)
{
    // No byte more than the text has, for the sanitizers.
    size_t len = strlen(html);
    char *copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, html, len);
    size_t out = plain_text_of_html(copy, len);
    assert_true(out <= len);
    assert_int_equal(out, strlen(expected));
    assert_memory_equal(copy, expected, out);
    free(copy);
}

static void tags_become_spaces(void **state)
{
    (void)state;
    becomes("", "");
    becomes("plain", "plain");
    becomes("<p>One</p><p>Two</p>", "One Two");
    becomes("  a \t\n b\r\n", "a b");
    becomes("<img alt=\"secret\" src='x'>after", "after");
    becomes("<A HREF=x>Link</A>", "Link");
    becomes("1 < 2 and 3 <4", "1 < 2 and 3 <4");
    becomes("cut <b", "cut <b");
    becomes("<b <b <b", "<b <b <b");
}

static void what_is_not_shown_is_left_out(void **state)
{
    (void)state;
    becomes("a<!-- hidden > still -->b", "a b");
    becomes("a<script>var x = '<b>';</script>b", "a b");
    becomes("a<STYLE>p { color: red }</style >b", "a b");
    becomes("a<!DOCTYPE html>b", "a b");
    becomes("a<?php echo ?>b", "a b");
}

static void references_become_characters(void **state)
{
    (void)state;
    becomes("Tom &amp; Jerry", "Tom & Jerry");
    becomes("&lt;b&gt;", "<b>");
    becomes("M&uuml;ller &#77;&#x4d;", "M\u00fcller MM");
    becomes("a&nbsp;&nbsp;b", "a b");
    becomes("&unknown; & &; &#; &#xD800; &#1114112;", "&unknown; & &; &#; &#xD800; &#1114112;");
    becomes("&#x1F600;", "\U0001F600");
    becomes("x&#1;y", "x y");
}

static void bytes_that_are_no_text_give_nothing(void **state)
{
    (void)state;
    becomes("a\xff", "");
    becomes("\xc3", "");
}

// Text that invites to look again from each place: over in a moment, or the test's time-out comes.
static void work_grows_with_length_alone(void **state)
{
    (void)state;
    static const char *const pieces[] = {"<b", "<!--", "<script", "&", "&#", "<", "<style>", "</"};
    enum { BYTES = 4 << 20 };
    char *html = malloc(BYTES);
    assert_non_null(html);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        size_t piece = strlen(pieces[i]);
        for (size_t at = 0; at < BYTES; at++)
            html[at] = pieces[i][at % piece];
        assert_true(plain_text_of_html(html, BYTES) <= BYTES);
    }
    free(html);
}

static void a_cut_divides_no_character(void **state)
{
    (void)state;
    assert_int_equal(plain_text_cut("abc", 3, 5), 3);
    assert_int_equal(plain_text_cut("abc", 3, 2), 2);
    assert_int_equal(plain_text_cut("a\u00e9", 3, 2), 1);
    assert_int_equal(plain_text_cut("\U0001F600", 4, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_become_spaces),
        cmocka_unit_test(what_is_not_shown_is_left_out),
        cmocka_unit_test(references_become_characters),
        cmocka_unit_test(bytes_that_are_no_text_give_nothing),
        cmocka_unit_test(work_grows_with_length_alone),
        cmocka_unit_test(a_cut_divides_no_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
