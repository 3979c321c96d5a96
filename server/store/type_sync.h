// What the sync writes of flexible asset types and password categories.
//
// A user's choice (enabled, chosen) is never touched: what upstream turned off or removed keeps it.
#pragma once

#include "server/store/store.h"

// All types, or all categories, of the account.
struct type_batch {
    size_t count;
    const int64_t *ids;
    const char *const *names;
    const char *const *bodies;  // of types
    const struct bytes *hashes; // of types
    // What is there upstream: these ids, and those of what could not be read.
    const int64_t *present_ids;
    size_t present_count;
};
// How many of those that are there as far as is known the batch leaves out.
enum err_code type_sync_count(struct tx *tx, const char *connection_id,
                              const struct type_batch *batch, int64_t *ret_missing,
                              struct err *reterr) _must_check_;
enum err_code category_sync_count(struct tx *tx, const char *connection_id,
                                  const struct type_batch *batch, int64_t *ret_missing,
                                  struct err *reterr) _must_check_;
// Stores them; what is missing is gone upstream. A batch without anything present says nothing
// about what is missing.
enum err_code type_sync_put(struct tx *tx, const char *connection_id,
                            const struct type_batch *batch, int64_t now_us,
                            struct err *reterr) _must_check_;
enum err_code category_sync_put(struct tx *tx, const char *connection_id,
                                const struct type_batch *batch, int64_t now_us,
                                struct err *reterr) _must_check_;

// Whether a record of `kind` has a category that is not known, or none is known at all.
enum err_code category_sync_lacks(struct tx *tx, const char *connection_id, int kind,
                                  bool *ret_lacks, struct err *reterr) _must_check_;

// A type to be fetched: enabled here, on upstream.
struct type_sync_enabled {
    int64_t id;
    const char *const *secret_traits; // keys of its fields that are passwords, or tags of such
    size_t secret_trait_count;
    const char *const *known_traits; // keys of all its fields; none: upstream did not give them
    size_t known_trait_count;
};
enum err_code type_sync_load_enabled(struct tx *tx, const char *connection_id, struct arena *arena,
                                     struct type_sync_enabled **ret_types, size_t *ret_count,
                                     struct err *reterr) _must_check_;
