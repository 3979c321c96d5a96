// Leases: which process carries a run on. One row a connection as long as its run is live.
//
// A lease is due when its expire_time has passed: owner '' means that it waits for a process (from
// that time on, 'infinity' while syncs are paused), any other owner that its process went silent.
// Each change of owner raises the fence; whoever writes for a run first checks its own. The
// database's clock alone counts here.
#pragma once

#include "server/store/store.h"

struct sync_lease {
    const char *tenant, *connection_id, *run_id;
    int64_t fence;
};

// Under the scheduler's role, tenant "": takes at most `max` due leases for `owner`.
enum err_code sync_lease_claim(struct tx *tx, const char *owner, int64_t lease_ms, int max,
                               struct arena *arena, struct sync_lease **ret_leases,
                               size_t *ret_count, struct err *reterr) _must_check_;
// Under the scheduler's role, tenant "": how many leases are due, as far as `max`.
enum err_code sync_lease_count_due(struct tx *tx, int max, int64_t *ret_count,
                                   struct err *reterr) _must_check_;
// Under the scheduler's role: prolongs leases; `ret_held[i]` says whether the i-th is still ours.
enum err_code sync_lease_prolong(struct tx *tx, const char *owner, int64_t lease_ms,
                                 const struct sync_lease *leases, size_t count, bool *ret_held,
                                 struct err *reterr) _must_check_;

// What the holder of a lease learns when it begins to write.
struct sync_lease_check {
    bool held;
    bool cancel_requested;
};
// Holds the lease until the end of the transaction: nobody can take it over meanwhile.
enum err_code sync_lease_check(struct tx *tx, const struct sync_lease *lease, const char *owner,
                               struct sync_lease_check *ret_check, struct err *reterr) _must_check_;
// Makes a lease for a new run, due now.
enum err_code sync_lease_put(struct tx *tx, const char *connection_id, const char *run_id,
                             struct err *reterr) _must_check_;
// Gives the lease back; it is due again in `due_ms`.
enum err_code sync_lease_release(struct tx *tx, const struct sync_lease *lease, const char *owner,
                                 int64_t due_ms, struct err *reterr) _must_check_;
// Waits for the page that is being written, and keeps the next from being until the transaction
// ends.
enum err_code sync_lease_lock(struct tx *tx, const char *connection_id,
                              struct err *reterr) _must_check_;
// Makes a lease that waits for a process due now; one that is held stays as it is.
enum err_code sync_lease_hurry(struct tx *tx, const char *connection_id, const char *run_id,
                               struct err *reterr) _must_check_;
// Takes the lease of a connection's run, if there is one, from whoever holds it, for good: nobody
// carries the run on. Waits for what the holder is writing.
enum err_code sync_lease_drop(struct tx *tx, const char *connection_id,
                              struct err *reterr) _must_check_;
// The same until sync_lease_unhold() makes it due. The lease of a run that is being cancelled stays
// as it is.
enum err_code sync_lease_hold(struct tx *tx, const char *connection_id,
                              struct err *reterr) _must_check_;
enum err_code sync_lease_unhold(struct tx *tx, const char *connection_id,
                                struct err *reterr) _must_check_;
// The same, but it is due now, unless it is held: for a holder that knows the connection as it is
// from now on.
enum err_code sync_lease_pass_on(struct tx *tx, const char *connection_id,
                                 struct err *reterr) _must_check_;
// The run has ended.
enum err_code sync_lease_delete(struct tx *tx, const struct sync_lease *lease,
                                struct err *reterr) _must_check_;
