// What happens in runs, for watchers: the latest state and counters of each, and its last issues.
//
// Bounded: a watcher that is slow finds the counters of now, not those between. Runs of other
// processes are read from the database once a second while someone watches them, by the one thread
// that also gives signs of life. Threads: one lock, under which nothing is called out; a watcher's
// wake is called without it.
#pragma once

#include "server/store/sync_issue.h"
#include "server/store/sync_run.h"
#include "server/sync/sync.h"

struct feed;
struct feed_run;

enum err_code feed_new(struct store *store, int64_t heartbeat_ms, struct feed **ret_feed,
                       struct err *reterr) _must_check_;
enum err_code feed_start(struct feed *feed, struct err *reterr) _must_check_;
// Joins the thread. Watchers may still be open, but hear of nothing any more.
void feed_stop(struct feed *feed);
struct feed *feed_free(struct feed *feed);

// A run of this process begins to tell of itself; NULL without memory, which the others accept.
struct feed_run *feed_attach(struct feed *feed, const char *tenant, const struct sync_run_row *row);
// How it stands now.
void feed_update(struct feed *feed, struct feed_run *run, const struct sync_run_row *row);
// An issue was opened.
void feed_issue(struct feed *feed, struct feed_run *run, const struct sync_issue *issue);
// It is no longer this process's run.
void feed_detach(struct feed *feed, struct feed_run *run);

enum err_code feed_watch(struct feed *feed, const char *tenant, const struct sync_run_row *row,
                         const struct stream_waker *waker, struct sync_watch **ret_watch,
                         struct err *reterr) _must_check_;
