// The trail at work: writes events that stand alone, says how far chains have come, removes what is
// too old, wakes those who watch.
//
// Events of a change are appended in the change's own transaction (audit_append). Events that stand
// alone, those of reveals, go through trail_write(): whoever finds nobody at it writes for all that
// wait, in one transaction, so that a commit serves many callers and the end of the chain is locked
// once for all of them. Both kinds meet on one chain by the lock of its end, over all processes.
//
// Threads: all functions may be called on any. One thread of its own, between trail_start() and
// trail_stop(), looks after marks, retention and watchers. Lock order: none is held with another,
// but a stream's own within `watch_lock`.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/audit/audit.h"
#include "server/base/buffer.h"
#include "server/service/method.h"
#include "server/store/store.h"

struct trail_settings {
    struct store *store;          // under the serving role
    struct store *janitor_store;  // under the janitor's: sees ends of all chains, removes
    const char *signing_key_file; // Ed25519 seed; NULL: marks are not signed
    int64_t mark_ms;              // 0: 60 s; a chain that grew is marked so often
    int64_t retention_days;       // 0: 400; the database keeps 30 whatever this says
    int64_t look_ms;              // 0: 1 s between looks for events of other processes
    int64_t heartbeat_ms;         // 0: 10 s between signs of life to a watcher
};

struct trail;

// Errors: FIELD_INVALID for a key file that is none.
enum err_code trail_new(const struct trail_settings *settings, struct trail **ret_trail,
                        struct err *reterr) _must_check_;
enum err_code trail_start(struct trail *trail, struct err *reterr) _must_check_;
void trail_stop(struct trail *trail);
struct trail *trail_free(struct trail *trail);

// Makes an event of the request's caller durable, with those that others write at the time. Hold no
// transaction meanwhile. Returns by `deadline` if the event's turn has not come, else within 5
// seconds of its turn. After an error nothing may be believed of the event. `ret_sequence` may be
// NULL. Errors: STORE_UNAVAILABLE, also for too many that wait, DEADLINE_EXCEEDED, INTERNAL.
enum err_code trail_write(struct trail *trail, const struct request *request,
                          const struct audit_event *event, struct deadline deadline,
                          int64_t *ret_sequence, struct err *reterr) _must_check_;

// One of several events that are written together.
struct trail_entry {
    const struct request *request; // of the event's caller
    const struct audit_event *event;
    // Of what it depends on (password_gates_get): CONFLICT, and it is not written, if that has
    // changed since. NULL: it stands whatever has changed.
    const char *snapshot;
    // Work that does not depend on it: may be called while it becomes durable, on any thread as its
    // caller waits, more than once. NULL: none.
    void (*meanwhile)(void *context);
    void *context;
    // What came of it: as trail_write() says it.
    enum err_code code;
    int64_t sequence;
    struct err *reterr;
    // The trail's own.
    struct audit_event_row row;
    struct buffer changes;
};
enum { TRAIL_ENTRIES_MAX = 128 };
// trail_write() of up to so many callers of one tenant, each of whom waits for it; one that the
// database does not take costs the others nothing.
void trail_write_all(struct trail *trail, const char *tenant, struct trail_entry *const *entries,
                     size_t count, struct deadline deadline);

// The key that marks are signed with; false: there is none.
bool trail_public_key(const struct trail *trail, unsigned char ret_key[AUDIT_KEY_BYTES]);
// Says within `tx`, a transaction of a tenant, how far its chain has come. `ret_sequence`: there.
enum err_code trail_mark(const struct trail *trail, struct tx *tx, int64_t *ret_sequence,
                         struct err *reterr) _must_check_;
// Enters the exposures of every chain that grew since its last mark, and marks it: what the thread
// does now and then.
void trail_mark_all(struct trail *trail);
// Removes what is older than the retention, of all tenants, and changes of gates that no reveal
// depends on any more: what the thread does every hour.
void trail_retain_all(struct trail *trail);

// Wakes a stream when its tenant's chain grows, in any process, and when it should give a sign of
// life.
struct trail_watch;
enum err_code trail_watch_open(struct trail *trail, const char *tenant,
                               const struct stream_waker *waker, struct trail_watch **ret_watch,
                               struct err *reterr) _must_check_;
// Returns after the last wake has. Never call it from a wake.
void trail_watch_close(struct trail_watch *watch);
// The stream has read up to here, and said something just now if `spoke`: it is woken for more.
void trail_watch_note(struct trail_watch *watch, int64_t sequence, bool spoke);
// Whether a sign of life is due.
bool trail_watch_silent(struct trail_watch *watch);
