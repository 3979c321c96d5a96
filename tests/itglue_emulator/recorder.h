/*
 * The truth about what was asked: every request on an API port, without the key. Tests read it to
 * prove that no secret was fetched, that the key never left its header, and that the budget held.
 * Bounded; when full it keeps the oldest and counts what it lost.
 */
#ifndef ITGLUE_EMULATOR_RECORDER_H
#define ITGLUE_EMULATOR_RECORDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "query.h"

#define RECORDER_MAX 1000000

struct record {
    uint64_t seq;
    int64_t time_ms; /* monotonic */
    char *region;    /* us, eu, au, or redirect-target */
    char *method;
    char *path;
    char *query; /* raw, a key in it replaced */
    unsigned status;
    size_t bytes;
    bool had_key;
    bool key_in_query;
    bool show_password;
    bool password_returned;
    bool fault;
};

struct recorder {
    struct record *records;
    size_t count;
    size_t capacity;
    uint64_t next_seq;
    uint64_t lost;
};

void recorder_clear(struct recorder *recorder);
void recorder_done(struct recorder *recorder);
/* Takes the strings of `record` and gives it its number. */
void recorder_add(struct recorder *recorder, struct record *record);
/* Filters of the admin query: path, exact_path, query, method, region, status, show_password,
 * password_returned, had_key, key_in_query, since_seq. */
bool recorder_matches(const struct record *record, const struct query *filter);
json_t *recorder_json(const struct record *record);
/* The most requests in any window of that length, among those that match. */
size_t recorder_peak(const struct recorder *recorder, const struct query *filter,
                     int64_t window_ms);

#endif
