// Sealed API keys of connections, a row a version of the key.
//
// What a row holds opens only with the vault, and only in its place. Nothing here sees a plaintext.
// The row of a connection's credential_version is the one in use.
#pragma once

#include "server/store/store.h"
#include "server/vault/vault.h"

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

// Under the janitor's role, tenant "": how many records, of all tenants, are sealed with a master
// key other than `ids`, and with which: "id, id" from `arena`, "" for none.
enum err_code vault_record_find_lost(struct tx *tx, const char *const *ids, size_t count,
                                     struct arena *arena, int64_t *ret_count, const char **ret_ids,
                                     struct err *reterr) _must_check_;
