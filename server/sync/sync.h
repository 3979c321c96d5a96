// Brings what is mapped and enabled from upstream into the database: runs, their threads, their
// progress.
//
// A run is five tasks (docbridge.v1.SyncTaskKind), each with its own state, counts and checkpoint.
// One run a connection at a time, held by a lease row, so that any number of processes can share a
// database. Not for reveals. sync/README.md has the states and the lock order.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/service/method.h"
#include "server/source/source.h"
#include "server/store/store.h"
#include "server/vault/vault.h"

struct sync_settings {
    struct store *store; // under the serving role
    // Under the serving role too: of few connections, in which runs, the index and removals take
    // turns, so that the database has a core left for calls. NULL: `store`.
    struct store *background_store;
    struct store *scheduler_store; // under the scheduler's: sees leases and removals of all tenants
    const struct vault *vault;
    const struct source_settings *source;
    int run_threads;           // 0: 16
    int64_t lease_ms;          // 0: 30 s; a run whose owner is silent for so long is taken over
    int64_t scheduler_ms;      // 0: 5 s between looks at leases, or a third of a short one
    int64_t slice_ms;          // 0: 10 s on a thread; after it a run gives way to one that waits
    int page_size;             // 0: 1000 for small rows
    int document_page_size;    // 0: 100
    int window;                // 0: 4 requests of a run in flight at once, at most 16
    int request_limit;         // 0: 3,000 requests ...
    int64_t request_window_ms; // 0: ... in any 5 minutes, a credential
    int reserve_percent;       // of the limit belong to reveals and tests; negative: 20
    bool request_limit_of_key; // upstream counts by key; else by account, whatever its key
    int retry_ms;              // 0: 500; the first pause before a failed request is sent again
    int64_t deletion_hold_ms;  // 0: 1 h; held deletions seen again so much later are applied
    int64_t heartbeat_ms;      // 0: 10 s between signs of life to a watcher
    int64_t keep_alive_ms;     // 0: 1 day; a key unused for so long is used once
    int64_t least_interval_ms; // 0: 15 min; the shortest time between runs that can be chosen
    int64_t disabled_retention_days; // 0: 30; records of what is off for so long are removed
};

struct sync;

enum err_code sync_new(const struct sync_settings *settings, struct sync **ret_sync,
                       struct err *reterr) _must_check_;
// Starts the scheduler and the keeper: from now on queued runs and runs whose lease ran out are
// carried on, and keys that nobody uses are used once a day.
enum err_code sync_start(struct sync *sync, struct err *reterr) _must_check_;
// Checkpoints live runs, gives their leases back so that another process can go on at once, joins.
void sync_stop(struct sync *sync);
struct sync *sync_free(struct sync *sync);

// Bits of docbridge.v1.SyncTaskKind: 1 << kind.
enum {
    SYNC_TASK_ORGANIZATIONS = 1 << 1,
    SYNC_TASK_DOCUMENTS = 1 << 2,
    SYNC_TASK_PASSWORDS = 1 << 3,
    SYNC_TASK_FLEXIBLE_ASSETS = 1 << 4,
    SYNC_TASK_CHECKLISTS = 1 << 5,
    SYNC_TASK_ALL = 0x3e,
};

// The numbers of docbridge.v1.SyncRun.Trigger.
enum sync_trigger {
    SYNC_TRIGGER_MANUAL = 1,
    SYNC_TRIGGER_SCHEDULE = 2,
    SYNC_TRIGGER_CONNECT = 3,
    SYNC_TRIGGER_MAPPING = 4,
};

// The numbers of docbridge.v1.SyncMode.
enum sync_mode {
    SYNC_MODE_QUICK = 1, // what changed, where upstream can tell; deletions stay for later
    SYNC_MODE_FULL = 2,  // every list to its end, and what is in none is gone
};

// What is asked for.
struct sync_request {
    const char *connection_id;
    unsigned tasks;                  // 0: all; what is not enabled becomes DISABLED
    const int64_t *organization_ids; // none: all that are mapped
    size_t organization_count;
    enum sync_trigger trigger;
    enum sync_mode mode;    // 0: FULL
    const char *request_id; // of the client, NULL: none
};

enum { SYNC_RUN_ID_BYTES = 27 };

// Queues a run within the caller's transaction, with its audit event, or finds the live run (or the
// run of the same request_id), which is then joined. Call sync_wake() after the commit. Errors:
// those of connection_check_use().
enum err_code sync_request_run(struct tx *tx, const struct request *request,
                               const struct sync_request *asked, char ret_run_id[SYNC_RUN_ID_BYTES],
                               bool *ret_joined, struct err *reterr) _must_check_;
// Tells the scheduler that there is work; else it looks within scheduler_ms.
void sync_wake(struct sync *sync);

// Asks a live run to stop, within the caller's transaction, with its audit event. `*ret_live` is
// false, and nothing is written, if the run has ended. Call sync_stop_run() after the commit.
// Errors: RESOURCE_NOT_FOUND.
enum err_code sync_cancel_run(struct tx *tx, const struct request *request,
                              const char *connection_id, const char *run_id, bool *ret_live,
                              struct err *reterr) _must_check_;
// Stops the request that the run has in flight, if it runs in this process, and wakes the
// scheduler; another process learns of the cancellation with its next page.
void sync_stop_run(struct sync *sync, const char *tenant, const char *connection_id,
                   const char *run_id);

// What becomes of a connection's live run when the connection changes under it, within the caller's
// transaction and before anything else there. All wait for the page that is being written; from
// then on the thread or process that had the run writes nothing. Call sync_let_go() after the
// commit.
// It ends as cancelled:
enum err_code sync_abandon_run(struct tx *tx, const char *connection_id, int64_t *ret_cancelled,
                               struct err *reterr) _must_check_;
// It waits, QUEUED, at its last page; a run that is being cancelled goes on to its end:
enum err_code sync_hold_run(struct tx *tx, const char *connection_id,
                            struct err *reterr) _must_check_;
// It goes on:
enum err_code sync_unhold_run(struct tx *tx, const char *connection_id,
                              struct err *reterr) _must_check_;
// It goes on from its last page, by a thread that reads the connection and its key anew:
enum err_code sync_pass_on_run(struct tx *tx, const char *connection_id,
                               struct err *reterr) _must_check_;
// Stops the request that a run of the connection has in flight, if it runs in this process, and
// wakes the scheduler and the remover; another process notices with its next page.
void sync_let_go(struct sync *sync, const char *tenant, const char *connection_id);

// Fetches flexible asset types with their fields, and password categories, and stores them: new
// ones off, those that vanished as gone, choices untouched. When many vanish at once, the list is
// fetched once more and what both left out is gone; an empty list is not believed: `*ret_held` is
// how many stay in spite of it. Blocks on upstream; for RefreshDocumentationTypes and for runs.
// Errors: those of source_fetch_page and of the store.
enum err_code sync_refresh_types(struct store *store, const char *tenant, const char *connection_id,
                                 struct source *source, struct deadline deadline,
                                 const atomic_bool *cancelled, struct source_attempt *ret_attempt,
                                 int64_t *ret_held, struct err *reterr) _must_check_;
enum err_code sync_refresh_categories(struct store *store, const char *tenant,
                                      const char *connection_id, struct source *source,
                                      struct deadline deadline, const atomic_bool *cancelled,
                                      struct source_attempt *ret_attempt, int64_t *ret_held,
                                      struct err *reterr) _must_check_;

// The shortest interval that a schedule can have.
int64_t sync_get_least_interval_s(const struct sync *sync);
// What upstream allows a connection.
struct sync_limit {
    int requests;
    int sync_requests; // of them, those that syncs may make
    int64_t window_ms;
    int page_size, document_page_size; // of the lists
    int window;                        // requests of a run in flight at once
};
struct sync_limit sync_get_limit(const struct sync *sync);
// Requests that others than runs make with a connection's key, of which all processes know within a
// tenth of a second. Before one is made: takes it from the budget, in which the reserve is kept for
// it. Errors: UPSTREAM_RATE_LIMITED with a delay, if the whole limit is used up; those of the
// store.
enum err_code sync_admit_request(struct sync *sync, const char *tenant, const char *connection_id,
                                 int64_t credential_version, struct err *reterr) _must_check_;
// Requests made beyond those taken.
void sync_note_requests(struct sync *sync, const char *tenant, const char *connection_id,
                        int64_t credential_version, int requests);
// What came of a request that was taken: those that followed it, and whether upstream refused it.
void sync_note_attempt(struct sync *sync, const char *tenant, const char *connection_id,
                       int64_t credential_version, const struct source_attempt *attempt);

// Subscribes a watcher to what happens in a run of this process; `wake` is called after each
// change, never under a lock that the feed needs to be read. Runs of other processes are noticed by
// polling: the watcher is woken once a second as long as the run is live.
struct sync_watch;
enum err_code sync_watch_open(struct sync *sync, const char *tenant, const char *connection_id,
                              const char *run_id, const struct stream_waker *waker,
                              struct sync_watch **ret_watch, struct err *reterr) _must_check_;
// Returns after the last wake has. Never call it from a wake.
void sync_watch_close(struct sync_watch *watch);

// Who watches the changes of companies (changes.h).
struct changes;
struct changes *sync_changes(struct sync *sync);

// What a watcher is told.
enum sync_event_kind {
    SYNC_EVENT_NONE, // nothing until the next wake
    SYNC_EVENT_SNAPSHOT,
    SYNC_EVENT_TASK,
    SYNC_EVENT_QUOTA_WAIT,
    SYNC_EVENT_ISSUE,
    SYNC_EVENT_HEARTBEAT,
    SYNC_EVENT_FINISHED, // always last
    SYNC_EVENT_END,      // after the last
};
struct sync_run_row;
struct sync_task_row;
struct sync_issue;
struct sync_event {
    enum sync_event_kind kind;
    int64_t sequence; // grows; gaps mean that events were folded into a later one
    int64_t time_us;
    const struct sync_run_row *run; // of all but NONE, HEARTBEAT and END
    const struct sync_task_row *task;
    const struct sync_issue *issue;
};
// The next thing to tell, copied into `arena`. Does not block. Errors: INTERNAL without memory.
enum err_code sync_watch_next(struct sync_watch *watch, struct arena *arena,
                              struct sync_event *ret_event, struct err *reterr) _must_check_;
// Where the watcher stands, as text: the cursor of a resume token.
enum { SYNC_CURSOR_BYTES = 64 };
void sync_watch_cursor(const struct sync_watch *watch, char ret_text[SYNC_CURSOR_BYTES]);
// Begins after `cursor` instead of with a snapshot; right after the opening. False if `cursor` is
// none. One of another process, or too old, only keeps the sequence growing.
bool sync_watch_resume(struct sync_watch *watch, const char *cursor);
