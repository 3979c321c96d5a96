// A reveal of one of the fixture's passwords, and what the trail says of it.
#pragma once

#include "docbridge/v1/password.pb-c.h"
#include "server/base/err.h"
#include "tests/integration/reading/fixture.h"

// What the next reveal comes with; a test sets what it needs and `reveals_fresh` clears it.
struct asks {
    const char *company;         // NULL: acme
    const char *reason, *ticket; // NULL: none
    const char *handoff;         // NULL: none
    const unsigned char *key;
    size_t key_len;
};

extern struct asks asks;
// The answer and the error of the last reveal.
extern Docbridge__V1__RevealPasswordResponse revealed;
extern struct err reveal_err;

// fixture_fresh with nothing asked.
int reveals_fresh(void **state);
// The tenant's policy with these columns, as UPDATE sets them.
void reveals_set_policy(struct fixture *fixture, const char *assignment);
// Reveals; upstream answers about this password.
enum err_code reveal(struct fixture *fixture, int password);
// The latest event as "phase outcome reason status served intent".
const char *last_event(struct fixture *fixture);
// How often gates were read by the only session of the fixture's store: all of them, or an entry's
// alone.
int gate_looks(struct fixture *fixture);
int entry_looks(struct fixture *fixture);
