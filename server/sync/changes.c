#include "server/sync/changes.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/log.h"
#include "server/sync/sync_private.h"

enum { LOOK_MS = 1000, TX_MS = 5000, ASKED_MAX = 256, PRINT_BYTES = 3 * CHANGE_PRINT_BYTES };

struct changes_watch {
    struct changes_watch *next;
    struct changes *changes;
    struct stream_waker waker;
    char *tenant, *company_id;
    bool waiting; // for a wake
    // As it believes the company to stand.
    char connection_id[CHANGE_ID_BYTES];
    int64_t sequence;
    char print[PRINT_BYTES];
    int64_t heartbeat_at_ms;
    int64_t round; // of looks
};

struct changes {
    pthread_mutex_t lock;
    pthread_cond_t tick;
    struct store *store;
    int64_t heartbeat_ms;
    struct changes_watch *watches;
    int64_t round;
    bool started, stopping;
    pthread_t thread;
};

enum err_code changes_new(struct store *store, int64_t heartbeat_ms, struct changes **ret_changes,
                          struct err *reterr)
{
    struct changes *changes = calloc(1, sizeof(*changes));
    if (changes == NULL)
        return err_no_memory(reterr);
    pthread_condattr_t steady;
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&changes->lock, NULL);
    (void)pthread_cond_init(&changes->tick, &steady);
    (void)pthread_condattr_destroy(&steady);
    changes->store = store;
    changes->heartbeat_ms = heartbeat_ms;
    *ret_changes = changes;
    return ERR_OK;
}

// Some watchers of one tenant, as they were under the lock. They may have closed since: they are
// known again by their address and their belief.
struct asked {
    const char *tenant;
    size_t count;
    struct changes_watch *watches[ASKED_MAX];
    const char *company_ids[ASKED_MAX], *connection_ids[ASKED_MAX], *prints[ASKED_MAX];
    int64_t sequences[ASKED_MAX];
    size_t found[ASKED_MAX];
};

// Takes watchers that were not looked after in this round, all of one tenant.
static bool take(struct changes *changes, struct asked *asked, struct arena *arena)
{
    asked->count = 0;
    asked->tenant = NULL;
    for (struct changes_watch *w = changes->watches; w != NULL && asked->count < ASKED_MAX;
         w = w->next) {
        if (!w->waiting || w->round == changes->round ||
            (asked->tenant != NULL && strcmp(asked->tenant, w->tenant) != 0))
            continue;
        size_t i = asked->count;
        if (asked->tenant == NULL)
            asked->tenant = arena_strdup(arena, w->tenant);
        asked->watches[i] = w;
        asked->company_ids[i] = arena_strdup(arena, w->company_id);
        asked->connection_ids[i] = arena_strdup(arena, w->connection_id);
        asked->prints[i] = arena_strdup(arena, w->print);
        asked->sequences[i] = w->sequence;
        if (asked->tenant == NULL || asked->company_ids[i] == NULL ||
            asked->connection_ids[i] == NULL || asked->prints[i] == NULL)
            return false;
        w->round = changes->round;
        asked->count++;
    }
    return asked->count > 0;
}

static enum err_code ask(struct changes *changes, struct asked *asked, size_t *ret_count,
                         struct err *reterr)
{
    const struct change_beliefs beliefs = {asked->count, asked->company_ids, asked->connection_ids,
                                           asked->sequences, asked->prints};
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(store_begin(changes->store, asked->tenant, deadline_in(TX_MS), NULL, &tx, reterr));
    tx_commit_with_next(tx);
    try_(change_find(tx, &beliefs, asked->found, ret_count, reterr));
    return tx_commit(&tx, reterr);
}

// A wake only sets a flag and queues a step, so it may be given under the lock.
static void wake(struct changes_watch *watch)
{
    watch->waiting = false;
    watch->waker.wake(watch->waker.context);
}

static void wake_found(struct changes *changes, const struct asked *asked, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (struct changes_watch *w = changes->watches; w != NULL; w = w->next)
            if (w == asked->watches[asked->found[i]] && w->waiting)
                wake(w);
}

// Called with the lock, which is given up while the database is asked.
static void look(struct changes *changes)
{
    changes->round++;
    for (;;) {
        struct err err;
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, 1024 * 1024);
        struct asked asked;
        size_t count = 0;
        if (changes->stopping || !take(changes, &asked, &arena))
            return;
        (void)pthread_mutex_unlock(&changes->lock);
        if (ask(changes, &asked, &count, &err) != ERR_OK)
            log_event(LOG_WARN, "changes cannot be looked for", LOG_ERR(&err));
        (void)pthread_mutex_lock(&changes->lock);
        wake_found(changes, &asked, count);
    }
}

static void *changes_main(void *context)
{
    struct changes *changes = context;
    (void)pthread_mutex_lock(&changes->lock);
    while (!changes->stopping) {
        sync_cond_wait(&changes->tick, &changes->lock,
                       changes->watches != NULL ? LOOK_MS : 60 * LOOK_MS);
        if (changes->watches == NULL || changes->stopping)
            continue;
        look(changes);
        int64_t now_ms = clock_steady_ms();
        for (struct changes_watch *w = changes->watches; w != NULL; w = w->next)
            if (w->waiting && now_ms >= w->heartbeat_at_ms)
                wake(w);
    }
    (void)pthread_mutex_unlock(&changes->lock);
    return NULL;
}

enum err_code changes_start(struct changes *changes, struct err *reterr)
{
    if (pthread_create(&changes->thread, NULL, changes_main, changes) != 0)
        return err_set(reterr, ERR_INTERNAL, "no thread for changes");
    changes->started = true;
    return ERR_OK;
}

void changes_stop(struct changes *changes)
{
    (void)pthread_mutex_lock(&changes->lock);
    changes->stopping = true;
    (void)pthread_cond_signal(&changes->tick);
    (void)pthread_mutex_unlock(&changes->lock);
    if (changes->started)
        (void)pthread_join(changes->thread, NULL);
    changes->started = false;
}

struct changes *changes_free(struct changes *changes)
{
    if (changes == NULL)
        return NULL;
    (void)pthread_cond_destroy(&changes->tick);
    (void)pthread_mutex_destroy(&changes->lock);
    free(changes);
    return NULL;
}

static void watch_free(struct changes_watch *watch)
{
    free(watch->tenant);
    free(watch->company_id);
    free(watch);
}

enum err_code changes_watch_open(struct changes *changes, const char *tenant,
                                 const char *company_id, const struct stream_waker *waker,
                                 struct changes_watch **ret_watch, struct err *reterr)
{
    struct changes_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return err_no_memory(reterr);
    watch->changes = changes;
    watch->waker = *waker;
    watch->tenant = strdup(tenant);
    watch->company_id = strdup(company_id);
    watch->heartbeat_at_ms = clock_steady_ms() + changes->heartbeat_ms;
    if (watch->tenant == NULL || watch->company_id == NULL) {
        watch_free(watch);
        return err_no_memory(reterr);
    }
    (void)pthread_mutex_lock(&changes->lock);
    watch->round = changes->round;
    watch->next = changes->watches;
    changes->watches = watch;
    (void)pthread_cond_signal(&changes->tick);
    (void)pthread_mutex_unlock(&changes->lock);
    *ret_watch = watch;
    return ERR_OK;
}

void changes_watch_close(struct changes_watch *watch)
{
    if (watch == NULL)
        return;
    struct changes *changes = watch->changes;
    (void)pthread_mutex_lock(&changes->lock);
    struct changes_watch **at = &changes->watches;
    while (*at != watch)
        at = &(*at)->next;
    *at = watch->next;
    (void)pthread_mutex_unlock(&changes->lock);
    watch_free(watch);
}

void changes_watch_wait(struct changes_watch *watch, const struct change_stand *stand)
{
    (void)pthread_mutex_lock(&watch->changes->lock);
    watch->waiting = true;
    watch->sequence = stand->sequence;
    (void)snprintf(watch->connection_id, sizeof(watch->connection_id), "%s", stand->connection_id);
    watch->print[0] = '\0';
    if (stand->connection_id[0] != '\0')
        (void)snprintf(watch->print, sizeof(watch->print), "%s.%s.%s", stand->documents,
                       stand->assets, stand->checklists);
    (void)pthread_mutex_unlock(&watch->changes->lock);
}

bool changes_watch_heartbeat(struct changes_watch *watch, bool told)
{
    int64_t now_ms = clock_steady_ms();
    (void)pthread_mutex_lock(&watch->changes->lock);
    bool due = now_ms >= watch->heartbeat_at_ms;
    if (due || told)
        watch->heartbeat_at_ms = now_ms + watch->changes->heartbeat_ms;
    (void)pthread_mutex_unlock(&watch->changes->lock);
    return due;
}
