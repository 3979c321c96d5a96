// Fields: times, etags, required texts and update masks.
#include "server/service/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static int start(void **state)
{
    (void)state;
    arena_init(&arena, 64 * 1024);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

// The nanoseconds of a Timestamp count forwards, before 1970 too.
static void makes_times(void **state)
{
    (void)state;
    static const struct {
        int64_t us, seconds;
        int32_t nanos;
    } rows[] = {
        {1, 0, 1000},
        {999999, 0, 999999000},
        {1000000, 1, 0},
        {1772366400123456, 1772366400, 123456000},
        {-1, -1, 999999000},
        {-999999, -1, 1000},
        {-1000000, -1, 0},
        {-1000001, -2, 999999000},
        {-62135596800000000, -62135596800, 0},
        {INT64_MAX, 9223372036854, 775807000},
        {INT64_MIN, -9223372036855, 224192000},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const Google__Protobuf__Timestamp *time = field_time(&arena, rows[i].us);
        assert_non_null(time);
        assert_int_equal(time->seconds, rows[i].seconds);
        assert_int_equal(time->nanos, rows[i].nanos);
    }
    assert_null(field_time(&arena, 0));
}

// The two parts of a Duration have one sign.
static void makes_durations(void **state)
{
    (void)state;
    static const struct {
        int64_t us, seconds;
        int32_t nanos;
    } rows[] = {{0, 0, 0},
                {1500000, 1, 500000000},
                {7, 0, 7000},
                {300000000, 300, 0},
                {-1500000, -1, -500000000}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const Google__Protobuf__Duration *duration = field_duration(&arena, rows[i].us);
        assert_non_null(duration);
        assert_int_equal(duration->seconds, rows[i].seconds);
        assert_int_equal(duration->nanos, rows[i].nanos);
    }
}

static void makes_messages_that_pack(void **state)
{
    (void)state;
    unsigned char bytes[64];
    assert_int_equal(google__protobuf__timestamp__pack(field_time(&arena, 1500000), bytes), 8);
    assert_int_equal(google__protobuf__duration__pack(field_duration(&arena, 2000000), bytes), 2);
}

static void compares_etags(void **state)
{
    (void)state;
    char *etag = field_etag(&arena, 41);
    assert_int_equal(field_etag_check(etag, 41, &arena, NULL), ERR_OK);
    assert_int_equal(field_etag_check("", 41, &arena, NULL), ERR_OK);
    assert_string_not_equal(etag, field_etag(&arena, 42));
    static const char *const others[] = {"41", "r4", "r411", " r41", "R41", "*"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(field_etag_check(others[i], 41, &arena, NULL), ERR_ETAG_MISMATCH);
    struct err err = {0};
    assert_int_equal(field_etag_check(etag, 42, &arena, &err), ERR_ETAG_MISMATCH);
    assert_int_equal(err_status(err.code), STATUS_ABORTED);
    assert_string_equal(err_meta_get(&err, "current_etag"), field_etag(&arena, 42));
}

static void bounds_texts_in_characters(void **state)
{
    (void)state;
    assert_int_equal(field_text("Acme", "display_name", 4, NULL), ERR_OK);
    assert_int_equal(field_text("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "display_name", 3, NULL),
                     ERR_OK);
    static const char *const others[] = {"", " ", "\t\r\n ", "Acme!"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct err err = {0};
        assert_int_equal(field_text(others[i], "display_name", 4, &err), ERR_FIELD_INVALID);
        assert_string_equal(err.field, "display_name");
    }
    assert_int_equal(field_text("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "display_name", 2, NULL),
                     ERR_FIELD_INVALID);
}

static const char *const ALLOWED[] = {"documents_enabled", "checklists_enabled", "sharing.enabled",
                                      NULL};

static enum err_code mask_of(const char *first, const char *second, unsigned *ret_bits,
                             struct err *err)
{
    char a[64] = "", b[64] = "";
    char *paths[] = {a, b};
    Google__Protobuf__FieldMask mask;
    google__protobuf__field_mask__init(&mask);
    mask.paths = paths;
    mask.n_paths = first == NULL ? 0 : second == NULL ? 1 : 2;
    memcpy(a, first == NULL ? "" : first, first == NULL ? 1 : strlen(first) + 1);
    memcpy(b, second == NULL ? "" : second, second == NULL ? 1 : strlen(second) + 1);
    return field_mask(&mask, ALLOWED, ret_bits, err);
}

static void reads_masks(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        unsigned bits;
    } rows[] = {
        {"documents_enabled", NULL, 1},
        {"checklists_enabled", NULL, 2},
        {"sharing.enabled", "documents_enabled", 5},
        {"documents_enabled", "documents_enabled", 1},
        {"*", NULL, 7},
        {"checklists_enabled", "*", 7},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned bits = 0;
        assert_int_equal(mask_of(rows[i].first, rows[i].second, &bits, NULL), ERR_OK);
        assert_int_equal(bits, rows[i].bits);
    }
}

static void refuses_unknown_paths_and_no_paths(void **state)
{
    (void)state;
    static const char *const others[] = {"",
                                         "name",
                                         "update_time",
                                         "documents_enabled ",
                                         "Documents_enabled",
                                         "sharing",
                                         "sharing.",
                                         "documents_enabled.x",
                                         "**",
                                         "documents_enabled,"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        unsigned bits = 99;
        struct err err = {0};
        assert_int_equal(mask_of(others[i], NULL, &bits, &err), ERR_FIELD_INVALID);
        assert_string_equal(err.field, "update_mask");
        // One path that is known does not excuse the other.
        assert_int_equal(mask_of("documents_enabled", others[i], &bits, NULL), ERR_FIELD_INVALID);
        assert_int_equal(mask_of("*", others[i], &bits, NULL), ERR_FIELD_INVALID);
        assert_int_equal(bits, 99);
    }
    unsigned bits = 99;
    assert_int_equal(mask_of(NULL, NULL, &bits, NULL), ERR_FIELD_INVALID);
    assert_int_equal(field_mask(NULL, ALLOWED, &bits, NULL), ERR_FIELD_INVALID);
    assert_int_equal(bits, 99);
}

static void reports_want_of_memory(void **state)
{
    (void)state;
    struct arena small;
    arena_init(&small, 2);
    assert_null(field_time(&small, 1));
    assert_null(field_duration(&small, 1));
    assert_int_equal(field_etag_check("r1", 1, &small, NULL), ERR_INTERNAL);
    arena_done(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_times),
        cmocka_unit_test(makes_durations),
        cmocka_unit_test(makes_messages_that_pack),
        cmocka_unit_test(compares_etags),
        cmocka_unit_test(bounds_texts_in_characters),
        cmocka_unit_test(reads_masks),
        cmocka_unit_test(refuses_unknown_paths_and_no_paths),
        cmocka_unit_test(reports_want_of_memory),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
