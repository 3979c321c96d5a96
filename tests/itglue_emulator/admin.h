/*
 * The admin port: plain JSON over HTTP for tests and demos. Reads the recorder and the account's
 * truth, sets switches, queues faults, changes the account. Never reachable from the API ports.
 */
#ifndef ITGLUE_EMULATOR_ADMIN_H
#define ITGLUE_EMULATOR_ADMIN_H

#include "answer.h"
#include "emulator.h"

struct admin_request {
    const char *method;
    const char *target;
    const char *body; /* NULL when empty */
    size_t body_length;
    bool had_key; /* an API key reached the admin port: only a followed redirect does that */
};

/* Takes the emulator's lock. */
void admin_handle(struct emulator *emulator, const struct admin_request *request,
                  struct answer *answer);

#endif
