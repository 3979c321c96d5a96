// One master key: from its file to what is derived from it. For vault.c alone.
#pragma once

#include "server/base/err.h"
#include "server/base/secret.h"

enum { MASTER_KEY_BYTES = 32, MASTER_KEY_ID_BYTES = 17, DERIVED_BYTES = 32 };

struct master_key {
    struct secret *bytes;
    char id[MASTER_KEY_ID_BYTES]; // derived, no secret
};

// Reads a file of 32 raw bytes, or of 64 hexadecimal digits with an optional newline. Errors:
// FIELD_INVALID for a missing, short, long or group- or world-readable file, and for a key of
// zeros.
enum err_code master_key_read(const char *path, struct master_key *ret_key,
                              struct err *reterr) _must_check_;
void master_key_done(struct master_key *key);

// A keyed hash under the master key. `label` keeps what the vault itself derives apart from each
// other and from subkeys, whatever a caller's purpose is.
void master_key_derive(const struct master_key *key, const char *label, const char *purpose,
                       unsigned char ret_hash[DERIVED_BYTES]);
