#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/base/clock.h"
#include "server/sync/budget.h"

enum { LIMIT = 100, WINDOW_MS = 1000, SHARE = 80 };

static struct budget *budget;
static struct budget_account *account;
static int64_t now_ms;

static void at(int64_t ms)
{
    now_ms = ms;
    clock_fake(true, ms * 1000, ms);
}

static int setup(void **state)
{
    (void)state;
    at(5000);
    assert_int_equal(budget_new(LIMIT, WINDOW_MS, 20, &budget, NULL), ERR_OK);
    assert_int_equal(budget_open(budget, "t", "c", 1, &account, NULL), ERR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    budget = budget_free(budget);
    clock_fake(false, 0, 0);
    return 0;
}

static void the_share_may_burst_and_no_more(void **state)
{
    (void)state;
    for (int i = 0; i < SHARE; i++)
        assert_int_equal(budget_take(account), 0);
    assert_int_equal(budget_take(account), WINDOW_MS);
    assert_int_equal(budget_use(budget, "t", "c").used, SHARE);
    at(now_ms + 999);
    assert_int_equal(budget_take(account), 1);
    at(now_ms + 1);
    assert_int_equal(budget_take(account), 0);
    assert_int_equal(budget_use(budget, "t", "c").used, 1);
}

// No window of any placing holds more than the share.
static void every_window_holds(void **state)
{
    (void)state;
    int64_t times[4000];
    int count = 0;
    unsigned random = 7;
    while (count < 4000) {
        random = random * 1664525u + 1013904223u;
        int64_t wait_ms = budget_take(account);
        if (wait_ms == 0)
            times[count++] = now_ms;
        at(now_ms + (wait_ms != 0 ? wait_ms : (random >> 20) % 7));
    }
    for (int i = SHARE; i < count; i++)
        assert_true(times[i] - times[i - SHARE] >= WINDOW_MS);
}

static void requests_beyond_count_too(void **state)
{
    (void)state;
    assert_int_equal(budget_take(account), 0);
    budget_add(account, SHARE + 10);
    assert_true(budget_take(account) > 0);
    budget_add(account, 10 * LIMIT);
    assert_int_equal(budget_use(budget, "t", "c").used, LIMIT);
}

static void refusals_close_it(void **state)
{
    (void)state;
    assert_int_equal(budget_refused(account, 700), 700);
    assert_int_equal(budget_take(account), 700);
    at(now_ms + 700);
    assert_int_equal(budget_take(account), 0);
    budget_served(account);
    // Without a word from upstream: longer and longer, never too long.
    int64_t most = 2000;
    for (int i = 0; i < 20; i++) {
        int64_t wait_ms = budget_refused(account, 0);
        assert_true(wait_ms >= most / 2 && wait_ms <= most);
        most = most * 2 > 60000 ? 60000 : most * 2;
    }
    assert_int_equal(budget_refused(account, 86400000), 300000);
}

static void another_key_begins_anew(void **state)
{
    (void)state;
    for (int i = 0; i < SHARE; i++)
        assert_int_equal(budget_take(account), 0);
    struct budget_account *same;
    assert_int_equal(budget_open(budget, "t", "c", 1, &same, NULL), ERR_OK);
    assert_ptr_equal(same, account);
    assert_true(budget_take(same) > 0);
    assert_int_equal(budget_open(budget, "t", "c", 2, &same, NULL), ERR_OK);
    assert_int_equal(budget_take(same), 0);
    struct budget_account *other;
    assert_int_equal(budget_open(budget, "t2", "c", 1, &other, NULL), ERR_OK);
    assert_ptr_not_equal(other, account);
    assert_int_equal(budget_use(budget, "t3", "c").used, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_share_may_burst_and_no_more), TEST(every_window_holds),
        TEST(requests_beyond_count_too),       TEST(refusals_close_it),
        TEST(another_key_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
