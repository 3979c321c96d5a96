// A pool of worker threads with a bounded queue of jobs: where handlers run.
//
// Callers share it: each has a flow of jobs, the flows take turns, and none gets the last thread or
// the last room in the queue, so that who asks for much keeps nobody else waiting. Flows are told
// apart by a hash (stochastic fairness queueing: McKenney, 1990): two callers in 256 may share one.
//
// A job is embedded in what it works on, so that queueing allocates nothing; it holds one reference
// on its owner until it ran. Jobs may block. The lane's mutex is a leaf: nothing is called under
// it.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/rpc/event.h"

struct lane_job {
    struct lane_job *next;
    bool counted; // against the lane's maximum
    void (*run)(struct lane_job *job);
    struct owner *owner;
    uint32_t caller; // a hash of who it is for
};

enum {
    LANE_THREADS_MAX = 256,
    LANE_FLOWS = 256,
    LANE_SHARE = 7, // a flow may have so many threads for each that it leaves free
};

// The jobs of a caller.
struct lane_flow {
    struct lane_flow *next; // of those that have jobs queued, in the order of their turns
    struct lane_job *first;
    struct lane_job **last;
    size_t waiting; // counted jobs
    size_t running;
};

struct lane {
    pthread_mutex_t mutex;
    pthread_cond_t arrived;
    struct lane_flow flows[LANE_FLOWS];
    struct lane_flow *first;
    struct lane_flow **last;
    atomic_size_t waiting; // steps left out: they must not keep new jobs away
    size_t waiting_max;
    size_t size; // threads that there are to be
    size_t running;
    size_t idle; // threads that wait
    bool waking; // one of them is told, and not up yet
    bool stopping;
    pthread_t threads[LANE_THREADS_MAX];
    size_t thread_count; // that were started
};

void lane_init(struct lane *lane, size_t waiting_max);
// Starts `threads` of them, LANE_THREADS_MAX at most. `policy` is of sched(7): under SCHED_BATCH a
// thread that wakes up does not take the core from who has it, under SCHED_OTHER it may.
enum err_code lane_start(struct lane *lane, const char *name, size_t threads, int policy,
                         struct err *reterr) _must_check_;
// Whether a new job would be refused now, whoever's it is.
bool lane_is_full(const struct lane *lane);
// False if the queue has no room for the caller: as much as there is left for all others. A job
// must not be queued twice.
bool lane_push(struct lane *lane, struct lane_job *job);
// For the next step of work that was let in before, which is bounded elsewhere: never refused.
void lane_push_step(struct lane *lane, struct lane_job *job);
// Threads that run a job.
size_t lane_running(struct lane *lane);
// Runs what is queued, then ends the threads. No push may follow.
void lane_stop(struct lane *lane);
void lane_done(struct lane *lane);
