#include "server/base/frugal.h"

#include <stdbool.h>
#include <stddef.h>

// jemalloc's; only the server is linked with it, and not where a sanitizer has its own.
extern int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len)
    __attribute__((weak));

void frugal_thread(void)
{
    bool enabled = false;
    if (mallctl != NULL)
        (void)mallctl("thread.tcache.enabled", NULL, NULL, &enabled, sizeof(enabled));
}
