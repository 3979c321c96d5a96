// Pages with everything wrong that was ever seen, and more.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "server/base/buffer.h"
#include "server/source/itglue/page.h"
#include "tests/unit/source/collector.h"

enum { RECORD_MAX = 4096 };

static const char *const secret_traits[] = {"wifi-key"};
static const struct source_query assets = {.kind = SOURCE_FLEXIBLE_ASSETS,
                                           .type_id = 7,
                                           .page_number = 1,
                                           .page_size = 50,
                                           .secret_traits = secret_traits,
                                           .secret_trait_count = 1};
static const struct source_query passwords = {
    .kind = SOURCE_PASSWORDS, .page_number = 2, .page_size = 2};

static enum err_code parse(struct collector *collector, const struct source_query *query,
                           const char *text, size_t len, size_t piece, struct source_page *page)
{
    struct err err = {0};
    collector_init(collector);
    enum err_code code =
        collector_parse(collector, query, text, len, piece, RECORD_MAX, page, &err);
    assert_null(strstr(err.text, "CANARY"));
    return code;
}

// Parses one asset with `traits` and returns the traits of its body.
static void assert_traits(const char *traits, const char *expected)
{
    char text[4096];
    (void)snprintf(text, sizeof(text),
                   "{\"data\":[{\"id\":1,\"attributes\":{\"organization-id\":2,\"traits\":%s}}]}",
                   traits);
    for (size_t piece = 0; piece < 8; piece++) {
        struct collector got;
        struct source_page page;
        assert_int_equal(parse(&got, &assets, text, strlen(text), piece, &page), ERR_OK);
        assert_int_equal(got.record_count, 1);
        char wanted[4096];
        (void)snprintf(wanted, sizeof(wanted), "{\"type_name\":null,\"traits\":%s}", expected);
        assert_string_equal(got.records[0].body, wanted);
        collector_done(&got);
    }
}

static void test_secret_traits_are_dropped(void **state)
{
    (void)state;
    assert_traits("{\"wifi-key\":\"CANARY\",\"a\":1}", "{\"a\":1}");
    assert_traits("{\"a\":1,\"WiFi-Key\":{\"x\":[\"CANARY\",{}]},\"b\":2}", "{\"a\":1,\"b\":2}");
    assert_traits("{\"password\":\"CANARY\",\"b\":2}", "{\"b\":2}");
    assert_traits("{\"a\":{\"x\":\"CANARY\",\"password\":\"CANARY\",\"y\":[1,[2]]},\"b\":2}",
                  "{\"b\":2}");
    assert_traits("{\"a\":[{\"b\":{\"c\":[{\"PassWord\":{\"d\":1}},2]}},3],\"b\":2}", "{\"b\":2}");
    assert_traits("{\"a\":{\"otp_secret\":\"CANARY\"}}", "{}");
    assert_traits("{\"a\":{\"pass\":\"word\"}}", "{\"a\":{\"pass\":\"word\"}}");
}

static void test_traits_are_kept_in_one_form(void **state)
{
    (void)state;
    assert_traits("null", "{}");
    assert_traits("[]", "{}");
    assert_traits("\"text\"", "{}");
    assert_traits("{ \"b\" : 1 , \"a\" : [ 1 , true , null , -1.5e+3 ] }",
                  "{\"a\":[1,true,null,-1.5e+3],\"b\":1}");
    assert_traits("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}");
    assert_traits("{\"a\":{},\"b\":[],\"c\":[[],{}]}", "{\"a\":{},\"b\":[],\"c\":[[],{}]}");
    assert_traits("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u00e9\"}",
                  "{\"a\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\xc3\xa9\"}");
    assert_traits("{\"n\":12345678901234567890123}", "{\"n\":12345678901234567890123}");
    // More than a numeric can hold goes as text.
    assert_traits("{\"n\":1e999999}", "{\"n\":\"1e999999\"}");
    assert_traits("{\"a\":{\"updated-at\":\"x\",\"created_at\":{\"y\":1},\"id\":1}}",
                  "{\"a\":{\"id\":1}}");
    assert_traits("{\"a\":\"https://f.example/x.pdf?X-Amz-Date=1&X-Amz-Signature=CANARY\","
                  "\"b\":\"https://f.example/?page=1\"}",
                  "{\"a\":\"https://f.example/x.pdf\",\"b\":\"https://f.example/?page=1\"}");
}

static void test_text_that_no_database_takes(void **state)
{
    (void)state;
    static const char text[] =
        "{\"data\":[{\"id\":1,\"type\":\"passwords\",\"attributes\":{\"organization-id\":2,"
        "\"name\":\"a\\u0000b \\ud83d\\ude00 "
        "\\u202e\xff\xed\xa0\x80!\",\"username\":\"x\\u0000y\xc3\"}}]}";
    for (size_t piece = 0; piece < 20; piece++) {
        struct collector got;
        struct source_page page;
        assert_int_equal(parse(&got, &passwords, text, sizeof(text) - 1, piece, &page), ERR_OK);
        assert_int_equal(got.record_count, 1);
        assert_string_equal(got.records[0].name,
                            "a\xef\xbf\xbd"
                            "b \xf0\x9f\x98\x80 \xe2\x80\xae\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                            "\xef\xbf\xbd!");
        assert_non_null(strstr(got.records[0].body, "\"username\":\"x\xef\xbf\xbdy\xef\xbf\xbd\""));
        collector_done(&got);
    }
}

static void test_bad_records_are_quarantined_alone(void **state)
{
    (void)state;
    static const struct {
        const char *record;
        int64_t id;
        const char *detail;
    } bad[] = {
        {"null", 0, "it is no object"},
        {"\"CANARY\"", 0, "it is no object"},
        {"[{\"id\":9}]", 0, "it is no object"},
        {"{}", 0, "it has no id"},
        {"{\"id\":\"CANARY\"}", 0, "it has no id"},
        {"{\"id\":1.5,\"attributes\":{\"organization-id\":2}}", 0, "it has no id"},
        {"{\"id\":99999999999999999999,\"attributes\":{}}", 0, "it has no id"},
        {"{\"id\":-4,\"attributes\":{}}", 0, "it has no id"},
        {"{\"id\":9,\"type\":\"documents\",\"attributes\":{\"organization-id\":2}}", 9,
         "it is of another type"},
        {"{\"id\":9,\"type\":{},\"attributes\":[]}", 9, "organization-id"},
        {"{\"id\":9,\"attributes\":null}", 9, "organization-id"},
        {"{\"id\":9,\"attributes\":{\"organization-id\":\"CANARY\"}}", 9, "organization-id"},
        {"{\"id\":9,\"attributes\":{\"organization-id\":{\"id\":2}}}", 9, "organization-id"},
        {"{\"id\":9,\"attributes\":{\"organization-id\":2,\"restricted\":\"CANARY\"}}", 9,
         "restricted"},
        {"{\"id\":9,\"attributes\":{\"organization-id\":2,\"personal\":[]}}", 9, "personal"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char text[1024];
        (void)snprintf(text, sizeof(text),
                       "{\"data\":[{\"id\":1,\"attributes\":{\"organization-id\":2}},%s,"
                       "{\"attributes\":{\"organization-id\":2},\"id\":\"3\"}],\"meta\":"
                       "{\"total-count\":\"3\",\"next-page\":\"3\"}}",
                       bad[i].record);
        for (size_t piece = 0; piece < 5; piece++) {
            struct collector got;
            struct source_page page;
            assert_int_equal(parse(&got, &passwords, text, strlen(text), piece, &page), ERR_OK);
            assert_int_equal(got.record_count, 2);
            assert_int_equal(got.quarantine_count, 1);
            assert_int_equal(got.quarantined[0].id, bad[i].id);
            assert_string_equal(got.quarantined[0].reason, "RECORD_MALFORMED");
            assert_string_equal(got.quarantined[0].detail, bad[i].detail);
            assert_int_equal(page.record_count, 3);
            assert_int_equal(page.total_count, 3);
            assert_int_equal(page.next_page, 3);
            collector_done(&got);
        }
    }
}

// A page of three assets, the second with `len` bytes of `fill` in one string after `before`.
static void large_page(struct buffer *text, const char *before, const char *fill, size_t times,
                       const char *after)
{
    buffer_init(text, 8 << 20);
    buffer_text(text, "{\"data\":[{\"id\":1,\"attributes\":{\"organization-id\":2}},");
    buffer_text(text, before);
    for (size_t i = 0; i < times; i++)
        buffer_text(text, fill);
    buffer_text(text, after);
    buffer_text(text, ",{\"id\":3,\"attributes\":{\"organization-id\":2,\"name\":\"last\"}}]}");
}

static void assert_one_too_large(const char *before, const char *fill, size_t times,
                                 const char *after, int64_t id)
{
    struct buffer text _cleanup_(buffer_done);
    large_page(&text, before, fill, times, after);
    static const size_t pieces[] = {0, 1, 2, 3, 7, 100, 1000, 4096, 16384};
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct collector got;
        struct source_page page;
        assert_int_equal(parse(&got, &assets, text.data, text.len, pieces[i], &page), ERR_OK);
        assert_int_equal(got.record_count, 2);
        assert_string_equal(got.records[1].name, "last");
        assert_int_equal(got.quarantine_count, 1);
        assert_int_equal(got.quarantined[0].id, id);
        assert_string_equal(got.quarantined[0].reason, "RECORD_TOO_LARGE");
        collector_done(&got);
    }
}

static void test_too_large_records_are_passed_over(void **state)
{
    (void)state;
    const char *attributes = "{\"id\":2,\"attributes\":{\"organization-id\":2,";
    char before[256];
    (void)snprintf(before, sizeof(before), "%s\"name\":\"", attributes);
    assert_one_too_large(before, "CANARY ", 20000, "\"}}", 2);
    // Escapes of every length, at every place where the string may be cut.
    assert_one_too_large(before, "\\u00e9\\\"\\\\x", 9000, "\"}}", 2);
    assert_one_too_large(before, "\\\\", 50000, "\"}}", 2);
    assert_one_too_large(before, "\xf0\x9f\x98\x80", 20000, "\"}}", 2);
    // In a member that is not kept, in a key, and in many small values.
    (void)snprintf(before, sizeof(before), "%s\"unknown\":{\"x\":\"", attributes);
    assert_one_too_large(before, "CANARY ", 20000, "\"}}}", 2);
    (void)snprintf(before, sizeof(before), "%s\"", attributes);
    assert_one_too_large(before, "CANARY ", 20000, "\":1}}", 2);
    (void)snprintf(before, sizeof(before), "%s\"traits\":{\"a\":[", attributes);
    assert_one_too_large(before, "{\"b\":[1,\"x\"]},", 2000, "1]}}}", 2);
    // The id may come late.
    assert_one_too_large("{\"attributes\":{\"name\":\"", "CANARY ", 20000, "\"},\"id\":\"22\"}",
                         22);
}

static void test_depth(void **state)
{
    (void)state;
    struct buffer text _cleanup_(buffer_done);
    struct collector got;
    struct source_page page;
    for (size_t piece = 0; piece < 3; piece++) {
        buffer_init(&text, 1 << 20);
        buffer_text(&text, "{\"data\":[{\"id\":2,\"attributes\":{\"traits\":{\"a\":");
        for (int i = 0; i < 200; i++)
            buffer_text(&text, "[");
        for (int i = 0; i < 200; i++)
            buffer_text(&text, "]");
        buffer_text(&text, "}}},{\"id\":3,\"attributes\":{\"organization-id\":2}}]}");
        assert_int_equal(parse(&got, &assets, text.data, text.len, piece, &page), ERR_OK);
        assert_int_equal(got.record_count, 1);
        assert_int_equal(got.quarantined[0].id, 2);
        assert_string_equal(got.quarantined[0].detail, "it is nested too deeply");
        collector_done(&got);
        buffer_done(&text);
    }
    buffer_init(&text, 1 << 20);
    buffer_text(&text, "{\"data\":[],\"x\":");
    for (int i = 0; i < 100000; i++)
        buffer_text(&text, "[");
    assert_int_equal(parse(&got, &assets, text.data, text.len, 0, &page),
                     ERR_UPSTREAM_ANSWER_INVALID);
    collector_done(&got);
}

static void test_what_is_no_page(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "null",
        "[]",
        "\"CANARY\"",
        "12",
        "{}",
        "{\"message\":\"CANARY\"}",
        "{\"errors\":[{\"title\":\"CANARY\"}]}",
        "{\"data\":\"CANARY\"}",
        "{\"data\":[{\"id\":1,\"attributes\":{\"organization-id\":2}}",
        "{\"data\":[]",
        "{\"data\":[]}x",
        "{\"data\":[]}{}",
        "{\"data\":[}",
        "{\"data\":[],}",
        "{\"data\":[{\"id\":1 \"x\"}]}",
        "{\"data\":[{\"id\":1,\"attributes\":{\"name\":\"CANARY",
        "{\"data\":[{\"id\":01}]}",
        "{\"data\":[{\"name\":\"\\x\"}]}",
        "{\"data\":[{\"name\":\"\\u12g4\"}]}",
        "<html><body>CANARY</body></html>",
        "/* c */{\"data\":[]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        for (size_t piece = 0; piece < 3; piece++) {
            struct collector got;
            struct source_page page;
            assert_int_equal(parse(&got, &passwords, bad[i], strlen(bad[i]), piece, &page),
                             ERR_UPSTREAM_ANSWER_INVALID);
            assert_int_equal(page.next_page, 0);
            collector_done(&got);
        }
    }
    struct buffer digits _cleanup_(buffer_done);
    buffer_init(&digits, 1 << 20);
    buffer_text(&digits, "{\"data\":[{\"id\":");
    for (int i = 0; i < 10000; i++)
        buffer_text(&digits, "1234");
    struct collector got;
    struct source_page page;
    assert_int_equal(parse(&got, &passwords, digits.data, digits.len, 512, &page),
                     ERR_UPSTREAM_ANSWER_INVALID);
    collector_done(&got);
}

static void test_next_page(void **state)
{
    (void)state;
    static const char record[] = "{\"id\":1,\"attributes\":{\"organization-id\":2}}";
    static const struct {
        const char *rest;
        int rows;
        int next_page;
        int64_t total_count;
    } pages[] = {
        {",\"meta\":{\"next-page\":3,\"total-count\":9}", 2, 3, 9},
        {",\"meta\":{\"next-page\":null,\"total-count\":9}", 2, 0, 9},
        {",\"meta\":{\"next-page\":2,\"total-count\":9}", 2, 2, 9}, // itself: a loop
        {",\"meta\":{\"next-page\":1,\"total-count\":9}", 2, 1, 9},
        {",\"meta\":{\"next-page\":3,\"total-count\":9}", 0, 3, 9}, // empty before the end
        {",\"meta\":{\"next-page\":99999999999,\"total-count\":-9}", 2, 0, -1},
        {",\"meta\":{\"next_page\":\"4\",\"total_count\":\"9\"}", 2, 4, 9},
        {",\"meta\":[],\"links\":{\"next\":null}", 2, 0, -1},
        {",\"links\":{\"self\":\"x\",\"next\":\"https://x\"}", 1, 3, -1},
        {"", 2, 3, -1}, // nothing said, and full
        {"", 1, 0, -1},
        {"", 0, 0, -1},
        {",\"meta\":{\"total-count\":2}", 2, 0, 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        char text[512];
        (void)snprintf(text, sizeof(text), "{\"data\":[%s%s%s]%s}", pages[i].rows > 0 ? record : "",
                       pages[i].rows > 1 ? "," : "", pages[i].rows > 1 ? record : "",
                       pages[i].rest);
        struct collector got;
        struct source_page page;
        assert_int_equal(parse(&got, &passwords, text, strlen(text), 0, &page), ERR_OK);
        assert_int_equal(page.next_page, pages[i].next_page);
        assert_int_equal(page.total_count, pages[i].total_count);
        assert_int_equal(page.record_count, pages[i].rows);
        collector_done(&got);
    }
}

static void test_owners(void **state)
{
    (void)state;
    static const char text[] = "{\"data\":[{\"id\":1,\"attributes\":{\"name\":\"x\"}}]}";
    struct collector got;
    struct source_page page;
    struct source_query query = {
        .kind = SOURCE_PASSWORD_FOLDERS, .organization_id = 77, .page_number = 1, .page_size = 9};
    assert_int_equal(parse(&got, &query, text, strlen(text), 0, &page), ERR_OK);
    assert_int_equal(got.records[0].organization_id, 77);
    collector_done(&got);
    query.kind = SOURCE_DOCUMENTS;
    assert_int_equal(parse(&got, &query, text, strlen(text), 0, &page), ERR_OK);
    assert_int_equal(got.quarantine_count, 1);
    collector_done(&got);
    query.kind = SOURCE_CHECKLIST_TEMPLATES;
    assert_int_equal(parse(&got, &query, text, strlen(text), 0, &page), ERR_OK);
    assert_int_equal(got.records[0].organization_id, 0);
    assert_non_null(strstr(got.records[0].body, "\"tasks\":[]"));
    collector_done(&got);
}

#define OPEN_20 "[[[[[[[[[[[[[[[[[[[["
#define CLOSE_20 "]]]]]]]]]]]]]]]]]]]]"
#define OPEN_80 OPEN_20 OPEN_20 OPEN_20 OPEN_20
#define CLOSE_80 CLOSE_20 CLOSE_20 CLOSE_20 CLOSE_20

static void test_included_dirt(void **state)
{
    (void)state;
    static const char text[] =
        "{\"included\":[null,7,[],{},{\"id\":\"x\"},{\"id\":4,\"type\":\"checklist-tasks\","
        "\"attributes\":{\"checklist-id\":2,\"x\":" OPEN_80 CLOSE_80 "}},"
        "{\"id\":5,\"attributes\":{\"checklist-id\":1,\"position\":2}},"
        "{\"id\":6,\"attributes\":{\"checklist-id\":1,\"position\":1}},"
        "{\"id\":6,\"attributes\":{\"checklist-id\":1,\"position\":1}}],"
        "\"data\":[{\"id\":1,\"attributes\":{\"organization-id\":2}},"
        "{\"id\":2,\"attributes\":{\"organization-id\":2},\"relationships\":{\"checklist-tasks\":"
        "{\"data\":[{\"id\":4}]}}},"
        "{\"id\":3,\"attributes\":{\"organization-id\":2},\"relationships\":{\"checklist-tasks\":"
        "{\"data\":[null,{\"id\":{}},{\"id\":\"?\"},7,{\"id\":5}]},\"other\":{\"data\":[]}}}]}";
    struct source_query query = {.kind = SOURCE_CHECKLISTS, .page_number = 1, .page_size = 9};
    for (size_t piece = 0; piece < 9; piece++) {
        struct collector got;
        struct source_page page;
        assert_int_equal(parse(&got, &query, text, strlen(text), piece, &page), ERR_OK);
        assert_int_equal(page.record_count, 3);
        assert_int_equal(got.record_count, 2);
        // A task that cannot be read spoils its checklist, not the page.
        assert_int_equal(got.quarantine_count, 1);
        assert_int_equal(got.quarantined[0].id, 2);
        const char *tasks = strstr(got.records[0].body, "\"tasks\":");
        assert_non_null(tasks);
        assert_true(strstr(tasks, "\"id\":6") < strstr(tasks, "\"id\":5"));
        assert_null(strstr(strstr(tasks, "\"id\":6") + 1, "\"id\":6"));
        assert_non_null(strstr(got.records[1].body, "\"tasks\":[]"));
        collector_done(&got);
    }
}

static void test_a_sink_that_wants_no_more(void **state)
{
    (void)state;
    static const char text[] = "{\"data\":[{\"id\":1,\"attributes\":{\"organization-id\":2}},"
                               "{\"id\":2,\"attributes\":{\"organization-id\":2}}]}";
    struct collector got;
    struct source_page page;
    collector_init(&got);
    got.stop_after = 1;
    assert_int_equal(
        collector_parse(&got, &passwords, text, strlen(text), 0, RECORD_MAX, &page, NULL),
        ERR_CANCELLED);
    assert_int_equal(got.record_count, 1);
    collector_done(&got);
}

static void test_mutilated_pages_do_no_harm(void **state)
{
    (void)state;
    static const char text[] =
        "{\"data\":[{\"id\":\"12\",\"type\":\"flexible-assets\",\"attributes\":{\"organization-"
        "id\":2,"
        "\"name\":\"a\\u00e4\\n\",\"traits\":{\"k\":{\"type\":\"T\",\"values\":[{\"id\":1,"
        "\"n\":-1.5e3}]},"
        "\"wifi-key\":\"s\",\"b\":[true,null]},\"created-at\":\"2022-02-01T08:00:00.000Z\"}}],"
        "\"meta\":{\"next-page\":2,\"total-count\":120},\"links\":{\"next\":\"x\"}}";
    static const char alphabet[] = "{}[]\",:\\u0ne1 \xff";
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        char mutant[sizeof(text)];
        memcpy(mutant, text, sizeof(text));
        for (int i = 0; i <= round % 3; i++) {
            seed = seed * 1103515245 + 12345;
            size_t at = (seed >> 8) % (sizeof(text) - 1);
            seed = seed * 1103515245 + 12345;
            mutant[at] = alphabet[(seed >> 8) % (sizeof(alphabet) - 1)];
        }
        struct collector got;
        struct source_page page;
        enum err_code code =
            parse(&got, &assets, mutant, sizeof(text) - 1, (size_t)(round % 17), &page);
        assert_true(code == ERR_OK || code == ERR_UPSTREAM_ANSWER_INVALID);
        collector_done(&got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_traits_are_dropped),
        cmocka_unit_test(test_traits_are_kept_in_one_form),
        cmocka_unit_test(test_text_that_no_database_takes),
        cmocka_unit_test(test_bad_records_are_quarantined_alone),
        cmocka_unit_test(test_too_large_records_are_passed_over),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_what_is_no_page),
        cmocka_unit_test(test_next_page),
        cmocka_unit_test(test_owners),
        cmocka_unit_test(test_included_dirt),
        cmocka_unit_test(test_a_sink_that_wants_no_more),
        cmocka_unit_test(test_mutilated_pages_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
