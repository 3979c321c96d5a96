// Between the files of the trail.
#pragma once

#include <pthread.h>

#include "server/audit/audit_private.h"
#include "server/audit/trail.h"

struct queue;

struct trail {
    struct store *store;

    pthread_mutex_t write_lock;
    struct queue *queues; // of tenants for whom something is being written
};

// Waits on a condition of the steady clock, at most so long.
void trail_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms);
void trail_cond_init(pthread_cond_t *cond);
