// A run on its thread: what it works with, and the words that its parts share.
//
// The thread alone touches a run but for `stop`, `why`, `over` and `gives_way`, which are atomic. A
// function here that fails with CANCELLED means that the run must stop (`why` says for what), with
// UPSTREAM_RATE_LIMITED that it must wait `wait_ms`; any other error is the task's.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "server/store/sync_connection.h"
#include "server/store/sync_issue.h"
#include "server/store/sync_lease.h"
#include "server/store/sync_run.h"
#include "server/sync/ahead.h"
#include "server/sync/budget.h"
#include "server/sync/checkpoint.h"
#include "server/sync/page.h"
#include "server/sync/state.h"
#include "server/sync/sync.h"

enum run_why {
    RUN_GOES_ON,
    RUN_STOP_CANCEL, // CancelSyncRun
    // The process ends, knows less than the database, or others wait for the thread: another goes
    // on.
    RUN_STOP_HAND_OVER,
    RUN_STOP_LOST, // another process goes on already: write nothing
};

struct run {
    struct sync *sync;
    struct sync_lease lease;
    pthread_t thread;
    struct run *next;
    atomic_bool stop;
    atomic_int why; // enum run_why
    atomic_bool over;
    atomic_bool gives_way; // others wait for the thread: stop when what was asked for is stored
    int64_t taken_ms;      // by the steady clock
    // Everything below belongs to the thread.
    struct arena arena; // for as long as the run is on this thread
    struct sync_run_row row;
    struct sync_connection connection;
    struct source *source;
    struct ahead *ahead; // NULL: nothing is read ahead
    struct budget_account *account;
    struct feed_run *feed;
    bool stepped;                      // the task has stored something on this thread
    int64_t wait_ms;                   // when out of quota
    int requests;                      // made, and not counted in the database yet
    int page_sizes[SOURCE_KIND_COUNT]; // what upstream bears; 0: not tried
    bool types_fresh, categories_fresh;
    // Of each task, where the database is believed to have it; "": nothing is stored yet.
    char checkpoints[SYNC_TASK_KINDS][CHECKPOINT_BYTES];
    struct err broken; // why no task can run; code 0: they can
    bool key_refused;  // and that this is the key's fault
};

// A run for a claimed lease, copied.
struct run *run_new(struct sync *sync, const struct sync_lease *lease);
struct run *run_free(struct run *run);
// The thread's function; `run` is a struct run.
void *run_main(void *run);
// Tells a run to stop, from any thread. The first reason counts.
void run_stop(struct run *run, enum run_why why);
// Whether the run must ask upstream for nothing more, but only store what it has asked for. Not in
// the midst of a task that has stored nothing yet: each turn brings the run further.
bool run_gives_way(const struct run *run);
// Stops the run if it does.
enum err_code run_give_way(struct run *run, struct err *reterr) _must_check_;
// Sleeps, unless the run is told to stop. False: it is.
bool run_sleep(struct run *run, int64_t ms);

// Begins a transaction in which the lease is ours until its end. Errors: CANCELLED if it is lost
// or, unless `even_stopping`, if the run is asked to stop.
enum err_code run_begin(struct run *run, bool even_stopping, struct tx **ret_tx,
                        struct err *reterr) _must_check_;
// Whether a failed transaction is worth another try, after a pause that this function takes.
// `*tries` counts them.
bool run_try_again(struct run *run, enum err_code code, int *tries);
// The error of a run that must stop.
enum err_code run_stopped(struct run *run, struct err *reterr);
// The database is not where it was: it lost commits, as a standby does that lacked our last ones.
// Its checkpoints are the truth now, and the run begins again from there. Returns the error.
enum err_code run_go_back(struct run *run, struct err *reterr);
// Tells the feed how the run stands.
void run_publish(struct run *run);

// Moves the run's state in `tx`. Errors: CANCELLED if someone has asked it to stop meanwhile.
enum err_code run_move(struct run *run, struct tx *tx, enum run_event event, int64_t resume_time_us,
                       struct err *reterr) _must_check_;
// Ends a run whose tasks are over.
enum err_code run_finish(struct run *run, struct err *reterr) _must_check_;
// Brings a run that failed with `code` before its end into a state from which it can go on, or ends
// it if it was cancelled. On an error `run->row` must be put back by the caller.
enum err_code run_settle(struct run *run, enum err_code code, struct err *reterr) _must_check_;

struct sync_task_row *run_task(struct run *run, int kind);

enum { RUN_FETCH_MS = 120000 };

// Fetches a page with the budget, with retries of what passes by itself; one that was read ahead is
// its first try. `page` is emptied before each try. `too_heavy`: ask for less.
struct fetch {
    const struct source_query *query;
    struct page *page;
    bool once; // without retries
    struct source_page answer;
    bool too_heavy;
    int http_status; // of the last answer
};
enum err_code run_fetch(struct run *run, struct fetch *fetch, struct err *reterr) _must_check_;

// Takes a request of the budget if there is one left now.
bool run_may_take(struct run *run);
// Notes what an attempt cost.
void run_count(struct run *run, const struct source_attempt *attempt);
// Takes a request of the budget; waits for a short time, else fails with UPSTREAM_RATE_LIMITED.
enum err_code run_take(struct run *run, struct err *reterr) _must_check_;
