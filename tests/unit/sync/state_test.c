#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/base/cleanup.h"
#include "server/sync/state.h"

// Every transition of a run that can happen; all others cannot.
static const struct {
    enum run_state from;
    enum run_event event;
    enum run_state to;
} run_moves[] = {
    {RUN_QUEUED, RUN_TAKEN, RUN_RUNNING},
    {RUN_QUEUED, RUN_ASKED_TO_STOP, RUN_CANCELLING},
    {RUN_RUNNING, RUN_TAKEN, RUN_RUNNING},
    {RUN_RUNNING, RUN_OUT_OF_QUOTA, RUN_WAITING},
    {RUN_RUNNING, RUN_ASKED_TO_STOP, RUN_CANCELLING},
    {RUN_RUNNING, RUN_ALL_DONE, RUN_SUCCEEDED},
    {RUN_RUNNING, RUN_SOME_DONE, RUN_PARTIAL},
    {RUN_RUNNING, RUN_NONE_DONE, RUN_FAILED},
    {RUN_WAITING, RUN_TAKEN, RUN_RUNNING},
    {RUN_WAITING, RUN_ASKED_TO_STOP, RUN_CANCELLING},
    {RUN_CANCELLING, RUN_TAKEN, RUN_CANCELLING},
    {RUN_CANCELLING, RUN_ASKED_TO_STOP, RUN_CANCELLING},
    {RUN_CANCELLING, RUN_STOPPED, RUN_CANCELLED},
};

static void run_moves_so_and_not_otherwise(void **state)
{
    (void)state;
    for (int from = 0; from <= RUN_CANCELLED + 1; from++) {
        for (int event = RUN_TAKEN; event <= RUN_STOPPED; event++) {
            enum run_state to = RUN_QUEUED, expected = 0;
            for (size_t i = 0; i < ARRAY_LEN(run_moves); i++)
                if ((int)run_moves[i].from == from && (int)run_moves[i].event == event)
                    expected = run_moves[i].to;
            bool moved = run_transition((enum run_state)from, (enum run_event)event, &to);
            assert_int_equal(moved, expected != 0);
            assert_int_equal(to, expected != 0 ? expected : RUN_QUEUED);
        }
    }
}

static void what_is_over_stays_so(void **state)
{
    (void)state;
    for (int from = RUN_SUCCEEDED; from <= RUN_CANCELLED; from++) {
        enum run_state to;
        assert_false(run_is_live((enum run_state)from));
        for (int event = RUN_TAKEN; event <= RUN_STOPPED; event++)
            assert_false(run_transition((enum run_state)from, (enum run_event)event, &to));
    }
    static const enum task_state over[] = {TASK_DISABLED, TASK_SUCCEEDED, TASK_PARTIAL, TASK_FAILED,
                                           TASK_CANCELLED};
    for (size_t i = 0; i < ARRAY_LEN(over); i++) {
        enum task_state to;
        assert_true(task_is_over(over[i]));
        for (int event = TASK_BEGUN; event <= TASK_STOPPED; event++)
            assert_false(task_transition(over[i], (enum task_event)event, &to));
    }
}

static void task_waits_and_goes_on(void **state)
{
    (void)state;
    enum task_state at = TASK_QUEUED;
    assert_false(task_transition(at, TASK_DONE, &at));
    assert_false(task_transition(at, TASK_OUT_OF_QUOTA, &at));
    assert_true(task_transition(at, TASK_BEGUN, &at));
    assert_true(task_transition(at, TASK_OUT_OF_QUOTA, &at));
    assert_int_equal(at, TASK_WAITING);
    assert_false(task_transition(at, TASK_DONE, &at));
    assert_true(task_transition(at, TASK_BEGUN, &at));
    assert_true(task_transition(at, TASK_DONE_WITH_LOSSES, &at));
    assert_int_equal(at, TASK_PARTIAL);
}

static void outcome_follows_from_the_tasks(void **state)
{
    (void)state;
    static const struct {
        enum task_state tasks[5];
        enum run_event outcome;
    } cases[] = {
        {{TASK_SUCCEEDED, TASK_SUCCEEDED, TASK_SUCCEEDED, TASK_SUCCEEDED, TASK_SUCCEEDED},
         RUN_ALL_DONE},
        {{TASK_SUCCEEDED, TASK_DISABLED, TASK_DISABLED, TASK_DISABLED, TASK_DISABLED},
         RUN_ALL_DONE},
        {{TASK_DISABLED, TASK_DISABLED, TASK_DISABLED, TASK_DISABLED, TASK_DISABLED}, RUN_ALL_DONE},
        {{TASK_SUCCEEDED, TASK_FAILED, TASK_SUCCEEDED, TASK_SUCCEEDED, TASK_SUCCEEDED},
         RUN_SOME_DONE},
        {{TASK_PARTIAL, TASK_SUCCEEDED, TASK_SUCCEEDED, TASK_SUCCEEDED, TASK_SUCCEEDED},
         RUN_SOME_DONE},
        {{TASK_PARTIAL, TASK_FAILED, TASK_DISABLED, TASK_DISABLED, TASK_DISABLED}, RUN_SOME_DONE},
        {{TASK_FAILED, TASK_FAILED, TASK_DISABLED, TASK_DISABLED, TASK_DISABLED}, RUN_NONE_DONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(run_outcome(cases[i].tasks, 5), cases[i].outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_moves_so_and_not_otherwise),
        cmocka_unit_test(what_is_over_stays_so),
        cmocka_unit_test(task_waits_and_goes_on),
        cmocka_unit_test(outcome_follows_from_the_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
