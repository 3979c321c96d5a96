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
    char day[16];
    // The year has four digits at least, which %Y does not give it.
    if (gmtime_r(&seconds, &utc) == NULL ||
        strftime(day, sizeof(day), "-%m-%dT%H:%M:%S", &utc) == 0)
        (void)snprintf(ret_text, CLOCK_TEXT_BYTES, "1970-01-01T00:00:00.%06dZ", (int)us);
    else
        (void)snprintf(ret_text, CLOCK_TEXT_BYTES, "%04d%s.%06dZ", utc.tm_year + 1900, day,
                       (int)us);
}

// Exactly `count` digits at *text, which moves past them.
static bool take_number(const char **text, int count, int *ret_number)
{
    *ret_number = 0;
    for (int i = 0; i < count; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        *ret_number = *ret_number * 10 + (**text - '0');
    }
    return true;
}

// By hand, since every row that is read has times.
static bool take_one_of(const char **text, const char *set)
{
    while (*set != '\0' && *set != **text)
        set++;
    if (*set == '\0')
        return false;
    (*text)++;
    return true;
}

// hours:minutes in minutes.
static bool take_minutes(const char **text, int *ret_minutes)
{
    int hour, minute;
    if (!take_number(text, 2, &hour) || !take_one_of(text, ":") || !take_number(text, 2, &minute) ||
        hour > 23 || minute > 59)
        return false;
    *ret_minutes = hour * 60 + minute;
    return true;
}

// Nothing, or a point and digits; those beyond microseconds are cut.
static bool take_fraction(const char **text, int64_t *ret_us)
{
    *ret_us = 0;
    if (!take_one_of(text, "."))
        return true;
    const char *start = *text;
    for (int64_t unit = 100000; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
        *ret_us += (**text - '0') * unit;
    return *text > start;
}

static bool take_offset(const char **text, int *ret_minutes)
{
    *ret_minutes = 0;
    if (take_one_of(text, "Zz"))
        return true;
    bool west = **text == '-';
    if (!take_one_of(text, "+-") || !take_minutes(text, ret_minutes))
        return false;
    *ret_minutes = west ? -*ret_minutes : *ret_minutes;
    return true;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

// Days since 1970-01-01 of one that exists. Years begin with March here, so that the leap day is
// their last and each five months have 153 days; they are counted from 400 before the first.
static int64_t days_of(int year, int month, int day)
{
    int64_t y = (month > 2 ? year : year - 1) + 400, m = (month + 9) % 12;
    int64_t leaps = y / 4 - y / 100 + y / 400;
    return y * 365 + leaps + (m * 153 + 2) / 5 + day - 1 - 865565;
}

bool clock_parse(const char *text, int64_t *ret_wall_us)
{
    int year, month, day, minutes, second, offset;
    int64_t fraction_us;
    // 60 is a leap second, which counts as the first one after it.
    if (!take_number(&text, 4, &year) || !take_one_of(&text, "-") ||
        !take_number(&text, 2, &month) || !take_one_of(&text, "-") ||
        !take_number(&text, 2, &day) || !take_one_of(&text, "Tt ") ||
        !take_minutes(&text, &minutes) || !take_one_of(&text, ":") ||
        !take_number(&text, 2, &second) || second > 60 || !take_fraction(&text, &fraction_us) ||
        !take_offset(&text, &offset) || *text != '\0')
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month))
        return false;
    int64_t midnight_s = days_of(year, month, day) * 86400;
    *ret_wall_us = (midnight_s + ((int64_t)minutes - offset) * 60 + second) * 1000000 + fraction_us;
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
