#include "delay.h"

#include <stdlib.h>
#include <time.h>

#include "memory.h"
#include "moment.h"

static bool is_let_go(const struct delay *delay, uint64_t hold)
{
    return hold && hold <= delay->cleared;
}

/* Resumes what is due and returns the next due time, or -1. */
static int64_t resume_due(struct delay *delay, int64_t now_ms)
{
    int64_t next = -1;
    size_t kept = 0;
    for (size_t i = 0; i < delay->count; i++) {
        struct delayed item = delay->items[i];
        if (item.due_ms <= now_ms || delay->stopping || is_let_go(delay, item.hold)) {
            MHD_resume_connection(item.connection);
            continue;
        }
        if (next < 0 || item.due_ms < next)
            next = item.due_ms;
        delay->items[kept++] = item;
    }
    delay->count = kept;
    return next;
}

static void *run(void *argument)
{
    struct delay *delay = argument;
    pthread_mutex_lock(&delay->lock);
    while (!delay->stopping) {
        int64_t next = resume_due(delay, moment_monotonic_ms());
        if (next < 0) {
            pthread_cond_wait(&delay->changed, &delay->lock);
        } else {
            struct timespec due = {next / 1000, (long)(next % 1000) * 1000000};
            pthread_cond_timedwait(&delay->changed, &delay->lock, &due);
        }
    }
    resume_due(delay, 0);
    pthread_mutex_unlock(&delay->lock);
    return NULL;
}

bool delay_start(struct delay *delay)
{
    pthread_condattr_t attributes;
    *delay = (struct delay){0};
    pthread_mutex_init(&delay->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&delay->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return pthread_create(&delay->thread, NULL, run, delay) == 0;
}

void delay_release(struct delay *delay)
{
    pthread_mutex_lock(&delay->lock);
    delay->stopping = true;
    pthread_cond_signal(&delay->changed);
    pthread_mutex_unlock(&delay->lock);
    pthread_join(delay->thread, NULL);
}

void delay_done(struct delay *delay)
{
    free(delay->items);
    pthread_cond_destroy(&delay->changed);
    pthread_mutex_destroy(&delay->lock);
}

void delay_let_go(struct delay *delay, uint64_t cleared)
{
    pthread_mutex_lock(&delay->lock);
    if (cleared > delay->cleared) {
        delay->cleared = cleared;
        pthread_cond_signal(&delay->changed);
    }
    pthread_mutex_unlock(&delay->lock);
}

bool delay_suspend(struct delay *delay, struct MHD_Connection *connection, int64_t ms,
                   uint64_t hold)
{
    pthread_mutex_lock(&delay->lock);
    bool waits = !delay->stopping && !is_let_go(delay, hold);
    if (waits) {
        if (delay->count == delay->capacity) {
            delay->capacity = delay->capacity ? delay->capacity * 2 : 64;
            delay->items = memory_grow(delay->items, delay->capacity, sizeof *delay->items);
        }
        MHD_suspend_connection(connection);
        delay->items[delay->count++] =
            (struct delayed){moment_monotonic_ms() + ms, hold, connection};
        pthread_cond_signal(&delay->changed);
    }
    pthread_mutex_unlock(&delay->lock);
    return waits;
}
