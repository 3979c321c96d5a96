#include "server/audit/trail_private.h"

#include <stdlib.h>
#include <time.h>

void trail_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

void trail_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(cond, lock, &until);
}

enum err_code trail_new(const struct trail_settings *settings, struct trail **ret_trail,
                        struct err *reterr)
{
    struct trail *trail = calloc(1, sizeof(*trail));
    if (trail == NULL)
        return err_no_memory(reterr);
    trail->store = settings->store;
    (void)pthread_mutex_init(&trail->write_lock, NULL);
    *ret_trail = trail;
    return ERR_OK;
}

struct trail *trail_free(struct trail *trail)
{
    if (trail == NULL)
        return NULL;
    (void)pthread_mutex_destroy(&trail->write_lock);
    free(trail);
    return NULL;
}
