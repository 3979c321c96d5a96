// The keys that tokens are signed with: a strict reading of RFC 7517, stricter than José's.
//
// A key is one of three kinds, and its kind alone decides the algorithm: RSA of 2048 bits or more
// is RS256, EC P-256 is ES256, OKP Ed25519 is EdDSA. `oct` keys do not exist here, so that no
// public text can ever become an HMAC key. Immutable after reading; thread-safe then.
#pragma once

#include <jansson.h>
#include <jose/cfg.h>
#include <stdbool.h>
#include <stddef.h>

#include "server/base/err.h"

enum jwk_algorithm {
    JWK_RS256,
    JWK_ES256,
    JWK_EDDSA,
    JWK_ALGORITHM_COUNT,
};

enum {
    JWK_KID_MAX_BYTES = 128,
    JWK_SET_MAX_KEYS = 100,
    JWK_FILE_MAX_BYTES = 256 * 1024,
    JWK_RSA_MIN_BYTES = 256,
    JWK_RSA_MAX_BYTES = 1024,
    JWK_ED25519_BYTES = 32,
};

struct jwk {
    char *kid;
    enum jwk_algorithm algorithm;
    size_t signature_bytes;                   // the one length that a signature has
    unsigned char ed25519[JWK_ED25519_BYTES]; // the public key of EdDSA
    json_t *numbers;                          // what José computes with; NULL for EdDSA
};

struct jwk_set {
    struct jwk *keys;
    size_t count;
};

// "RS256", "ES256", "EdDSA".
const char *jwk_algorithm_text(enum jwk_algorithm algorithm);

// Reads one key: a public one, which must have no private member, or a private one, which must have
// `d`. Returns NULL, or a sentence that says what is wrong; `key` is then empty. Release with
// jwk_done.
const char *jwk_init(struct jwk *key, const json_t *json, bool is_private);
void jwk_done(struct jwk *key);

// Reads a set of public keys. One bad key refuses the file. Errors: FIELD_INVALID naming the file
// and the key.
enum err_code jwk_set_read(const char *file, struct jwk_set *ret_set,
                           struct err *reterr) _must_check_;
void jwk_set_done(struct jwk_set *set);
// The key with this kid, of which there is at most one; NULL if there is none.
const struct jwk *jwk_set_find(const struct jwk_set *set, const char *kid);

// A configuration for one call of José: prints nothing. Not shared, because its count of references
// is not atomic. The caller releases it (jose_cfg_auto_t).
jose_cfg_t *jwk_quiet(void);
