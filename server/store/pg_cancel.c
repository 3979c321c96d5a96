#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "server/store/pg_cancel.h"

enum {
    STACK_BYTES = 256 * 1024,
    ASKING_MAX = 64, // threads that a server which stands still can hold
};

struct pg_cancel {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool heard;
    int references; // the asker's and the thread's
    PGcancel *request;
};

static atomic_int asking;

static void release(struct pg_cancel *cancel)
{
    pthread_mutex_lock(&cancel->lock);
    bool last = --cancel->references == 0;
    pthread_mutex_unlock(&cancel->lock);
    if (!last)
        return;
    PQfreeCancel(cancel->request);
    pthread_cond_destroy(&cancel->changed);
    pthread_mutex_destroy(&cancel->lock);
    free(cancel);
}

static void *ask(void *context)
{
    struct pg_cancel *cancel = context;
    char text[256]; // quotes the host: never shown
    (void)PQcancel(cancel->request, text, sizeof(text));
    pthread_mutex_lock(&cancel->lock);
    cancel->heard = true;
    pthread_cond_signal(&cancel->changed);
    pthread_mutex_unlock(&cancel->lock);
    release(cancel);
    atomic_fetch_sub(&asking, 1);
    return NULL;
}

static bool start_thread(struct pg_cancel *cancel)
{
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    cancel->references = 2;
    bool started = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
                   pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
                   pthread_create(&thread, &attributes, ask, cancel) == 0;
    pthread_attr_destroy(&attributes);
    if (!started)
        cancel->references = 1;
    return started;
}

static struct pg_cancel *new_cancel(PGconn *conn)
{
    struct pg_cancel *cancel = calloc(1, sizeof(*cancel));
    pthread_condattr_t steady;
    if (cancel == NULL || pthread_condattr_init(&steady) != 0) {
        free(cancel);
        return NULL;
    }
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&cancel->lock, NULL); // neither fails on Linux
    (void)pthread_cond_init(&cancel->changed, &steady);
    pthread_condattr_destroy(&steady);
    cancel->references = 1;
    cancel->request = PQgetCancel(conn);
    return cancel;
}

struct pg_cancel *pg_cancel_start(PGconn *conn)
{
    struct pg_cancel *cancel = NULL;
    bool room = atomic_fetch_add(&asking, 1) < ASKING_MAX;
    if (room)
        cancel = new_cancel(conn);
    if (cancel == NULL || cancel->request == NULL || !start_thread(cancel)) {
        atomic_fetch_sub(&asking, 1);
        return pg_cancel_free(cancel);
    }
    return cancel;
}

bool pg_cancel_wait(struct pg_cancel *cancel, struct deadline deadline)
{
    if (cancel == NULL)
        return true;
    int64_t ms = deadline_left_ms(deadline);
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&cancel->lock);
    while (!cancel->heard && pthread_cond_timedwait(&cancel->changed, &cancel->lock, &until) == 0)
        continue;
    bool heard = cancel->heard;
    pthread_mutex_unlock(&cancel->lock);
    return heard;
}

struct pg_cancel *pg_cancel_free(struct pg_cancel *cancel)
{
    if (cancel != NULL)
        release(cancel);
    return NULL;
}

void pg_cancel_freep(struct pg_cancel **cancel)
{
    *cancel = pg_cancel_free(*cancel);
}
