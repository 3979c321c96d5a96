// Workers: threads that take work on connections from the database, one connection at a time, and
// carry it on batch by batch. Work whose process went silent is taken over by another's.
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "server/store/store.h"
#include "server/store/work_lease.h"

struct sync;

// What a worker does, in the transactions that it is given.
struct worker_work {
    const char *name; // in the log
    size_t arena_bytes;
    // Takes what is due, under the scheduler's role.
    enum err_code (*claim)(struct tx *tx, const char *owner, int64_t lease_ms, struct arena *arena,
                           struct work_lease *ret_lease, struct err *reterr);
    // Lets it be due again at once; nothing happens if it is over.
    enum err_code (*release)(struct tx *tx, const struct work_lease *lease, const char *owner,
                             struct err *reterr);
    // Carries it on to its end, in transactions that prolong the lease first; asks
    // worker_goes_on() before each.
    enum err_code (*carry_on)(struct sync *sync, const struct work_lease *lease,
                              struct err *reterr);
    // What else there is to do when nothing is due: false if nothing was. NULL: nothing ever.
    bool (*otherwise)(struct sync *sync);
};

struct worker {
    const struct worker_work *work;
    struct sync *sync;
    pthread_cond_t wake; // under the lock of `sync`: called, stopping
    bool started, called;
    atomic_bool stop; // also cancels statements of its transactions
    pthread_t thread;
};

void worker_init(struct worker *worker, struct sync *sync, const struct worker_work *work,
                 const pthread_condattr_t *attributes);
enum err_code worker_start(struct worker *worker, struct err *reterr) _must_check_;
// Under the lock: tells it to stop. worker_join() waits for it, without the lock.
void worker_stop(struct worker *worker);
void worker_join(struct worker *worker);
void worker_done(struct worker *worker);
// There is work; else it looks for some within scheduler_ms.
void worker_call(struct worker *worker);
// Errors: SHUTTING_DOWN if the worker must stop.
enum err_code worker_goes_on(const struct worker *worker, struct err *reterr) _must_check_;
