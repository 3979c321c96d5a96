// Hostile HTML: what comes out holds nothing but what the allow-list names, and is safe to make
// safe again.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <libxml/HTMLparser.h>

#include "server/base/encoding.h"
#include "server/html/element.h"
#include "server/html/html.h"

enum { MAX_BYTES = 64 << 20, VECTORS_MAX = 300, MUTANTS = 1500 };

static const struct html_options options = {"companies/acme/documents/1/images/",
                                            "https://acme.example"};

static char *corpus;
static char *vectors[VECTORS_MAX];
static size_t vector_count;
static struct html_result result;

static int read_corpus(void **state)
{
    (void)state;
    FILE *file = fopen("tests/unit/html/hostile.txt", "r");
    assert_non_null(file);
    corpus = calloc(1, 1 << 16);
    assert_true(fread(corpus, 1, (1 << 16) - 1, file) > 0);
    (void)fclose(file);
    for (char *at = corpus; at != NULL && vector_count < VECTORS_MAX;) {
        char *next = strstr(at, "\n%%\n");
        if (next != NULL)
            *next = '\0';
        vectors[vector_count++] = at;
        at = next == NULL ? NULL : next + 4;
    }
    assert_true(vector_count > 100);
    return 0;
}

static int drop_corpus(void **state)
{
    (void)state;
    free(corpus);
    return 0;
}

static void sanitize(const char *html, size_t len, struct buffer *out)
{
    buffer_reset(out);
    assert_true(html_sanitize(html, len, &options, MAX_BYTES, out, &result));
    (void)buffer_append(out, "", 0);
}

static const char *text_of(const struct buffer *buffer)
{
    return buffer->data == NULL ? "" : buffer->data;
}

static void check_attribute(const struct html_element *element, const xmlAttr *attribute)
{
    const char *name = (const char *)attribute->name;
    xmlChar *value = xmlNodeGetContent((const xmlNode *)attribute);
    if (strcmp(name, "rel") == 0)
        assert_string_equal((char *)value, "noopener noreferrer nofollow");
    else if (strcmp(name, "data-image") == 0)
        assert_int_equal(strncmp((char *)value, options.image_prefix, strlen(options.image_prefix)),
                         0);
    else if (!html_attribute_stays(element, name, (char *)value))
        fail_msg("<%s %s=\"%s\">", element->name, name, (char *)value);
    xmlFree(value);
}

// Every node is text or an element of the list.
static void check_tree(const xmlNode *node)
{
    for (; node != NULL; node = node->next) {
        if (node->type == XML_TEXT_NODE)
            continue;
        if (node->type != XML_ELEMENT_NODE)
            fail_msg("a node of type %d", (int)node->type);
        const char *name = (const char *)node->name;
        const struct html_element *element = html_element_find(name);
        bool ours = strcmp(name, "html") == 0 || strcmp(name, "body") == 0;
        if (!ours && element->treatment != HTML_KEEP)
            fail_msg("<%s>", name);
        for (const xmlAttr *at = node->properties; at != NULL; at = at->next)
            check_attribute(element, at);
        check_tree(node->children);
    }
}

static void check(const char *html, size_t len, struct buffer *once, struct buffer *twice)
{
    sanitize(html, len, once);
    struct html_result first = result;
    sanitize(text_of(once), once->len, twice);
    if (first.cut)
        return;
    if (strcmp(text_of(once), text_of(twice)) != 0)
        fail_msg("of: %.*s\nonce: %s\ntwice: %s", (int)len, html, text_of(once), text_of(twice));
    if (once->len == 0)
        return;
    htmlDocPtr document =
        htmlReadMemory(once->data, (int)once->len, NULL, "UTF-8",
                       HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NODEFDTD);
    assert_non_null(document);
    check_tree(document->children);
    xmlFreeDoc(document);
}

static void vectors_become_harmless(void **state)
{
    _cleanup_(buffer_done) struct buffer once, twice;
    (void)state;
    buffer_init(&once, MAX_BYTES);
    buffer_init(&twice, MAX_BYTES);
    for (size_t i = 0; i < vector_count; i++) {
        check(vectors[i], strlen(vectors[i]), &once, &twice);
        assert_null(strcasestr(text_of(&once), "<script"));
        assert_null(strcasestr(text_of(&once), "onerror="));
    }
}

// Pieces of vectors in any order: a fixed seed, and as many as DOCBRIDGE_MUTANTS says.
static void mutants_become_harmless(void **state)
{
    _cleanup_(buffer_done) struct buffer mutant, once, twice;
    const char *wish = getenv("DOCBRIDGE_MUTANTS");
    int64_t count = MUTANTS;
    if (wish != NULL)
        assert_true(encoding_int64(wish, strlen(wish), &count));
    uint32_t seed = 4711;
    (void)state;
    buffer_init(&mutant, MAX_BYTES);
    buffer_init(&once, MAX_BYTES);
    buffer_init(&twice, MAX_BYTES);
    for (long i = 0; i < count; i++) {
        buffer_reset(&mutant);
        for (int piece = 0; piece < 4; piece++) {
            seed = seed * 1664525 + 1013904223;
            const char *vector = vectors[(seed >> 8) % vector_count];
            size_t len = strlen(vector);
            seed = seed * 1664525 + 1013904223;
            size_t from = (seed >> 8) % (len + 1);
            seed = seed * 1664525 + 1013904223;
            (void)buffer_append(&mutant, vector + from, (seed >> 8) % (len - from + 1));
        }
        check(text_of(&mutant), mutant.len, &once, &twice);
    }
}

// Links between documents, as IT Glue's editor writes them, lead to the site that they are of.
static void links_within_the_site_are_made_whole(void **state)
{
    static const struct {
        const char *href, *made; // NULL: dropped
    } rows[] = {
        {"/41/docs/2", "https://acme.example/41/docs/2"},
        {" /41/docs/2#a b ", "https://acme.example/41/docs/2#a%20b"},
        {"/", "https://acme.example/"},
        {"/@evil.example/", "https://acme.example/@evil.example/"},
        {"//evil.example/x", NULL},
        {" //evil.example/x", NULL},
        {"/\\evil.example/x", NULL},
        {"/x\\y", NULL},
        {"\\/evil.example/x", NULL},
        {"/\t/evil.example/x", NULL},
        {"41/docs/2", NULL},
        {"", NULL},
    };
    static const struct html_options nowhere = {"companies/acme/documents/1/images/"};
    struct buffer out _cleanup_(buffer_done);
    (void)state;
    buffer_init(&out, MAX_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char html[256], wanted[256];
        (void)snprintf(html, sizeof(html), "<a href=\"%s\">x</a>", rows[i].href);
        (void)snprintf(wanted, sizeof(wanted),
                       rows[i].made == NULL
                           ? "<a>x</a>"
                           : "<a href=\"%s\" rel=\"noopener noreferrer nofollow\">x</a>",
                       rows[i].made);
        sanitize(html, strlen(html), &out);
        assert_string_equal(text_of(&out), wanted);
        assert_true(result.altered);
        buffer_reset(&out);
        assert_true(html_sanitize(html, strlen(html), &nowhere, MAX_BYTES, &out, &result));
        (void)buffer_append(&out, "", 0);
        assert_string_equal(text_of(&out), "<a>x</a>");
    }
}

static void an_origin_is_of_a_link_that_may_stay(void **state)
{
    static const char *const none[] = {"",
                                       "/41/docs/1",
                                       "http://acme.example/41",
                                       "https://",
                                       "https:///x",
                                       "https://joe:x@acme.example/",
                                       "https://acme.example\\x",
                                       "https://a&b.example/",
                                       "https://a b.example/",
                                       "javascript:alert(1)",
                                       "https://a234567890123456789012345678901234567890.a234567890"
                                       "12345678901234567890.example/"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_int_equal(html_origin(none[i]), 0);
    assert_int_equal(html_origin("https://acme.example/41/docs/1"), 20);
    assert_int_equal(html_origin("https://acme.example:8443?x"), 25);
    assert_int_equal(html_origin("https://acme.example"), 20);
}

static void keeps_what_documents_are_made_of(void **state)
{
    static const struct {
        const char *html, *safe;
        bool altered;
        size_t secrets;
    } rows[] = {
        {"", "", false, 0},
        {"plain & simple", "plain &amp; simple", false, 0},
        {"<h2>Title</h2><p>a <b>bold</b> word<br>next</p>",
         "<h2>Title</h2><p>a <b>bold</b> word<br>next</p>", false, 0},
        {"<a href=\"https://a.example/?x=1&amp;y\">x</a>",
         "<a href=\"https://a.example/?x=1&amp;y\" rel=\"noopener noreferrer nofollow\">x</a>",
         false, 0},
        {"<a href=\"https://a.example/Shared Documents/a b.docx?x=1 2\">x</a>",
         "<a href=\"https://a.example/Shared%20Documents/a%20b.docx?x=1%202\" rel=\"noopener "
         "noreferrer nofollow\">x</a>",
         true, 0},
        {"<a href=\" https://a.example/a b \">x</a>",
         "<a href=\"https://a.example/a%20b\" rel=\"noopener noreferrer nofollow\">x</a>", true, 0},
        {"<a href=\"https://a b.example/\">x</a>", "<a>x</a>", true, 0},
        {"<a href=\"java script:alert(1) /\">x</a>", "<a>x</a>", true, 0},
        {"<a href=\"https://a.example/a\tb c\">x</a>", "<a>x</a>", true, 0},
        {"<p style=\"color:red\" id=x class=y>text</p>", "<p>text</p>", true, 0},
        {"a<script>b</script>c", "ac", true, 0},
        {"<font>old</font>", "old", true, 0},
        {"<img src=\"/developer/images/4711\" alt=\"a plan\" onload=x>",
         "<img data-image=\"companies/acme/documents/1/images/4711\" alt=\"a plan\">", true, 0},
        {"<img src=\"https://track.example/x.gif\" alt=\"gone\">", "", true, 0},
        {"<table><tr><td colspan=2>x</td></tr></table>",
         "<table><tr><td colspan=\"2\">x</td></tr></table>", false, 0},
        {"<p>Password: <b>Tr0ub4dor</b> and more</p>", "<p>Password: <b>****</b> and more</p>",
         false, 1},
        {"<p>Password: Tr0<i>ub4</i>dor!</p>", "<p>Password: ****<i></i></p>", false, 1},
        {"<tr><td>Password</td><td>Tr0ub4dor</td></tr>", "<tr><td>Password</td><td>****</td></tr>",
         false, 1},
        // What is shown on the next line of its label.
        {"<p>Password:<br>Tr0ub4dor</p>", "<p>Password:<br>****</p>", false, 1},
        {"<p>Password:<br>\n Tr0ub4dor</p>", "<p>Password:<br>\n ****</p>", false, 1},
        {"<p>\nPassword:\n</p>\n\n<p>\nTr0ub4dor\n</p>", "<p>\nPassword:\n</p>\n\n<p>\n****\n</p>",
         false, 1},
        {"<div>Password:</div><p>&nbsp;</p><div><p>Tr0ub4dor</p></div>",
         "<div>Password:</div><p>\xC2\xA0</p><div><p>****</p></div>", false, 1},
        {"Password:<ul><li>Tr0ub4dor</li><li>Tr0ub4dor</li></ul>",
         "Password:<ul><li>****</li><li>Tr0ub4dor</li></ul>", false, 1},
        {"<p>Password:</p><p>Notes of 2026</p>", "<p>Password:</p><p>Notes of 2026</p>", false, 0},
        {"<p>The password: see the vault</p>", "<p>The password: see the vault</p>", false, 0},
        {"\xC3\x28", "", true, 0},
        {"<p>one word after another word</p>\xF3\xB0\x80\x80&#983040;&#xF0000;",
         "<p>one word after another word</p>\xF3\xB0\x80\x80\xF3\xB0\x80\x80\xF3\xB0\x80\x80",
         false, 0},
        {"<p>one word after another word</p>&#983040;",
         "<p>one word after another word</p>\xF3\xB0\x80\x80", false, 0},
        {"<p>one word after another word</p>&#x00F0000;",
         "<p>one word after another word</p>\xF3\xB0\x80\x80", false, 0},
        {"<img alt=\"x>one word after another word<b>and one more word after it\""
         " src=\"/developer/images/1\">",
         "<img data-image=\"companies/acme/documents/1/images/1\" alt=\"x&gt;one word after another"
         " word&lt;b&gt;and one more word after it\">",
         true, 0},
    };
    struct buffer out _cleanup_(buffer_done);
    (void)state;
    buffer_init(&out, MAX_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        sanitize(rows[i].html, strlen(rows[i].html), &out);
        assert_string_equal(text_of(&out), rows[i].safe);
        assert_int_equal(result.altered, rows[i].altered);
        assert_int_equal(result.secret_count, rows[i].secrets);
    }
}

// Each one that is written otherwise, wherever it stands among others.
static void escapes_at_every_place(void **state)
{
    static const struct {
        const char *character, *safe;
    } rows[] = {{"&", "&amp;"},      {"&lt;", "&lt;"}, {"&gt;", "&gt;"}, {"\"", "&quot;"},
                {"'", "&#39;"},      {"`", "&#96;"},   {"\x01", ""},     {"\x1F", ""},
                {"\x7F", ""},        {"\t", "\t"},     {"(", "("},       {"=", "="},
                {"\u00C3", "\u00C3"}};
    enum { PLACES = 100 };
    struct buffer out _cleanup_(buffer_done);
    char letters[PLACES], html[PLACES + 16], safe[PLACES + 16];
    (void)state;
    buffer_init(&out, MAX_BYTES);
    memset(letters, 'z', sizeof(letters));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int place = 0; place < PLACES; place++) {
            const int left = PLACES - place;
            snprintf(html, sizeof(html), "%.*s%s%.*s", place, letters, rows[i].character, left,
                     letters);
            snprintf(safe, sizeof(safe), "%.*s%s%.*s", place, letters, rows[i].safe, left, letters);
            sanitize(html, strlen(html), &out);
            assert_string_equal(text_of(&out), safe);
        }
}

// Pieces among which runs of words stand, or seem to, in every state of the parser.
static const char *const wordy[] = {
    "the quick brown fox jumps over lazy dogs",
    "Stra\u00DFe und K\u00E4se, (alle: Leute).",
    "\n  some indented text \n",
    "                        ",
    "Password: hunter22secret ",
    "\xEF\xBF\xBD odd \xEF\xBF\xBF ones here and there",
    "don't stop believing in all of it",
    "ampersand long words",
    ">",
    ">",
    " > ",
    "&",
    "&amp;lots of words behind a reference",
    "&#x41;",
    "\"",
    "'",
    "=",
    "/",
    "<",
    "<p>",
    "</p>",
    "<li>",
    "<br>",
    "<a href=\"http://x/?a=1\">",
    "<img src=\"/developer/images/12\" alt=\"a > ",
    "<b title='",
    "<!--",
    "-->",
    "<?x ",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE html PUBLIC \"",
    "<script>",
    "</script>",
    "<title>",
    "<table>",
    "</body>",
    "</html>",
};

// A character of plane 12 turns stand-ins off: but for it, both ways give the same.
static void words_are_kept_from_the_parser_without_a_difference(void **state)
{
    static const char mark[] = "\xF3\x80\x80\x80";
    _cleanup_(buffer_done) struct buffer html, with, without;
    uint32_t seed = 42;
    (void)state;
    buffer_init(&html, MAX_BYTES);
    buffer_init(&with, MAX_BYTES);
    buffer_init(&without, MAX_BYTES);
    for (int i = 0; i < 3 * MUTANTS; i++) {
        buffer_reset(&html);
        (void)buffer_text(&html, mark);
        for (int piece = 0; piece < 12; piece++) {
            seed = seed * 1664525 + 1013904223;
            (void)buffer_text(&html, wordy[(seed >> 8) % ARRAY_LEN(wordy)]);
        }
        sanitize(html.data, html.len, &without);
        struct html_result first = result;
        sanitize(html.data + strlen(mark), html.len - strlen(mark), &with);
        assert_non_null(without.data);
        assert_int_equal(strncmp(without.data, mark, strlen(mark)), 0);
        if (strcmp(without.data + strlen(mark), text_of(&with)) != 0)
            fail_msg("of: %s\nwith: %s\nwithout: %s", html.data, text_of(&with), without.data);
        assert_int_equal(result.altered, first.altered);
        assert_int_equal(result.secret_count, first.secret_count);
    }
}

static void repeat(struct buffer *html, const char *piece, size_t bytes)
{
    buffer_reset(html);
    while (html->len < bytes)
        assert_true(buffer_text(html, piece));
}

// 20 MB of a document, and much of each thing that costs a parser most.
static void stays_within_its_bounds(void **state)
{
    static const char *const heavy[] = {"<b>",
                                        "<div><p>",
                                        "<x>",
                                        "<!--",
                                        "&",
                                        "<a ",
                                        "</u>",
                                        "<tr><th>Password",
                                        "<table><tr><th>Password</th></tr><tr><td>",
                                        "<dl><dt>pw<dd>\n\t",
                                        "|Password ",
                                        "Password is ",
                                        "\x1F \x1F",
                                        "<p x",
                                        "<td>",
                                        "eyJhbGciOi.",
                                        "password:",
                                        "<x><p>",
                                        "-----BEGIN "};
    _cleanup_(buffer_done) struct buffer html, out;
    (void)state;
    buffer_init(&html, MAX_BYTES);
    buffer_init(&out, MAX_BYTES);
    repeat(&html,
           "<h2>Title</h2><p>Some <b>bold</b> text, <a href='https://a.example'>and</a></p>\n",
           20 << 20);
    sanitize(html.data, html.len, &out);
    assert_true(out.len > html.len / 2);
    assert_false(result.cut);
    for (size_t i = 0; i < ARRAY_LEN(heavy); i++) {
        repeat(&html, heavy[i], 1 << 18);
        sanitize(html.data, html.len, &out);
    }
    repeat(&html, "<div>", 1 << 20);
    sanitize(html.data, html.len, &out);
    assert_true(result.cut);
    buffer_reset(&html);
    (void)buffer_text(&html, "<p");
    for (int i = 0; html.len < 1 << 20; i++)
        (void)buffer_printf(&html, " a%d", i);
    (void)buffer_text(&html, ">text");
    sanitize(html.data, html.len, &out);
    assert_string_equal(text_of(&out), "<p>text</p>");
}

// The text alone has what is shown on one line on one too.
static void text_has_the_lines_that_are_shown(void **state)
{
    static const struct {
        const char *html, *text;
    } rows[] = {
        {"<p>a:</p>\n<p>b</p>", "\na:\n b\n"},
        {"<p>a:</p><ul><li>b<br>\n\nc</ul>", "\na:\nb\n  c\n"},
        {"a:\n\nb\n<p>c", "a:\n\nb\nc\n"},
        {"<table><tr><td><p>a</p></td></tr></table>", "\n\n\t\na\n\t\n\n"},
    };
    struct buffer out _cleanup_(buffer_done);
    (void)state;
    buffer_init(&out, MAX_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buffer_reset(&out);
        assert_true(html_text(rows[i].html, strlen(rows[i].html), &out));
        (void)buffer_append(&out, "", 1);
        assert_string_equal(out.data, rows[i].text);
    }
}

static void says_when_there_is_no_room(void **state)
{
    struct buffer out _cleanup_(buffer_done);
    (void)state;
    buffer_init(&out, MAX_BYTES);
    assert_false(html_sanitize("<p>12345</p>", 12, &options, 8, &out, &result));
    assert_int_equal(out.len, 0);
    // Of a table that has no room either, no row is looked at.
    static const char table[] = "<table><tr><th>User</th><th>Password</th></tr>"
                                "<tr><td>joe</td><td>geheim</td></tr></table>";
    for (size_t room = 0; room < 20; room++) {
        struct buffer text _cleanup_(buffer_done);
        buffer_init(&text, room);
        assert_false(html_text(table, strlen(table), &text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_become_harmless),
        cmocka_unit_test(mutants_become_harmless),
        cmocka_unit_test(links_within_the_site_are_made_whole),
        cmocka_unit_test(an_origin_is_of_a_link_that_may_stay),
        cmocka_unit_test(keeps_what_documents_are_made_of),
        cmocka_unit_test(escapes_at_every_place),
        cmocka_unit_test(words_are_kept_from_the_parser_without_a_difference),
        cmocka_unit_test(stays_within_its_bounds),
        cmocka_unit_test(text_has_the_lines_that_are_shown),
        cmocka_unit_test(says_when_there_is_no_room),
    };
    return cmocka_run_group_tests(tests, read_corpus, drop_corpus);
}
