// What the thread that waits for signals does meanwhile.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <unistd.h>

#include "server/signals.h"

// How often each was done.
struct done {
    int reloads, tidyings;
};

static void reload(void *context)
{
    struct done *done = context;
    done->reloads++;
}

// A reload is asked for in the midst, and the end after some more.
static void tidy(void *context)
{
    struct done *done = context;
    if (++done->tidyings == 2)
        (void)kill(getpid(), SIGHUP);
    if (done->tidyings == 4)
        (void)kill(getpid(), SIGTERM);
}

static void tidies_and_reloads_until_it_is_told_to_stop(void **state)
{
    (void)state;
    struct done done = {0};
    signals_block();
    assert_int_equal(signals_wait(&(struct signals_duties){reload, tidy, 5, &done}), SIGTERM);
    assert_int_equal(done.reloads, 1);
    assert_int_equal(done.tidyings, 4);
}

// Told before it waits, as while the server starts.
static void a_signal_that_came_before_is_heard(void **state)
{
    (void)state;
    signals_block();
    (void)kill(getpid(), SIGINT);
    assert_int_equal(signals_wait(&(struct signals_duties){0}), SIGINT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tidies_and_reloads_until_it_is_told_to_stop),
        cmocka_unit_test(a_signal_that_came_before_is_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
