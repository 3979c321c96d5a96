/* The filters of one request, parsed once and then asked row by row. */
#ifndef ITGLUE_EMULATOR_MATCHER_H
#define ITGLUE_EMULATOR_MATCHER_H

#include "selection.h"

#define MATCHER_MAX 16

struct matcher {
    enum filter_kind kind;
    bool exclude;
    const char *attribute;
    char **values;
    int64_t *numbers; /* the values as numbers */
    size_t count;
    int64_t from_ms;
    int64_t to_ms;
    bool wanted; /* of a boolean, and "has a folder" */
};

struct matchers {
    struct matcher items[MATCHER_MAX];
    size_t count;
};

/* False: refused, and *refusal says why; call matchers_done in either case. */
bool matchers_build(struct matchers *matchers, const struct selection_request *request,
                    struct answer *refusal);
void matchers_done(struct matchers *matchers);
bool matchers_accept(const struct matchers *matchers, const struct selection_request *request,
                     const struct row *row);
/* The only value of an including filter of this kind, to start from an index instead of a scan. */
bool matchers_single(const struct matchers *matchers, enum filter_kind kind, int64_t *value);

#endif
