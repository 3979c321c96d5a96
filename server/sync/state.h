// How a run and its tasks move from state to state. Pure: the callers store the outcome.
#pragma once

#include <stdbool.h>

// The numbers of docbridge.v1.SyncRun.State.
enum run_state {
    RUN_QUEUED = 1,
    RUN_RUNNING = 2,
    RUN_WAITING = 3,
    RUN_CANCELLING = 4,
    RUN_SUCCEEDED = 5,
    RUN_PARTIAL = 6,
    RUN_FAILED = 7,
    RUN_CANCELLED = 8,
};

enum run_event {
    RUN_TAKEN, // a thread carries it on: for the first time, after a wait, after a takeover
    RUN_OUT_OF_QUOTA,
    RUN_ASKED_TO_STOP,
    RUN_ALL_DONE, // every task succeeded
    RUN_SOME_DONE,
    RUN_NONE_DONE,
    RUN_STOPPED,
};

// False, leaving `ret_to` alone, for an event that cannot happen in `from`.
bool run_transition(enum run_state from, enum run_event event, enum run_state *ret_to);
bool run_is_live(enum run_state state);

// The numbers of docbridge.v1.SyncTask.State.
enum task_state {
    TASK_DISABLED = 1,
    TASK_QUEUED = 2,
    TASK_RUNNING = 3,
    TASK_WAITING = 4,
    TASK_SUCCEEDED = 5,
    TASK_PARTIAL = 6,
    TASK_FAILED = 7,
    TASK_CANCELLED = 8,
};

enum task_event {
    TASK_BEGUN, // also after a wait or a takeover
    TASK_OUT_OF_QUOTA,
    TASK_DONE,
    TASK_DONE_WITH_LOSSES, // some records were set aside
    TASK_BROKEN,
    TASK_STOPPED,
};

bool task_transition(enum task_state from, enum task_event event, enum task_state *ret_to);
bool task_is_over(enum task_state state);

// The event that ends a run whose tasks stand so.
enum run_event run_outcome(const enum task_state *tasks, int count);
