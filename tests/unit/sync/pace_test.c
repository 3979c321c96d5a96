#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/sync/pace.h"

static void a_fifth_beside_runs_that_store(void **state)
{
    (void)state;
    assert_int_equal(pace_rest_ms(1000, 1000, 10000), 4000);
    // Sixteen runs at once, one of which ended a page that began long before.
    assert_int_equal(pace_rest_ms(100, 16000, 10000), 400);
}

static void no_rest_beside_runs_that_wait(void **state)
{
    (void)state;
    assert_int_equal(pace_rest_ms(1000, 0, 10000), 0);
    assert_int_equal(pace_rest_ms(1000, 20, 10000), 80);
}

static void rests_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(pace_rest_ms(2500, 2500, 10000), 10000);
    assert_int_equal(pace_rest_ms(60000, 60000, 10000), 10000);
    assert_int_equal(pace_rest_ms(INT64_MAX, INT64_MAX, 333), 333);
    assert_int_equal(pace_rest_ms(0, 0, 333), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fifth_beside_runs_that_store),
        cmocka_unit_test(no_rest_beside_runs_that_wait),
        cmocka_unit_test(rests_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
