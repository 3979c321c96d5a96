// What a page says of its walk: whether it was the last, and whether anything was missed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/sync/judge.h"

enum { SIZE = 10, SINCE_US = 1000 };

// After the page `number` of a list that had `total` rows at first, `rows` came.
static struct progress judge(int number, int64_t rows, int64_t total,
                             const struct source_page *answer)
{
    const struct checkpoint at = {
        .offset = (int64_t)number * SIZE, .rows = rows, .page_size = SIZE, .total = total};
    return judge_page(&at, answer, number);
}

static struct progress judge_delta(int number, int64_t rows, int64_t oldest_us,
                                   const struct source_page *answer)
{
    const struct checkpoint at = {.offset = (int64_t)number * SIZE,
                                  .rows = rows,
                                  .page_size = SIZE,
                                  .total = 30,
                                  .since_us = SINCE_US};
    const struct page page = {.oldest_us = oldest_us};
    return judge_changes(&at, &page, answer, number);
}

static void a_list_that_agrees_is_sure(void **state)
{
    (void)state;
    const struct source_page first = {10, 15, 2}, last = {5, 15, 0};
    assert_false(judge(1, 10, 15, &first).last);
    struct progress end = judge(2, 15, 15, &last);
    assert_true(end.last && end.sure && !end.moved);
}

static void a_count_that_does_not_agree_is_looked_at_again(void **state)
{
    (void)state;
    // A row went; another count than at first; more rows than there can be.
    const struct source_page fewer = {5, 15, 0}, other = {5, 14, 0}, more = {8, 15, 0};
    const struct source_page *const answers[] = {&fewer, &other, &more};
    const int64_t rows[] = {14, 15, 18};
    for (int i = 0; i < 3; i++) {
        struct progress end = judge(2, rows[i], 15, answers[i]);
        assert_true(end.last && !end.sure && end.moved);
    }
}

static void an_empty_page_is_not_the_last_if_more_are_counted(void **state)
{
    (void)state;
    const struct source_page amid = {0, 30, 3}, end = {10, 30, 0}, beyond = {0, 30, 0},
                             counted = {0, 10, 3};
    assert_false(judge(2, 10, 30, &amid).last);
    struct progress after = judge(3, 20, 30, &end);
    assert_true(after.last && !after.sure);
    assert_true(judge(4, 20, 30, &beyond).last);
    assert_true(judge(2, 10, 10, &counted).last);
}

static void a_next_page_that_loops_is_counted_past(void **state)
{
    (void)state;
    const struct source_page loop = {10, 30, 2}, end = {10, 30, 3}, nothing = {0, 40, 2};
    assert_false(judge(2, 20, 30, &loop).last);
    struct progress after = judge(3, 30, 30, &end);
    assert_true(after.last && !after.sure);
    // The count lies, and nothing comes.
    assert_true(judge(4, 30, 40, &nothing).last);
}

static void changes_end_where_they_are_known(void **state)
{
    (void)state;
    const struct source_page more = {10, 30, 2}, empty = {0, 30, 3}, loop = {0, 30, 2},
                             last = {10, 30, 0};
    struct progress end = judge_delta(1, 10, SINCE_US - 1, &more);
    assert_true(end.last && end.sure);
    assert_false(judge_delta(1, 10, SINCE_US + 1, &more).last);
    assert_false(judge_delta(2, 10, 0, &empty).last);
    // Broken off: what follows may have changed too.
    end = judge_delta(2, 10, 0, &loop);
    assert_true(end.last && !end.sure);
    end = judge_delta(3, 30, SINCE_US + 1, &last);
    assert_true(end.last && end.sure);
}

static void walks_end(void **state)
{
    (void)state;
    const struct source_page empty = {0, 30, 3}, untold = {0, -1, 3};
    struct checkpoint at = {.offset = 160, .rows = 10, .page_size = SIZE, .total = 30};
    assert_false(judge_endless(&at, &empty, 16));
    at.offset = 170;
    assert_true(judge_endless(&at, &empty, 17));
    at = (struct checkpoint){.offset = 0, .rows = 161, .page_size = SIZE, .total = 30};
    assert_true(judge_endless(&at, &empty, 1));
    at.total = -1;
    assert_false(judge_endless(&at, &untold, 9999));
    assert_true(judge_endless(&at, &untold, 10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_that_agrees_is_sure),
        cmocka_unit_test(a_count_that_does_not_agree_is_looked_at_again),
        cmocka_unit_test(an_empty_page_is_not_the_last_if_more_are_counted),
        cmocka_unit_test(a_next_page_that_loops_is_counted_past),
        cmocka_unit_test(changes_end_where_they_are_known),
        cmocka_unit_test(walks_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
