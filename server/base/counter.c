#include "server/base/counter.h"

#include <stdatomic.h>

static atomic_uint_fast64_t counts[COUNTER_COUNT];

void counter_add(enum counter counter, uint64_t number)
{
    atomic_fetch_add_explicit(&counts[counter], number, memory_order_relaxed);
}

uint64_t counter_get(enum counter counter)
{
    return atomic_load_explicit(&counts[counter], memory_order_relaxed);
}
