// What the tests of RotateCredential share.
#pragma once

#include "docbridge/v1/connection.pb-c.h"
#include "tests/integration/service/fixture.h"

#define NEW_KEY "ITG.an0therKeyThatMustNotLeak9876"

struct rotate {
    Docbridge__V1__RotateCredentialRequest in;
    Docbridge__V1__ConnectionCandidate candidate;
};

// A rotation of connections/c1 to NEW_KEY, in the US.
void rotation_init(struct rotate *rotate);
// Calls it; no error may have anything of the key.
enum err_code rotation_run(struct fixture *fixture, struct rotate *rotate,
                           Docbridge__V1__Connection *out);
// The connection as it was made, and an account of two organizations that are known, one mapped.
void rotation_seed(struct fixture *fixture);
// What a key opens upstream: that account, or another one.
void rotation_seed_account(void);
void rotation_seed_stranger(void);
// The one sealed key of the connection, as it opens.
void rotation_assert_key(struct fixture *fixture, const char *wanted);
