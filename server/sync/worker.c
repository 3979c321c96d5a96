#include "server/sync/worker.h"

#include "server/base/log.h"
#include "server/sync/sync_private.h"

enum { CLAIM_MS = 10000 };

void worker_init(struct worker *worker, struct sync *sync, const struct worker_work *work,
                 const pthread_condattr_t *attributes)
{
    *worker = (struct worker){.work = work, .sync = sync};
    (void)pthread_cond_init(&worker->wake, attributes);
}

void worker_done(struct worker *worker)
{
    (void)pthread_cond_destroy(&worker->wake);
}

void worker_call(struct worker *worker)
{
    (void)pthread_mutex_lock(&worker->sync->lock);
    worker->called = true;
    (void)pthread_cond_signal(&worker->wake);
    (void)pthread_mutex_unlock(&worker->sync->lock);
}

void worker_stop(struct worker *worker)
{
    atomic_store(&worker->stop, true);
    (void)pthread_cond_signal(&worker->wake);
}

void worker_join(struct worker *worker)
{
    if (worker->started)
        (void)pthread_join(worker->thread, NULL);
    worker->started = false;
}

enum err_code worker_goes_on(const struct worker *worker, struct err *reterr)
{
    return atomic_load(&worker->stop) ? err_set(reterr, ERR_SHUTTING_DOWN, "the process ends")
                                      : ERR_OK;
}

static enum err_code claim(const struct worker *worker, struct arena *arena,
                           struct work_lease *ret_lease, struct err *reterr)
{
    struct sync *sync = worker->sync;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(store_begin(sync->scheduler_store, "", deadline_in(CLAIM_MS), NULL, &tx, reterr));
    try_(worker->work->claim(tx, sync->owner, sync->lease_ms, arena, ret_lease, reterr));
    return tx_commit(&tx, reterr);
}

// Lets any process go on at once; without the database it goes on when the lease ends.
static void give_back(const struct worker *worker, const struct work_lease *lease)
{
    struct sync *sync = worker->sync;
    struct err err;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    if (store_begin(sync->background_store, lease->tenant, deadline_in(CLAIM_MS), NULL, &tx,
                    &err) != ERR_OK ||
        worker->work->release(tx, lease, sync->owner, &err) != ERR_OK ||
        tx_commit(&tx, &err) != ERR_OK)
        log_event(LOG_WARN, "work is left to its lease", LOG_STR("worker", worker->work->name),
                  LOG_ERR(&err));
}

// Takes work and carries it on. False: there is none, or it went wrong.
static bool next(const struct worker *worker)
{
    struct err err = {0};
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, worker->work->arena_bytes);
    struct work_lease lease;
    if (claim(worker, &arena, &lease, &err) != ERR_OK) {
        log_event(LOG_WARN, "a worker cannot look for work", LOG_STR("worker", worker->work->name),
                  LOG_ERR(&err));
        return false;
    }
    if (lease.tenant == NULL)
        return false;
    enum err_code code = worker->work->carry_on(worker->sync, &lease, &err);
    if (code == ERR_OK || atomic_load(&worker->stop)) {
        give_back(worker, &lease);
        return code == ERR_OK;
    }
    // What went wrong once is tried again when the lease ends, not at once.
    log_event(LOG_WARN, "work interrupted", LOG_STR("worker", worker->work->name),
              LOG_STR("connection", lease.connection_id), LOG_ERR(&err));
    return false;
}

static void *worker_main(void *context)
{
    struct worker *worker = context;
    struct sync *sync = worker->sync;
    while (!atomic_load(&worker->stop)) {
        if (next(worker) || (worker->work->otherwise != NULL && worker->work->otherwise(sync)))
            continue;
        (void)pthread_mutex_lock(&sync->lock);
        if (!worker->called && !atomic_load(&worker->stop))
            sync_cond_wait(&worker->wake, &sync->lock, sync->scheduler_ms);
        worker->called = false;
        (void)pthread_mutex_unlock(&sync->lock);
    }
    return NULL;
}

enum err_code worker_start(struct worker *worker, struct err *reterr)
{
    if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0)
        return err_set(reterr, ERR_INTERNAL, "no thread for the %s", worker->work->name);
    worker->started = true;
    return ERR_OK;
}
