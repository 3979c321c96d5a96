// Sealed API keys of connections, a row a version of the key.
//
// What a row holds opens only with the vault, and only in its place. Nothing here sees a plaintext.
// The row of a connection's credential_version is the one in use.
#pragma once

#include "server/store/store.h"
#include "server/vault/vault.h"

// The columns scheme, master_key_id, wrapped_key and ciphertext, of `row`, from `first` on.
// Errors: INTERNAL when the arena is full.
enum { VAULT_RECORD_COLUMNS = 4 };
enum err_code vault_record_read(const struct rows *rows, int row, int first, struct arena *arena,
                                struct sealed *ret_sealed, struct err *reterr) _must_check_;
// Copies it to another arena; false: it is full.
bool vault_record_copy(const struct sealed *sealed, struct arena *arena,
                       struct sealed *ret_copy) _must_check_;
// Stores a version. Errors: INTERNAL if it is there already.
enum err_code vault_record_insert(struct tx *tx, const char *connection_id, int64_t version,
                                  const struct sealed *sealed, struct err *reterr) _must_check_;
// Reads a version; bytes and texts from `arena`. Errors: VAULT_RECORD_UNREADABLE if there is none,
// and then the transaction goes on.
enum err_code vault_record_get(struct tx *tx, const char *connection_id, int64_t version,
                               struct arena *arena, struct sealed *ret_sealed,
                               struct err *reterr) _must_check_;
// Destroys every version before `version`: nothing opens them ever again.
enum err_code vault_record_delete_before(struct tx *tx, const char *connection_id, int64_t version,
                                         struct err *reterr) _must_check_;
// Destroys every version of a connection.
enum err_code vault_record_delete_all(struct tx *tx, const char *connection_id,
                                      struct err *reterr) _must_check_;

// A record with what of its connection hangs on it. Bytes and texts from an arena.
struct vault_record {
    struct sealed sealed;
    const char *display_name;    // of the connection
    const char *key_fingerprint; // of the connection's credential; NULL: this is another version
};

// Reads a version and holds it, and its connection, until the transaction ends: nobody rotates or
// deletes it meanwhile. Readers are not held up. `*ret_found` is false if there is none.
enum err_code vault_record_lock(struct tx *tx, const char *connection_id, int64_t version,
                                struct arena *arena, struct vault_record *ret_record,
                                bool *ret_found, struct err *reterr) _must_check_;
// Puts `sealed` in the place of a version, and `key_fingerprint` in that of the connection's if it
// is the version in use.
enum err_code vault_record_replace(struct tx *tx, const char *connection_id, int64_t version,
                                   const struct sealed *sealed, const char *key_fingerprint,
                                   struct err *reterr) _must_check_;

// The functions below run under the janitor's role with tenant "": they look across tenants, at
// which records are sealed how, and see no sealed byte.

// How many records, of all tenants, of all tenants, are sealed with a master key other than `ids`,
// and with which: "id, id" from `arena`, "" for none.
enum err_code vault_record_find_lost(struct tx *tx, const char *const *ids, size_t count,
                                     struct arena *arena, int64_t *ret_count, const char **ret_ids,
                                     struct err *reterr) _must_check_;

// How many records are sealed with this key in this scheme, and how many otherwise.
struct vault_survey {
    int64_t current_count, stale_count;
};
enum err_code vault_record_survey(struct tx *tx, const char *master_key_id, const char *scheme,
                                  struct vault_survey *ret_survey, struct err *reterr) _must_check_;

// Where a record is. All zero stands before the first.
struct vault_place {
    const char *tenant, *connection_id;
    int64_t version;
};
// At most `limit` records that are sealed otherwise, in order from after `after`; from `arena`.
enum err_code vault_record_find_stale(struct tx *tx, const char *master_key_id, const char *scheme,
                                      const struct vault_place *after, int limit,
                                      struct arena *arena, struct vault_place **ret_places,
                                      size_t *ret_count, struct err *reterr) _must_check_;
