#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/base/frugal.h"

// jemalloc's; a sanitizer has its own allocator.
extern int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len)
    __attribute__((weak));

static void a_frugal_thread_keeps_nothing(void **state)
{
    (void)state;
    bool keeps = true;
    size_t len = sizeof(keeps);
    frugal_thread();
    if (mallctl == NULL)
        skip();
    assert_int_equal(mallctl("thread.tcache.enabled", &keeps, &len, NULL, 0), 0);
    assert_false(keeps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_frugal_thread_keeps_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
