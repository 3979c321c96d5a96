// Credentials whose label stands in another cell of a table or of a list.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/html/html.h"
#include "server/html/table.h"

enum { MAX_BYTES = 1 << 20 };

static struct html_result result;

static void sanitize(const char *html, size_t len, struct buffer *out)
{
    static const struct html_options options = {"companies/acme/documents/1/images/"};
    buffer_reset(out);
    assert_true(html_sanitize(html, len, &options, MAX_BYTES, out, &result));
    (void)buffer_append(out, "", 0);
}

#define TABLE(rows) "<table>" rows "</table>"
#define ROW(a, b, c) "<tr><td>" a "</td><td>" b "</td><td>" c "</td></tr>"
#define HEAD(a, b, c) "<tr><th>" a "</th><th>" b "</th><th>" c "</th></tr>"

static const char *text_of(const struct buffer *buffer)
{
    return buffer->data == NULL ? "" : buffer->data;
}

// A label in another cell: what is masked is what stands in its column, in its row, or is its
// meaning.
static void masks_what_a_table_tells(void **state)
{
    static const struct {
        const char *html, *masked; // NULL: nothing is
    } rows[] = {
        {TABLE(HEAD("User", "Password", "Notes") ROW("joe", "geheim", "of all")
                   ROW("ann", "&nbsp;", "Berlin2") ROW("bob", "<p>\n hunter22</p>", "Bonn")),
         TABLE(HEAD("User", "Password", "Notes") ROW("joe", "****", "of all")
                   ROW("ann", "\xC2\xA0", "Berlin2") ROW("bob", "<p>\n ****</p>", "Bonn"))},
        {TABLE(ROW("User", "Notes", "<b>Passwort:</b>") ROW("joe", "Berlin", "geheim")
                   ROW("User", "Notes", "Passwort") ROW("ann", "Bonn", "see vault")),
         TABLE(ROW("User", "Notes", "<b>Passwort:</b>") ROW("joe", "Berlin", "****")
                   ROW("User", "Notes", "Passwort") ROW("ann", "Bonn", "see vault"))},
        // A column of numbers has a sign for its head.
        {TABLE(ROW("#", "User", "Adminpasswort") ROW("1", "joe", "geheim")),
         TABLE(ROW("#", "User", "Adminpasswort") ROW("1", "joe", "****"))},
        {TABLE(ROW("VLAN 1", "SSID", "PSK (WPA2)") ROW("10", "Acme", "geheim")),
         TABLE(ROW("VLAN 1", "SSID", "PSK (WPA2)") ROW("10", "Acme", "****"))},
        {TABLE(ROW("Token", "geheim", "Password") ROW("Site 1", "Acme", "none")),
         TABLE(ROW("Token", "****", "Password") ROW("Site 1", "Acme", "none"))},
        {TABLE(ROW("Password", "User", "Rack") ROW("geheim", "joe", "Bonn")),
         TABLE(ROW("Password", "User", "Rack") ROW("****", "joe", "Bonn"))},
        {TABLE(ROW("Site", "Password:", "Notes") ROW("Bonn", "geheim", "of all")),
         TABLE(ROW("Site", "Password:", "Notes") ROW("Bonn", "****", "of all"))},
        // A head of two rows.
        {"<table><tr><td rowspan=\"2\">Server</td><td colspan=\"2\">Login</td></tr>"
         "<tr><td>User</td><td>Password</td></tr>"
         "<tr><td>web</td><td>joe</td><td>geheim</td></tr></table>",
         "<table><tr><td rowspan=\"2\">Server</td><td colspan=\"2\">Login</td></tr>"
         "<tr><td>User</td><td>Password</td></tr>"
         "<tr><td>web</td><td>joe</td><td>****</td></tr></table>"},
        // Cells over several rows and columns.
        {"<table><tr><td>Site</td><td colspan=\"2\">User</td><td>Password</td></tr>"
         "<tr><td rowspan=\"2\">Bonn</td><td>joe</td><td>Joey</td><td>hunter22</td></tr>"
         "<tr><td>anna</td><td>Anne</td><td>hunter23</td></tr></table>",
         "<table><tr><td>Site</td><td colspan=\"2\">User</td><td>Password</td></tr>"
         "<tr><td rowspan=\"2\">Bonn</td><td>joe</td><td>Joey</td><td>****</td></tr>"
         "<tr><td>anna</td><td>Anne</td><td>****</td></tr></table>"},
        // A head of one section, and another head.
        {TABLE(HEAD("User", "Site", "Password") "<tr><th colspan=\"3\">Admins</th></tr>" ROW(
             "joe", "Bonn", "hunter22") HEAD("Token", "Site", "User")
                   ROW("tok3n", "Bonn", "joe22")),
         TABLE(HEAD("User", "Site", "Password") "<tr><th colspan=\"3\">Admins</th></tr>" ROW(
             "joe", "Bonn", "****") HEAD("Token", "Site", "User") ROW("****", "Bonn", "joe22"))},
        // A table within a cell has heads of its own.
        {TABLE(HEAD("User", "Password", "Notes") ROW(
             "joe", "hunter22", TABLE(ROW("Line", "Site", "Rack"))) ROW("a", "pass22", "")),
         TABLE(HEAD("User", "Password", "Notes")
                   ROW("joe", "****", TABLE(ROW("Line", "Site", "Rack"))) ROW("a", "****", ""))},
        // Rows of a label and its value; below a label stands the next one.
        {"<table>\n<tr>\n<td>Password</td>\n<td>geheim</td>\n</tr>"
         "<tr><td><p>Username</p></td><td>Administrator</td></tr></table>",
         "<table>\n<tr>\n<td>Password</td>\n<td>****</td>\n</tr>"
         "<tr><td><p>Username</p></td><td>Administrator</td></tr></table>"},
        {"<tr><th>Password</th><td><p>geheim</p></td><td>note</td></tr>",
         "<tr><th>Password</th><td><p>****</p></td><td>note</td></tr>"},
        {TABLE(ROW("Setting", "Reset your forgotten password here, please: Password", "Who")
                   ROW("Length", "Twelve", "Admins")),
         NULL},
        {TABLE(ROW("Router 1", "Password", "Owner") ROW("Router 2", "Forgotten", "Admins")),
         TABLE(ROW("Router 1", "Password", "****") ROW("Router 2", "Forgotten", "Admins"))},
        {TABLE(ROW("User", "Passwort", "geheim")), TABLE(ROW("User", "Passwort", "****"))},
        {TABLE("<tr><td>Access</td></tr>" ROW("Site", "User", "Password")
                   ROW("Bonn", "joe", "hunter22")),
         TABLE("<tr><td>Access</td></tr>" ROW("Site", "User", "Password")
                   ROW("Bonn", "joe", "****"))},
        // A row that does not say where it begins.
        {"<table><td>User</td><td>Password</td><tr><td>joe</td><td>hunter22</td></tr></table>",
         "<table><td>User</td><td>Password</td><tr><td>joe</td><td>****</td></tr></table>"},
        // Several lines or words in one cell.
        {TABLE(HEAD("Site", "Password", "Notes") ROW("Bonn", "<p>a</p><p>SeKr3tZq8</p>", "b<br>c22")
                   ROW("Berlin", "<p>see the</p><p>vault2</p>", "Joe")),
         TABLE(HEAD("Site", "Password", "Notes") ROW("Bonn", "<p>****</p><p></p>", "b<br>c22")
                   ROW("Berlin", "<p>see the</p><p>vault2</p>", "Joe"))},
        {"<dl><dt>Password</dt><dd>correct horse<br>battery</dd><dt>User</dt><dd>joe</dd></dl>",
         "<dl><dt>Password</dt><dd>****<br></dd><dt>User</dt><dd>joe</dd></dl>"},
        // Two in one cell.
        {TABLE(HEAD("Site", "User / Password", "Notes") ROW("Bonn", "joe / geheim", "a / b22")),
         TABLE(HEAD("Site", "User / Password", "Notes") ROW("Bonn", "****", "a / b22"))},
        {TABLE(ROW("User / Password", "joe / hunter22", "of all")),
         TABLE(ROW("User / Password", "****", "of all"))},
        // No heads are headings.
        {TABLE(HEAD("Password", "VLAN100", "") ROW("geheim", "Bonn2", "x")),
         TABLE(HEAD("Password", "VLAN100", "") ROW("****", "Bonn2", "x"))},
        {"<h2>WiFi Password</h2><p>Geheim22</p>", "<h2>WiFi Password</h2><p>****</p>"},
        {"<p>Backup codes</p><ol><li>a1b2-c3d4</li><li>b1b2-c3d4</li></ol>",
         "<p>Backup codes</p><ol><li>****</li><li></li></ol>"},
        // Lists of terms.
        {"<dl><dt>Password</dt><dt>Berlin2</dt><dd>Bonn2</dd></dl>", NULL},
        {"<dl><dt>User</dt><dd>Administrator</dd><dt>Password</dt><dd>geheim</dd>"
         "<dt>Notes</dt><dd>Berlin2</dd></dl>",
         "<dl><dt>User</dt><dd>Administrator</dd><dt>Password</dt><dd>****</dd>"
         "<dt>Notes</dt><dd>Berlin2</dd></dl>"},
        {"<dl>\n<dt>Passwort:</dt>\n<dd><p>hunter22</p></dd>\n</dl>",
         "<dl>\n<dt>Passwort:</dt>\n<dd><p>****</p></dd>\n</dl>"},
        {"<dl><dt>Password</dt><dd>see the vault</dd><dt>Password</dt><dd></dd></dl>hunter22",
         NULL},
        {"<dl><dt>Password</dt></dl><dl><dd>hunter22</dd></dl>", NULL},
    };
    struct buffer out _cleanup_(buffer_done);
    (void)state;
    buffer_init(&out, MAX_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *masked = rows[i].masked == NULL ? rows[i].html : rows[i].masked;
        sanitize(rows[i].html, strlen(rows[i].html), &out);
        assert_string_equal(text_of(&out), masked);
        sanitize(masked, strlen(masked), &out);
        assert_string_equal(text_of(&out), masked);
    }
}

// What is larger than what is looked at is text like any other, wherever it ends.
static void large_tables_are_text(void **state)
{
    _cleanup_(buffer_done) struct buffer html, out;
    (void)state;
    buffer_init(&html, MAX_BYTES);
    buffer_init(&out, MAX_BYTES);
    (void)buffer_text(&html, "<table><tr>");
    for (int i = 0; i < HTML_COLUMNS_MAX; i++)
        (void)buffer_text(&html, "<th colspan=2>Password</th>");
    (void)buffer_text(&html, "</tr><tr>");
    for (int i = 0; i < 2 * HTML_COLUMNS_MAX; i++)
        (void)buffer_text(&html, "<td>hunter22</td>");
    sanitize(html.data, html.len, &out);
    // Of the headings behind the last column each other one is the value of the one before it.
    assert_int_equal(result.secret_count, HTML_COLUMNS_MAX / 2 + HTML_COLUMNS_MAX / 4);
    buffer_reset(&html);
    for (int i = 0; i < 2 * HTML_TABLES_MAX; i++)
        (void)buffer_text(&html, "<table><tr><th>Password</th></tr><tr><td>");
    (void)buffer_text(&html, "hunter22");
    sanitize(html.data, html.len, &out);
    assert_int_equal(result.secret_count, 0);
    // A list has as many terms as it likes: each begins a row.
    buffer_reset(&html);
    for (int i = 0; i < HTML_COLUMNS_MAX; i++)
        (void)buffer_text(&html, i == 0 ? "<dl>" : "<dt>Password</dt><dd>hunter22</dd>");
    sanitize(html.data, html.len, &out);
    assert_int_equal(result.secret_count, HTML_COLUMNS_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_what_a_table_tells),
        cmocka_unit_test(large_tables_are_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
