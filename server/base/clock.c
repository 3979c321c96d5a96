#include "server/base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static atomic_bool faked;
static atomic_llong fake_wall_us;
static atomic_llong fake_steady_ms;

int64_t clock_wall_us(void)
{
    if (atomic_load_explicit(&faked, memory_order_relaxed))
        return atomic_load(&fake_wall_us);
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_steady_ms(void)
{
    if (atomic_load_explicit(&faked, memory_order_relaxed))
        return atomic_load(&fake_steady_ms);
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_fake(bool on, int64_t wall_us, int64_t steady_ms)
{
    atomic_store(&fake_wall_us, wall_us);
    atomic_store(&fake_steady_ms, steady_ms);
    atomic_store(&faked, on);
}

void clock_text(int64_t wall_us, char ret_text[CLOCK_TEXT_BYTES])
{
    int64_t us = wall_us % 1000000;
    time_t seconds = (time_t)(wall_us / 1000000);
    if (us < 0) {
        us += 1000000;
        seconds--;
    }
    struct tm utc;
    char day[24];
    if (gmtime_r(&seconds, &utc) == NULL ||
        strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
        (void)snprintf(day, sizeof(day), "1970-01-01T00:00:00");
    (void)snprintf(ret_text, CLOCK_TEXT_BYTES, "%s.%06dZ", day, (int)us);
}

bool clock_parse(const char *text, int64_t *ret_wall_us)
{
    int year, month, day, hour, minute, second, used = 0;
    if (sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute,
               &second, &used) != 6 ||
        used == 0)
        return false;
    struct tm utc = {.tm_year = year - 1900,
                     .tm_mon = month - 1,
                     .tm_mday = day,
                     .tm_hour = hour,
                     .tm_min = minute,
                     .tm_sec = second};
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 60)
        return false;
    int64_t wall_us = (int64_t)timegm(&utc) * 1000000;
    const char *rest = text + used;
    if (*rest == '.') {
        int64_t unit = 100000;
        for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
            wall_us += (*rest - '0') * unit;
    }
    if (strcmp(rest, "Z") != 0 && strcmp(rest, "z") != 0) {
        int off_hour, off_minute, end = 0;
        char sign;
        if (sscanf(rest, "%c%2d:%2d%n", &sign, &off_hour, &off_minute, &end) != 3 ||
            rest[end] != '\0' || (sign != '+' && sign != '-') || off_hour < 0 || off_hour > 23 ||
            off_minute < 0 || off_minute > 59)
            return false;
        int64_t offset_us = ((int64_t)off_hour * 60 + off_minute) * 60000000;
        wall_us += sign == '+' ? -offset_us : offset_us;
    }
    *ret_wall_us = wall_us;
    return true;
}

struct deadline deadline_in(int64_t ms)
{
    return (struct deadline){clock_steady_ms() + ms};
}

struct deadline deadline_at_most(struct deadline deadline, int64_t ms)
{
    struct deadline other = deadline_in(ms);
    return deadline.steady_ms < other.steady_ms ? deadline : other;
}

int64_t deadline_left_ms(struct deadline deadline)
{
    int64_t left = deadline.steady_ms - clock_steady_ms();
    return left > 0 ? left : 0;
}
