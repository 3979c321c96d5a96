#include "recorder.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

static void record_done(struct record *record)
{
    free(record->region);
    free(record->method);
    free(record->path);
    free(record->query);
}

void recorder_clear(struct recorder *recorder)
{
    for (size_t i = 0; i < recorder->count; i++)
        record_done(&recorder->records[i]);
    recorder->count = 0;
    recorder->lost = 0;
}

void recorder_done(struct recorder *recorder)
{
    recorder_clear(recorder);
    free(recorder->records);
    *recorder = (struct recorder){0};
}

void recorder_add(struct recorder *recorder, struct record *record)
{
    record->seq = ++recorder->next_seq;
    if (recorder->count == RECORDER_MAX) {
        recorder->lost++;
        record_done(record);
        return;
    }
    if (recorder->count == recorder->capacity) {
        recorder->capacity = recorder->capacity ? recorder->capacity * 2 : 256;
        recorder->records =
            memory_grow(recorder->records, recorder->capacity, sizeof *recorder->records);
    }
    recorder->records[recorder->count++] = *record;
}

static bool text_contains(const struct query *filter, const char *key, const char *text)
{
    const char *wanted = query_get(filter, key);
    return !wanted || strstr(text, wanted);
}

static bool text_equals(const struct query *filter, const char *key, const char *text)
{
    const char *wanted = query_get(filter, key);
    return !wanted || strcmp(text, wanted) == 0;
}

static bool flag_equals(const struct query *filter, const char *key, bool flag)
{
    return text_equals(filter, key, flag ? "true" : "false");
}

bool recorder_matches(const struct record *record, const struct query *filter)
{
    int64_t status = query_int(filter, "status", 0);
    return text_contains(filter, "path", record->path) &&
           text_equals(filter, "exact_path", record->path) &&
           text_contains(filter, "query", record->query) &&
           text_equals(filter, "method", record->method) &&
           text_equals(filter, "region", record->region) &&
           flag_equals(filter, "show_password", record->show_password) &&
           flag_equals(filter, "password_returned", record->password_returned) &&
           flag_equals(filter, "had_key", record->had_key) &&
           flag_equals(filter, "key_in_query", record->key_in_query) &&
           (!status || status == (int64_t)record->status) &&
           record->seq > (uint64_t)query_int(filter, "since_seq", 0);
}

json_t *recorder_json(const struct record *record)
{
    return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:i, s:I, s:b, s:b, s:b, s:b, s:b}", "seq",
                     (json_int_t)record->seq, "time_ms", (json_int_t)record->time_ms, "region",
                     record->region, "method", record->method, "path", record->path, "query",
                     record->query, "status", (int)record->status, "bytes",
                     (json_int_t)record->bytes, "had_key", record->had_key, "key_in_query",
                     record->key_in_query, "show_password", record->show_password,
                     "password_returned", record->password_returned, "fault", record->fault);
}

size_t recorder_peak(const struct recorder *recorder, const struct query *filter, int64_t window_ms)
{
    size_t peak = 0, inside = 0, oldest = 0;
    for (size_t i = 0; i < recorder->count; i++) {
        if (!recorder_matches(&recorder->records[i], filter))
            continue;
        inside++;
        for (; recorder->records[oldest].time_ms <= recorder->records[i].time_ms - window_ms;
             oldest++) {
            if (recorder_matches(&recorder->records[oldest], filter))
                inside--;
        }
        if (inside > peak)
            peak = inside;
    }
    return peak;
}
