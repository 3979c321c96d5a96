#include "server/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "server/base/log.h"

static sigset_t obeyed(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    return set;
}

void signals_block(void)
{
    const sigset_t set = obeyed();
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

int signals_wait(const struct signals_duties *duties)
{
    const struct timespec pause = {.tv_sec = duties->tidy_ms / 1000,
                                   .tv_nsec = duties->tidy_ms % 1000 * 1000000L};
    const sigset_t set = obeyed();
    for (;;) {
        int got = sigtimedwait(&set, NULL, duties->tidy == NULL ? NULL : &pause);
        if (got < 0 && errno == EAGAIN && duties->tidy != NULL)
            duties->tidy(duties->context);
        else if (got == SIGHUP && duties->reload != NULL)
            duties->reload(duties->context);
        else if (got > 0 && got != SIGHUP)
            return got;
    }
}

static void *await_second(void *unused)
{
    (void)unused;
    int got = signals_wait(&(struct signals_duties){0});
    log_event(LOG_WARN, "stopped at once", LOG_INT("signal", got));
    _exit(SIGNALS_EXIT_AT_ONCE);
}

void signals_stop_at_once(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, await_second, NULL) == 0)
        (void)pthread_detach(thread);
    else
        log_event(LOG_WARN, "a second signal will not be heard");
}
