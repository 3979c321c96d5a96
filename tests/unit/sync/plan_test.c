#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/sync/plan.h"

static void fewest_requests(void **state)
{
    (void)state;
    assert_int_equal(plan_begin(0), PLAN_ORGANIZATIONS);
    assert_int_equal(plan_begin(1), PLAN_ORGANIZATIONS);
    assert_int_equal(plan_begin(2), PLAN_UNDECIDED);
    // Of all organizations the account's list is never longer than theirs.
    assert_int_equal(plan_choose(95000, 1000, 36, 36), PLAN_ACCOUNT);
    assert_int_equal(plan_choose(95000, 1000, 36, 0), PLAN_ACCOUNT);
    assert_int_equal(plan_choose(0, 1000, 2, 500), PLAN_ACCOUNT);
    // Nine more pages against as many organizations, one of which has none or half a page more.
    assert_int_equal(plan_choose(10000, 1000, 9, 1000), PLAN_ACCOUNT);
    assert_int_equal(plan_choose(10000, 1000, 8, 1000), PLAN_ORGANIZATIONS);
    assert_int_equal(plan_choose(10001, 1000, 9, 1000), PLAN_ORGANIZATIONS);
    // 94 more pages against 86 that are theirs and 18 for the halves; against 38 and 8.
    assert_int_equal(plan_choose(95000, 1000, 36, 40), PLAN_ACCOUNT);
    assert_int_equal(plan_choose(95000, 1000, 16, 40), PLAN_ORGANIZATIONS);
    assert_int_equal(plan_choose(-1, 1000, 100000, 100000), PLAN_ORGANIZATIONS);
}

static void document_filter(void **state)
{
    (void)state;
    static const struct {
        struct plan_folder_counts counts;
        enum plan_folders folders;
        bool certain, doubt;
    } cases[] = {
        {{197, 68, -1, false, 0, 0}, PLAN_FOLDERS_NULL, true, false},
        {{68, 68, 129, false, 0, 0}, PLAN_FOLDERS_UNION, true, false},
        {{-1, 68, 129, false, 0, 0}, PLAN_FOLDERS_UNION, true, false},
        {{-1, 68, 0, false, 0, 0}, PLAN_FOLDERS_UNION, true, false},
        {{0, 68, 0, false, 0, 0}, PLAN_FOLDERS_UNION, true, false},
        // Nothing is foldered here, which says nothing of others.
        {{68, 68, 0, false, 0, 0}, PLAN_FOLDERS_NULL, false, false},
        {{0, 0, -1, true, 0, 0}, PLAN_FOLDERS_NULL, false, false},
        {{68, 68, 68, true, 0, 0}, PLAN_FOLDERS_NULL, false, false},
        {{-1, 68, -1, true, 0, 0}, PLAN_FOLDERS_EACH, false, false},
        // Both forms are ignored, or refused, and folders have documents.
        {{68, 68, 68, true, 3, 129}, PLAN_FOLDERS_EACH, true, false},
        {{-1, 68, -1, true, 3, 129}, PLAN_FOLDERS_EACH, true, false},
        {{0, 0, 0, true, 3, 129}, PLAN_FOLDERS_EACH, true, false},
        // As many in folders as not; folders that do not say.
        {{68, 68, 68, true, 3, 68}, PLAN_FOLDERS_EACH, false, false},
        {{68, 68, 68, true, 3, 0}, PLAN_FOLDERS_EACH, false, false},
        // Nothing tells.
        {{68, 68, 68, false, 0, 0}, PLAN_FOLDERS_NULL, false, true},
        {{68, 68, -1, false, 0, 0}, PLAN_FOLDERS_NULL, false, true},
        {{0, 0, 0, false, 0, 0}, PLAN_FOLDERS_NULL, false, true},
        {{-1, 68, -1, false, 0, 0}, PLAN_FOLDERS_EACH, false, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool certain, doubt;
        print_message("case %zu\n", i);
        assert_int_equal(plan_folders(&cases[i].counts, &certain, &doubt), cases[i].folders);
        assert_int_equal(certain, cases[i].certain);
        assert_int_equal(doubt, cases[i].doubt);
    }
}

static void document_questions(void **state)
{
    (void)state;
    static const struct {
        struct plan_folder_counts counts;
        bool not_null_asked, folders_asked;
        enum plan_folder_question question;
    } cases[] = {
        {{197, 68, -1, false, 0, 0}, false, false, PLAN_ASK_NOTHING},
        {{68, 68, -1, false, 0, 0}, false, false, PLAN_ASK_NOT_NULL},
        {{68, 68, 129, false, 0, 0}, true, false, PLAN_ASK_NOTHING},
        {{68, 68, 0, false, 0, 0}, true, false, PLAN_ASK_NOTHING},
        {{68, 68, 68, false, 0, 0}, true, false, PLAN_ASK_FOLDERS},
        {{-1, 68, -1, false, 0, 0}, true, false, PLAN_ASK_FOLDERS},
        {{68, 68, 68, true, 3, 9}, true, true, PLAN_ASK_NOTHING},
        {{0, 0, -1, false, 0, 0}, false, false, PLAN_ASK_FOLDERS},
        {{0, 0, -1, true, 0, 0}, false, true, PLAN_ASK_NOTHING},
        {{0, 0, -1, true, 3, 9}, false, true, PLAN_ASK_NOT_NULL},
        {{0, 0, -1, false, 0, 0}, false, true, PLAN_ASK_NOT_NULL},
        {{0, 0, 0, false, 0, 0}, true, true, PLAN_ASK_NOTHING},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("case %zu\n", i);
        assert_int_equal(
            plan_folder_question(&cases[i].counts, cases[i].not_null_asked, cases[i].folders_asked),
            cases[i].question);
    }
}

static struct plan_glance lists_of(int64_t first, int64_t second, int64_t third)
{
    struct plan_glance plan = {0};
    assert_true(plan_glance_add(&plan, first));
    assert_true(plan_glance_add(&plan, second));
    assert_true(plan_glance_add(&plan, third));
    return plan;
}

static void a_glance_is_believed_only_if_it_shows_all_lists(void **state)
{
    (void)state;
    struct plan_glance plan = lists_of(100, 0, 40);
    assert_true(plan_glance_pays(&plan));
    assert_int_equal(plan_glance_judge(&plan, 140, 0), PLAN_GLANCE_OF_ALL);
    assert_int_equal(plan_glance_judge(&plan, 145, 5), PLAN_GLANCE_OF_ALL);
    // As long as the first alone, with what came to it.
    assert_int_equal(plan_glance_judge(&plan, 100, 0), PLAN_GLANCE_IGNORED);
    assert_int_equal(plan_glance_judge(&plan, 105, 5), PLAN_GLANCE_IGNORED);
    // Rows went.
    assert_int_equal(plan_glance_judge(&plan, 139, 0), PLAN_GLANCE_DOUBTFUL);
    // The first alone may have grown by as much as the other has.
    assert_int_equal(plan_glance_judge(&plan, 140, 40), PLAN_GLANCE_DOUBTFUL);
    assert_int_equal(plan_glance_judge(&plan, -1, 0), PLAN_GLANCE_DOUBTFUL);
    // One list with rows: whether the others count cannot be seen.
    plan = lists_of(100, 0, 0);
    assert_false(plan_glance_pays(&plan));
    assert_false(plan_glance_add(&plan, -1));
    assert_int_equal(plan.lists, 3);
}

static void many_gone_at_once_are_doubtful(void **state)
{
    (void)state;
    assert_false(plan_too_many_gone(0, 0));
    assert_false(plan_too_many_gone(9, 9));
    assert_true(plan_too_many_gone(10, 10));
    assert_true(plan_too_many_gone(10, 50));
    assert_false(plan_too_many_gone(10, 51));
    assert_true(plan_too_many_gone(2000, 10000));
    assert_false(plan_too_many_gone(1999, 10000));
}

static void windows_of_requests(void **state)
{
    (void)state;
    assert_int_equal(plan_pages(-1, 1000), 1);
    assert_int_equal(plan_pages(0, 1000), 1);
    assert_int_equal(plan_pages(1000, 1000), 1);
    assert_int_equal(plan_pages(1001, 1000), 2);
    assert_int_equal(plan_windows(0, 0, 2400), 1);
    assert_int_equal(plan_windows(2400, 2400, 2400), 1);
    assert_int_equal(plan_windows(2401, 2400, 2400), 2);
    assert_int_equal(plan_windows(100, 0, 2400), 2);
    assert_int_equal(plan_windows(4801, -5, 2400), 4);
    // What is left costs what was done did.
    assert_int_equal(plan_requests(0, 0, 0), 0);
    assert_int_equal(plan_requests(3, 0, 5000), 4);
    assert_int_equal(plan_requests(10, 1000, 2500), 35);
    assert_int_equal(plan_requests(10, 1000, 1), 11);
    assert_int_equal(plan_requests(10, 1000, -1), 10);
}

static void how_long_trust_lasts(void **state)
{
    (void)state;
    const int64_t day_us = 86400 * INT64_C(1000000), now_us = 20000 * day_us;
    assert_true(plan_trusts(0, now_us));
    assert_false(plan_trusts(now_us, now_us));
    assert_false(plan_trusts(now_us - 7 * day_us + 1, now_us));
    assert_true(plan_trusts(now_us - 7 * day_us, now_us));
    assert_false(plan_proof_holds(0, now_us));
    assert_true(plan_proof_holds(now_us, now_us));
    assert_true(plan_proof_holds(now_us - day_us + 1, now_us));
    assert_false(plan_proof_holds(now_us - day_us, now_us));
    assert_false(plan_proof_holds(now_us + 1, now_us));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fewest_requests),
        cmocka_unit_test(document_filter),
        cmocka_unit_test(document_questions),
        cmocka_unit_test(many_gone_at_once_are_doubtful),
        cmocka_unit_test(a_glance_is_believed_only_if_it_shows_all_lists),
        cmocka_unit_test(windows_of_requests),
        cmocka_unit_test(how_long_trust_lasts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
