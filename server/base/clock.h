// The time: a wall clock for what is stored and shown, a steady clock for what is waited for.
//
// Tests replace both by clock_fake(). Never compare one clock with the other.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Microseconds since 1970-01-01 UTC.
int64_t clock_wall_us(void);
// Milliseconds of a clock that never jumps.
int64_t clock_steady_ms(void);
// From now on both clocks say these times; false undoes it. For tests alone.
void clock_fake(bool on, int64_t wall_us, int64_t steady_ms);

enum { CLOCK_TEXT_BYTES = 40 };
// RFC 3339 in UTC with microseconds, such as 2026-03-01T12:00:00.000000Z, into `ret_text`.
void clock_text(int64_t wall_us, char ret_text[CLOCK_TEXT_BYTES]);
// Reads RFC 3339 with any fraction and offset. False if `text` is none.
bool clock_parse(const char *text, int64_t *ret_wall_us);

// A point of the steady clock by which something must be done.
struct deadline {
    int64_t steady_ms;
};
struct deadline deadline_in(int64_t ms);
// The earlier of `deadline` and now + `ms`.
struct deadline deadline_at_most(struct deadline deadline, int64_t ms);
// Milliseconds left, 0 when passed.
int64_t deadline_left_ms(struct deadline deadline);
