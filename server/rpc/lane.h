// A pool of worker threads with a bounded queue of jobs: where handlers run.
//
// A job is embedded in what it works on, so that queueing allocates nothing; it holds one reference
// on its owner until it ran. Jobs may block. The lane's mutex is a leaf: nothing is called under
// it.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "server/rpc/event.h"

struct lane_job {
    struct lane_job *next;
    bool counted; // against the lane's maximum
    void (*run)(struct lane_job *job);
    struct owner *owner;
};

enum { LANE_THREADS_MAX = 256 };

struct lane {
    pthread_mutex_t mutex;
    pthread_cond_t arrived;
    struct lane_job *first;
    struct lane_job **last;
    atomic_size_t waiting; // steps left out: they must not keep new jobs away
    size_t waiting_max;
    size_t idle; // threads that wait
    bool waking; // one of them is told, and not up yet
    bool stopping;
    pthread_t threads[LANE_THREADS_MAX];
    size_t thread_count;
};

void lane_init(struct lane *lane, size_t waiting_max);
// Starts `threads` of them, LANE_THREADS_MAX at most. `policy` is of sched(7): under SCHED_BATCH a
// thread that wakes up does not take the core from who has it, under SCHED_OTHER it may.
enum err_code lane_start(struct lane *lane, const char *name, size_t threads, int policy,
                         struct err *reterr) _must_check_;
// Whether a new job would be refused now.
bool lane_is_full(const struct lane *lane);
// False if the queue is full. A job must not be queued twice.
bool lane_push(struct lane *lane, struct lane_job *job);
// For the next step of work that was let in before, which is bounded elsewhere: never refused.
void lane_push_step(struct lane *lane, struct lane_job *job);
// Runs what is queued, then ends the threads. No push may follow.
void lane_stop(struct lane *lane);
void lane_done(struct lane *lane);
