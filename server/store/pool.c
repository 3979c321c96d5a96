#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "server/store/pool.h"

enum {
    DEFAULT_CONNECTIONS = 16,
    DEFAULT_CONNECT_TIMEOUT_MS = 5000,
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MAX_MS = 2000,
    WAIT_SLICE_MS = 50, // how late a client that has gone, or the end of a pause, is noticed
};

struct pg_list {
    struct pg *first, *last;
    int count;
};

// A thread that waits for a connection; lives on its stack.
struct waiter {
    pthread_cond_t wake;
    struct pg *pg; // granted: PG_BUSY, or PG_CONNECTING for the waiter to connect
    bool refused;  // the server is gone
    struct waiter *prev, *next;
};

struct store {
    pthread_mutex_t lock; // guards all below; nothing is called out to under it but poll()
    struct pg_list lists[PG_STATE_COUNT];
    struct waiter *first, *last;
    int waiting;
    int failures;               // to connect, in a row
    int64_t retry_at_ms;        // no attempt before; steady clock
    char place[PG_PLACE_BYTES]; // where the last attempt failed

    struct pg_target *target;
    char *role;
    int connections_max;
    int64_t connect_timeout_ms;
    bool unnamed;
};

// The one place where a connection changes its list.
static void pool_move(struct store *store, struct pg *pg, enum pg_state to)
{
    if (pg->state != PG_NEW) {
        struct pg_list *from = &store->lists[pg->state];
        *(pg->prev != NULL ? &pg->prev->next : &from->first) = pg->next;
        *(pg->next != NULL ? &pg->next->prev : &from->last) = pg->prev;
        from->count--;
    }
    struct pg_list *list = &store->lists[to];
    pg->state = to;
    pg->next = NULL;
    pg->prev = list->last;
    *(list->last != NULL ? &list->last->next : &list->first) = pg;
    list->last = pg;
    list->count++;
}

static int open_count(const struct store *store)
{
    return store->lists[PG_CONNECTING].count + store->lists[PG_IDLE].count +
           store->lists[PG_BUSY].count;
}

// Unlocks, and closes what was put aside for it: a close writes to the network.
static void pool_unlock(struct store *store)
{
    struct pg *pg = store->lists[PG_CLOSING].first;
    store->lists[PG_CLOSING] = (struct pg_list){0};
    pthread_mutex_unlock(&store->lock);
    while (pg != NULL) {
        struct pg *next = pg->next;
        (void)pg_free(pg);
        pg = next;
    }
}

// The one given back last is the warmest.
static struct pg *take_idle(struct store *store)
{
    struct pg *pg;
    while ((pg = store->lists[PG_IDLE].last) != NULL) {
        if (pg_alive(pg)) {
            pool_move(store, pg, PG_BUSY);
            return pg;
        }
        pool_move(store, pg, PG_CLOSING);
    }
    return NULL;
}

static struct pg *take_new(struct store *store)
{
    if (open_count(store) >= store->connections_max)
        return NULL;
    if (store->failures > 0 &&
        (store->lists[PG_CONNECTING].count > 0 || clock_steady_ms() < store->retry_at_ms))
        return NULL;
    struct pg *pg = pg_new(store->unnamed);
    if (pg != NULL)
        pool_move(store, pg, PG_CONNECTING);
    return pg;
}

static void enqueue(struct store *store, struct waiter *waiter)
{
    waiter->prev = store->last;
    *(store->last != NULL ? &store->last->next : &store->first) = waiter;
    store->last = waiter;
    store->waiting++;
}

static void dequeue(struct store *store, struct waiter *waiter)
{
    *(waiter->prev != NULL ? &waiter->prev->next : &store->first) = waiter->next;
    *(waiter->next != NULL ? &waiter->next->prev : &store->last) = waiter->prev;
    store->waiting--;
}

// Serves the queue from its head as far as it goes.
static void pool_dispatch(struct store *store)
{
    struct waiter *waiter;
    while ((waiter = store->first) != NULL) {
        waiter->pg = take_idle(store);
        if (waiter->pg == NULL)
            waiter->pg = take_new(store);
        // With nothing open nobody will give anything back.
        waiter->refused = waiter->pg == NULL && store->failures > 0 && open_count(store) == 0;
        if (waiter->pg == NULL && !waiter->refused)
            return;
        dequeue(store, waiter);
        pthread_cond_signal(&waiter->wake);
    }
}

static void connect_failed(struct store *store)
{
    int64_t pause = BACKOFF_FIRST_MS;
    for (int i = 0; i < store->failures && pause < BACKOFF_MAX_MS; i++)
        pause *= 2;
    if (pause > BACKOFF_MAX_MS)
        pause = BACKOFF_MAX_MS;
    // Half of it is chance, so that many processes do not come back as one.
    pause = pause / 2 + randombytes_uniform((uint32_t)pause / 2 + 1);
    store->failures++;
    store->retry_at_ms = clock_steady_ms() + pause;
}

static void sleep_slice(struct store *store, struct waiter *waiter, const struct pg_wait *wait)
{
    int64_t ms = deadline_left_ms(wait->deadline);
    ms = ms < WAIT_SLICE_MS ? ms : WAIT_SLICE_MS;
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&waiter->wake, &store->lock, &until);
}

static bool waiter_init(struct waiter *waiter)
{
    pthread_condattr_t steady;
    if (pthread_condattr_init(&steady) != 0)
        return false;
    bool made = pthread_condattr_setclock(&steady, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&waiter->wake, &steady) == 0;
    pthread_condattr_destroy(&steady);
    return made;
}

// Waits in the queue. Called and left with the lock held.
static enum err_code stand_in_line(struct store *store, struct waiter *waiter,
                                   const struct pg_wait *wait, struct err *reterr)
{
    enqueue(store, waiter);
    pool_dispatch(store);
    while (waiter->pg == NULL && !waiter->refused) {
        bool cancelled = wait->cancelled != NULL && atomic_load(wait->cancelled);
        if (cancelled || deadline_left_ms(wait->deadline) == 0) {
            dequeue(store, waiter);
            return cancelled ? err_set(reterr, ERR_CANCELLED, "the caller has gone")
                             : err_set(reterr, ERR_DEADLINE_EXCEEDED,
                                       "no connection to the database was free in time");
        }
        sleep_slice(store, waiter, wait);
        pool_dispatch(store);
    }
    if (waiter->pg != NULL)
        return ERR_OK;
    int64_t pause = store->retry_at_ms - clock_steady_ms();
    (void)pg_unavailable(reterr, "the database cannot be reached");
    err_retry_after(reterr, pause > PG_RETRY_MS ? pause : PG_RETRY_MS);
    return ERR_STORE_UNAVAILABLE;
}

static enum err_code connect_granted(struct store *store, struct pg *pg, const struct pg_wait *wait,
                                     struct err *reterr)
{
    struct pg_wait attempt = {deadline_at_most(wait->deadline, store->connect_timeout_ms),
                              wait->cancelled};
    enum err_code code = pg_connect(pg, store->target, /* pipeline= */ true, &attempt, reterr);
    // A server that is silent for the whole of its time is gone; a caller in a hurry proves
    // nothing.
    if (code == ERR_DEADLINE_EXCEEDED && deadline_left_ms(wait->deadline) > 0)
        code = pg_unavailable(reterr, "the database does not answer");
    pthread_mutex_lock(&store->lock);
    if (code == ERR_OK)
        store->failures = 0;
    else if (code == ERR_STORE_UNAVAILABLE)
        connect_failed(store);
    if (code != ERR_OK)
        memcpy(store->place, pg->place, sizeof(store->place));
    pool_move(store, pg, code == ERR_OK ? PG_BUSY : PG_CLOSING);
    pool_dispatch(store);
    pool_unlock(store);
    return code;
}

void pool_place(struct store *store, char ret_place[PG_PLACE_BYTES])
{
    pthread_mutex_lock(&store->lock);
    memcpy(ret_place, store->place, PG_PLACE_BYTES);
    pool_unlock(store);
}

enum err_code pool_take(struct store *store, const struct pg_wait *wait, struct pg **ret_pg,
                        struct err *reterr)
{
    struct waiter waiter = {.pg = NULL};
    pthread_mutex_lock(&store->lock);
    if (store->first == NULL)
        waiter.pg = take_idle(store);
    pool_unlock(store);
    if (waiter.pg != NULL) {
        *ret_pg = waiter.pg;
        return ERR_OK;
    }
    if (!waiter_init(&waiter))
        return err_no_memory(reterr);
    pthread_mutex_lock(&store->lock);
    enum err_code code = stand_in_line(store, &waiter, wait, reterr);
    bool connects = code == ERR_OK && waiter.pg->state == PG_CONNECTING;
    pool_unlock(store);
    pthread_cond_destroy(&waiter.wake);
    if (connects)
        code = connect_granted(store, waiter.pg, wait, reterr);
    if (code == ERR_OK)
        *ret_pg = waiter.pg;
    return code;
}

void pool_give(struct store *store, struct pg *pg)
{
    bool reusable = pg_reusable(pg);
    pthread_mutex_lock(&store->lock);
    pool_move(store, pg, reusable ? PG_IDLE : PG_CLOSING);
    // What is wrong with one is mostly wrong with all: the server is gone, stands still, or is no
    // longer the one that writes. Whoever comes next should not have to find out as well.
    while (!reusable && store->lists[PG_IDLE].first != NULL)
        pool_move(store, store->lists[PG_IDLE].first, PG_CLOSING);
    pool_dispatch(store);
    pool_unlock(store);
}

bool pool_unnamed(const struct store *store)
{
    return store->unnamed;
}

const char *pool_role(const struct store *store)
{
    return store->role;
}

enum err_code store_open(const struct store_settings *settings, struct store **ret_store,
                         struct err *reterr)
{
    _cleanup_(pg_target_freep) struct pg_target *target = NULL;
    try_(pg_target_new(settings->dsn, settings->role, !settings->unnamed_statements, &target,
                       reterr));
    struct store *store = calloc(1, sizeof(*store));
    char *role = settings->role != NULL ? strdup(settings->role) : NULL;
    if (store == NULL || (settings->role != NULL && role == NULL) ||
        pthread_mutex_init(&store->lock, NULL) != 0) {
        free(store);
        free(role);
        return err_no_memory(reterr);
    }
    store->target = steal(target);
    store->role = role;
    store->connections_max =
        settings->connections_max > 0 ? settings->connections_max : DEFAULT_CONNECTIONS;
    store->connect_timeout_ms = settings->connect_timeout_ms > 0 ? settings->connect_timeout_ms
                                                                 : DEFAULT_CONNECT_TIMEOUT_MS;
    store->unnamed = settings->unnamed_statements;
    *ret_store = store;
    return ERR_OK;
}

struct store *store_close(struct store *store)
{
    if (store == NULL)
        return NULL;
    pthread_mutex_lock(&store->lock);
    while (store->lists[PG_IDLE].first != NULL)
        pool_move(store, store->lists[PG_IDLE].first, PG_CLOSING);
    pool_unlock(store);
    pthread_mutex_destroy(&store->lock);
    store->target = pg_target_free(store->target);
    free(store->role);
    free(store);
    return NULL;
}

void store_closep(struct store **store)
{
    *store = store_close(*store);
}

struct store_stats store_get_stats(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    struct store_stats stats = {
        .open = open_count(store), .idle = store->lists[PG_IDLE].count, .waiting = store->waiting};
    pool_unlock(store);
    return stats;
}
