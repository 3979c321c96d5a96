#include "fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

static const char *const action_names[] = {"",          "status", "truncate", "invalid_json",
                                           "trickle",   "hang",   "redirect", "drop",
                                           "wrong_org", "delay",  "html_200", "hold"};

void faults_done(struct faults *faults)
{
    free(faults->items);
    *faults = (struct faults){0};
}

void faults_clear(struct faults *faults)
{
    free(faults->items);
    *faults = (struct faults){.cleared = faults->cleared + 1};
}

static int64_t integer(const json_t *object, const char *key, int64_t missing)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : missing;
}

static void string(const json_t *object, const char *key, const char *missing, char *out,
                   size_t size)
{
    const char *value = json_string_value(json_object_get(object, key));
    snprintf(out, size, "%s", value ? value : missing);
}

static bool read_action(const char *name, struct fault *fault)
{
    char *end;
    if (strncmp(name, "status:", 7) == 0) {
        fault->action = FAULT_STATUS;
        fault->status = (unsigned)strtoll(name + 7, &end, 10);
        return fault->status >= 200 && fault->status <= 599 && !*end;
    }
    for (size_t i = 2; i < sizeof action_names / sizeof *action_names; i++) {
        if (strcmp(action_names[i], name) == 0)
            fault->action = (enum fault_action)i;
    }
    return fault->action != FAULT_NONE;
}

static int64_t default_ms(enum fault_action action)
{
    return action == FAULT_HOLD ? 600000 : action == FAULT_HANG ? 60000 : 100;
}

static bool read_fault(const json_t *object, struct fault *fault, char *problem, size_t size)
{
    char action[32], framing[16];
    *fault = (struct fault){0};
    string(object, "action", "", action, sizeof action);
    string(object, "path", "", fault->path, sizeof fault->path);
    string(object, "region", "", fault->region, sizeof fault->region);
    string(object, "body", "json", fault->body, sizeof fault->body);
    string(object, "location", "", fault->location, sizeof fault->location);
    string(object, "framing", "length", framing, sizeof framing);
    fault->framing = strcmp(framing, "chunked") == 0 ? FRAMING_CHUNKED
                     : strcmp(framing, "close") == 0 ? FRAMING_CLOSE
                                                     : FRAMING_LENGTH;
    fault->skip = integer(object, "skip", 0);
    fault->count = integer(object, "count", 1);
    fault->retry_after = integer(object, "retry_after", -1);
    fault->bytes = integer(object, "bytes", 16);
    bool read = read_action(action, fault);
    fault->ms = integer(object, "ms", default_ms(fault->action));
    if (!read || fault->count < 1 || fault->bytes < 1 || fault->ms < 1) {
        snprintf(problem, size,
                 "fault: action is status:NNN or one of truncate, invalid_json, "
                 "trickle, hang, redirect, drop, wrong_org, delay, html_200, hold");
        return false;
    }
    return true;
}

static void push(struct faults *faults, const struct fault *fault)
{
    faults->items = memory_grow(faults->items, faults->count + 1, sizeof *faults->items);
    faults->items[faults->count++] = *fault;
}

bool faults_add(struct faults *faults, const json_t *object, char *problem, size_t size)
{
    struct fault fault;
    size_t before = faults->count;
    if (!json_is_array(object)) {
        if (!read_fault(object, &fault, problem, size))
            return false;
        push(faults, &fault);
        return true;
    }
    for (size_t i = 0; i < json_array_size(object); i++) {
        if (!read_fault(json_array_get(object, i), &fault, problem, size)) {
            faults->count = before;
            return false;
        }
        push(faults, &fault);
    }
    return true;
}

static void drop(struct faults *faults, size_t at)
{
    faults->count--;
    memmove(faults->items + at, faults->items + at + 1,
            (faults->count - at) * sizeof *faults->items);
}

struct fault faults_take(struct faults *faults, const char *target, const char *region)
{
    for (size_t i = 0; i < faults->count; i++) {
        struct fault *fault = &faults->items[i];
        if (!strstr(target, fault->path) || (fault->region[0] && strcmp(fault->region, region)))
            continue;
        if (fault->skip > 0) {
            fault->skip--;
            continue;
        }
        struct fault taken = *fault;
        if (--fault->count == 0)
            drop(faults, i);
        return taken;
    }
    return (struct fault){0};
}

json_t *faults_json(const struct faults *faults)
{
    json_t *list = json_array();
    for (size_t i = 0; i < faults->count; i++) {
        const struct fault *fault = &faults->items[i];
        json_array_append_new(list, json_pack("{s:s, s:i, s:s, s:s, s:I, s:I}", "action",
                                              action_names[fault->action], "status",
                                              (int)fault->status, "path", fault->path, "region",
                                              fault->region, "skip", (json_int_t)fault->skip,
                                              "count", (json_int_t)fault->count));
    }
    return list;
}
