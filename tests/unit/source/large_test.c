// Long strings, of which the parser gets ever larger pieces: nothing around them is lost.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/clock.h"
#include "tests/unit/source/collector.h"

enum { RECORD_MAX = 333333, UNIT_LEN = 9, LARGE_MAX = 4 * 1024 * 1024 };

static const struct source_query documents = {
    .kind = SOURCE_FLEXIBLE_ASSETS, .type_id = 7, .page_number = 1, .page_size = 50};

// A page of three records, whose second has `times` times four characters in one string.
static char *page_of(size_t times)
{
    static const char before[] = "{\"data\":[{\"id\":1,\"attributes\":{\"organization-id\":2}},"
                                 "{\"id\":2,\"attributes\":{\"organization-id\":2,\"name\":\"abc";
    static const char after[] = "\"}},{\"id\":3,\"attributes\":{\"organization-id\":2,"
                                "\"name\":\"last\"}}],\"meta\":{\"total-count\":3}}";
    char *text = malloc(sizeof(before) + sizeof(after) + times * UNIT_LEN), *end = text;
    end = stpcpy(end, before);
    for (size_t i = 0; i < times; i++)
        end = stpcpy(end, "\\u00e9x\\\\");
    (void)stpcpy(end, after);
    return text;
}

static void assert_parsed(const char *text, size_t piece, size_t times)
{
    struct collector got;
    struct source_page page;
    struct err err = {0};
    bool fits = times * UNIT_LEN + 100 < RECORD_MAX;
    collector_init(&got);
    assert_int_equal(
        collector_parse(&got, &documents, text, strlen(text), piece, RECORD_MAX, &page, &err),
        ERR_OK);
    assert_int_equal(page.record_count, 3);
    assert_int_equal(page.total_count, 3);
    assert_int_equal(got.record_count, fits ? 3 : 2);
    assert_int_equal(got.quarantine_count, fits ? 0 : 1);
    assert_string_equal(got.records[got.record_count - 1].name, "last");
    // A name is kept so far as lists can have a thousand of them.
    size_t most = SOURCE_NAME_MAX_BYTES, len = 4 * times + 3;
    if (fits)
        assert_int_equal(strlen(got.records[1].name), len <= most ? len : most - 1);
    else
        assert_string_equal(got.quarantined[0].reason, "RECORD_TOO_LARGE");
    collector_done(&got);
}

static void nothing_around_a_long_string_is_lost(void **state)
{
    (void)state;
    static const size_t pieces[] = {0, 1000, 4096, 16384, 100000};
    static const size_t times[] = {100, 3000, 30000, 37000, 37100, 40000, 90000};
    for (size_t t = 0; t < ARRAY_LEN(times); t++) {
        char *text _cleanup_(freep) = page_of(times[t]);
        for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
            assert_parsed(text, pieces[i], times[t]);
    }
}

// yajl begins a string anew with each piece of it: without larger ones this is two hundred times as
// much work.
static void a_long_string_takes_as_long_as_it_is(void **state)
{
    (void)state;
    char *text _cleanup_(freep) = page_of(LARGE_MAX / UNIT_LEN - 100);
    int64_t took_ms[2];
    for (int i = 0; i < 2; i++) {
        struct collector got;
        struct source_page page;
        struct err err = {0};
        int64_t began_ms = clock_steady_ms();
        collector_init(&got);
        assert_int_equal(collector_parse(&got, &documents, text, strlen(text), i == 0 ? 0 : 2048,
                                         LARGE_MAX, &page, &err),
                         ERR_OK);
        assert_int_equal(got.record_count, 3);
        collector_done(&got);
        took_ms[i] = clock_steady_ms() - began_ms;
    }
    assert_true(took_ms[1] < 20 * took_ms[0] + 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_around_a_long_string_is_lost),
        cmocka_unit_test(a_long_string_takes_as_long_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
