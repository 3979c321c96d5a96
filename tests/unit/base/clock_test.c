// RFC 3339 in both directions, and deadlines under a faked clock.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "server/base/cleanup.h"
#include "server/base/clock.h"

static void writes_utc(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } vectors[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {1, "1970-01-01T00:00:00.000001Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {-1000000, "1969-12-31T23:59:59.000000Z"},
        {1772366400123456, "2026-03-01T12:00:00.123456Z"},
        {951782400000000, "2000-02-29T00:00:00.000000Z"},
        {253402300799999999, "9999-12-31T23:59:59.999999Z"},
        {-62135596800000000, "0001-01-01T00:00:00.000000Z"},
        {-59011459200000001, "0099-12-31T23:59:59.999999Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        char text[CLOCK_TEXT_BYTES];
        clock_text(vectors[i].us, text);
        assert_string_equal(text, vectors[i].text);
        int64_t us = 42;
        assert_true(clock_parse(text, &us));
        assert_int_equal(us, vectors[i].us);
    }
    char text[CLOCK_TEXT_BYTES];
    clock_text(INT64_MAX, text);
    clock_text(INT64_MIN, text);
}

static void reads_offsets_and_fractions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } vectors[] = {
        {"2026-03-01T12:00:00Z", 1772366400000000},
        {"2026-03-01t12:00:00z", 1772366400000000},
        {"2026-03-01 12:00:00Z", 1772366400000000},
        {"2026-03-01T12:00:00.5Z", 1772366400500000},
        {"2026-03-01T12:00:00.123456789Z", 1772366400123456},
        {"2026-03-01T12:00:00.000+00:00", 1772366400000000},
        {"2026-03-01T13:30:00+01:30", 1772366400000000},
        {"2026-03-01T04:00:00-08:00", 1772366400000000},
        {"2026-03-01T11:59:60Z", 1772366400000000},
        {"2024-02-29T00:00:00Z", 1709164800000000},
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        int64_t us = 42;
        assert_true(clock_parse(vectors[i].text, &us));
        assert_int_equal(us, vectors[i].us);
    }
}

// Each day of the calendar, and none that the calendar does not have.
static void knows_the_calendar(void **state)
{
    (void)state;
    for (int year = 0; year <= 9999; year++)
        for (int month = 0; month <= 13; month++)
            for (int day = 0; day <= 32; day += day == 1 ? 26 : 1) {
                struct tm utc = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
                int64_t us = 42, midnight_s = timegm(&utc);
                char text[64];
                (void)snprintf(text, sizeof(text), "%04d-%02d-%02dT00:00:00Z", year, month, day);
                bool exists = utc.tm_mon == month - 1 && utc.tm_mday == day;
                assert_int_equal(clock_parse(text, &us), exists);
                assert_int_equal(us, exists ? midnight_s * 1000000 : 42);
            }
}

static void refuses_what_is_no_time(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "2026",
        "2026-03-01",
        "2026-03-01T12:00:00",
        "2026-03-01T12:00Z",
        "2026-3-1T12:00:00Z",
        " 2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00Z ",
        "2026-03-01T12:00:00ZZ",
        "2026-03-01X12:00:00Z",
        "2026-+3-01T12:00:00Z",
        "2026- 3-01T12:00:00Z",
        "+026-03-01T12:00:00Z",
        "2026-00-01T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-02-29T12:00:00Z",
        "2026-04-31T12:00:00Z",
        "2026-03-00T12:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T12:60:00Z",
        "2026-03-01T12:00:61Z",
        "2026-03-01T12:00:00.Z",
        "2026-03-01T12:00:00,5Z",
        "2026-03-01T12:00:00+0000",
        "2026-03-01T12:00:00+24:00",
        "2026-03-01T12:00:00+01:60",
        "2026-03-01T12:00:00+1:00",
        "2026-03-01T12:00:00+",
        "20260301T120000Z",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int64_t us = 42;
        if (clock_parse(texts[i], &us))
            fail_msg("read \"%s\"", texts[i]);
        assert_int_equal(us, 42);
    }
}

static void fakes_both_clocks(void **state)
{
    (void)state;
    clock_fake(true, 1000, 50);
    assert_int_equal(clock_wall_us(), 1000);
    assert_int_equal(clock_steady_ms(), 50);
    clock_fake(false, 0, 0);
    assert_true(clock_wall_us() > 1700000000000000);
    int64_t before = clock_steady_ms();
    assert_true(clock_steady_ms() >= before);
}

static void counts_down_a_deadline(void **state)
{
    (void)state;
    clock_fake(true, 0, 1000);
    struct deadline deadline = deadline_in(500);
    assert_int_equal(deadline_left_ms(deadline), 500);
    assert_int_equal(deadline_left_ms(deadline_at_most(deadline, 100)), 100);
    assert_int_equal(deadline_left_ms(deadline_at_most(deadline, 900)), 500);
    clock_fake(true, 0, 1500);
    assert_int_equal(deadline_left_ms(deadline), 0);
    clock_fake(true, 0, 9999);
    assert_int_equal(deadline_left_ms(deadline), 0);
    clock_fake(false, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_utc),         cmocka_unit_test(reads_offsets_and_fractions),
        cmocka_unit_test(knows_the_calendar), cmocka_unit_test(refuses_what_is_no_time),
        cmocka_unit_test(fakes_both_clocks),  cmocka_unit_test(counts_down_a_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
