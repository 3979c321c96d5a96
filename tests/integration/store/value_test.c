// Values there and back.

#include <inttypes.h>
#include <string.h>

#include "server/store/composite.h"
#include "tests/integration/store/fixture.h"

static struct store *store;

static int open_store(void **state)
{
    (void)fixture_start(state);
    store = fixture_open(test_postgres_database(postgres), 1);
    return 0;
}

static int close_store(void **state)
{
    store = store_close(store);
    return fixture_stop(state);
}

static const struct statement echo_text = {"echo_text", "SELECT $1::text"};
static const struct statement echo_int64 = {"echo_int64", "SELECT $1"};
static const struct statement echo_bool = {"echo_bool", "SELECT $1"};
static const struct statement echo_time = {"echo_time", "SELECT $1"};
static const struct statement echo_bytes = {"echo_bytes", "SELECT $1"};
static const struct statement echo_texts = {"echo_texts", "SELECT $1"};

static void text_returns_as_sent(void **state)
{
    (void)state;
    static const char *const texts[] = {"",   "plain",        "o'brien", "back\\slash \\x41 \\n",
                                        "\"", "line\nline\t", "{a,b}",   "NULL",
                                        "😀é", "\x01\x7f",     "$1 %s"};
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, "t1");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        _cleanup_(rows_done) struct rows rows = {NULL};
        assert_ok(tx_query(tx, &echo_text, ARGS(ARG_TEXT(texts[i])), &rows, reterr));
        assert_string_equal(rows_text(&rows, 0, 0), texts[i]);
        assert_int_equal(rows_len(&rows, 0, 0), strlen(texts[i]));
        assert_false(rows_null(&rows, 0, 0));
    }
    _cleanup_(rows_done) struct rows rows = {NULL};
    assert_ok(tx_query(tx, &echo_text, ARGS(ARG_TEXT(NULL)), &rows, reterr));
    assert_true(rows_null(&rows, 0, 0));
    assert_string_equal(rows_text(&rows, 0, 0), "");
    struct arena arena;
    arena_init(&arena, 4096);
    assert_null(rows_text_copy(&rows, 0, 0, &arena));
    arena_done(&arena);
}

static void numbers_and_times_are_exact(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0, 1, -1, INT32_MAX, INT64_MAX, INT64_MIN};
    static const int64_t times[] = {1,
                                    -1,
                                    1772366400123456,
                                    946684800000000,
                                    946684799999999,
                                    -62135596800000000, // year 1
                                    253402300799999999, // the end of 9999
                                    1772366400100000};
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, "t1");
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        _cleanup_(rows_done) struct rows rows = {NULL};
        assert_ok(tx_query(tx, &echo_int64, ARGS(ARG_INT64(numbers[i])), &rows, reterr));
        assert_true(rows_int64(&rows, 0, 0) == numbers[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        _cleanup_(rows_done) struct rows rows = {NULL};
        assert_ok(tx_query(tx, &echo_time, ARGS(ARG_TIME(times[i])), &rows, reterr));
        if (rows_time(&rows, 0, 0) != times[i])
            fail_msg("%" PRId64 " came back as %s", times[i], rows_text(&rows, 0, 0));
    }
    _cleanup_(rows_done) struct rows none = {NULL}, yes = {NULL}, no = {NULL}, null = {NULL};
    assert_ok(tx_query(tx, &echo_time, ARGS(ARG_TIME(0)), &none, reterr));
    assert_true(rows_null(&none, 0, 0) && rows_time(&none, 0, 0) == 0);
    assert_ok(tx_query(tx, &echo_bool, ARGS(ARG_BOOL(true)), &yes, reterr));
    assert_true(rows_bool(&yes, 0, 0));
    assert_ok(tx_query(tx, &echo_bool, ARGS(ARG_BOOL(false)), &no, reterr));
    assert_false(rows_bool(&no, 0, 0) || rows_null(&no, 0, 0));
    assert_ok(tx_query(tx, &echo_text, ARGS(ARG_NULL), &null, reterr));
    assert_true(rows_null(&null, 0, 0) && rows_int64(&null, 0, 0) == 0);
}

static void bytes_return_as_sent(void **state)
{
    (void)state;
    unsigned char all[256];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (unsigned char)i;
    struct arena arena;
    arena_init(&arena, 65536);
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, "t1");
    _cleanup_(rows_done) struct rows rows = {NULL}, empty = {NULL}, null = {NULL};
    assert_ok(tx_query(tx, &echo_bytes, ARGS(ARG_BYTES(all, sizeof(all))), &rows, reterr));
    struct bytes bytes = rows_bytes(&rows, 0, 0, &arena);
    assert_int_equal(bytes.len, sizeof(all));
    assert_memory_equal(bytes.data, all, sizeof(all));
    assert_ok(tx_query(tx, &echo_bytes, ARGS(ARG_BYTES(all, 0)), &empty, reterr));
    bytes = rows_bytes(&empty, 0, 0, &arena);
    assert_true(bytes.data != NULL && bytes.len == 0);
    assert_ok(tx_query(tx, &echo_bytes, ARGS(ARG_BYTES(NULL, 0)), &null, reterr));
    assert_null(rows_bytes(&null, 0, 0, &arena).data);
    arena_done(&arena);
}

static void text_arrays_return_as_sent(void **state)
{
    (void)state;
    static const char *const texts[] = {"a",  "",   NULL,   "NULL", "null", "a,b",
                                        "{}", "\"", "\\\"", "😀,",   " x ",  "tab\tnl\n"};
    struct arena arena;
    arena_init(&arena, 65536);
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, "t1");
    for (size_t n = 0; n <= ARRAY_LEN(texts); n++) {
        _cleanup_(rows_done) struct rows rows = {NULL};
        assert_ok(tx_query(tx, &echo_texts, ARGS(ARG_TEXTS(texts, n)), &rows, reterr));
        size_t count = 99;
        const char *const *back = rows_texts(&rows, 0, 0, &arena, &count);
        assert_int_equal(count, n);
        for (size_t i = 0; i < n; i++) {
            if (texts[i] == NULL)
                assert_null(back[i]);
            else
                assert_string_equal(back[i], texts[i]);
        }
    }
    arena_done(&arena);
}

static void arrays_become_rows(void **state)
{
    (void)state;
    static const struct statement unnest = {
        "unnest", "SELECT * FROM unnest($1, $2, $3, $4, $5::jsonb[]) AS t(n, b, ts, data, doc)"};
    static const int64_t numbers[] = {INT64_MIN, 0, INT64_MAX};
    static const bool bools[] = {true, false, true};
    static const int64_t times[] = {1772366400123456, 0, -5};
    const struct bytes bytes[] = {{"\0\xff", 2}, {NULL, 0}, {"", 0}};
    static const char *const docs[] = {"{\"a\": \"o'b\\\\c\"}", NULL, "[]"};
    struct arena arena;
    arena_init(&arena, 65536);
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, "t1");
    _cleanup_(rows_done) struct rows rows = {NULL};
    assert_ok(tx_query(tx, &unnest,
                       ARGS(ARG_INT64S(numbers, 3), ARG_BOOLS(bools, 3), ARG_TIMES(times, 3),
                            ARG_BYTEAS(bytes, 3), ARG_TEXTS(docs, 3)),
                       &rows, reterr));
    assert_int_equal(rows_count(&rows), 3);
    for (int i = 0; i < 3; i++) {
        assert_true(rows_int64(&rows, i, 0) == numbers[i]);
        assert_int_equal(rows_bool(&rows, i, 1), bools[i]);
        assert_true(rows_time(&rows, i, 2) == times[i]);
        struct bytes back = rows_bytes(&rows, i, 3, &arena);
        assert_int_equal(back.data == NULL, bytes[i].data == NULL);
        assert_int_equal(back.len, bytes[i].len);
        assert_int_equal(rows_null(&rows, i, 4), docs[i] == NULL);
    }
    assert_string_equal(rows_text(&rows, 0, 4), docs[0]);
    _cleanup_(rows_done) struct rows none = {NULL};
    assert_ok(tx_query(tx, &unnest,
                       ARGS(ARG_INT64S(NULL, 0), ARG_BOOLS(NULL, 0), ARG_TIMES(NULL, 0),
                            ARG_BYTEAS(NULL, 0), ARG_TEXTS(NULL, 0)),
                       &none, reterr));
    assert_int_equal(rows_count(&none), 0);
    arena_done(&arena);
}

static void composites_become_rows(void **state)
{
    (void)state;
    static const struct statement make = {
        NULL,
        "CREATE TYPE pg_temp.mixed AS (t text, n bigint, b boolean, ts timestamptz, d bytea)"};
    static const struct statement unnest = {
        NULL, "SELECT * FROM unnest($1::pg_temp.mixed[]) AS m (t, n, b, ts, d)"};
    static const char *const texts[] = {
        "a",  "",     NULL, "NULL", "a,b", "(x)",       "{}",
        "\"", "\\\"", "\\", "😀,",   " x ", "tab\tnl\n", "{\"a\":\"o'b\\\\c\"}"};
    static const int64_t numbers[] = {INT64_MIN, 0, INT64_MAX}, times[] = {1772366400123456, 0, -5};
    unsigned char all[256];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (unsigned char)i;
    struct arena arena;
    arena_init(&arena, 65536);
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, "t1");
    assert_ok(tx_run(tx, &make, NULL, 0, reterr));
    for (size_t count = 0; count <= ARRAY_LEN(texts); count++) {
        _cleanup_(rows_done) struct rows rows = {NULL};
        _cleanup_(composite_done) struct composite input;
        composite_init(&input);
        for (size_t i = 0; i < count; i++) {
            composite_row(&input);
            composite_text(&input, texts[i]);
            composite_int64(&input, numbers[i % 3]);
            composite_bool(&input, i % 2 == 0);
            composite_time(&input, times[i % 3]);
            composite_bytes(&input, all, i * 19);
        }
        assert_ok(tx_query(tx, &unnest, ARGS(ARG_TEXT(composite_end(&input))), &rows, reterr));
        assert_int_equal(rows_count(&rows), count);
        for (int i = 0; i < (int)count; i++) {
            assert_int_equal(rows_null(&rows, i, 0), texts[i] == NULL);
            assert_string_equal(rows_text(&rows, i, 0), texts[i] == NULL ? "" : texts[i]);
            assert_true(rows_int64(&rows, i, 1) == numbers[i % 3]);
            assert_int_equal(rows_bool(&rows, i, 2), i % 2 == 0);
            assert_true(rows_time(&rows, i, 3) == times[i % 3]);
            struct bytes back = rows_bytes(&rows, i, 4, &arena);
            assert_int_equal(back.len, i * 19);
            assert_memory_equal(back.data, all, back.len);
        }
    }
    arena_done(&arena);
}

// Every byte alone, doubled, and between others; then what chance brings.
static void composites_hold_every_text(void **state)
{
    (void)state;
    enum { COUNT = 3000, LEN = 40 };
    static const char odd[] = "\"\\,(){}'\t\n\r\v\f \x01\x1F\x7FNUL$:;x";
    static const struct statement make = {NULL, "CREATE TYPE pg_temp.two AS (t text, u text)"};
    static const struct statement unnest = {NULL,
                                            "SELECT * FROM unnest($1::pg_temp.two[]) AS m (t, u)"};
    static char texts[COUNT][LEN + 1];
    uint64_t chance = 88172645463325252u;
    for (size_t i = 0; i < COUNT; i++) {
        size_t len = 0;
        if (i < 3 * 127) {
            char c = (char)(1 + i / 3);
            const char made[3][4] = {{c}, {c, c}, {'a', c, 'b'}};
            memcpy(texts[i], made[i % 3], 4);
            continue;
        }
        for (; len < i % LEN; len++) {
            chance ^= chance << 13, chance ^= chance >> 7, chance ^= chance << 17;
            texts[i][len] = odd[chance % (sizeof(odd) - 1)];
        }
    }
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, "t1");
    _cleanup_(rows_done) struct rows rows = {NULL};
    _cleanup_(composite_done) struct composite input;
    assert_ok(tx_run(tx, &make, NULL, 0, reterr));
    composite_init(&input);
    for (size_t i = 0; i < COUNT; i++) {
        composite_row(&input);
        composite_text(&input, texts[i]);
        composite_text(&input, i % 5 == 0 ? NULL : texts[COUNT - 1 - i]);
    }
    assert_ok(tx_query(tx, &unnest, ARGS(ARG_TEXT(composite_end(&input))), &rows, reterr));
    assert_int_equal(rows_count(&rows), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_string_equal(rows_text(&rows, (int)i, 0), texts[i]);
        assert_int_equal(rows_null(&rows, (int)i, 1), i % 5 == 0);
        assert_string_equal(rows_text(&rows, (int)i, 1), i % 5 == 0 ? "" : texts[COUNT - 1 - i]);
    }
}

static void composites_hold_every_time(void **state)
{
    (void)state;
    static const struct statement make = {NULL, "CREATE TYPE pg_temp.moment AS (ts timestamptz)"};
    static const struct statement unnest = {
        NULL, "SELECT ts, ts FROM unnest($1::pg_temp.moment[]) AS m (ts)"};
    static const int64_t first_us = -62135596800000000;
    static const char *const texts[] = {
        "0000-06-01T00:00:00Z",       "0001-01-01T00:00:00Z", "0099-12-31T23:59:59.999999Z",
        "0999-06-15T12:00:00Z",       "1000-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59.999999Z"};
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, "t1");
    assert_ok(tx_run(tx, &make, NULL, 0, reterr));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int64_t time_us;
        _cleanup_(rows_done) struct rows rows = {NULL};
        _cleanup_(composite_done) struct composite input;
        assert_true(clock_parse(texts[i], &time_us));
        composite_init(&input);
        composite_row(&input);
        composite_time(&input, time_us);
        assert_ok(tx_query(tx, &unnest, ARGS(ARG_TEXT(composite_end(&input))), &rows, reterr));
        // What is before the first year is its beginning.
        assert_true(rows_time(&rows, 0, 0) == (time_us < first_us ? first_us : time_us));
    }
}

static void large_values_pass(void **state)
{
    (void)state;
    size_t len = 20 * 1024 * 1024;
    _cleanup_(freep) char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, 'x', len);
    text[len] = '\0';
    _cleanup_(tx_abortp) struct tx *tx = fixture_begin(store, "t1");
    _cleanup_(rows_done) struct rows rows = {NULL};
    assert_ok(tx_query(tx, &echo_text, ARGS(ARG_TEXT(text)), &rows, reterr));
    assert_int_equal(rows_len(&rows, 0, 0), len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_returns_as_sent),       cmocka_unit_test(numbers_and_times_are_exact),
        cmocka_unit_test(bytes_return_as_sent),       cmocka_unit_test(text_arrays_return_as_sent),
        cmocka_unit_test(arrays_become_rows),         cmocka_unit_test(large_values_pass),
        cmocka_unit_test(composites_become_rows),     cmocka_unit_test(composites_hold_every_text),
        cmocka_unit_test(composites_hold_every_time),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
