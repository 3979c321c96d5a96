/*
 * One-shot faults, queued by tests: the next so many matching requests meet a gateway error, a torn
 * body, a hang and the like. Matching is by a piece of "path?query", optionally by region, and may
 * let the first few requests pass.
 */
#ifndef ITGLUE_EMULATOR_FAULT_H
#define ITGLUE_EMULATOR_FAULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer.h"

enum fault_action {
    FAULT_NONE,
    FAULT_STATUS,
    FAULT_TRUNCATE,
    FAULT_INVALID_JSON,
    FAULT_TRICKLE,
    FAULT_HANG,
    FAULT_REDIRECT,
    FAULT_DROP,
    FAULT_WRONG_ORG,
    FAULT_DELAY,
    FAULT_HTML_200,
    FAULT_HOLD
};

struct fault {
    enum fault_action action;
    char path[200];
    char region[4];
    int64_t skip;
    int64_t count;
    unsigned status;
    char body[8];        /* json, html, empty */
    int64_t retry_after; /* seconds, -1: none */
    char location[300];
    int64_t bytes; /* of a trickled piece */
    int64_t ms;    /* between pieces; length of a delay, a hang or a hold */
    enum framing framing;
};

struct faults {
    struct fault *items;
    size_t count;
    uint64_t cleared; /* how often */
};

void faults_done(struct faults *faults);
void faults_clear(struct faults *faults);
/* `object` is one fault or an array of them. False: `problem` says why, nothing was queued. */
bool faults_add(struct faults *faults, const json_t *object, char *problem, size_t size);
/* The fault that this request meets; its action is FAULT_NONE for most. */
struct fault faults_take(struct faults *faults, const char *target, const char *region);
json_t *faults_json(const struct faults *faults);

#endif
