/* Flags and the scenario file, from one table; flags win over the scenario. */
#ifndef ITGLUE_EMULATOR_OPTIONS_H
#define ITGLUE_EMULATOR_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>

#include "emulator.h"

struct options {
    struct account_plan plan;
    unsigned ports[PORT_COUNT];
    const char *tls_cert;
    const char *tls_key;
    const char *ready_file;
    const char *api_key; /* NULL: made from the seed */
    json_t *scenario;    /* NULL without one */
    json_t *switches;    /* what flags set, applied after the scenario's */
    bool help;
    bool list_switches;
};

/* False: a message was printed. Strings point into argv or the scenario. */
bool options_parse(struct options *options, int argc, char **argv);
void options_done(struct options *options);
void options_usage(void);

#endif
