// HTML that is read without the parser comes out as the parser has it. A comment, which leaves
// nothing behind, is not such HTML: it sends the same content through the parser.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/buffer.h"
#include "server/html/element.h"
#include "server/html/html.h"
#include "server/html/strict.h"

enum { MAX_BYTES = 1 << 20, DOCUMENTS = 4000 };

static const struct html_options options = {"companies/acme/documents/1/images/"};

static bool pass_start(void *context, const char *name, const char *const *attributes)
{
    (void)context, (void)name, (void)attributes;
    return true;
}

static void pass_end(void *context, const char *name)
{
    (void)context, (void)name;
}

static void pass_text(void *context, const char *text, size_t len)
{
    (void)context, (void)text, (void)len;
}

static bool is_strict(const char *html, size_t len)
{
    const struct html_events events = {pass_start, pass_end, pass_text, NULL};
    return html_strict_read(html, len, &events);
}

static const char *text_of(const struct buffer *buffer)
{
    return buffer->data == NULL ? "" : buffer->data;
}

// Whether it is read without the parser; if so, both readings are alike.
static bool check_alike(const char *html)
{
    if (!is_strict(html, strlen(html)))
        return false;
    static const char comment[] = "<!---->";
    struct buffer parsed _cleanup_(buffer_done), ours _cleanup_(buffer_done),
        text _cleanup_(buffer_done), parsed_text _cleanup_(buffer_done),
        commented _cleanup_(buffer_done);
    struct html_result result, parsed_result;
    buffer_init(&ours, MAX_BYTES);
    buffer_init(&parsed, MAX_BYTES);
    buffer_init(&text, MAX_BYTES);
    buffer_init(&parsed_text, MAX_BYTES);
    buffer_init(&commented, MAX_BYTES);
    assert_true(buffer_printf(&commented, "%s%s", html, comment));
    assert_false(is_strict(commented.data, commented.len));
    assert_true(html_sanitize(html, strlen(html), &options, MAX_BYTES, &ours, &result));
    assert_true(
        html_sanitize(commented.data, commented.len, &options, MAX_BYTES, &parsed, &parsed_result));
    assert_true(html_text(html, strlen(html), &text));
    assert_true(html_text(commented.data, commented.len, &parsed_text));
    if (strcmp(text_of(&ours), text_of(&parsed)) != 0 ||
        strcmp(text_of(&text), text_of(&parsed_text)) != 0)
        fail_msg("of: %s\nours: %s\nparsed: %s", html, text_of(&ours), text_of(&parsed));
    assert_int_equal(result.altered, parsed_result.altered);
    assert_int_equal(result.secret_count, parsed_result.secret_count);
    return true;
}

// The shape, with names for 1 and 2.
static void fill(struct buffer *html, const char *shape, const char *one, const char *two)
{
    buffer_reset(html);
    for (; *shape != '\0'; shape++)
        if (*shape == '1' || *shape == '2')
            (void)buffer_text(html, *shape == '1' ? one : two);
        else
            (void)buffer_append(html, shape, 1);
}

// What closes and opens elements by itself depends on two names at most: those of an element and of
// the one within or behind it.
static void every_pair_of_elements_is_read_alike(void **state)
{
    static const char *const shapes[] = {"<1><2>x</2></1>",
                                         "<1>a<2>x</2>b</1>c",
                                         "<1>x</1><2>y</2>",
                                         "<1><2></1>",
                                         "<1><2><1>",
                                         "<1> <2>\n</2>\t</1>",
                                         "<table><1><2>x</2></1></table>",
                                         "<table><tr><1><2>x</2></1></tr></table>",
                                         "<ul><1><2>x</2></1></ul>",
                                         "<dl><1>x</1><2>y</2></dl>"};
    struct buffer html _cleanup_(buffer_done);
    int alike = 0;
    (void)state;
    buffer_init(&html, MAX_BYTES);
    for (size_t s = 0; s < ARRAY_LEN(shapes); s++)
        for (size_t i = 0; html_element_name(i) != NULL; i++)
            for (size_t j = 0; html_element_name(j) != NULL; j++) {
                fill(&html, shapes[s], html_element_name(i), html_element_name(j));
                alike += check_alike(html.data);
            }
    assert_in_range(alike, 1500, 100000);
}

static size_t pick(uint32_t *seed, size_t below)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % below;
}

// Elements that are closed in order, with what may stand in them and sometimes with what may not.
static void make_document(uint32_t *seed, struct buffer *html)
{
    static const char *const names[] = {"p",  "div", "ul", "li", "b",    "a",
                                        "td", "tr",  "h2", "dd", "span", "table"};
    static const char *const pieces[] = {
        "text ",
        "\n",
        " ",
        "&amp;",
        "&nbsp;",
        "&lt;b&gt;",
        "a > b",
        "\"'`",
        "Stra\xC3\x9F\x65 7",
        "password: hunter22 ",
        "password:\t",
        "&quot;Tr0ub4dor&quot;",
        "<br>",
        "<br />",
        "<hr>",
        "<img src=\"/developer/images/4711\" alt=\"a &amp; b\">",
        "<img src=\"https://track.example/x.gif\">",
        "<script>alert(1)</script>",
        "<style>\n.a { color: red; }\n</style>",
        "<a href=\"https://a.example/?x=1&amp;y\">link</a>",
        "<a href=\"javascript:alert(1)\" onclick=\"steal()\">link</a>",
        "<a href=\"https://u:pa55word@h.example\">",
        "<span style=\"color:red\" class=\"x\">y</span>",
        "<p>para</p>",
        "<li>item</li>",
        "<td colspan=\"2\">cell</td>",
        "eyJhbGciOi.",
        "ghp_0123456789abcdefghij0123456789abcdef",
        "\xE2\x80\xA8",
        "\xC2\x85"};
    const char *open[8];
    size_t depth = 0;
    buffer_reset(html);
    for (size_t left = 3 + pick(seed, 12); left > 0; left--) {
        size_t what = pick(seed, 4);
        if (what == 0 && depth < ARRAY_LEN(open)) {
            open[depth] = names[pick(seed, ARRAY_LEN(names))];
            (void)buffer_printf(html, "<%s>", open[depth++]);
        } else if (what == 1 && depth > 0) {
            (void)buffer_printf(html, "</%s>", open[--depth]);
        } else {
            (void)buffer_text(html, pieces[pick(seed, ARRAY_LEN(pieces))]);
        }
    }
    while (depth > 0)
        (void)buffer_printf(html, "</%s>", open[--depth]);
}

static void documents_are_read_alike(void **state)
{
    struct buffer html _cleanup_(buffer_done);
    uint32_t seed = 4711;
    int alike = 0;
    (void)state;
    buffer_init(&html, MAX_BYTES);
    for (int i = 0; i < DOCUMENTS; i++) {
        make_document(&seed, &html);
        alike += check_alike(html.data);
    }
    assert_in_range(alike, DOCUMENTS / 8, DOCUMENTS);
}

static void editors_write_it(void **state)
{
    static const char *const rows[] = {
        "",
        "plain",
        "<p>One.</p>\n<p>Two <strong>bold</strong> &amp; more.<br>Next</p>",
        "<ul><li>a</li>\n<li>b<ol><li>c</li></ol></li></ul>",
        ("<table class=\"t\" style=\"width: 100%;\"><thead><tr><th>H</th></tr></thead><tbody><tr>"
         "<td colspan=\"2\"><p>x</p></td></tr></tbody></table>"),
        "<p style=\"text-align: left;\"><a href=\"https://a.example/?a=1&amp;b=2\">x</a></p>",
        "<img src=\"/developer/images/1\" alt=\"\" />",
        "<p>a</p><script>alert(document.domain)</script>",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!check_alike(rows[i]))
            fail_msg("not strict: %s", rows[i]);
}

static void what_may_be_read_otherwise_is_refused(void **state)
{
    static const char *const rows[] = {
        "<P>x</P>",
        "<p>x",
        "x</p>",
        "<p>x</b></p>",
        "<p><div>x</div></p>",
        "<a><p>x</p></a>",
        "<a><b><a>x</a></b></a>",
        "<ul>x</ul>",
        "<ul>&nbsp;</ul>",
        "<table><td>x</td></table>",
        "<font>x</font>",
        "<p id=x>y</p>",
        "<p id='x'>y</p>",
        "<p id>y</p>",
        "<p id=\"x\"class=\"y\">z</p>",
        "<p id=\"x\" id=\"y\">z</p>",
        "<p id=\"&quot;\">z</p>",
        "<p id=\"&\">z</p>",
        "<p\tid=\"x\">y</p>",
        "<p id=\"x\n\">y</p>",
        "<p/>",
        "<p",
        "<",
        "a < b",
        "AT&T",
        "&copy;",
        "&#x41;",
        "&amp",
        "<!-- x -->",
        "<!doctype html>",
        "<?x?>",
        "<![CDATA[x]]>",
        "a\rb",
        "a\x01",
        "a\x7F",
        "\xEF\xBF\xBE",
        "\xEF\xBF\xBF",
        "<svg></svg>",
        "<b:c>x</b:c>",
        "</ p>",
        "< p>x</p>",
        "<script>a<b</script>",
        "<script>x",
        "<script>x</style>",
        "<style><!--</style>",
        "<p a=\"1\" b=\"2\" c=\"3\" d=\"4\" e=\"5\" f=\"6\" g=\"7\" h=\"8\" i=\"9\">x</p>",
    };
    struct buffer deep _cleanup_(buffer_done), long_value _cleanup_(buffer_done);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (is_strict(rows[i], strlen(rows[i])))
            fail_msg("strict: %s", rows[i]);
    assert_false(is_strict("a\0b", 3));
    buffer_init(&deep, MAX_BYTES);
    buffer_init(&long_value, MAX_BYTES);
    for (int i = 0; i < 33; i++)
        (void)buffer_text(&deep, "<b>");
    for (int i = 0; i < 33; i++)
        (void)buffer_text(&deep, "</b>");
    assert_false(is_strict(deep.data, deep.len));
    assert_true(is_strict(deep.data + 3, deep.len - 7));
    (void)buffer_text(&long_value, "<p id=\"");
    for (int i = 0; i < 2100; i++)
        (void)buffer_text(&long_value, "x");
    (void)buffer_text(&long_value, "\">y</p>");
    assert_false(is_strict(long_value.data, long_value.len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_of_elements_is_read_alike),
        cmocka_unit_test(documents_are_read_alike),
        cmocka_unit_test(editors_write_it),
        cmocka_unit_test(what_may_be_read_otherwise_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
