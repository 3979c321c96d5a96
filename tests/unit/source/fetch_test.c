// What is sent, how a transfer ends early, and what must never leave.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "server/base/buffer.h"
#include "tests/unit/source/account.h"
#include "tests/unit/source/collector.h"

#define OK "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
#define EMPTY OK "{\"data\":[],\"meta\":{\"total-count\":0}}"
#define ONE OK "{\"data\":[{\"id\":1,\"attributes\":{\"organization-id\":2}}]}"

// No answer comes so late, nor does any test wait so long.
enum { LATE_MS = 60000, PROMPT_MS = 20000 };

static enum err_code fetch(struct account *account, const struct source_query *query,
                           struct collector *collector, int64_t deadline_ms,
                           const atomic_bool *cancelled)
{
    struct source_page page;
    collector_init(collector);
    return source_fetch_page(account->source, query, &collector->sink, deadline_in(deadline_ms),
                             cancelled, &page, &account->attempt, &account->err);
}

static const struct source_query passwords = {
    .kind = SOURCE_PASSWORDS, .page_number = 1, .page_size = 100};

static void test_requests(void **state)
{
    (void)state;
    static const struct {
        struct source_query query;
        const char *target;
    } rows[] = {
        {{SOURCE_ORGANIZATIONS, .page_number = 3, .page_size = 1000},
         "/organizations?page%5Bnumber%5D=3&page%5Bsize%5D=1000&sort=id&include=adapters-"
         "resources"},
        {{SOURCE_FLEXIBLE_ASSET_TYPES, .page_number = 1, .page_size = 50},
         "/flexible_asset_types?page%5Bnumber%5D=1&page%5Bsize%5D=50&sort=id"
         "&include=flexible_asset_fields"},
        {{SOURCE_PASSWORD_CATEGORIES, .page_number = 1, .page_size = 50},
         "/password_categories?page%5Bnumber%5D=1&page%5Bsize%5D=50&sort=id"},
        {{SOURCE_DOCUMENT_FOLDERS, .organization_id = 7, .page_number = 1, .page_size = 50},
         "/organizations/7/relationships/document_folders?page%5Bnumber%5D=1&page%5Bsize%5D=50"
         "&sort=created_at"},
        {{SOURCE_DOCUMENTS, .organization_id = 3183713165001122, .page_number = 1, .page_size = 50},
         "/organizations/3183713165001122/relationships/documents?page%5Bnumber%5D=1"
         "&page%5Bsize%5D=50&filter%5Bdocument_folder_id%5D=null"},
        {{SOURCE_DOCUMENTS, .organization_id = 7, .folder_filter = SOURCE_FOLDER_NONE,
          .page_number = 1, .page_size = 50},
         "/organizations/7/relationships/documents?page%5Bnumber%5D=1&page%5Bsize%5D=50"},
        {{SOURCE_DOCUMENTS, .organization_id = 7, .folder_filter = SOURCE_FOLDER_NOT_NULL,
          .page_number = 1, .page_size = 50},
         "/organizations/7/relationships/documents?page%5Bnumber%5D=1&page%5Bsize%5D=50"
         "&filter%5Bdocument_folder_id%5D%5Bne%5D=null"},
        {{SOURCE_DOCUMENTS, .organization_id = 7, .folder_filter = SOURCE_FOLDER_ID,
          .folder_id = 66, .page_number = 1, .page_size = 50},
         "/organizations/7/relationships/documents?page%5Bnumber%5D=1&page%5Bsize%5D=50"
         "&filter%5Bdocument_folder_id%5D=66"},
        {{SOURCE_DOCUMENTS, .organization_id = 7, .page_number = 1, .page_size = 10,
          .newest_first = true},
         "/organizations/7/relationships/documents?page%5Bnumber%5D=1&page%5Bsize%5D=10"
         "&sort=-updated_at&filter%5Bdocument_folder_id%5D=null"},
        {{SOURCE_DOCUMENTS, .organization_id = 7, .page_number = 1, .page_size = 10,
          .oldest_first = true},
         "/organizations/7/relationships/documents?page%5Bnumber%5D=1&page%5Bsize%5D=10"
         "&sort=updated_at&filter%5Bdocument_folder_id%5D=null"},
        {{SOURCE_FLEXIBLE_ASSETS, .type_id = 77, .organization_id = 7, .page_number = 1,
          .page_size = 50},
         "/flexible_assets?page%5Bnumber%5D=1&page%5Bsize%5D=50&sort=created_at"
         "&filter%5Bflexible-asset-type-id%5D=77&filter%5Borganization-id%5D=7"},
        {{SOURCE_CHECKLISTS, .page_number = 1, .page_size = 50},
         "/checklists?page%5Bnumber%5D=1&page%5Bsize%5D=50&sort=created_at&include=checklist_"
         "tasks"},
        {{SOURCE_CHECKLIST_TEMPLATES, .page_number = 1, .page_size = 50},
         "/checklist_templates?page%5Bnumber%5D=1&page%5Bsize%5D=50"},
        {{SOURCE_PASSWORD_FOLDERS, .organization_id = 7, .page_number = 1, .page_size = 50},
         "/organizations/7/relationships/password_folders?page%5Bnumber%5D=1&page%5Bsize%5D=50"
         "&sort=created_at"},
        {{SOURCE_PASSWORDS, .organization_id = 7, .page_number = 1, .page_size = 50,
          .impossible_filter = true},
         "/organizations/7/relationships/passwords?page%5Bnumber%5D=1&page%5Bsize%5D=50&sort=id"
         "&filter%5Bdocbridge_no_such_filter%5D=1"},
        {{SOURCE_ORGANIZATIONS, .page_number = 1, .page_size = 2, .psa_id = "a,b &=\xc3\xbc%",
          .psa_type = SOURCE_PSA_KASEYA_BMS},
         "/organizations?page%5Bnumber%5D=1&page%5Bsize%5D=2&sort=id&include=adapters-resources"
         "&filter%5Bpsa_integration_type%5D=kaseya-bms"
         "&filter%5Bpsa_id%5D=a%5C%2Cb%20%26%3D%C3%BC%25"},
    };
    struct scripted_answer answers[] = {{.bytes = EMPTY}};
    struct account account;
    account_start(&account, answers, 1);
    account_open(&account);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct collector got;
        assert_int_equal(fetch(&account, &rows[i].query, &got, 5000, NULL), ERR_OK);
        const char *head = account.server.requests[i];
        char wanted[512];
        (void)snprintf(wanted, sizeof(wanted), "GET %s HTTP/1.1\r\n", rows[i].target);
        assert_memory_equal(head, wanted, strlen(wanted));
        const char *key = strstr(head, "CANARYKEY");
        assert_non_null(strstr(head, "\r\nx-api-key: " ACCOUNT_KEY "\r\n"));
        assert_null(strstr(key + 1, "CANARYKEY"));
        assert_non_null(strstr(head, "\r\nUser-Agent: docbridge/"));
        assert_non_null(strstr(head, "\r\nAccept-Encoding: "));
        collector_done(&got);
    }
    account_stop(&account);
}

static void test_queries_that_cannot_be_asked(void **state)
{
    (void)state;
    static const struct source_query bad[] = {
        {SOURCE_PASSWORDS, .page_number = 0, .page_size = 50},
        {SOURCE_ORGANIZATIONS, .page_number = 1, .page_size = 50, .psa_id = "1"},
        {SOURCE_ORGANIZATIONS, .page_number = 1, .page_size = 50, .psa_id = "1",
         .psa_type = SOURCE_PSA_TYPE_END},
        {SOURCE_PASSWORDS, .page_number = 1, .page_size = 50, .psa_id = "1",
         .psa_type = SOURCE_PSA_VOREX},
        {SOURCE_PASSWORDS, .page_number = 1, .page_size = 0},
        {SOURCE_PASSWORDS, .page_number = 1, .page_size = 1001},
        {SOURCE_DOCUMENTS, .page_number = 1, .page_size = 50},
        {SOURCE_DOCUMENT_FOLDERS, .page_number = 1, .page_size = 50},
        {SOURCE_PASSWORD_FOLDERS, .page_number = 1, .page_size = 50},
        {SOURCE_FLEXIBLE_ASSETS, .page_number = 1, .page_size = 50},
        {SOURCE_DOCUMENTS, .organization_id = 1, .folder_filter = SOURCE_FOLDER_ID,
         .page_number = 1, .page_size = 50},
        {SOURCE_KIND_COUNT, .page_number = 1, .page_size = 50},
    };
    struct scripted_answer answers[] = {{.bytes = EMPTY}};
    struct account account;
    account_start(&account, answers, 1);
    account_open(&account);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct collector got;
        assert_int_equal(fetch(&account, &bad[i], &got, 5000, NULL), ERR_FIELD_INVALID);
        assert_int_equal(account.attempt.request_count, 0);
        collector_done(&got);
    }
    assert_int_equal(atomic_load(&account.server.request_count), 0);
    account_stop(&account);
}

static void test_a_redirect_carries_nothing_on(void **state)
{
    (void)state;
    struct scripted_answer target[] = {{.bytes = EMPTY}};
    struct scripted_server other;
    scripted_server_start(&other, target, 1);
    static const int statuses[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        char answer[256];
        (void)snprintf(answer, sizeof(answer),
                       "HTTP/1.1 %d X\r\nLocation: %s/x\r\nConnection: close\r\n\r\n", statuses[i],
                       other.base_url);
        struct scripted_answer answers[] = {{.bytes = answer}};
        struct account account;
        struct collector got;
        account_start(&account, answers, 1);
        account_open(&account);
        assert_int_equal(fetch(&account, &passwords, &got, 5000, NULL),
                         ERR_UPSTREAM_UNEXPECTED_REDIRECT);
        assert_int_equal(atomic_load(&account.server.request_count), 1);
        collector_done(&got);
        account_stop(&account);
    }
    assert_int_equal(atomic_load(&other.request_count), 0);
    scripted_server_stop(&other);
}

static void test_environment_is_not_obeyed(void **state)
{
    (void)state;
    static const char *const names[] = {"http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        (void)setenv(names[i], "http://127.0.0.1:1", 1);
    struct scripted_answer answers[] = {{.bytes = EMPTY}};
    struct account account;
    struct collector got;
    account_start(&account, answers, 1);
    account_open(&account);
    assert_int_equal(fetch(&account, &passwords, &got, 5000, NULL), ERR_OK);
    collector_done(&got);
    account_stop(&account);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        (void)unsetenv(names[i]);
}

static void test_deadline_ends_a_transfer(void **state)
{
    (void)state;
    static const struct scripted_answer slow[] = {
        {.bytes = EMPTY, .delay_ms = LATE_MS},
        {.bytes = "HTTP/1.1 200 OK\r\n\r\n{\"data\":[", .hang = true},
        {.bytes = EMPTY, .piece_bytes = 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        struct account account;
        struct collector got;
        account_start(&account, &slow[i], 1);
        account_open(&account);
        int64_t start_ms = clock_steady_ms();
        assert_int_equal(fetch(&account, &passwords, &got, 120, NULL), ERR_DEADLINE_EXCEEDED);
        int64_t took_ms = clock_steady_ms() - start_ms;
        assert_in_range(took_ms, 115, PROMPT_MS);
        assert_int_equal(account.attempt.request_count, 1);
        collector_done(&got);
        account_stop(&account);
    }
    struct scripted_answer answers[] = {{.bytes = EMPTY}};
    struct account account;
    struct collector got;
    account_start(&account, answers, 1);
    account_open(&account);
    assert_int_equal(fetch(&account, &passwords, &got, 0, NULL), ERR_DEADLINE_EXCEEDED);
    assert_int_equal(atomic_load(&account.server.request_count), 0);
    collector_done(&got);
    account_stop(&account);
}

static void *cancel_soon(void *cancelled)
{
    usleep(100 * 1000);
    atomic_store((atomic_bool *)cancelled, true);
    return NULL;
}

static void test_cancelling_ends_a_transfer(void **state)
{
    (void)state;
    struct scripted_answer answers[] = {{.bytes = EMPTY, .delay_ms = LATE_MS}};
    struct account account;
    struct collector got;
    atomic_bool cancelled = false;
    pthread_t thread;
    account_start(&account, answers, 1);
    account_open(&account);
    int64_t start_ms = clock_steady_ms();
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &cancelled), 0);
    assert_int_equal(fetch(&account, &passwords, &got, LATE_MS, &cancelled), ERR_CANCELLED);
    assert_in_range(clock_steady_ms() - start_ms, 0, PROMPT_MS);
    pthread_join(thread, NULL);
    collector_done(&got);
    // And one that is cancelled before sends nothing.
    size_t before = atomic_load(&account.server.request_count);
    assert_int_equal(fetch(&account, &passwords, &got, 5000, &cancelled), ERR_CANCELLED);
    assert_int_equal(atomic_load(&account.server.request_count), before);
    collector_done(&got);
    account_stop(&account);
}

static void test_own_timeout(void **state)
{
    (void)state;
    struct scripted_answer answers[] = {{.bytes = EMPTY, .delay_ms = LATE_MS}};
    struct account account;
    struct collector got;
    account_start(&account, answers, 1);
    account.settings.request_timeout_ms = 1000; // it must have been sent by then
    account_open(&account);
    assert_int_equal(fetch(&account, &passwords, &got, LATE_MS, NULL), ERR_UPSTREAM_TIMEOUT);
    assert_string_equal(account.attempt.curl_class, "timeout");
    assert_true(account.attempt.page_too_heavy);
    assert_int_equal(account.attempt.request_count, 1);
    collector_done(&got);
    account_stop(&account);
}

static void test_page_in_small_pieces(void **state)
{
    (void)state;
    struct scripted_answer answers[] = {{.bytes = ONE, .piece_bytes = 7}};
    struct account account;
    struct collector got;
    account_start(&account, answers, 1);
    account_open(&account);
    assert_int_equal(fetch(&account, &passwords, &got, 5000, NULL), ERR_OK);
    assert_int_equal(got.record_count, 1);
    collector_done(&got);
    account_stop(&account);
}

static void test_sink_stops_a_transfer(void **state)
{
    (void)state;
    struct scripted_answer answers[] = {{.bytes = ONE, .hang = true}};
    struct account account;
    struct source_page page;
    struct collector got;
    account_start(&account, answers, 1);
    account_open(&account);
    collector_init(&got);
    got.stop_after = 1;
    assert_int_equal(source_fetch_page(account.source, &passwords, &got.sink, deadline_in(5000),
                                       NULL, &page, &account.attempt, &account.err),
                     ERR_CANCELLED);
    assert_int_equal(got.record_count, 1);
    collector_done(&got);
    account_stop(&account);
}

static void test_too_large_page(void **state)
{
    (void)state;
    struct buffer answer _cleanup_(buffer_done);
    buffer_init(&answer, 4 << 20);
    buffer_text(&answer, OK "{\"data\":[");
    for (int i = 0; i < 4000; i++)
        buffer_text(&answer, "{\"id\":1,\"attributes\":{\"organization-id\":2}},");
    buffer_text(&answer, "{\"id\":1,\"attributes\":{\"organization-id\":2}}]}");
    struct scripted_answer answers[] = {{.bytes = answer.data, .len = answer.len}};
    struct account account;
    struct collector got;
    account_start(&account, answers, 1);
    account.settings.page_max_bytes = 10000;
    account_open(&account);
    assert_int_equal(fetch(&account, &passwords, &got, 5000, NULL), ERR_UPSTREAM_ANSWER_INVALID);
    assert_true(account.attempt.page_too_heavy);
    assert_true(got.record_count < 250);
    collector_done(&got);
    account_stop(&account);
}

static void test_compressed_page_is_counted_decompressed(void **state)
{
    (void)state;
    // {"data":[]} with 20,000 spaces inside.
    static const unsigned char gzip[] = {
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x31, 0x0d, 0x00,
        0x20, 0x0c, 0x00, 0x30, 0x2b, 0x64, 0x32, 0xb0, 0xb2, 0x70, 0x2c, 0x41, 0x02, 0x1f, 0x99,
        0x77, 0x6c, 0x70, 0xb4, 0xbd, 0xb1, 0xeb, 0x54, 0xcc, 0x5c, 0x03, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80,
        0x2f, 0xf4, 0x03, 0x0d, 0x76, 0xe1, 0x99, 0x2b, 0x4e, 0x00, 0x00,
    };
    struct buffer answer _cleanup_(buffer_done);
    buffer_init(&answer, 4096);
    buffer_text(&answer, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n");
    buffer_append(&answer, gzip, sizeof(gzip));
    struct scripted_answer answers[] = {{.bytes = answer.data, .len = answer.len}};
    for (int small = 0; small < 2; small++) {
        struct account account;
        struct collector got;
        account_start(&account, answers, 1);
        account.settings.page_max_bytes = small ? 10000 : 0;
        account_open(&account);
        assert_int_equal(fetch(&account, &passwords, &got, 5000, NULL),
                         small ? ERR_UPSTREAM_ANSWER_INVALID : ERR_OK);
        collector_done(&got);
        account_stop(&account);
    }
}

int main(void)
{
    if (source_global_init(NULL) != ERR_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_queries_that_cannot_be_asked),
        cmocka_unit_test(test_a_redirect_carries_nothing_on),
        cmocka_unit_test(test_environment_is_not_obeyed),
        cmocka_unit_test(test_deadline_ends_a_transfer),
        cmocka_unit_test(test_cancelling_ends_a_transfer),
        cmocka_unit_test(test_own_timeout),
        cmocka_unit_test(test_page_in_small_pieces),
        cmocka_unit_test(test_sink_stops_a_transfer),
        cmocka_unit_test(test_too_large_page),
        cmocka_unit_test(test_compressed_page_is_counted_decompressed),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    source_global_done();
    return failed;
}
