#include "server/rpc/lane.h"

#include <sched.h>
#include <string.h>

void lane_init(struct lane *lane, size_t waiting_max)
{
    *lane = (struct lane){.waiting_max = waiting_max};
    lane->last = &lane->first;
    (void)pthread_mutex_init(&lane->mutex, NULL);
    (void)pthread_cond_init(&lane->arrived, NULL);
}

// Whether to wake one thread now, under the mutex. One at a time: who comes up wakes the next if
// there is more to do, so that a burst of short jobs does not wake all for nothing.
static bool must_wake(struct lane *lane)
{
    if (lane->first == NULL || lane->idle == 0 || lane->waking)
        return false;
    lane->waking = true;
    return true;
}

static void wait_for_job(struct lane *lane)
{
    while (lane->first == NULL && !lane->stopping) {
        lane->idle++;
        pthread_cond_wait(&lane->arrived, &lane->mutex);
        lane->idle--;
        lane->waking = false;
    }
}

static struct lane_job *take(struct lane *lane)
{
    pthread_mutex_lock(&lane->mutex);
    wait_for_job(lane);
    struct lane_job *job = lane->first;
    if (job != NULL) {
        lane->first = job->next;
        if (lane->first == NULL)
            lane->last = &lane->first;
        if (job->counted)
            atomic_fetch_sub(&lane->waiting, 1);
    }
    bool wake = must_wake(lane);
    pthread_mutex_unlock(&lane->mutex);
    if (wake)
        pthread_cond_signal(&lane->arrived);
    return job;
}

static void *worker_main(void *context)
{
    struct lane *lane = context;
    for (struct lane_job *job; (job = take(lane)) != NULL;) {
        // The job may queue itself again or be gone after it ran.
        struct owner *owner = job->owner;
        job->run(job);
        owner_unref(owner);
    }
    return NULL;
}

enum err_code lane_start(struct lane *lane, const char *name, size_t threads, int policy,
                         struct err *reterr)
{
    const struct sched_param priority = {0};
    for (size_t i = 0; i < threads && i < LANE_THREADS_MAX; i++) {
        int error = pthread_create(&lane->threads[i], NULL, worker_main, lane);
        if (error != 0)
            return err_set(reterr, ERR_INTERNAL, "cannot start a worker: %s", strerror(error));
        (void)pthread_setname_np(lane->threads[i], name);
        // If it is refused only speed is lost.
        (void)pthread_setschedparam(lane->threads[i], policy, &priority);
        lane->thread_count++;
    }
    return ERR_OK;
}

bool lane_is_full(const struct lane *lane)
{
    return atomic_load_explicit(&lane->waiting, memory_order_relaxed) >= lane->waiting_max;
}

static bool push(struct lane *lane, struct lane_job *job, bool counted)
{
    pthread_mutex_lock(&lane->mutex);
    bool room = !counted || atomic_load(&lane->waiting) < lane->waiting_max;
    if (room) {
        owner_ref(job->owner);
        job->next = NULL;
        job->counted = counted;
        *lane->last = job;
        lane->last = &job->next;
        if (counted)
            atomic_fetch_add(&lane->waiting, 1);
    }
    bool wake = must_wake(lane);
    pthread_mutex_unlock(&lane->mutex);
    if (wake)
        pthread_cond_signal(&lane->arrived);
    return room;
}

bool lane_push(struct lane *lane, struct lane_job *job)
{
    return push(lane, job, true);
}

void lane_push_step(struct lane *lane, struct lane_job *job)
{
    (void)push(lane, job, false);
}

void lane_stop(struct lane *lane)
{
    pthread_mutex_lock(&lane->mutex);
    lane->stopping = true;
    pthread_cond_broadcast(&lane->arrived);
    pthread_mutex_unlock(&lane->mutex);
    for (size_t i = 0; i < lane->thread_count; i++)
        (void)pthread_join(lane->threads[i], NULL);
    lane->thread_count = 0;
}

void lane_done(struct lane *lane)
{
    (void)pthread_cond_destroy(&lane->arrived);
    (void)pthread_mutex_destroy(&lane->mutex);
}
