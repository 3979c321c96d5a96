#include "moment.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

char *moment_format(char buffer[MOMENT_SIZE], int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    size_t length = strftime(buffer, MOMENT_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(buffer + length, MOMENT_SIZE - length, ".%03dZ", (int)(time_ms % 1000));
    return buffer;
}

bool moment_parse(const char *text, int64_t *time_ms)
{
    struct tm parts = {0};
    while (isspace((unsigned char)*text))
        text++;
    const char *rest = strptime(text, "%Y-%m-%d", &parts);
    if (!rest)
        return false;
    int64_t fraction = 0;
    if (*rest == 'T' || *rest == ' ') {
        rest = strptime(rest + 1, "%H:%M:%S", &parts);
        if (!rest)
            return false;
        if (*rest == '.') {
            int64_t weight = 100;
            for (rest++; isdigit((unsigned char)*rest); rest++, weight /= 10)
                fraction += weight * (*rest - '0');
        }
        if (*rest == 'Z')
            rest++;
    }
    while (isspace((unsigned char)*rest))
        rest++;
    *time_ms = (int64_t)timegm(&parts) * 1000 + fraction;
    return *rest == '\0';
}

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t moment_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t moment_monotonic_ms(void)
{
    return read_clock(CLOCK_MONOTONIC);
}
