// A token's form and signature: JWS compact serialization (RFC 7515), verified before its payload
// is read.
//
// The policy is this file's alone: José, given a whole set, would take an `oct` key, a key with
// another kid and an unknown `crit`. Knows nothing of claims.
#pragma once

#include <stddef.h>

#include "server/auth/jwk.h"
#include "server/base/err.h"

// The longest token, and so more than any payload.
enum { JWS_MAX_BYTES = 8 * 1024 };

// Verifies `token` and decodes its payload into `ret_payload`. Errors: TOKEN_INVALID with a text
// for the log that names the check, *ret_unknown_key if it was that no key has the kid; INTERNAL.
enum err_code jws_verify(const struct jwk_set *keys, const char *token, size_t len,
                         unsigned char ret_payload[JWS_MAX_BYTES], size_t *ret_payload_len,
                         bool *ret_unknown_key, struct err *reterr) _must_check_;
