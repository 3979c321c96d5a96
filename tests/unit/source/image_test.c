// Images: the record, where its link may lead, what comes back, and that no other host sees the
// key.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "server/source/itglue/image.h"
#include "tests/unit/source/account.h"

#define HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n"
#define PNG "\x89PNG\r\n\x1a\n-pixels"

enum { HOST_BYTES = 256, ANSWER_BYTES = 1024 };

// A record whose link leads to `path` of the same server. The second answer is what lies there.
static enum err_code fetch(const char *path, const char *bytes, size_t len, const char *hosts,
                           bool with_key, struct account *account, struct source_image *image)
{
    static char record[ANSWER_BYTES];
    static struct scripted_answer answers[2];
    answers[0] = (struct scripted_answer){.bytes = record};
    answers[1] = (struct scripted_answer){.bytes = bytes, .len = len};
    account_start(account, answers, 2);
    (void)snprintf(record, sizeof(record),
                   HEAD "\r\n{\"data\":{\"id\":\"5501\",\"attributes\":{\"document-id\":42,"
                        "\"original-src\":\"%s%s\"}}}",
                   path[0] == '/' ? account->server.base_url : "", path);
    account->settings.image_hosts = hosts;
    account->settings.image_key = with_key;
    account->settings.image_max_bytes = 64;
    account_open(account);
    return source_fetch_image(account->source, 5501, deadline_in(5000), NULL, image,
                              &account->attempt, &account->err);
}

static void test_the_key_stays_with_the_api(void **state)
{
    (void)state;
    static const char answer[] = HEAD "Content-Type: text/plain\r\n\r\n" PNG;
    for (int own = 0; own < 2; own++) {
        struct account account;
        struct source_image image;
        assert_int_equal(fetch("/stored/5501?signature=abc", answer, sizeof(answer) - 1,
                               "127.0.0.1", own == 1, &account, &image),
                         ERR_OK);
        assert_string_equal(image.media_type, "image/png");
        assert_int_equal(image.bytes.len, sizeof(PNG) - 1);
        assert_int_equal(image.document_id, 42);
        assert_int_equal(account.server.request_count, 2);
        assert_non_null(strstr(account.server.requests[0], "GET /document_images/5501 HTTP"));
        assert_non_null(strstr(account.server.requests[0], ACCOUNT_KEY));
        assert_non_null(strstr(account.server.requests[1], "GET /stored/5501?signature=abc HTTP"));
        assert_true((strstr(account.server.requests[1], ACCOUNT_KEY) != NULL) == (own == 1));
        // Only requests to the API count against its limit.
        assert_int_equal(account.attempt.request_count, 1 + own);
        source_image_done(&image);
        account_stop(&account);
    }
}

static void test_what_is_no_image(void **state)
{
    (void)state;
#define ANSWER(text) text, sizeof(text) - 1
    static const struct {
        const char *bytes;
        size_t len;
        enum err_code code;
        const char *cause;
    } rows[] = {
        {ANSWER(HEAD "Content-Type: text/html\r\n\r\n<html>Sign in"),
         ERR_UPSTREAM_IMAGE_UNAVAILABLE, "NOT_AN_IMAGE"},
        {ANSWER(HEAD "Content-Type: image/png\r\n\r\n<svg onload=steal()>"),
         ERR_UPSTREAM_IMAGE_UNAVAILABLE, "NOT_AN_IMAGE"},
        {ANSWER(HEAD "\r\n"), ERR_UPSTREAM_IMAGE_UNAVAILABLE, "NOT_AN_IMAGE"},
        {ANSWER(HEAD "\r\n\x89PNG\r\n\x1a\n"), ERR_UPSTREAM_IMAGE_UNAVAILABLE, "NOT_AN_IMAGE"},
        {ANSWER(HEAD "\r\n" PNG PNG PNG PNG PNG), ERR_UPSTREAM_IMAGE_UNAVAILABLE, "TOO_LARGE"},
        {ANSWER("HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n"),
         ERR_UPSTREAM_IMAGE_UNAVAILABLE, "LINK_REFUSED"},
        {ANSWER("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n"),
         ERR_UPSTREAM_IMAGE_UNAVAILABLE, "LINK_REFUSED"},
        {ANSWER("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n"), ERR_UPSTREAM_RECORD_GONE,
         NULL},
        {ANSWER("HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: https://127.0.0.1/\r\n\r\n"),
         ERR_UPSTREAM_UNEXPECTED_REDIRECT, NULL},
        {ANSWER("HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n"), ERR_UPSTREAM_ERROR, NULL},
        {ANSWER(HEAD "Content-Length: 60\r\n\r\n" PNG), ERR_UPSTREAM_UNREACHABLE, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct account account;
        struct source_image image;
        enum err_code code =
            fetch("/x", rows[i].bytes, rows[i].len, "127.0.0.1", false, &account, &image);
        if (code != rows[i].code)
            fail_msg("row %zu: %s", i, err_reason(code));
        const char *cause = err_meta_get(&account.err, "cause");
        assert_true((cause == NULL) == (rows[i].cause == NULL));
        if (cause != NULL)
            assert_string_equal(cause, rows[i].cause);
        assert_int_equal(account.server.request_count, 2);
        assert_null(strstr(account.server.requests[1], ACCOUNT_KEY));
        source_image_done(&image);
        account_stop(&account);
    }
}

static void test_links_that_are_not_followed(void **state)
{
    (void)state;
    static const struct {
        const char *link, *hosts, *cause;
    } rows[] = {
        {"/x", NULL, "LINK_NOT_ALLOWED"},
        {"/x", "files.example", "LINK_NOT_ALLOWED"},
        {"http://169.254.169.254/latest", "127.0.0.1", "LINK_NOT_ALLOWED"},
        {"file:///etc/passwd", "127.0.0.1", "LINK_NOT_ALLOWED"},
        {"", "127.0.0.1", "NO_LINK"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct account account;
        struct source_image image;
        assert_int_equal(fetch(rows[i].link, "", 0, rows[i].hosts, false, &account, &image),
                         ERR_UPSTREAM_IMAGE_UNAVAILABLE);
        assert_string_equal(err_meta_get(&account.err, "cause"), rows[i].cause);
        assert_int_equal(account.server.request_count, 1);
        source_image_done(&image);
        account_stop(&account);
    }
}

static void test_where_links_may_lead(void **state)
{
    (void)state;
    static const struct {
        const char *link;
        enum itglue_link_way way, with_key;
    } rows[] = {
        {"https://bucket.s3.amazonaws.com/a?b#c", ITGLUE_LINK_KEYLESS, ITGLUE_LINK_KEYLESS},
        {"https://BUCKET.S3.AmazonAWS.com:443/a", ITGLUE_LINK_KEYLESS, ITGLUE_LINK_KEYLESS},
        {"https://files.example/a", ITGLUE_LINK_KEYLESS, ITGLUE_LINK_KEYLESS},
        {"https://amazonaws.com/a", ITGLUE_LINK_CLOSED, ITGLUE_LINK_CLOSED},
        {"https://evilamazonaws.com/a", ITGLUE_LINK_CLOSED, ITGLUE_LINK_CLOSED},
        {"https://x.amazonaws.com.evil.example/a", ITGLUE_LINK_CLOSED, ITGLUE_LINK_CLOSED},
        {"https://x.files.example/a", ITGLUE_LINK_CLOSED, ITGLUE_LINK_CLOSED},
        {"http://bucket.s3.amazonaws.com/a", ITGLUE_LINK_CLOSED, ITGLUE_LINK_CLOSED},
        {"https://bucket.s3.amazonaws.com:8443/a", ITGLUE_LINK_CLOSED, ITGLUE_LINK_CLOSED},
        {"https://me@bucket.s3.amazonaws.com/a", ITGLUE_LINK_CLOSED, ITGLUE_LINK_CLOSED},
        {"https://bucket.s3.amazonaws.com@10.0.0.1/a", ITGLUE_LINK_CLOSED, ITGLUE_LINK_CLOSED},
        {"https://bucket.s3.amazonaws.com\\@evil.example/a", ITGLUE_LINK_CLOSED,
         ITGLUE_LINK_CLOSED},
        {"ftp://bucket.s3.amazonaws.com/a", ITGLUE_LINK_CLOSED, ITGLUE_LINK_CLOSED},
        {"data:image/png;base64,AAAA", ITGLUE_LINK_CLOSED, ITGLUE_LINK_CLOSED},
        {"//files.example/a", ITGLUE_LINK_CLOSED, ITGLUE_LINK_CLOSED},
        {"/developer/images/1", ITGLUE_LINK_CLOSED, ITGLUE_LINK_OWN},
        {"https://api.itglue.com/a", ITGLUE_LINK_CLOSED, ITGLUE_LINK_OWN},
        {"https://api.itglue.com.evil.example/a", ITGLUE_LINK_CLOSED, ITGLUE_LINK_CLOSED},
        {"https://api.itglue.com@evil.example/a", ITGLUE_LINK_CLOSED, ITGLUE_LINK_CLOSED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct source_settings settings = {.image_hosts = "files.example,.amazonaws.com"};
        char host[HOST_BYTES];
        for (int key = 0; key < 2; key++) {
            settings.image_key = key == 1;
            enum itglue_link_way wanted = key == 1 ? rows[i].with_key : rows[i].way;
            if (itglue_link_judge(&settings, "https://api.itglue.com", true, rows[i].link, host) !=
                wanted)
                fail_msg("%s, key %d", rows[i].link, key);
        }
    }
}

static void test_hosts_in_settings(void **state)
{
    (void)state;
    static const struct {
        const char *hosts;
        enum err_code code;
    } rows[] = {
        {"", ERR_OK},
        {"a.example,.b.example", ERR_OK},
        {".", ERR_FIELD_INVALID},
        {"a.example,,b", ERR_FIELD_INVALID},
        {"https://a.example", ERR_FIELD_INVALID},
        {"*.a.example", ERR_FIELD_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct source_settings settings = {.image_hosts = rows[i].hosts};
        assert_int_equal(source_settings_check(&settings, NULL), rows[i].code);
    }
}

static void test_records(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"data\":null}",
        "{\"data\":{\"id\":\"5502\",\"attributes\":{}}}",
        "{\"data\":{\"id\":\"5501x\"}}",
    };
    struct itglue_image image;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(itglue_image_parse(bad[i], strlen(bad[i]), 5501, &image));
    static const char good[] = "{\"data\":{\"id\":5501,\"attributes\":{\"original_src\":\"x\","
                               "\"document_id\":\"7\",\"organization-id\":8}}}";
    assert_true(itglue_image_parse(good, sizeof(good) - 1, 5501, &image));
    assert_string_equal(image.link, "x");
    assert_int_equal(image.document_id, 7);
    assert_int_equal(image.organization_id, 8);
}

static void test_types(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *type;
    } rows[] = {
        {"\x89PNG\r\n\x1a\n.", 9, "image/png"},
        {"\xff\xd8\xff\xe0", 4, "image/jpeg"},
        {"GIF87a.", 7, "image/gif"},
        {"GIF89a.", 7, "image/gif"},
        {"RIFF....WEBPVP8 ", 16, "image/webp"},
        {"RIFF....WAVEfmt ", 16, NULL},
        {"BM......", 8, NULL},
        {"<svg>", 5, NULL},
        {"<?xml?><svg>", 12, NULL},
        {"%PDF-1.7", 8, NULL},
        {"GIF89", 5, NULL},
        {"", 0, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *type = itglue_image_type(rows[i].bytes, rows[i].len);
        assert_true((type == NULL) == (rows[i].type == NULL));
        if (type != NULL)
            assert_string_equal(type, rows[i].type);
    }
}

static int setup(void **state)
{
    (void)state;
    return source_global_init(NULL) == ERR_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_key_stays_with_the_api),
        cmocka_unit_test(test_what_is_no_image),
        cmocka_unit_test(test_links_that_are_not_followed),
        cmocka_unit_test(test_where_links_may_lead),
        cmocka_unit_test(test_hosts_in_settings),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_types),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
