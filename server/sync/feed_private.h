// The inside of the feed, shared by its three files: feed.c (what happens), watch.c (who is told),
// feed_poll.c (the thread).
//
// Everything is guarded by feed.lock. `refs` of a run: its thread, each watch, a poll.
#pragma once

#include <pthread.h>

#include "server/base/encoding.h"
#include "server/sync/feed.h"

enum {
    FEED_ISSUES_MAX = 64,
    FEED_ARENA_BYTES = 64 * 1024,
    FEED_WAKES_MAX = 64,
};

struct feed_issue {
    int64_t sequence;
    struct sync_issue issue;
    char *text; // id, run_id, subject and message in one piece
};

struct feed_run {
    struct feed_run *next;
    struct arena arena; // what does not change
    char *tenant;
    struct sync_run_row row;
    struct {
        char reason[48];
        char message[ERR_TEXT_BYTES];
    } errors[SYNC_TASK_KINDS];
    char epoch[ENCODING_ID_BYTES]; // sequences of two of them cannot be compared
    int64_t sequence, first_sequence;
    int64_t task_sequence[SYNC_TASK_KINDS], wait_sequence, end_sequence;
    int64_t time_us; // of the last change
    struct feed_issue issues[FEED_ISSUES_MAX];
    size_t issue_at; // the next place in the ring
    bool local;
    int64_t round; // of wakes
    int refs;      // the run itself, each watch, a poll
    struct sync_watch *watches;
};

struct sync_watch {
    struct sync_watch *next;
    struct feed *feed;
    struct feed_run *run;
    struct stream_waker waker;
    bool snapshot_sent, finished_sent;
    int64_t cursor;
    int64_t heartbeat_at_ms, woken_ms;
    int64_t round;
    int pins; // wakes on their way
};

struct feed {
    pthread_mutex_t lock;
    pthread_cond_t tick, unpinned;
    struct store *store;
    int64_t heartbeat_ms;
    struct feed_run *runs;
    int watch_count;
    bool started, stopping;
    pthread_t thread;
};

// The watchers that were met under the lock, to be woken without it.
struct wakes {
    struct sync_watch *watches[FEED_WAKES_MAX];
    size_t count;
};

// Notes a watcher that is to be woken; not more than FEED_WAKES_MAX.
void feed_pin(struct wakes *wakes, struct sync_watch *watch);
// Wakes them, giving up the lock meanwhile: what was found under it must be looked at anew.
void feed_wake(struct feed *feed, struct wakes *wakes);
// Wakes all watchers of a run, to which the caller holds a reference.
void feed_wake_run(struct feed *feed, struct feed_run *run);
// The run of a row, made if it is not there. NULL without memory.
struct feed_run *feed_get_run(struct feed *feed, const char *tenant,
                              const struct sync_run_row *row);
void feed_unref_run(struct feed *feed, struct feed_run *run);
// Takes over how a run stands, and an issue; true if anything is new.
bool feed_take_over(struct feed_run *run, const struct sync_run_row *row);
bool feed_add_issue(struct feed_run *run, const struct sync_issue *issue);
// The thread's function; `feed` is a struct feed.
void *feed_main(void *feed);
