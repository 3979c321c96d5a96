/*
 * Points in time as milliseconds since 1970 (UTC), in the wire form YYYY-MM-DDTHH:MM:SS.mmmZ, and
 * the two clocks: the wall clock for stored dates, the monotonic one for limits and delays.
 */
#ifndef ITGLUE_EMULATOR_MOMENT_H
#define ITGLUE_EMULATOR_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

#define MOMENT_SIZE 40
#define DAY_MS (INT64_C(24) * 3600 * 1000)

char *moment_format(char buffer[MOMENT_SIZE], int64_t time_ms);
/* Reads a date or a date with a time, with or without fraction and Z. */
bool moment_parse(const char *text, int64_t *time_ms);
int64_t moment_wall_ms(void);
int64_t moment_monotonic_ms(void);

#endif
