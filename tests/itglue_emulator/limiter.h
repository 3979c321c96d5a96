/*
 * The true sliding window: at most `limit` requests in any `window_ms`, kept as the times of the
 * last `limit` requests. Exact, because tests compare it with the recorder request by request.
 */
#ifndef ITGLUE_EMULATOR_LIMITER_H
#define ITGLUE_EMULATOR_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limiter {
    int64_t *times;
    size_t capacity;
    size_t head; /* the oldest */
    size_t count;
};

void limiter_done(struct limiter *limiter);
/* False: too many, and *wait_ms says when the next one would pass. */
bool limiter_admit(struct limiter *limiter, size_t limit, int64_t window_ms, int64_t now_ms,
                   bool count_rejected, int64_t *wait_ms);

#endif
