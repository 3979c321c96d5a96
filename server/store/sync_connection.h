// What a sync run reads and writes of its connection.
#pragma once

#include "server/store/connection_state.h"
#include "server/store/store.h"

struct sync_connection {
    struct connection_standing standing;
    int region;
    int64_t credential_version; // 0: there is none
    int folder_filter;          // 0: not known
    bool documents_enabled, checklists_enabled, passwords_enabled, assets_enabled;
    bool removing; // content of a former account is on its way out
    // The sealed key; scheme NULL: there is none.
    const char *scheme, *master_key_id;
    struct bytes wrapped_key, ciphertext;
};
// `lock` keeps the connection as it is until the end of the transaction.
// Errors: RESOURCE_NOT_FOUND.
enum err_code sync_connection_load(struct tx *tx, const char *connection_id, bool lock,
                                   struct arena *arena, struct sync_connection *ret_connection,
                                   struct err *reterr) _must_check_;
// Organizations that are mapped and still upstream; with `only`, those of them that it names.
enum err_code sync_connection_mapped(struct tx *tx, const char *connection_id, const int64_t *only,
                                     size_t only_count, struct arena *arena, int64_t **ret_ids,
                                     size_t *ret_count, struct err *reterr) _must_check_;
// How many organizations upstream has, mapped or not, as far as is known.
enum err_code sync_connection_inventory(struct tx *tx, const char *connection_id,
                                        int64_t *ret_count, struct err *reterr) _must_check_;
// Those of `only` that are mapped to one of the companies, and still upstream.
enum err_code sync_connection_mapped_of(struct tx *tx, const char *connection_id,
                                        const int64_t *only, size_t only_count,
                                        const char *const *company_ids, size_t company_count,
                                        struct arena *arena, int64_t **ret_ids, size_t *ret_count,
                                        struct err *reterr) _must_check_;
// Organizations that were mapped since `since_us` and are not among `but`: whoever mapped them
// joined a live run, which may have been past them.
enum err_code sync_connection_mapped_since(struct tx *tx, const char *connection_id,
                                           int64_t since_us, const int64_t *but, size_t but_count,
                                           struct arena *arena, int64_t **ret_ids,
                                           size_t *ret_count, struct err *reterr) _must_check_;
enum err_code sync_connection_set_folder_filter(struct tx *tx, const char *connection_id,
                                                int folder_filter, struct err *reterr) _must_check_;
// The inventory of organizations: when it was last whole (0: leave it), whether it is denied.
enum err_code sync_connection_set_inventory(struct tx *tx, const char *connection_id,
                                            int64_t inventory_time_us, bool denied,
                                            struct err *reterr) _must_check_;

// So many requests find out the kind of PSA: one for each that upstream knows.
enum { SYNC_PSA_PROBES = 6 };
// An organization by which the kind of PSA can be found out; `organization_id` 0: there is none, or
// the kind is known, or it was looked for within the last week.
struct sync_psa_witness {
    int64_t organization_id;
    const char *psa_id; // no other organization has it
};
enum err_code sync_connection_psa_witness(struct tx *tx, const char *connection_id,
                                          struct arena *arena, struct sync_psa_witness *ret_witness,
                                          struct err *reterr) _must_check_;
// 0: it was looked for and not found.
enum err_code sync_connection_set_learned_psa_type(struct tx *tx, const char *connection_id,
                                                   int psa_type, int64_t probed_time_us,
                                                   struct err *reterr) _must_check_;
