// Scope-bound release of resources: `_cleanup_(fclosep) FILE *f = NULL;`.
//
// A destructor given here takes the address of the variable and accepts what a failed constructor
// left behind.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _must_check_ __attribute__((warn_unused_result))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline void freep(void *p)
{
    free(*(void **)p);
}

static inline void closep(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

// Takes the pointer out of a variable that a cleanup would release.
#define steal(pointer)                           \
    __extension__({                              \
        __typeof__(pointer) _stolen = (pointer); \
        (pointer) = NULL;                        \
        _stolen;                                 \
    })
