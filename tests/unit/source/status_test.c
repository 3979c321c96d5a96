// Every row of the status table against a server, and what else may come instead of a page.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "server/base/buffer.h"
#include "tests/unit/source/account.h"

#define CLOSE "Connection: close\r\n"
#define BODY_A                                                                                  \
    "{\"errors\":[{\"status\":401,\"title\":\"Unauthorized\",\"detail\":\"CANARY\",\"source\":" \
    "{\"pointer\":\"id\"}}]}"
#define BODY_JWT                                                                                 \
    "{\"errors\":[{\"status\":\"401\",\"title\":\"Only supported for JWT requests\",\"detail\":" \
    "\"CANARY\"}]}"
#define BODY_SLOW \
    "{\"errors\":[{\"detail\":\"The request took too long to process and timed out.\"}]}"
#define HTML "<html><body>CANARY (404)</body></html>"

// Probes a server that answers with `answer`.
static enum err_code probe(const char *answer, size_t len, struct account *account)
{
    int64_t count;
    struct scripted_answer answers[] = {{.bytes = answer, .len = len}};
    account_start(account, answers, 1);
    account_open(account);
    enum err_code code = source_probe(account->source, deadline_in(5000), NULL, &count,
                                      &account->attempt, &account->err);
    // Nothing of a body reaches an error, and the key reaches nothing but its header.
    char seen[2048];
    (void)snprintf(seen, sizeof(seen), "%s %s %s", account->err.text, account->err.field,
                   account->err.meta_count > 0 ? account->err.meta[0].value : "");
    assert_null(strstr(seen, "CANARY"));
    if (code == ERR_OK)
        assert_int_equal(count, 7);
    else
        assert_int_equal(count, -1);
    account_stop(account);
    return code;
}

// When to try again: as upstream said, else a default for what may pass by itself.
static void assert_retry_delay(const struct account *account, enum err_code code)
{
    int64_t wanted_ms = account->attempt.retry_after_ms;
    if (wanted_ms == 0 && code == ERR_UPSTREAM_RATE_LIMITED)
        wanted_ms = 30000;
    if (wanted_ms == 0 && (code == ERR_UPSTREAM_ERROR || code == ERR_UPSTREAM_UNREACHABLE))
        wanted_ms = 5000;
    assert_int_equal(account->err.retry_after_ms, wanted_ms);
}

static void test_each_status(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *headers;
        const char *body;
        enum err_code code;
        bool too_heavy;
        int64_t retry_after_ms;
    } rows[] = {
        {201, "", "{\"data\":[]}", ERR_UPSTREAM_ANSWER_INVALID, false, 0},
        {204, "", "", ERR_UPSTREAM_ANSWER_INVALID, false, 0},
        {206, "", "{\"data\":[]}", ERR_UPSTREAM_ANSWER_INVALID, false, 0},
        {301, "Location: http://127.0.0.1:1/\r\n", HTML, ERR_UPSTREAM_UNEXPECTED_REDIRECT, false,
         0},
        {302, "", "", ERR_UPSTREAM_UNEXPECTED_REDIRECT, false, 0},
        {307, "", "", ERR_UPSTREAM_UNEXPECTED_REDIRECT, false, 0},
        {308, "", "", ERR_UPSTREAM_UNEXPECTED_REDIRECT, false, 0},
        {400, "", BODY_A, ERR_UPSTREAM_ERROR, false, 0},
        {401, "", BODY_A, ERR_UPSTREAM_ACCESS_DENIED, false, 0},
        {401, "", BODY_JWT, ERR_UPSTREAM_ACCESS_DENIED, false, 0},
        {401, "", "", ERR_UPSTREAM_ACCESS_DENIED, false, 0},
        {403, "", "{\"message\":\"CANARY\"}", ERR_UPSTREAM_KEY_REJECTED, false, 0},
        {403, "Content-Type: text/html\r\n", HTML, ERR_UPSTREAM_KEY_REJECTED, false, 0},
        {403, "", "", ERR_UPSTREAM_KEY_REJECTED, false, 0},
        {404, "", BODY_A, ERR_UPSTREAM_RECORD_GONE, false, 0},
        {404, "Content-Type: text/html\r\n", HTML, ERR_UPSTREAM_RECORD_GONE, false, 0},
        {408, "", "", ERR_UPSTREAM_TIMEOUT, false, 0},
        {422, "", BODY_A, ERR_UPSTREAM_ERROR, false, 0},
        {418, "", "", ERR_UPSTREAM_ERROR, false, 0},
        {429, "", "", ERR_UPSTREAM_RATE_LIMITED, false, 0},
        {429, "Retry-After: 17\r\n", BODY_A, ERR_UPSTREAM_RATE_LIMITED, false, 17000},
        {429, "Retry-After: 86400\r\n", HTML, ERR_UPSTREAM_RATE_LIMITED, false, 300000},
        {429, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "", ERR_UPSTREAM_RATE_LIMITED,
         false, 0},
        {429, "Retry-After: Fri, 06 Nov 2099 08:49:37 GMT\r\n", "", ERR_UPSTREAM_RATE_LIMITED,
         false, 300000},
        {429, "Retry-After: CANARY\r\n", "", ERR_UPSTREAM_RATE_LIMITED, false, 0},
        {429, "Retry-After: -5\r\n", "", ERR_UPSTREAM_RATE_LIMITED, false, 0},
        {500, "", HTML, ERR_UPSTREAM_ERROR, false, 0},
        {500, "", BODY_SLOW, ERR_UPSTREAM_TIMEOUT, true, 0},
        {502, "", "", ERR_UPSTREAM_ERROR, false, 0},
        {503, "Retry-After: 3\r\n", "", ERR_UPSTREAM_ERROR, false, 3000},
        {504, "", HTML, ERR_UPSTREAM_TIMEOUT, true, 0},
        {422, "", BODY_SLOW, ERR_UPSTREAM_TIMEOUT, true, 0},
        {777, "", "", ERR_UPSTREAM_ANSWER_INVALID, false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char answer[1024];
        (void)snprintf(answer, sizeof(answer), "HTTP/1.1 %d X\r\n" CLOSE "%s\r\n%s", rows[i].status,
                       rows[i].headers, rows[i].body);
        struct account account;
        assert_int_equal(probe(answer, 0, &account), rows[i].code);
        assert_int_equal(account.attempt.http_status, rows[i].status);
        assert_int_equal(account.attempt.page_too_heavy, rows[i].too_heavy);
        assert_int_equal(account.attempt.retry_after_ms, rows[i].retry_after_ms);
        assert_retry_delay(&account, rows[i].code);
        assert_int_equal(account.attempt.request_count, 1);
        assert_true(account.attempt.latency_us > 0);
        assert_null(account.attempt.curl_class);
    }
}

static void test_sessions_only_is_named(void **state)
{
    (void)state;
    struct account account;
    assert_int_equal(probe("HTTP/1.1 401 X\r\n" CLOSE "\r\n" BODY_JWT, 0, &account),
                     ERR_UPSTREAM_ACCESS_DENIED);
    assert_non_null(strstr(account.err.text, "API keys"));
}

static void test_a_good_answer(void **state)
{
    (void)state;
    static const char page[] = "{\"data\":[],\"meta\":{\"total-count\":7}}";
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\n" CLOSE "\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.api+json; charset=utf-8\r\n" CLOSE "\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" CLOSE "\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        char answer[512];
        (void)snprintf(answer, sizeof(answer), "%s%s", heads[i], page);
        struct account account;
        assert_int_equal(probe(answer, 0, &account), ERR_OK);
        assert_int_equal(account.attempt.http_status, 200);
        assert_int_equal(account.attempt.request_count, 1);
    }
    static const char chunked[] =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" CLOSE "\r\n"
        "9\r\n{\"data\":[\r\n1f\r\n],\"meta\":{\"total-count\":\"7\"}}  \r\n0\r\n\r\n";
    struct account account;
    assert_int_equal(probe(chunked, 0, &account), ERR_OK);
}

static void test_what_is_no_answer(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        enum err_code code;
        const char *curl_class;
    } bad[] = {
        {"HTTP/1.1 200 OK\r\n" CLOSE "\r\n", ERR_UPSTREAM_ANSWER_INVALID, NULL},
        {"HTTP/1.1 200 OK\r\n" CLOSE "\r\n" HTML, ERR_UPSTREAM_ANSWER_INVALID, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" CLOSE "\r\n{\"data\":[]}",
         ERR_UPSTREAM_ANSWER_INVALID, NULL},
        {"HTTP/1.1 200 OK\r\n" CLOSE "\r\n{\"data\":[{\"id\":", ERR_UPSTREAM_ANSWER_INVALID, NULL},
        {"HTTP/1.1 200 OK\r\n" CLOSE "\r\n{\"data\":[CANARY]}", ERR_UPSTREAM_ANSWER_INVALID, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n" CLOSE "\r\n{\"data\":[]}",
         ERR_UPSTREAM_ANSWER_INVALID, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n" CLOSE "\r\n{\"data\":[",
         ERR_UPSTREAM_UNREACHABLE, "cut"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" CLOSE "\r\n9\r\n{\"da",
         ERR_UPSTREAM_UNREACHABLE, "cut"},
        {"\r\n", ERR_UPSTREAM_UNREACHABLE, "cut"},
        {"CANARY is no HTTP at all\r\n\r\n", ERR_UPSTREAM_UNREACHABLE, "cut"},
        {"HTTP/1.1 403 X\r\nContent-Length: 500\r\n" CLOSE "\r\nless", ERR_UPSTREAM_KEY_REJECTED,
         NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct account account;
        assert_int_equal(probe(bad[i].answer, 0, &account), bad[i].code);
        assert_retry_delay(&account, bad[i].code);
        assert_null(err_meta_get(&account.err, "cause"));
        if (bad[i].curl_class == NULL) {
            assert_null(account.attempt.curl_class);
            assert_null(err_meta_get(&account.err, "curl_class"));
        } else {
            assert_string_equal(account.attempt.curl_class, bad[i].curl_class);
            assert_string_equal(err_meta_get(&account.err, "curl_class"), bad[i].curl_class);
        }
    }
}

static void test_an_endless_error_body(void **state)
{
    (void)state;
    struct buffer answer _cleanup_(buffer_done);
    buffer_init(&answer, 4 << 20);
    buffer_text(&answer, "HTTP/1.1 500 X\r\n" CLOSE "\r\n");
    for (int i = 0; i < 100000; i++)
        buffer_text(&answer, "CANARY ");
    struct account account;
    assert_int_equal(probe(answer.data, answer.len, &account), ERR_UPSTREAM_ERROR);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    struct scripted_answer none[] = {{.bytes = ""}};
    struct account account;
    account_start(&account, none, 1);
    account_open(&account);
    scripted_server_stop(&account.server);
    int64_t count;
    assert_int_equal(source_probe(account.source, deadline_in(5000), NULL, &count, &account.attempt,
                                  &account.err),
                     ERR_UPSTREAM_UNREACHABLE);
    assert_string_equal(account.attempt.curl_class, "connect");
    assert_string_equal(err_meta_get(&account.err, "curl_class"), "connect");
    assert_retry_delay(&account, ERR_UPSTREAM_UNREACHABLE);
    assert_int_equal(account.attempt.request_count, 0);
    assert_int_equal(account.attempt.http_status, 0);
    source_close(account.source);
}

int main(void)
{
    if (source_global_init(NULL) != ERR_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_status),           cmocka_unit_test(test_sessions_only_is_named),
        cmocka_unit_test(test_a_good_answer),         cmocka_unit_test(test_what_is_no_answer),
        cmocka_unit_test(test_an_endless_error_body), cmocka_unit_test(test_nobody_listens),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    source_global_done();
    return failed;
}
