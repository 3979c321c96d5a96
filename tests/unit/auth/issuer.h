// A host that issues tokens, for tests: keys of all kinds, their set in a file, and a verifier that
// reads it. Signs and verifies with OpenSSL alone, so that an error in José's or libsodium's use
// cannot cancel itself out.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>

#include "server/auth/auth.h"
#include "server/base/arena.h"

// The faked time, and the settings of the verifier.
enum { ISSUER_NOW_S = 1772366400 };
#define ISSUER_NAME "https://portal.example"
#define ISSUER_AUDIENCE "docbridge"

// What a test has; made anew for each, but for the keys.
struct issuer {
    EVP_PKEY *rsa, *ec, *ed, *ed_other; // their kids: "rsa", "ec", "ed", "ed-other"
    struct auth *auth;
    struct arena arena;
};
extern struct issuer issuer;

// Setup and teardown of a test.
int issuer_start(void **state);
int issuer_stop(void **state);
void issuer_set_time(int64_t now_s);
void issuer_set_clocks(int64_t now_s, int64_t steady_ms);
// How many lines with that message were logged since the last call or verification.
size_t issuer_logged(const char *message);
// A path in the test's folder, in static memory of which there are four.
char *issuer_path(const char *name);
void issuer_write(const char *path, const char *text, unsigned mode);

EVP_PKEY *issuer_rsa(unsigned bits);
EVP_PKEY *issuer_ec(const char *curve);
EVP_PKEY *issuer_ed25519(void);
// The key as a JWK; the caller releases it.
json_t *issuer_jwk(const EVP_PKEY *key, const char *kid, bool is_private);

// base64url in the issuer's arena.
char *issuer_encode(const void *bytes, size_t len);
// header.payload
char *issuer_input(const char *header, const char *payload);
// input.signature as the key's kind signs: RS256, ES256, EdDSA.
char *issuer_sign(EVP_PKEY *key, const char *input);
// The raw signature over `input`; of ECDSA r and s.
size_t issuer_signature(EVP_PKEY *key, const char *input, unsigned char ret_bytes[1024]);
bool issuer_verify(EVP_PKEY *key, const char *token);

// Good claims; the caller releases them.
json_t *issuer_claims(void);
// A token of `claims`, which it releases, signed by Ed25519.
char *issuer_token(json_t *claims);

// Verifies, and holds the answer and the log to what is expected: `detail` is part of the log's.
const struct principal *issuer_accept(const char *token);
void issuer_refuse(const char *token, const char *detail);
void issuer_refuse_bytes(const char *token, size_t len, enum err_code code, const char *detail);
