// The reveal of one password: the value, what else the answer says, and that no trace stays.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "server/base/buffer.h"
#include "server/source/itglue/reveal.h"
#include "tests/unit/source/account.h"

#define OK "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"

// Parses `text` in pieces as the answer about password 778201, with a look for a user.
static enum err_code parse_for(const char *email, const char *text, size_t len, size_t piece,
                               struct source_password *password)
{
    struct itglue_reveal reveal;
    struct err err = {0};
    *password = (struct source_password){0};
    assert_true(itglue_reveal_init(&reveal, email));
    for (size_t at = 0; at < len;) {
        size_t now = piece == 0 || piece > len - at ? len - at : piece;
        char *bytes _cleanup_(freep) = malloc(now);
        memcpy(bytes, text + at, now);
        if (!itglue_reveal_feed(&reveal, bytes, now))
            break;
        at += now;
    }
    enum err_code code = itglue_reveal_finish(&reveal, 778201, password, &err);
    itglue_reveal_done(&reveal);
    assert_null(strstr(err.text, "CANARY"));
    return code;
}

static enum err_code parse(const char *text, size_t len, size_t piece,
                           struct source_password *password)
{
    return parse_for(NULL, text, len, piece, password);
}

static void test_what_an_answer_says(void **state)
{
    (void)state;
    static const char text[] =
        "{\"data\":{\"id\":\"778201\",\"type\":\"passwords\",\"attributes\":{\"organization-id\":"
        "4102,"
        "\"restricted\":true,\"name\":\"Firewall\",\"notes\":\"x\",\"password\":"
        "\"S3cr\\u00e4t\\n\\\"!\","
        "\"password-updated-at\":\"2026-02-02T02:02:02.000Z\",\"password-category-id\":9,"
        "\"password-folder-id\":\"12\",\"vault-id\":null,\"archived\":false,\"personal\":0,\"is-"
        "live\":true,"
        "\"deep\":{\"password\":\"other\",\"organization-id\":9}},"
        "\"relationships\":{\"x\":{\"data\":{\"id\":\"1\",\"attributes\":{\"password\":\"no\"}}}}},"
        "\"included\":[{\"id\":\"2\",\"attributes\":{\"password\":\"no\"}}]}";
    for (size_t piece = 0; piece < 40; piece++) {
        struct source_password password;
        assert_int_equal(parse(text, sizeof(text) - 1, piece, &password), ERR_OK);
        assert_int_equal(password.id, 778201);
        assert_int_equal(password.organization_id, 4102);
        assert_int_equal(password.category_id, 9);
        assert_int_equal(password.folder_id, 12);
        assert_true(password.restricted);
        assert_false(password.archived || password.vaulted || password.personal);
        assert_int_equal(password.password_update_time_us, INT64_C(1769997722000000));
        assert_int_equal(secret_len(password.value), 10);
        assert_string_equal(secret_bytes(password.value), "S3cr\xc3\xa4t\n\"!");
        source_password_done(&password);
        source_password_done(&password);
    }
}

static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *member;
        const char *value; // NULL: none
    } rows[] = {
        {"", NULL},
        {",\"password_folder_id\":null", NULL},
        {",\"password\":null", NULL},
        {",\"password\":\"\"", ""},
        {",\"password\":\"a\",\"password\":\"b\"", "b"},
        {",\"password\":\"a\",\"password\":null", NULL},
        {",\"password\":1234567890123456789012", "1234567890123456789012"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[512];
        struct source_password password;
        (void)snprintf(text, sizeof(text),
                       "{\"data\":{\"attributes\":{\"organization_id\":\"4102\"%s,\"vault-id\":{}},"
                       "\"id\":778201}}",
                       rows[i].member);
        assert_int_equal(parse(text, strlen(text), 0, &password), ERR_OK);
        assert_true(password.vaulted);
        assert_int_equal(password.folder_id, 0);
        if (rows[i].value == NULL)
            assert_null(password.value);
        else
            assert_string_equal(secret_bytes(password.value), rows[i].value);
        source_password_done(&password);
    }
}

static void test_what_is_no_password(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"data\":[]}",
        "{\"data\":null}",
        "{\"data\":{\"id\":\"778201\"}}",
        "{\"data\":{\"id\":\"778202\",\"attributes\":{\"organization-id\":1,\"password\":"
        "\"CANARY\"}}}",
        "{\"data\":{\"attributes\":{\"organization-id\":1,\"password\":\"CANARY\"}}}",
        "{\"data\":{\"id\":\"778201\",\"attributes\":{\"password\":\"CANARY\"}}}",
        "{\"data\":{\"id\":\"778201\",\"attributes\":{\"organization-id\":1,\"password\":{}}}}",
        "{\"data\":{\"id\":\"778201\",\"attributes\":{\"organization-id\":1,\"password\":true}}}",
        "{\"data\":{\"id\":\"778201\",\"attributes\":{\"organization-id\":1,\"password\":\"\xff\"}}"
        "}",
        // Whoever takes it for a string of C would get another value.
        "{\"data\":{\"id\":\"778201\",\"attributes\":{\"organization-id\":1,\"password\":"
        "\"CAN\\u0000ARY\"}}}",
        "{\"data\":{\"id\":\"778201\",\"attributes\":{\"organization-id\":1,\"password\":"
        "\"\\u0000\"}}}",
        "{\"data\":{\"id\":\"778201\",\"attributes\":{\"organization-id\":[1]}}}",
        "{\"data\":{\"id\":\"778201\",\"attributes\":{\"organization-id\":1,"
        "\"password-folder-id\":{}}}}",
        "{\"data\":{\"id\":\"778201\",\"attributes\":{\"organization-id\":1,"
        "\"password-folder-id\":\"?\"}}}",
        "{\"data\":{\"id\":\"778201\",\"attributes\":{\"organization-id\":1,\"restricted\":\"?\"}}"
        "}",
        "{\"data\":{\"id\":\"778201\",\"attributes\":{\"organization-id\":1,\"password\":\"CANARY",
        "{\"data\":{\"id\":\"778201\",\"attributes\":{\"organization-id\":1,\"password\":"
        "\"CANARY\"}}",
        "<html>CANARY</html>",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        for (size_t piece = 0; piece < 3; piece++) {
            struct source_password password;
            assert_int_equal(parse(bad[i], strlen(bad[i]), piece, &password),
                             ERR_UPSTREAM_ANSWER_INVALID);
            assert_null(password.value);
        }
    }
}

static void test_long_values(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        struct buffer text _cleanup_(buffer_done);
        struct source_password password;
        buffer_init(&text, 1 << 20);
        buffer_text(&text, "{\"data\":{\"id\":778201,\"attributes\":{\"organization-id\":1,"
                           "\"password\":\"\\n");
        for (int i = 0; i < SECRET_MAX_BYTES - 1 + over; i++)
            buffer_text(&text, "x");
        buffer_text(&text, "\"}}}");
        assert_int_equal(parse(text.data, text.len, 1000, &password),
                         over ? ERR_UPSTREAM_ANSWER_INVALID : ERR_OK);
        if (!over)
            assert_int_equal(secret_len(password.value), SECRET_MAX_BYTES);
        source_password_done(&password);
    }
}

// A restricted record with what stands behind its attributes.
static bool authorizes(const char *email, const char *rest)
{
    char text[1024];
    bool found = false;
    (void)snprintf(text, sizeof(text),
                   "{\"data\":{\"id\":\"778201\",\"attributes\":{\"organization-id\":1,"
                   "\"restricted\":true,\"email\":\"ada@msp.example\",\"password\":\"x\"}%s}",
                   rest);
    for (size_t piece = 0; piece < 30; piece++) {
        struct source_password password;
        assert_int_equal(parse_for(email, text, strlen(text), piece, &password), ERR_OK);
        assert_true(piece == 0 || found == password.user_authorized);
        found = password.user_authorized;
        source_password_done(&password);
    }
    return found;
}

#define USER(id, type, email) \
    "{\"id\":" id ",\"type\":\"" type "\",\"attributes\":{\"email\":\"" email "\"}}"
#define LINKED(links) ",\"relationships\":{\"authorized-users\":{\"data\":[" links "]}}}"
#define INCLUDED(rows) ",\"included\":[" rows "]"

static void test_who_is_authorized(void **state)
{
    (void)state;
    static const char ada[] = "ada@msp.example";
    static const struct {
        const char *email, *rest;
        bool found;
    } rows[] = {
        {ada,
         LINKED("{\"id\":\"5\",\"type\":\"users\"}")
             INCLUDED(USER("\"5\"", "users", "ada@msp.example")),
         true},
        // Ids are texts or numbers; keys and types have hyphens or underscores.
        {ada,
         LINKED("{\"id\":4},{\"id\":5}")
             INCLUDED(USER("4", "users", "bob@x") "," USER("\"5\"", "users", "ADA@msp.Example")),
         true},
        {"Ada@MSP.example", "}" INCLUDED(USER("5", "authorized_users", "ada@msp.example")), true},
        // The users may come before the record does; then the links come last.
        {ada,
         ",\"relationships\":{\"other\":{\"data\":[{\"id\":9}]}}}" INCLUDED(
             USER("5", "users", "ada@msp.example")),
         true},
        // Nobody, another, or no list at all: also the record's own attributes are none.
        {ada, "}", false},
        {ada, "}" INCLUDED(""), false},
        {ada, LINKED("") INCLUDED(USER("5", "users", "ada@msp.example")), false},
        {ada, LINKED("{\"id\":6}") INCLUDED(USER("5", "users", "ada@msp.example")), false},
        {ada,
         ",\"relationships\":{\"authorized-users\":{}}}" INCLUDED(
             USER("5", "users", "ada@msp.example")),
         false},
        {ada, "}" INCLUDED(USER("5", "users", "bob@msp.example")), false},
        {ada, "}" INCLUDED(USER("5", "contacts", "ada@msp.example")), false},
        {ada, "}" INCLUDED("{\"id\":5,\"type\":\"users\",\"email\":\"ada@msp.example\"}"), false},
        {ada, "}" INCLUDED("{\"type\":\"users\",\"attributes\":{\"email\":\"ada@msp.example\"}}"),
         false},
        {ada,
         "}" INCLUDED("{\"id\":5,\"type\":\"users\",\"attributes\":{\"x\":{\"email\":\"ada@msp."
                      "example\"}}}"),
         false},
        {ada, "}" INCLUDED("[" USER("5", "users", "ada@msp.example") "]"), false},
        // No prefix, no suffix, nothing behind a NUL, no look-alike: the K is the Kelvin sign.
        {ada, "}" INCLUDED(USER("5", "users", "ada@msp.example ")), false},
        {ada, "}" INCLUDED(USER("5", "users", "ada@msp.exampl")), false},
        {ada, "}" INCLUDED(USER("5", "users", "ada@msp.example\\u0000")), false},
        {"kim@x", "}" INCLUDED(USER("5", "users", "\\u212aim@x")), false},
        {"", "}" INCLUDED(USER("5", "users", "")), false},
        {NULL, "}" INCLUDED(USER("5", "users", "")), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (authorizes(rows[i].email, rows[i].rest) != rows[i].found)
            fail_msg("row %zu", i);
}

// More users than there is room for: whoever is looked for may be one that was not kept.
static void test_too_many_are_nobody(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        struct buffer text _cleanup_(buffer_done);
        struct source_password password;
        buffer_init(&text, 1 << 20);
        buffer_text(&text, "{\"data\":{\"id\":778201,\"attributes\":{\"organization-id\":1},"
                           "\"relationships\":{\"authorized-users\":{\"data\":[{\"id\":5}");
        for (int i = 1; i < ITGLUE_AUTHORIZED_MAX + over; i++)
            buffer_text(&text, ",{\"id\":9}");
        buffer_text(&text, "]}}},\"included\":[" USER("5", "users", "ada@x") "]}");
        assert_int_equal(parse_for("ada@x", text.data, text.len, 0, &password), ERR_OK);
        assert_int_equal(password.user_authorized, !over);
    }
}

static enum err_code reveal(struct account *account, const char *email,
                            struct source_password *password)
{
    return source_fetch_password(account->source, 4102, 778201, email, deadline_in(20000), NULL,
                                 password, &account->attempt, &account->err);
}

static void test_one_get_and_no_repetition(void **state)
{
    (void)state;
    struct scripted_answer answers[] = {
        {.bytes = OK "{\"data\":{\"id\":778201,\"attributes\":{\"organization-id\":4102,"
                     "\"password\":\"one\"}}}"},
        {.bytes = OK "{\"data\":{\"id\":778201,\"attributes\":{\"organization-id\":4102,"
                     "\"password\":\"two\"}}}"},
        {.bytes = "HTTP/1.1 503 X\r\nConnection: close\r\n\r\nCANARY"},
        {.bytes = ""}, // the connection ends without an answer
        {.bytes = "HTTP/1.1 401 X\r\nConnection: close\r\n\r\n"},
        {.bytes = "HTTP/1.1 404 X\r\nConnection: close\r\n\r\n"},
        {.bytes = "HTTP/1.1 200 X\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>"},
    };
    static const enum err_code codes[] = {ERR_OK,
                                          ERR_OK,
                                          ERR_UPSTREAM_ERROR,
                                          ERR_UPSTREAM_UNREACHABLE,
                                          ERR_UPSTREAM_ACCESS_DENIED,
                                          ERR_UPSTREAM_RECORD_GONE,
                                          ERR_UPSTREAM_ANSWER_INVALID};
    struct account account;
    account_start(&account, answers, ARRAY_LEN(answers));
    account_open(&account);
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct source_password password;
        const char *email = i == 1 ? "ada@x" : NULL;
        assert_int_equal(reveal(&account, email, &password), codes[i]);
        assert_int_equal(atomic_load(&account.server.request_count), i + 1);
        assert_int_equal(account.attempt.request_count, 1);
        assert_non_null(strstr(account.server.requests[i],
                               i == 1 ? "GET /passwords/778201?show_password=true"
                                        "&include=authorized_users HTTP/1.1\r\n"
                                      : "GET /passwords/778201?show_password=true HTTP/1.1\r\n"));
        if (codes[i] == ERR_OK)
            assert_string_equal(secret_bytes(password.value), i == 0 ? "one" : "two");
        else
            assert_null(password.value);
        source_password_done(&password);
    }
    account_stop(&account);
}

#define KEPT(value)                                                                           \
    "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.api+json\r\nContent-Length: 77\r\n\r\n" \
    "{\"data\":{\"id\":778201,\"attributes\":{\"organization-id\":4102,\"password\":\"" value \
    "\"}}}"

static void gives(struct account *account, const char *value)
{
    struct source_password password;
    assert_int_equal(reveal(account, NULL, &password), ERR_OK);
    assert_string_equal(secret_bytes(password.value), value);
    source_password_done(&password);
}

static void test_a_connection_serves_again(void **state)
{
    (void)state;
    struct scripted_answer answers[] = {
        {.bytes = KEPT("one"), .keep = true},
        {.bytes = KEPT("two")}, // closed without a word, as upstream does after a while
        {.bytes = KEPT("six")},
    };
    struct secret *key _cleanup_(secret_freep) = secret_copy("ITG.ANOTHER", 11);
    struct account account;
    account_start(&account, answers, ARRAY_LEN(answers));
    account_open(&account);
    gives(&account, "one");
    assert_int_equal(source_set_key(account.source, NULL, &account.err), ERR_OK);
    assert_int_equal(source_set_key(account.source, key, &account.err), ERR_OK);
    gives(&account, "two");
    assert_int_equal(atomic_load(&account.server.connection_count), 1);
    assert_non_null(strstr(account.server.requests[0], "x-api-key: " ACCOUNT_KEY "\r\n"));
    assert_non_null(strstr(account.server.requests[1], "x-api-key: ITG.ANOTHER\r\n"));
    // Only then can curl know.
    struct deadline deadline = deadline_in(20000);
    while (atomic_load(&account.server.closed_count) == 0 && deadline_left_ms(deadline) > 0)
        usleep(1000);
    gives(&account, "six");
    assert_int_equal(atomic_load(&account.server.connection_count), 2);
    assert_int_equal(atomic_load(&account.server.request_count), 3);
    account_stop(&account);
}

// It was sent, so upstream may have served it: whatever died, it is not sent again.
static void test_a_dead_connection_gets_no_second_request(void **state)
{
    (void)state;
    struct scripted_answer answers[] = {
        {.bytes = KEPT("one"), .keep = true},
        {.bytes = ""}, // reads the request and leaves
        {.bytes = KEPT("six")},
    };
    struct account account;
    struct source_password password;
    account_start(&account, answers, ARRAY_LEN(answers));
    account_open(&account);
    gives(&account, "one");
    assert_int_equal(reveal(&account, NULL, &password), ERR_UPSTREAM_UNREACHABLE);
    assert_int_equal(account.attempt.request_count, 1);
    assert_string_equal(account.attempt.curl_class, "cut");
    assert_null(password.value);
    usleep(100 * 1000);
    assert_int_equal(atomic_load(&account.server.request_count), 2);
    gives(&account, "six");
    account_stop(&account);
}

// How often the process's writable memory holds the value whose bytes are `hidden` xor 0x55.
static int count_in_memory(const unsigned char *hidden, size_t len)
{
    int found = 0;
    char line[256];
    FILE *maps = fopen("/proc/self/maps", "re");
    FILE *memory = fopen("/proc/self/mem", "re");
    assert_true(maps != NULL && memory != NULL);
    unsigned char *window = malloc(1 << 20);
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long start, end;
        char access[5];
        if (sscanf(line, "%lx-%lx %4s", &start, &end, access) != 3 || access[1] != 'w' ||
            end - start > 64UL << 20)
            continue;
        for (unsigned long at = start; at < end; at += (1 << 20) - 64) {
            size_t want = end - at < 1 << 20 ? end - at : 1 << 20;
            ssize_t got = pread(fileno(memory), window, want, (off_t)at);
            for (ssize_t i = 0; i + (ssize_t)len <= got; i++) {
                size_t same = 0;
                while (same < len && window[(size_t)i + same] == (hidden[same] ^ 0x55))
                    same++;
                // The window itself is memory too.
                bool own = at + (unsigned long)i >= (unsigned long)window &&
                           at + (unsigned long)i < (unsigned long)window + (1 << 20);
                found += same == len && !own;
            }
            memset(window, 0, 1 << 20);
        }
    }
    free(window);
    fclose(memory);
    fclose(maps);
    return found;
}

static void test_no_trace_stays(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip(); // what a sanitizer keeps of freed memory is not ours
#endif
    enum { VALUE_LEN = 24, ANSWER_MAX = 8192 };
    unsigned char hidden[VALUE_LEN];
    for (size_t i = 0; i < VALUE_LEN; i++)
        hidden[i] = (unsigned char)("qzjxkvbwpfmgycud"[(i * 7 + (size_t)getpid()) % 16] ^ 0x55);
    char *answer = calloc(1, ANSWER_MAX);
    (void)snprintf(answer, ANSWER_MAX,
                   "HTTP/1.1 200 OK\r\nContent-Length: "
                   "1111\r\n\r\n{\"data\":{\"id\":778201,\"attributes\":{\"organization-id\":4102,"
                   "\"notes\":\"%01000d\",\"password\":\"",
                   0);
    size_t len = strlen(answer);
    for (size_t i = 0; i < VALUE_LEN; i++)
        answer[len++] = (char)(hidden[i] ^ 0x55);
    memcpy(answer + len, "\\n\"}}}", 6);
    // The connection stays open, and with it whatever curl has for it.
    struct scripted_answer answers[] = {{.bytes = answer, .keep = true}};
    struct account account;
    account_start(&account, answers, 1);
    account_open(&account);
    struct source_password password;
    assert_int_equal(reveal(&account, NULL, &password), ERR_OK);
    explicit_bzero(answer, ANSWER_MAX);
    free(answer);
    assert_int_equal(secret_len(password.value), VALUE_LEN + 1);
    assert_int_equal(count_in_memory(hidden, VALUE_LEN), 1); // the secret itself
    source_password_done(&password);
    assert_int_equal(count_in_memory(hidden, VALUE_LEN), 0);
    account_stop(&account);
}

int main(void)
{
    if (source_global_init(NULL) != ERR_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_an_answer_says),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_what_is_no_password),
        cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_who_is_authorized),
        cmocka_unit_test(test_too_many_are_nobody),
        cmocka_unit_test(test_one_get_and_no_repetition),
        cmocka_unit_test(test_a_connection_serves_again),
        cmocka_unit_test(test_a_dead_connection_gets_no_second_request),
        cmocka_unit_test(test_no_trace_stays),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    source_global_done();
    return failed;
}
