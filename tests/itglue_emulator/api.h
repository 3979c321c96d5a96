/*
 * A request on an API port, from key to answer: fault, key and region, budget, route, vintage,
 * listing or show. One function in, one answer out; the recorder hears of each.
 */
#ifndef ITGLUE_EMULATOR_API_H
#define ITGLUE_EMULATOR_API_H

#include "emulator.h"

struct api_request {
    enum port port;
    const char *method;
    const char *target; /* raw path and query */
    const char *key;    /* the x-api-key header, or NULL */
    const char *base_url;
};

/* Takes the emulator's lock. */
void api_handle(struct emulator *emulator, const struct api_request *request,
                struct answer *answer);

#endif
