#include "server/rpc/lane.h"

#include <sched.h>
#include <string.h>

void lane_init(struct lane *lane, size_t waiting_max)
{
    *lane = (struct lane){.waiting_max = waiting_max};
    lane->last = &lane->first;
    for (size_t i = 0; i < LANE_FLOWS; i++)
        lane->flows[i].last = &lane->flows[i].first;
    (void)pthread_mutex_init(&lane->mutex, NULL);
    (void)pthread_cond_init(&lane->arrived, NULL);
}

// Whether a flow may have one thread more.
static bool may_run(const struct lane *lane, const struct lane_flow *flow)
{
    return flow->running == 0 || lane->stopping ||
           flow->running < LANE_SHARE * (lane->size - lane->running - 1);
}

// Where the flow is noted whose turn it is; NULL there: no job may run now.
static struct lane_flow **find_flow(struct lane *lane)
{
    struct lane_flow **at = &lane->first;
    while (*at != NULL && !may_run(lane, *at))
        at = &(*at)->next;
    return at;
}

static void add_flow(struct lane *lane, struct lane_flow *flow)
{
    flow->next = NULL;
    *lane->last = flow;
    lane->last = &flow->next;
}

// Whether to wake one thread now, under the mutex. One at a time: who comes up wakes the next if
// there is more to do, so that a burst of short jobs does not wake all for nothing.
static bool must_wake(struct lane *lane)
{
    if (lane->idle == 0 || lane->waking || *find_flow(lane) == NULL)
        return false;
    lane->waking = true;
    return true;
}

// Takes the first job of the flow noted there. If it has more, its turn comes again behind all.
static struct lane_job *take_from(struct lane *lane, struct lane_flow **at)
{
    struct lane_flow *flow = *at;
    struct lane_job *job = flow->first;
    *at = flow->next;
    if (*at == NULL)
        lane->last = at;
    flow->first = job->next;
    if (flow->first == NULL)
        flow->last = &flow->first;
    else
        add_flow(lane, flow);
    if (job->counted) {
        flow->waiting--;
        atomic_fetch_sub(&lane->waiting, 1);
    }
    flow->running++;
    lane->running++;
    return job;
}

static struct lane_flow *flow_of(struct lane *lane, const struct lane_job *job)
{
    return &lane->flows[job->caller % LANE_FLOWS];
}

// The next job for a thread that has run one of `*flow` (NULL: none), which is then the next's.
// NULL: there will be none.
static struct lane_job *take(struct lane *lane, struct lane_flow **flow)
{
    struct lane_flow **at;
    pthread_mutex_lock(&lane->mutex);
    if (*flow != NULL) {
        (*flow)->running--;
        lane->running--;
    }
    while (*(at = find_flow(lane)) == NULL && !lane->stopping) {
        lane->idle++;
        pthread_cond_wait(&lane->arrived, &lane->mutex);
        lane->idle--;
        lane->waking = false;
    }
    *flow = *at;
    struct lane_job *job = *at == NULL ? NULL : take_from(lane, at);
    bool wake = must_wake(lane);
    pthread_mutex_unlock(&lane->mutex);
    if (wake)
        pthread_cond_signal(&lane->arrived);
    return job;
}

static void *worker_main(void *context)
{
    struct lane *lane = context;
    struct lane_flow *flow = NULL;
    for (struct lane_job *job; (job = take(lane, &flow)) != NULL;) {
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
    lane->size = threads < LANE_THREADS_MAX ? threads : LANE_THREADS_MAX;
    for (size_t i = 0; i < lane->size; i++) {
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
    struct lane_flow *flow = flow_of(lane, job);
    pthread_mutex_lock(&lane->mutex);
    bool room = !counted || flow->waiting < lane->waiting_max - atomic_load(&lane->waiting);
    if (room) {
        owner_ref(job->owner);
        job->next = NULL;
        job->counted = counted;
        if (flow->first == NULL)
            add_flow(lane, flow);
        *flow->last = job;
        flow->last = &job->next;
    }
    if (room && counted) {
        flow->waiting++;
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

size_t lane_running(struct lane *lane)
{
    pthread_mutex_lock(&lane->mutex);
    size_t running = lane->running;
    pthread_mutex_unlock(&lane->mutex);
    return running;
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
