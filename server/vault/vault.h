// Seals secrets for the database: envelope encryption with libsodium's XChaCha20-Poly1305.
//
// A random data key for each connection encrypts its secrets; a master key from a file wraps the
// data key. The associated data binds tenant, connection, purpose and version, so that a ciphertext
// moved to another row does not open. Not for storing anything: callers keep what seal gives out.
// Thread-safe after vault_open.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/secret.h"

struct vault;

// Reads the master key: a file of 32 raw bytes, or of 64 hexadecimal digits with an optional
// newline. Its id is derived from it (BLAKE2b, 8 bytes in hex). Errors: FIELD_INVALID for a
// missing, short, long or group- or world-readable file, and for a key of zeros. No fallback key
// exists.
enum err_code vault_open(const char *master_key_file, struct vault **ret_vault,
                         struct err *reterr) _must_check_;
struct vault *vault_close(struct vault *vault);
void vault_closep(struct vault **vault);

// What a secret belongs to: all of it is authenticated.
struct vault_context {
    const char *tenant;
    const char *connection;
    const char *purpose; // "api-key"
    int64_t version;     // counts the credentials of a connection
};

// The only scheme: "xchacha20poly1305-v1". A column CHECK in the database knows the same list.
extern const char VAULT_SCHEME[];

// A sealed secret as the database keeps it. Bytes from the arena given to vault_seal.
struct sealed {
    const char *scheme;
    const char *master_key_id;
    const unsigned char *wrapped_key; // nonce, wrapped data key
    size_t wrapped_key_len;
    const unsigned char *ciphertext; // nonce, ciphertext
    size_t ciphertext_len;
};

// Seals with a new data key. Errors: VAULT_UNAVAILABLE, INTERNAL.
enum err_code vault_seal(const struct vault *vault, const struct vault_context *context,
                         const struct secret *plain, struct arena *arena, struct sealed *ret_sealed,
                         struct err *reterr) _must_check_;
// Opens. Errors: VAULT_RECORD_UNREADABLE with metadata key_version for a changed byte, a moved row,
// an unknown scheme or an unknown master key.
enum err_code vault_unseal(const struct vault *vault, const struct vault_context *context,
                           const struct sealed *sealed, struct secret **ret_plain,
                           struct err *reterr) _must_check_;

// A keyed hash of a secret as 16 hexadecimal digits: tells two keys of a tenant apart, gives none
// away.
enum { VAULT_FINGERPRINT_BYTES = 17 };
void vault_fingerprint(const struct vault *vault, const char *tenant, const struct secret *secret,
                       char ret_text[VAULT_FINGERPRINT_BYTES]);
// A key for another purpose (page tokens), derived from the master key.
void vault_subkey(const struct vault *vault, const char *purpose, unsigned char ret_key[32]);
