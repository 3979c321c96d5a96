/* One authorized request on its way through listing, show and rendering. */
#ifndef ITGLUE_EMULATOR_CALL_H
#define ITGLUE_EMULATOR_CALL_H

#include "account.h"
#include "answer.h"
#include "endpoint.h"
#include "query.h"
#include "switches.h"

struct call {
    struct account *account;
    const struct switches *switches;
    const struct endpoint *endpoint;
    const struct query *query;
    const char *base_url; /* scheme and host as the client named them, for links */
    const char *path;
    bool password_access;   /* of the key */
    bool wrong_org;         /* a fault: show a row of another organization */
    bool password_returned; /* out: a secret left the house */
    struct answer *answer;
};

#endif
