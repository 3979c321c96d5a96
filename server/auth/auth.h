// Bearer tokens to principals: JWS compact, RS256, ES256 or EdDSA, against a set of public keys.
//
// The policy is ours, the RSA and EC arithmetic José's, Ed25519 libsodium's. Claims as the README
// of this folder lists them. Never accepts: no kid or an unknown one, `oct` keys, any `crit`, an
// alg that does not fit the key, RSA below 2048 bits, a lifetime above 15 minutes. Thread-safe.
// The file of keys is read again when it changed, without a call that fails for it.
#pragma once

#include <stddef.h>

#include "server/auth/principal.h"
#include "server/base/arena.h"
#include "server/base/err.h"

// Strings are borrowed.
struct auth_settings {
    const char *jwks_file; // JWK set of public keys (RFC 7517)
    const char *issuer;
    const char *audience;
    int64_t leeway_ms;       // 0: 60 s
    int64_t lifetime_max_ms; // 0: 15 min
};

struct auth;

// Reads the keys. Errors: FIELD_INVALID naming the file and the key at fault.
enum err_code auth_new(const struct auth_settings *settings, struct auth **ret_auth,
                       struct err *reterr) _must_check_;
struct auth *auth_free(struct auth *auth);
void auth_freep(struct auth **auth);

// Reads the keys again now. A file that cannot be read leaves them as they are and is logged.
void auth_reload(struct auth *auth);

// A token_verifier (rpc/server.h); `context` is the struct auth.
enum err_code auth_verify(void *context, const char *token, size_t len, struct arena *arena,
                          const struct principal **ret_principal, struct err *reterr);

// How many tokens were accepted without computing their signature again.
uint64_t auth_cache_hits(const struct auth *auth);

// What a development token says. NULL and 0 leave a claim out.
struct auth_claims {
    const char *issuer, *audience, *tenant, *subject, *name, *email;
    const char *actor; // "human", "service", "agent"
    const char *const *permissions;
    size_t permission_count;
    const char *const *companies; // NULL with count 0: "*"
    size_t company_count;
    int64_t lifetime_s;
};

// For development and tests: makes an Ed25519 key pair. Writes the private JWK (mode 0600) and the
// public JWK set. Errors: FIELD_INVALID, too if one of the files exists.
enum err_code auth_mint_keys(const char *private_file, const char *jwks_file,
                             struct err *reterr) _must_check_;
// Signs `claims` with a private JWK (EC P-256, RSA or Ed25519) in a file that nobody else may read;
// the token is allocated from `arena`.
enum err_code auth_mint(const char *private_file, const struct auth_claims *claims,
                        struct arena *arena, const char **ret_token,
                        struct err *reterr) _must_check_;
