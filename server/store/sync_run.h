// Sync runs and their tasks as the database keeps them; what the states mean is said in sync/.
//
// Written by the holder of the run's lease, who checked it in the same transaction
// (sync_lease_check), save for sync_run_insert and sync_run_ask_cancel.
#pragma once

#include "server/store/store.h"

enum { SYNC_TASK_KINDS = 5 };

// Counters of a task, also used for what one page adds to them.
struct sync_counts {
    int64_t done, total, created, updated, unchanged, deleted, failed;
};

struct sync_task_row {
    int kind;  // docbridge.v1.SyncTaskKind
    int state; // docbridge.v1.SyncTask.State
    struct sync_counts counts;
    const char *error_reason, *error_message;
    int64_t organization_id;
    const char *checkpoint;
};

// The use of the connection's request budget.
struct sync_run_quota {
    int64_t used;          // now
    int64_t foreign_count; // that others must have made with the key, when upstream last refused a
                           // request while the run was live
    int64_t foreign_time_us;
};

struct sync_run_row {
    const char *connection_id, *id;
    int state, trigger, mode;
    struct sync_run_quota quota;
    const int64_t *organization_ids;
    size_t organization_count;
    bool cancel_requested;
    int request_count;
    int64_t resume_time_us;
    const char *actor_subject, *actor_display_name;
    int actor_kind;
    int64_t create_time_us, start_time_us, end_time_us, checkpoint_time_us;
    int issue_count;                             // open ones
    struct sync_task_row tasks[SYNC_TASK_KINDS]; // in the order of their kind
    size_t task_count;
};

// A run to be queued, with the state of each task, indexed by kind - 1.
struct sync_run_new {
    const char *connection_id, *id;
    int state, trigger, mode;
    const int64_t *organization_ids;
    size_t organization_count;
    const char *actor_subject, *actor_display_name;
    int actor_kind;
    const char *request_id;
    int64_t create_time_us;
    int task_states[SYNC_TASK_KINDS];
};
// `*ret_inserted` is false when a live run, or one of the same request, is there already.
enum err_code sync_run_insert(struct tx *tx, const struct sync_run_new *run, bool *ret_inserted,
                              struct err *reterr) _must_check_;
// The id of the run of `request_id` (NULL: none), for which `*ret_repeated` is true, or else of the
// live run; NULL if there is none.
enum err_code sync_run_find(struct tx *tx, const char *connection_id, const char *request_id,
                            struct arena *arena, const char **ret_run_id, bool *ret_repeated,
                            struct err *reterr) _must_check_;
// Errors: RESOURCE_NOT_FOUND, also when the connection is being deleted.
enum err_code sync_run_load(struct tx *tx, const char *connection_id, const char *run_id,
                            struct arena *arena, struct sync_run_row *ret_run,
                            struct err *reterr) _must_check_;
// The latest first, after the run that (before_time_us, before_id) names; 0: from the first.
enum err_code sync_run_list(struct tx *tx, const char *connection_id, int64_t before_time_us,
                            const char *before_id, int limit, struct arena *arena,
                            struct sync_run_row **ret_runs, size_t *ret_count,
                            struct err *reterr) _must_check_;

// Moves a run from one state to another; `*ret_moved` is false if it was in neither. Times of 0
// stay as they are, but resume_time, which is always set.
struct sync_run_move {
    int from, to;
    int64_t start_time_us, end_time_us, resume_time_us;
};
enum err_code sync_run_move(struct tx *tx, const char *connection_id, const char *run_id,
                            const struct sync_run_move *move, bool *ret_moved,
                            struct err *reterr) _must_check_;
// Asks a live run to stop: cancel_requested and the state `cancelling`. `*ret_live` is false if the
// run has ended.
enum err_code sync_run_ask_cancel(struct tx *tx, const char *connection_id, const char *run_id,
                                  int cancelling, bool *ret_live, struct err *reterr) _must_check_;
// Ends what is live of a connection as cancelled, at once and without its holder, whose lease the
// caller has dropped in the same transaction.
enum err_code sync_run_cancel_live(struct tx *tx, const char *connection_id, int64_t now_us,
                                   int64_t *ret_count, struct err *reterr) _must_check_;
// Puts what is live of a connection back to QUEUED, with its tasks, at their checkpoints; but what
// is being cancelled stays so. The caller has taken the lease from its holder.
enum err_code sync_run_hold(struct tx *tx, const char *connection_id,
                            struct err *reterr) _must_check_;
// What was asked of a live run that it does not do.
struct sync_run_wish {
    unsigned tasks;                  // bits of docbridge.v1.SyncTaskKind; 0: there is none
    int mode;                        // the most thorough that was asked for
    int trigger;                     // the first of docbridge.v1.SyncRun.Trigger that asked
    const int64_t *organization_ids; // none: all that are mapped
    size_t organization_count;
};
// Adds a wish to those of a live run. `*ret_live` is false if it has ended.
enum err_code sync_run_wish(struct tx *tx, const char *connection_id, const char *run_id,
                            const struct sync_run_wish *wish, bool *ret_live,
                            struct err *reterr) _must_check_;
enum err_code sync_run_load_wish(struct tx *tx, const char *connection_id, const char *run_id,
                                 struct arena *arena, struct sync_run_wish *ret_wish,
                                 struct err *reterr) _must_check_;
// Counts requests that ended in no page.
enum err_code sync_run_add_requests(struct tx *tx, const char *connection_id, const char *run_id,
                                    int requests, struct err *reterr) _must_check_;

// Sets the state of a task that goes on, or is stopped, at its checkpoint.
enum err_code sync_task_move(struct tx *tx, const char *connection_id, const char *run_id, int kind,
                             int state, struct err *reterr) _must_check_;
// The end of a task that is at `checkpoint`: its state, its error (NULL: none), and if it is
// complete a total equal to what is done. `*ret_ended` is false, and nothing changed, if it is
// elsewhere: the database lost commits.
struct sync_task_end {
    const char *connection_id, *run_id;
    int kind, state;
    const char *error_reason, *error_message, *checkpoint;
    bool complete;
};
enum err_code sync_task_end(struct tx *tx, const struct sync_task_end *end, bool *ret_ended,
                            struct err *reterr) _must_check_;
// How many tasks of a run are not over.
enum err_code sync_task_live(struct tx *tx, const char *connection_id, const char *run_id,
                             int64_t *ret_count, struct err *reterr) _must_check_;

// A step of a walk: its counters, the ids seen and where it goes on.
struct sync_task_step {
    const char *connection_id, *run_id;
    int kind;
    struct sync_counts add;
    int requests;
    int64_t organization_id;
    const char *old_checkpoint, *new_checkpoint;
    int64_t now_us;
};
enum sync_task_moved {
    SYNC_TASK_MOVED,
    SYNC_TASK_MOVED_BEFORE, // this very step was committed already
    SYNC_TASK_ELSEWHERE,    // the task is at neither checkpoint: the database lost commits
};
// Moves the checkpoint on; changes nothing unless it was at `old_checkpoint`.
enum err_code sync_task_step(struct tx *tx, const struct sync_task_step *step,
                             enum sync_task_moved *ret_moved, struct err *reterr) _must_check_;

// Notes that a task was complete for these organizations; 0: for all that are mapped.
enum err_code sync_freshness_put(struct tx *tx, const char *connection_id, int kind,
                                 const int64_t *organization_ids, size_t count, int64_t time_us,
                                 struct err *reterr) _must_check_;
