// Seals secrets for the database: envelope encryption with libsodium's XChaCha20-Poly1305.
//
// A random data key for each record encrypts its secret; a master key from a file wraps the data
// key. One master key seals, and several can open, so that it can be changed while the server
// serves. The associated data binds tenant, connection, purpose and version, so that a ciphertext
// moved to another row does not open. Not for storing anything: callers keep what seal gives out.
// Thread-safe once its keys are read.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/secret.h"

struct vault;

// The most master keys a vault can hold.
enum { VAULT_KEYS_MAX = 8 };

// Reads the master key that seals: a file of 32 raw bytes, or of 64 hexadecimal digits with an
// optional newline. Its id is derived from it (BLAKE2b, 8 bytes in hex). Errors: FIELD_INVALID for
// a missing, short, long or group- or world-readable file, and for a key of zeros. No fallback key
// exists.
enum err_code vault_open(const char *master_key_file, struct vault **ret_vault,
                         struct err *reterr) _must_check_;
// Reads a further master key, that opens and does not seal. One that is there already changes
// nothing. Before the vault is shared. Errors: as vault_open, and FIELD_INVALID for too many.
enum err_code vault_add_key(struct vault *vault, const char *master_key_file,
                            struct err *reterr) _must_check_;
struct vault *vault_close(struct vault *vault);
void vault_closep(struct vault **vault);

// The ids of its master keys, the one that seals first. Ids are no secret. Borrowed.
size_t vault_key_ids(const struct vault *vault, const char *ret_ids[VAULT_KEYS_MAX]);

// What a secret belongs to: all of it is authenticated.
struct vault_context {
    const char *tenant;
    const char *connection;
    const char *purpose; // "api-key"
    int64_t version;     // counts the credentials of a connection
};

// The scheme that seals, "xchacha20poly1305-v2". "-v1" opens too; there is no third. A column CHECK
// in the database knows the same list.
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
// Opens. Errors: VAULT_RECORD_UNREADABLE with metadata key_version for a changed byte, a moved row
// or an unknown scheme; for a master key that the vault has not, with master_key_id too.
enum err_code vault_unseal(const struct vault *vault, const struct vault_context *context,
                           const struct sealed *sealed, struct secret **ret_plain,
                           struct err *reterr) _must_check_;

// Whether a record is as vault_seal would make it now: wrapped with the key that seals, in the
// scheme that seals.
bool vault_is_current(const struct vault *vault, const struct sealed *sealed);

// A keyed hash of a secret as 16 hexadecimal digits: tells two keys of a tenant apart, gives none
// away. Another sealing key gives another fingerprint of the same secret: what is stored of one is
// made anew when its record is.
enum { VAULT_FINGERPRINT_BYTES = 17 };
void vault_fingerprint(const struct vault *vault, const char *tenant, const struct secret *secret,
                       char ret_text[VAULT_FINGERPRINT_BYTES]);

// Makes a record current: wraps its data key with the key that seals and leaves the ciphertext as
// it is, borrowed from `sealed`; a record of an older scheme is sealed anew. Only a record that
// opens whole is touched. `ret_fingerprint` is of its secret. Errors: those of vault_unseal and
// vault_seal.
enum err_code vault_rewrap(const struct vault *vault, const struct vault_context *context,
                           const struct sealed *sealed, struct arena *arena,
                           struct sealed *ret_sealed, char ret_fingerprint[VAULT_FINGERPRINT_BYTES],
                           struct err *reterr) _must_check_;

// Keys for another purpose (page tokens), one derived from each master key, in the order of
// vault_key_ids. Returns how many.
size_t vault_subkeys(const struct vault *vault, const char *purpose,
                     unsigned char ret_keys[VAULT_KEYS_MAX][32]);
