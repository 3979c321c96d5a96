// What documents look like at a terminal.
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "client/prose.h"

static void assert_prose(const char *html, size_t width, const char *wanted)
{
    struct buffer out _cleanup_(buffer_done);
    buffer_init(&out, 1 << 20);
    assert_true(prose_write(&out, html, width));
    assert_string_equal(out.data == NULL ? "" : out.data, wanted);
}

static void blocks_stand_apart(void **state)
{
    (void)state;
    assert_prose("", 0, "");
    assert_prose("plain", 0, "plain\n");
    assert_prose("<h2>Set <b>up</b></h2><p>One\n  two<br>three &amp; &lt;four&gt;</p><hr>"
                 "<blockquote><p>a</p></blockquote><div>x</div><div>y</div><p></p>",
                 0, "## Set up\n\nOne two\nthree & <four>\n\n---\n\n> a\n\nx\ny\n");
    assert_prose("<p>a</p><pre>\n  if x\n\t<code>then</code>\n\n</pre>b", 0,
                 "a\n\n  if x\n\tthen\n\nb\n");
    assert_prose("<ul><li></li></ul><p>a</p><h1></h1><p>b</p>", 0, "a\n\nb\n");
    // Of a line nothing follows on the same line.
    assert_prose("a<hr>b<hr><hr><b>c</b><ul><li>d<hr>e</li></ul>", 0,
                 "a\n\n---\n\nb\n\n---\n\n---\n\nc\n\n- d\n  ---\n  e\n");
}

static void items_are_marked(void **state)
{
    (void)state;
    assert_prose("<p>a</p><ol start=\"9\"><li>nine</li><li><p>ten</p><ul><li>in</li></ul>more</li>"
                 "</ol>b",
                 0, "a\n\n9. nine\n10. ten\n    - in\n    more\n\nb\n");
    assert_prose("<dl><dt>Term</dt><dd>Meaning</dd></dl>", 0, "Term\n- Meaning\n");
    assert_prose("<li>stray</li><p>b</p>", 0, "- stray\n\nb\n");
    assert_prose("<ol><li value=\"4\">four</li><li>five</li><li value=\"-1\">six</li></ol>", 0,
                 "4. four\n5. five\n6. six\n");
    // A heading in an item does not take the place of its number.
    assert_prose("<ol><li><h3>Step</h3>do<h4>More</h4></li></ol>", 0, "1. Step\n   do\n   More\n");
}

static void what_changes_the_sense_is_marked(void **state)
{
    (void)state;
    assert_prose("Use <del>10.0.0.1</del> 10.0.0.2<sup>1</sup>, <s>not</s> H<sub>2</sub>O", 0,
                 "Use ~~10.0.0.1~~ 10.0.0.2^1, ~~not~~ H2O\n");
}

static void rows_keep_their_cells(void **state)
{
    (void)state;
    assert_prose("<table><caption>Hosts</caption><thead><tr><th>Name</th><th>IP</th></tr></thead>"
                 "<tbody><tr><td><p>fw</p><p>1</p></td><td></td></tr><tr><td>a<ul><li>b</li></ul>"
                 "</td><td><table><tr><td>c</td><td>d</td></tr></table></td></tr></tbody></table>e",
                 0, "Hosts\n\nName | IP\nfw 1 |\na b | c d\n\ne\n");
    // What stands below a cell of several rows, or behind one of several columns, stays there.
    assert_prose(
        "<table><tr><td rowspan=\"2\">fw</td><td>in</td><td rowspan=\"3\">up</td></tr>"
        "<tr><td>out</td></tr><tr><td colspan=\"2\">both</td></tr>"
        "<tr><td colspan=\"2\">all</td><td>down</td></tr>"
        "<tr><td colspan=\"9999\" rowspan=\"9999\">a</td><td>b</td></tr></table>"
        "<table><tr><td>c</td></tr></table>",
        0,
        "fw | in | up\n| out\nboth\nall | | down\na | | | | | | | | | | | | | | | | | | | | "
        "| | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | | "
        "| | b\n\nc\n");
}

// Which others refer to.
static void items_in_cells_keep_their_numbers(void **state)
{
    (void)state;
    assert_prose("<ol><li><table><tr><td>a<ol start=\"3\"><li>b</li><li>c<ul><li>d</li></ul></li>"
                 "<li value=\"9\">e</li></ol></td><td>f</td></tr></table></li><li>g</li></ol>h",
                 0, "1. a 3. b 4. c d 9. e | f\n2. g\n\nh\n");
}

static void links_show_where_they_lead(void **state)
{
    (void)state;
    assert_prose("<a href=\"https://a.example/?a&amp;b\" rel=\"noopener\">https://bank.example</a>",
                 0, "https://bank.example <https://a.example/?a&b>\n");
    assert_prose("<a href=\"https://a.example/\">https://a.example/</a>, "
                 "<a href=\"mailto:a@b.example\">a@b.example</a>, <a>none</a>",
                 0, "https://a.example/, a@b.example, none\n");
    assert_prose("<a href=\"https://a.example/\"><p>one</p><p>two</p></a>", 0,
                 "one\n\ntwo\n\n<https://a.example/>\n");
    assert_prose(
        "see <img data-image=\"companies/c/documents/1/images/2\" alt=\"&quot;rack&quot;\">", 0,
        "see [image companies/c/documents/1/images/2: \"rack\"]\n");
}

static void nothing_steers_the_terminal(void **state)
{
    (void)state;
    assert_prose("<p>a\x1b[2J</p><pre>b\r\x07</pre><a href=\"https://x/\xc2\x9b\">\xe2\x80\xae</a>"
                 "<img alt=\"\x1b\">",
                 0, "a\\u001b[2J\n\nb\\u0007\n\n\\u202e <https://x/\\u009b>[image : \\u001b]\n");
    // Of a server that does not write what ours does.
    assert_prose("a < b &unknown; <", 0, "a < b &unknown; <\n");
    assert_prose("a < b<p>c</p>", 0, "a < b\n\nc\n");
    assert_prose("</td></li></ul></a></blockquote></pre>a</table>", 0, "a\n");
}

static void lines_break_between_words(void **state)
{
    (void)state;
    assert_prose("<ul><li>one two three four five six seven</li></ul>"
                 "<p>\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac "
                 "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac</p>",
                 24,
                 "- one two three four\n  five six seven\n\n"
                 "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\n"
                 "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\n");
    // An address stays whole, to be taken along.
    assert_prose("<p>a https://a.example/0123456789012345678901234567890123456789 b</p>", 24,
                 "a\nhttps://a.example/0123456789012345678901234567890123456789\nb\n");
}

static void no_depth_is_too_deep(void **state)
{
    (void)state;
    struct buffer html _cleanup_(buffer_done), out _cleanup_(buffer_done);
    buffer_init(&html, 1 << 20);
    buffer_init(&out, 1 << 20);
    for (int i = 0; i < 256; i++)
        buffer_text(&html, i % 2 == 0 ? "<ol><li>a" : "<blockquote>b");
    for (int i = 0; i < 300; i++)
        buffer_text(&html, i % 2 == 0 ? "</blockquote>" : "</li></ol>");
    buffer_text(&html, "<p>end</p>");
    assert_true(prose_write(&out, html.data, 40));
    assert_non_null(strstr(out.data, "\n\nend\n"));
}

// Each would look for its end through all the rest.
static void tags_without_an_end_take_no_time(void **state)
{
    (void)state;
    struct buffer html _cleanup_(buffer_done), out _cleanup_(buffer_done);
    buffer_init(&html, 4 << 20);
    buffer_init(&out, 4 << 20);
    for (int i = 0; i < 1 << 20; i++)
        buffer_text(&html, "<a ");
    clock_t begin = clock();
    assert_true(prose_write(&out, html.data, 0));
    assert_true(clock() - begin < 10 * CLOCKS_PER_SEC);
}

static void headings_have_a_level(void **state)
{
    (void)state;
    struct buffer out _cleanup_(buffer_done);
    buffer_init(&out, 1 << 10);
    assert_true(prose_heading(&out, "Vendors", 0) && prose_heading(&out, "A &amp; B", 3) &&
                prose_heading(&out, "<h2>C</h2>", 1));
    assert_string_equal(out.data, "# Vendors\n### A & B\n## C\n");
}

int main(void)
{
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_stand_apart),
        cmocka_unit_test(items_are_marked),
        cmocka_unit_test(rows_keep_their_cells),
        cmocka_unit_test(items_in_cells_keep_their_numbers),
        cmocka_unit_test(links_show_where_they_lead),
        cmocka_unit_test(nothing_steers_the_terminal),
        cmocka_unit_test(lines_break_between_words),
        cmocka_unit_test(no_depth_is_too_deep),
        cmocka_unit_test(headings_have_a_level),
        cmocka_unit_test(what_changes_the_sense_is_marked),
        cmocka_unit_test(tags_without_an_end_take_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
