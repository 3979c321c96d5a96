/* `include`: which related rows a request wants, their linkage, and the included list. */
#ifndef ITGLUE_EMULATOR_INCLUDE_H
#define ITGLUE_EMULATOR_INCLUDE_H

#include "call.h"

#define INCLUDE_MAX 12

struct includes {
    const struct include_rule *rules[INCLUDE_MAX];
    size_t count;
    bool requested;   /* the parameter was there and named something */
    struct text list; /* the rendered rows */
    int64_t *seen;    /* users already in the list */
    size_t seen_count;
};

/* False: refused, and the call's answer says why. */
bool includes_parse(struct includes *includes, struct call *call, bool show);
void includes_done(struct includes *includes);
/* Adds the row's related rows to the list; returns the inside of `relationships`, owned. */
char *includes_collect(struct includes *includes, struct call *call, const struct row *row);

#endif
