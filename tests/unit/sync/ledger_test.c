// The arithmetic of the request budget, at times that the tests choose.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/sync/ledger.h"

enum { SECOND = 1000000, WINDOW = 300 * SECOND, LIMIT = 1000, SHARE = 800, STEP = WINDOW / 100 };

static const struct ledger_policy policy = {LIMIT, SHARE, WINDOW};
static struct ledger ledger;

static int setup(void **state)
{
    (void)state;
    ledger = (struct ledger){0};
    return 0;
}

// Takes up to `want` for a sync. Returns how many; `wait_us` if none.
static int64_t take(int64_t now_us, int64_t want, int64_t *wait_us)
{
    int64_t granted = ledger_room(&ledger, &policy, now_us, want, wait_us);
    if (granted > 0)
        (void)ledger_count(&ledger, &policy, now_us, granted, 0);
    return granted;
}

static void the_share_may_burst_and_no_more(void **state)
{
    (void)state;
    int64_t wait_us;
    assert_int_equal(take(SECOND, 500, &wait_us), 500);
    assert_int_equal(take(SECOND, 500, &wait_us), SHARE - 500);
    assert_int_equal(take(SECOND, 1, &wait_us), 0);
    assert_true(wait_us >= WINDOW && wait_us <= WINDOW + 2 * STEP);
    assert_int_equal(ledger_used(&ledger, SECOND), SHARE);
    assert_int_equal(take(SECOND + wait_us - 1, 1, &wait_us), 0);
    assert_int_equal(take(SECOND + WINDOW + 2 * STEP, SHARE, &wait_us), SHARE);
}

// Whenever requests are made, no window of any placing has more than the limit, nor more of syncs
// than the share.
static void every_window_holds(void **state)
{
    (void)state;
    enum { MOST = 12000 };
    static int64_t times[MOST];
    static bool of_sync[MOST];
    int count = 0;
    int64_t now_us = 7, wait_us;
    unsigned random = 7;
    while (count < MOST - 100) {
        random = random * 1664525u + 1013904223u;
        bool sync = random >> 30 != 0;
        int64_t granted = sync ? take(now_us, (random >> 16) % 64 + 1, &wait_us) : 0;
        if (!sync) {
            wait_us = ledger_wait(&ledger, &policy, now_us);
            granted = wait_us == 0;
            if (granted > 0)
                (void)ledger_count(&ledger, &policy, now_us, 0, 1);
        }
        for (int64_t i = 0; i < granted; i++) {
            times[count] = now_us;
            of_sync[count++] = sync;
        }
        now_us += granted == 0 && sync ? wait_us : (random >> 10) % SECOND;
        ledger_forget(&ledger, now_us);
        assert_true(ledger.count <= 110);
    }
    int all = 0, syncs = 0, first = 0;
    for (int i = 0; i < count; i++) {
        all++;
        syncs += of_sync[i];
        while (times[first] <= times[i] - WINDOW) {
            all--;
            syncs -= of_sync[first++];
        }
        assert_true(all <= LIMIT && syncs <= SHARE);
    }
}

// Bursts and waits come near to what the share allows in the long run.
static void little_is_lost(void **state)
{
    (void)state;
    int64_t now_us = 1, wait_us, made = 0;
    while (now_us < 10 * (int64_t)WINDOW) {
        int64_t granted = take(now_us, SHARE / 50, &wait_us);
        made += granted;
        // 20 a second.
        now_us += granted > 0 ? granted * SECOND / 20 : wait_us;
        ledger_forget(&ledger, now_us);
    }
    assert_true(made * 110 >= 100 * 10 * SHARE);
}

static void the_reserve_is_not_the_syncs(void **state)
{
    (void)state;
    int64_t wait_us;
    assert_int_equal(take(1, LIMIT, &wait_us), SHARE);
    int others = 0;
    while (ledger_wait(&ledger, &policy, 1) == 0) {
        (void)ledger_count(&ledger, &policy, 1, 0, 1);
        others++;
    }
    // All but a twentieth, for what is made before processes tell each other.
    assert_int_equal(others, (LIMIT - SHARE) * 19 / 20);
    assert_true(ledger_wait(&ledger, &policy, 1) >= WINDOW);
    // Others who use more than the reserve take it from the syncs.
    ledger = (struct ledger){0};
    (void)ledger_count(&ledger, &policy, 1, 0, LIMIT - SHARE + 100);
    assert_int_equal(take(1, LIMIT, &wait_us), SHARE - 100 - (LIMIT - SHARE) / 20);
}

static void it_is_tight_before_the_end(void **state)
{
    (void)state;
    (void)ledger_count(&ledger, &policy, 1, SHARE, 0);
    assert_false(ledger_is_tight(&ledger, &policy, 1, 0));
    assert_false(ledger_is_tight(&ledger, &policy, 1, 139));
    assert_true(ledger_is_tight(&ledger, &policy, 1, 140));
}

static void what_was_not_used_is_taken_back(void **state)
{
    (void)state;
    int64_t wait_us, leave_us = ledger_count(&ledger, &policy, 5 * SECOND, 48, 3);
    ledger_uncount(&ledger, leave_us, 48);
    assert_int_equal(ledger_used(&ledger, 5 * SECOND), 3);
    ledger_uncount(&ledger, leave_us, 48);
    assert_int_equal(ledger_used(&ledger, 5 * SECOND), 3);
    assert_int_equal(take(5 * SECOND, LIMIT, &wait_us), SHARE);
}

static void it_stays_small(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 10000; i++) {
        const struct ledger_policy longer = {LIMIT, SHARE, WINDOW + i * 7919};
        (void)ledger_count(&ledger, &longer, i * SECOND, 1, 0);
    }
    assert_int_equal(ledger.count, LEDGER_ENTRIES_MAX);
    assert_int_equal(ledger_used(&ledger, 0), 10000);
}

static void refusals_close_it(void **state)
{
    (void)state;
    int64_t wait_us;
    assert_int_equal(ledger_refuse(&ledger, &policy, SECOND, 700, 0), 700);
    assert_int_equal(take(SECOND, 1, &wait_us), 0);
    assert_int_equal(wait_us, 700);
    // A person is not kept waiting: upstream decides.
    assert_int_equal(ledger_wait(&ledger, &policy, SECOND), 0);
    assert_int_equal(take(SECOND + 700, 1, &wait_us), 1);
    assert_int_equal(ledger_refuse(&ledger, &policy, 9 * SECOND, 86400 * (int64_t)SECOND, 0),
                     300 * (int64_t)SECOND);
}

static void refusals_without_a_word_double(void **state)
{
    (void)state;
    int64_t most_us = 2 * SECOND, now_us = 1;
    for (int i = 0; i < 20; i++) {
        int64_t closed_us = ledger_refuse(&ledger, &policy, now_us, 0, i % 2);
        assert_int_equal(closed_us, i % 2 ? most_us : most_us / 2);
        // What was under way meanwhile neither doubles it nor makes it longer.
        assert_int_equal(ledger_refuse(&ledger, &policy, now_us + 1, 0, 1), closed_us - 1);
        most_us = most_us * 2 > 60 * SECOND ? 60 * SECOND : most_us * 2;
        now_us += closed_us;
    }
}

static void others_use_of_the_key_is_seen(void **state)
{
    (void)state;
    (void)ledger_count(&ledger, &policy, 1, 300, 50);
    (void)ledger_refuse(&ledger, &policy, 2 * SECOND, 0, 0);
    assert_int_equal(ledger.foreign, LIMIT - 350);
    assert_int_equal(ledger.foreign_time_us, 2 * SECOND);
    // Whoever has used all of it himself has seen nobody.
    ledger = (struct ledger){0};
    (void)ledger_count(&ledger, &policy, 1, SHARE, LIMIT - SHARE);
    (void)ledger_refuse(&ledger, &policy, 2 * SECOND, 0, 0);
    assert_int_equal(ledger.foreign, 0);
    assert_int_equal(ledger.foreign_time_us, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_share_may_burst_and_no_more, setup),
        cmocka_unit_test_setup(every_window_holds, setup),
        cmocka_unit_test_setup(little_is_lost, setup),
        cmocka_unit_test_setup(the_reserve_is_not_the_syncs, setup),
        cmocka_unit_test_setup(it_is_tight_before_the_end, setup),
        cmocka_unit_test_setup(what_was_not_used_is_taken_back, setup),
        cmocka_unit_test_setup(it_stays_small, setup),
        cmocka_unit_test_setup(refusals_close_it, setup),
        cmocka_unit_test_setup(refusals_without_a_word_double, setup),
        cmocka_unit_test_setup(others_use_of_the_key_is_seen, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
