#include "server/sync/state.h"

// 0: cannot happen.
bool run_transition(enum run_state from, enum run_event event, enum run_state *ret_to)
{
    static const enum run_state table[][RUN_STOPPED + 1] = {
        [RUN_QUEUED] = {[RUN_TAKEN] = RUN_RUNNING, [RUN_ASKED_TO_STOP] = RUN_CANCELLING},
        [RUN_RUNNING] = {[RUN_TAKEN] = RUN_RUNNING,
                         [RUN_OUT_OF_QUOTA] = RUN_WAITING,
                         [RUN_ASKED_TO_STOP] = RUN_CANCELLING,
                         [RUN_ALL_DONE] = RUN_SUCCEEDED,
                         [RUN_SOME_DONE] = RUN_PARTIAL,
                         [RUN_NONE_DONE] = RUN_FAILED},
        [RUN_WAITING] = {[RUN_TAKEN] = RUN_RUNNING, [RUN_ASKED_TO_STOP] = RUN_CANCELLING},
        [RUN_CANCELLING] = {[RUN_TAKEN] = RUN_CANCELLING,
                            [RUN_ASKED_TO_STOP] = RUN_CANCELLING,
                            [RUN_STOPPED] = RUN_CANCELLED},
        [RUN_SUCCEEDED] = {0},
        [RUN_PARTIAL] = {0},
        [RUN_FAILED] = {0},
        [RUN_CANCELLED] = {0},
    };
    if (from < RUN_QUEUED || from > RUN_CANCELLED || table[from][event] == 0)
        return false;
    *ret_to = table[from][event];
    return true;
}

bool run_is_live(enum run_state state)
{
    return state >= RUN_QUEUED && state <= RUN_CANCELLING;
}

bool task_transition(enum task_state from, enum task_event event, enum task_state *ret_to)
{
    static const enum task_state table[][TASK_STOPPED + 1] = {
        [TASK_DISABLED] = {0},
        [TASK_QUEUED] = {[TASK_BEGUN] = TASK_RUNNING,
                         [TASK_BROKEN] = TASK_FAILED,
                         [TASK_STOPPED] = TASK_CANCELLED},
        [TASK_RUNNING] = {[TASK_BEGUN] = TASK_RUNNING,
                          [TASK_OUT_OF_QUOTA] = TASK_WAITING,
                          [TASK_DONE] = TASK_SUCCEEDED,
                          [TASK_DONE_WITH_LOSSES] = TASK_PARTIAL,
                          [TASK_BROKEN] = TASK_FAILED,
                          [TASK_STOPPED] = TASK_CANCELLED},
        [TASK_WAITING] = {[TASK_BEGUN] = TASK_RUNNING,
                          [TASK_BROKEN] = TASK_FAILED,
                          [TASK_STOPPED] = TASK_CANCELLED},
        [TASK_SUCCEEDED] = {0},
        [TASK_PARTIAL] = {0},
        [TASK_FAILED] = {0},
        [TASK_CANCELLED] = {0},
    };
    if (from < TASK_DISABLED || from > TASK_CANCELLED || table[from][event] == 0)
        return false;
    *ret_to = table[from][event];
    return true;
}

bool task_is_over(enum task_state state)
{
    return state == TASK_DISABLED || state >= TASK_SUCCEEDED;
}

enum run_event run_outcome(const enum task_state *tasks, int count)
{
    int asked = 0, whole = 0, some = 0;
    for (int i = 0; i < count; i++) {
        asked += tasks[i] != TASK_DISABLED;
        whole += tasks[i] == TASK_SUCCEEDED;
        some += tasks[i] == TASK_SUCCEEDED || tasks[i] == TASK_PARTIAL;
    }
    if (whole == asked)
        return RUN_ALL_DONE;
    return some > 0 ? RUN_SOME_DONE : RUN_NONE_DONE;
}
