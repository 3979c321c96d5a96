#include "limiter.h"

#include <stdlib.h>

#include "memory.h"

void limiter_done(struct limiter *limiter)
{
    free(limiter->times);
    *limiter = (struct limiter){0};
}

/* Another limit keeps the newest times that still fit. */
static void resize(struct limiter *limiter, size_t capacity)
{
    int64_t *times = memory_get(capacity, sizeof *times);
    size_t kept = limiter->count < capacity ? limiter->count : capacity;
    for (size_t i = 0; i < kept; i++) {
        size_t from = limiter->head + (limiter->count - kept) + i;
        times[i] = limiter->times[from % limiter->capacity];
    }
    free(limiter->times);
    *limiter = (struct limiter){times, capacity, 0, kept};
}

static void push(struct limiter *limiter, int64_t now_ms)
{
    if (limiter->count == limiter->capacity) {
        limiter->head = (limiter->head + 1) % limiter->capacity;
        limiter->count--;
    }
    limiter->times[(limiter->head + limiter->count++) % limiter->capacity] = now_ms;
}

bool limiter_admit(struct limiter *limiter, size_t limit, int64_t window_ms, int64_t now_ms,
                   bool count_rejected, int64_t *wait_ms)
{
    *wait_ms = 0;
    if (limit == 0)
        return true;
    if (limiter->capacity != limit)
        resize(limiter, limit);
    while (limiter->count && limiter->times[limiter->head] <= now_ms - window_ms) {
        limiter->head = (limiter->head + 1) % limiter->capacity;
        limiter->count--;
    }
    bool admitted = limiter->count < limit;
    if (!admitted)
        *wait_ms = limiter->times[limiter->head] + window_ms - now_ms;
    if (admitted || count_rejected)
        push(limiter, now_ms);
    return admitted;
}
