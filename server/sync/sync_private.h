// What the parts of the sync engine share: its settings, its threads, its live runs.
//
// Lock order: sync.lock, then that of the feed; the budget's last. None is held over a call to
// upstream or the database.
#pragma once

#include "server/base/encoding.h"
#include "server/sync/changes.h"
#include "server/sync/feed.h"
#include "server/sync/run.h"
#include "server/sync/worker.h"

struct sync {
    struct store *store, *background_store, *scheduler_store;
    const struct vault *vault;
    struct source_settings source;
    int run_threads, page_size, document_page_size, window, retry_ms;
    int64_t lease_ms, scheduler_ms, slice_ms, deletion_hold_ms, keep_alive_ms;
    struct budget *budget;
    int request_limit;
    int request_reserve; // of the limit, not for syncs
    int64_t request_window_ms;
    struct feed *feed;
    char owner[ENCODING_ID_BYTES]; // of leases: this process

    pthread_mutex_t lock;
    pthread_cond_t scheduler_wake; // woken, stopping, a run is over
    pthread_cond_t run_wake;       // a run is told to stop
    bool started, stopping, woken;
    int64_t look_ms; // the next due lease of a run that waits for quota; 0: none
    struct run *runs;
    int run_count;
    atomic_llong busy_ms; // for which runs had pages stored, all of this process together
    pthread_t scheduler;

    pthread_cond_t keeper_wake; // stopping
    atomic_bool keeper_stop;
    pthread_t keeper;
    bool keeper_started;

    pthread_cond_t timetable_wake; // stopping
    pthread_t timetable;
    bool timetable_started;
    int64_t least_interval_ms;

    struct worker remover; // and purges
    int64_t disabled_retention_days;
    struct worker indexer;
    atomic_llong rested_ms;         // for which the indexer made way for runs
    unsigned char findings_key[32]; // of hashes of credentials found in texts

    struct changes *changes;
};

// The scheduler's thread; `sync` is a struct sync.
void *scheduler_main(void *sync);
// The timetable's thread; `sync` is a struct sync.
void *timetable_main(void *sync);
// The keeper's thread; `sync` is a struct sync.
void *keeper_main(void *sync);
// A run that waits for quota is due in `ms`.
void scheduler_park(struct sync *sync, int64_t ms);
extern const struct worker_work remover_work, indexer_work;
// Removes what has been off for long enough of a connection that is to be looked at. False: there
// is none, or it went wrong.
bool purge_next(struct sync *sync);
// Under the lock: whether a run is on a thread.
bool sync_runs_live(const struct sync *sync);
// Waits on `cond` under `lock` for at most `ms`.
void sync_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms);
