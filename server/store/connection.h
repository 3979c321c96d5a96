//
// A row of the table `connection` joined with its runs. Never holds a credential: that is in
// vault_record.h.
#pragma once

#include "server/store/connection_state.h"
#include "server/store/store.h"

// A connection as it stands. Strings are never NULL and live in the arena they were read into.
struct connection {
    const char *id, *display_name;
    int provider, region; // numbers of docbridge.v1
    enum connection_state state;
    bool sync_paused, reveals_paused;
    int psa_type;
    int64_t credential_version; // 0: there is none
    const char *key_last4, *key_fingerprint;
    int64_t key_create_time_us, key_last_success_time_us;
    const char *account_subdomain;
    int64_t account_primary_organization_id;
    const char *capabilities; // JSON: [{"kind": 1, "grant": 1, "detail": "..."}]
    const char *problem_reason, *problem_message;
    int64_t problem_time_us;
    int64_t inventory_time_us; // when the organizations were last fetched whole
    bool inventory_denied;
    int64_t types_refresh_time_us;
    int64_t revision, create_time_us, update_time_us;
    const char *latest_run; // id of a sync run; "": there was none
    bool syncing;           // a run is live
};

// Adds a connection with its settings, all off. `*ret_added` is false if the tenant's slot or the
// id is taken; the transaction goes on.
enum err_code connection_insert(struct tx *tx, const struct connection *connection, bool *ret_added,
                                struct err *reterr) _must_check_;
// Finds one. NULL if there is none.
enum err_code connection_get(struct tx *tx, const char *id, struct arena *arena,
                             struct connection **ret_connection, struct err *reterr) _must_check_;
// Finds one and keeps it as it is until the end of the transaction. NULL if there is none.
enum err_code connection_lock(struct tx *tx, const char *id, struct arena *arena,
                              struct connection **ret_connection, struct err *reterr) _must_check_;
// Finds the one that holds the tenant's slot. NULL if it is free.
enum err_code connection_get_active(struct tx *tx, struct arena *arena,
                                    struct connection **ret_connection,
                                    struct err *reterr) _must_check_;
// At most `limit` connections by id after `after_id` ("": from the first).
enum err_code connection_list(struct tx *tx, const char *after_id, int limit, struct arena *arena,
                              struct connection **ret_connections, size_t *ret_count,
                              struct err *reterr) _must_check_;
