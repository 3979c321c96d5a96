// Page tokens open for the caller and the list they were made for, whole and unchanged (DOC-06).
#include "server/service/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <sodium.h>

#include "server/base/encoding.h"

static const char CURSOR[] = "acme corp\x1f"
                             "4711";

static struct arena arena;
static struct backend backend;
static struct principal caller;
static struct request request;
static struct page_list list;

static int start(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    memset(backend.token_keys[0], 7, sizeof(backend.token_keys[0]));
    backend.token_key_count = 1;
    caller = (struct principal){.tenant = "tenant-a", .subject = "user-1"};
    request = (struct request){.backend = &backend, .caller = &caller, .arena = &arena};
    list = (struct page_list){
        .method = "ListPasswords", .parent = "companies/x", .filter = "display_name : \"a\""};
    return 0;
}

static int stop(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static char *make(const char *cursor)
{
    char *token = NULL;
    assert_int_equal(page_make(&request, &list, cursor, &token, NULL), ERR_OK);
    return token;
}

static void assert_refused(const char *token)
{
    const char *cursor = "untouched";
    struct err err = {0};
    if (page_open(&request, &list, token, &cursor, &err) == ERR_OK)
        fail_msg("opened: %s", token);
    assert_int_equal(err.code, ERR_PAGE_TOKEN_INVALID);
    assert_int_equal(err_status(err.code), STATUS_INVALID_ARGUMENT);
    assert_string_equal(err.field, "page_token");
    assert_string_equal(cursor, "untouched");
}

static void assert_opens(const char *token, const char *wanted)
{
    const char *cursor = NULL;
    assert_int_equal(page_open(&request, &list, token, &cursor, NULL), ERR_OK);
    assert_string_equal(cursor, wanted);
}

static void opens_what_it_made(void **state)
{
    (void)state;
    char longest[PAGE_CURSOR_MAX + 1];
    memset(longest, 'z', PAGE_CURSOR_MAX);
    longest[PAGE_CURSOR_MAX] = '\0';
    const char *const cursors[] = {"1", CURSOR, "\xc3\xa4\xe2\x82\xac", longest};
    for (size_t i = 0; i < ARRAY_LEN(cursors); i++) {
        char *token = make(cursors[i]);
        assert_opens(token, cursors[i]);
        // It fits the field that carries it, and needs no escape in a URL.
        assert_true(strlen(token) <= 1024);
        assert_int_equal(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789-_"),
                         strlen(token));
    }
    assert_opens("", "");
}

// A position is the beginning of a name, and what lists mask may stand in it.
static void tells_nothing_of_the_position(void **state)
{
    (void)state;
    static const char cursor[] = "admin password hunter2";
    const char *const tokens[] = {make(cursor), make(cursor)};
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        unsigned char bytes[PAGE_CURSOR_MAX];
        size_t len;
        assert_true(
            encoding_base64url_decode(tokens[i], strlen(tokens[i]), bytes, sizeof(bytes), &len));
        for (size_t at = 0; at + 4 <= len; at++)
            for (size_t part = 0; part + 4 < sizeof(cursor); part++)
                assert_memory_not_equal(bytes + at, cursor + part, 4);
    }
    assert_string_not_equal(tokens[0], tokens[1]);
}

// Another process with the same key is another replica.
static void opens_on_another_replica(void **state)
{
    (void)state;
    char *token = make(CURSOR);
    struct backend replica = {.token_key_count = 1};
    memcpy(replica.token_keys[0], backend.token_keys[0], sizeof(replica.token_keys[0]));
    request.backend = &replica;
    assert_opens(token, CURSOR);
    replica.token_keys[0][31] ^= 1;
    assert_refused(token);
}

// A replica on its way to another master key: both keys open, the first alone makes.
static void opens_while_the_key_is_changed(void **state)
{
    (void)state;
    char *old = make(CURSOR);
    struct backend changed = {.token_key_count = 2};
    memset(changed.token_keys[0], 9, sizeof(changed.token_keys[0]));
    memcpy(changed.token_keys[1], backend.token_keys[0], sizeof(changed.token_keys[1]));
    request.backend = &changed;
    assert_opens(old, CURSOR);
    char *new = make(CURSOR);
    changed.token_key_count = 1;
    assert_opens(new, CURSOR);
    assert_refused(old);
    request.backend = &backend;
    assert_refused(new);
}

static void is_bound_to_the_caller(void **state)
{
    (void)state;
    char *token = make(CURSOR);
    caller.tenant = "tenant-b";
    assert_refused(token);
    caller.tenant = "tenant-a";
    caller.subject = "user-2";
    assert_refused(token);
    // The boundary between two texts counts.
    caller.tenant = "tenant-au";
    caller.subject = "ser-1";
    assert_refused(token);
    caller.tenant = "tenant-a";
    caller.subject = "user-1";
    assert_opens(token, CURSOR);
}

static void is_bound_to_the_list(void **state)
{
    (void)state;
    char *token = make(CURSOR);
    const struct page_list made = list;
    list.method = "ListDocuments";
    assert_refused(token);
    list = made;
    list.parent = "companies/y";
    assert_refused(token);
    list.parent = NULL;
    assert_refused(token);
    list = made;
    list.filter = "";
    assert_refused(token);
    list.filter = "display_name : \"b\"";
    assert_refused(token);
    list.parent = "companies/xdisplay_name";
    list.filter = " : \"a\"";
    assert_refused(token);
    list = made;
    assert_opens(token, CURSOR);
}

static void treats_no_parent_and_an_empty_one_alike(void **state)
{
    (void)state;
    list.parent = NULL;
    list.filter = NULL;
    char *token = make(CURSOR);
    list.parent = "";
    list.filter = "";
    assert_opens(token, CURSOR);
}

static void refuses_each_flipped_bit(void **state)
{
    (void)state;
    char *token = make(CURSOR);
    for (size_t i = 0; token[i] != '\0'; i++) {
        for (int bit = 0; bit < 8; bit++) {
            token[i] = (char)(token[i] ^ 1 << bit);
            if (token[i] != '\0')
                assert_refused(token);
            token[i] = (char)(token[i] ^ 1 << bit);
        }
    }
    assert_opens(token, CURSOR);
}

static void refuses_each_truncation(void **state)
{
    (void)state;
    char *token = make(CURSOR);
    for (size_t len = strlen(token) - 1; len > 0; len--) {
        token[len] = '\0';
        assert_refused(token);
    }
}

static void refuses_what_it_never_made(void **state)
{
    (void)state;
    char *token = make(CURSOR);
    static const char *const texts[] = {
        "!", "not base64!", "AAAA", " ", "MQ==", "\xff", "AAAAAAAAAAAAAAAAAAAAAA"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_refused(texts[i]);
    char more[1024 + 1] = {0};
    memcpy(more, token, strlen(token));
    more[strlen(token)] = '=';
    assert_refused(more);
    memset(more, 'A', sizeof(more) - 1);
    assert_refused(more);
}

// A cursor longer than a token holds is a fault of the server, told before a client sees it.
static void bounds_the_cursor(void **state)
{
    (void)state;
    char cursor[PAGE_CURSOR_MAX + 2];
    char *token = NULL;
    memset(cursor, 'z', sizeof(cursor) - 1);
    cursor[sizeof(cursor) - 1] = '\0';
    assert_int_equal(page_make(&request, &list, cursor, &token, NULL), ERR_INTERNAL);
    assert_int_equal(page_make(&request, &list, "", &token, NULL), ERR_INTERNAL);
    assert_null(token);
}

static void reports_want_of_memory(void **state)
{
    (void)state;
    char *token = make(CURSOR);
    struct arena small;
    const char *cursor = NULL;
    arena_init(&small, 4);
    request.arena = &small;
    assert_int_equal(page_open(&request, &list, token, &cursor, NULL), ERR_INTERNAL);
    assert_int_equal(page_make(&request, &list, CURSOR, &token, NULL), ERR_INTERNAL);
    arena_done(&small);
}

static void chooses_the_size(void **state)
{
    (void)state;
    static const struct {
        int32_t asked;
        int size;
    } rows[] = {{0, 50}, {1, 1}, {50, 50}, {1000, 1000}, {1001, 1000}, {INT32_MAX, 1000}};
    int size = -1;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(page_size(rows[i].asked, &size, NULL), ERR_OK);
        assert_int_equal(size, rows[i].size);
    }
    static const int32_t negative[] = {-1, INT32_MIN};
    for (size_t i = 0; i < ARRAY_LEN(negative); i++) {
        struct err err = {0};
        assert_int_equal(page_size(negative[i], &size, &err), ERR_FIELD_INVALID);
        assert_string_equal(err.field, "page_size");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(opens_what_it_made, start, stop),
        cmocka_unit_test_setup_teardown(tells_nothing_of_the_position, start, stop),
        cmocka_unit_test_setup_teardown(opens_on_another_replica, start, stop),
        cmocka_unit_test_setup_teardown(opens_while_the_key_is_changed, start, stop),
        cmocka_unit_test_setup_teardown(is_bound_to_the_caller, start, stop),
        cmocka_unit_test_setup_teardown(is_bound_to_the_list, start, stop),
        cmocka_unit_test_setup_teardown(treats_no_parent_and_an_empty_one_alike, start, stop),
        cmocka_unit_test_setup_teardown(refuses_each_flipped_bit, start, stop),
        cmocka_unit_test_setup_teardown(refuses_each_truncation, start, stop),
        cmocka_unit_test_setup_teardown(refuses_what_it_never_made, start, stop),
        cmocka_unit_test_setup_teardown(bounds_the_cursor, start, stop),
        cmocka_unit_test_setup_teardown(reports_want_of_memory, start, stop),
        cmocka_unit_test_setup_teardown(chooses_the_size, start, stop),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
