// Connections, and what changes of them by someone's decision.
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
    int psa_type;               // as an administrator said, 0: nobody did
    int learned_psa_type;       // as a sync found out, 0: none did
    bool several_organizations; // a company may have several
    int64_t credential_version; // 0: there is none
    const char *key_last4, *key_fingerprint;
    int64_t key_create_time_us, key_last_success_time_us;
    const char *account_subdomain;
    int64_t account_primary_organization_id;
    const char *capabilities; // JSON: [{"kind": 1, "grant": 1, "detail": "..."}]
    const char *problem_reason, *problem_message;
    int64_t problem_time_us;   // since when it is not ACTIVE; 0: it is
    int64_t inventory_time_us; // when the organizations were last fetched whole
    bool inventory_denied;
    int64_t types_refresh_time_us;
    int64_t revision, create_time_us, update_time_us;
    const char *latest_run; // id of a sync run; "": there was none
    bool syncing;           // a run is live
};

// Adds a connection with its settings, all off. `*ret_added` is false if the tenant's slot or the
// id is taken, by a connection that there is or was; the transaction goes on.
enum err_code connection_insert(struct tx *tx, const struct connection *connection, bool *ret_added,
                                struct err *reterr) _must_check_;
// Finds one. NULL if there is none.
enum err_code connection_get(struct tx *tx, const char *id, struct arena *arena,
                             struct connection **ret_connection, struct err *reterr) _must_check_;
// Finds one and keeps it as it is until the end of the transaction. NULL if there is none.
enum err_code connection_lock(struct tx *tx, const char *id, struct arena *arena,
                              struct connection **ret_connection, struct err *reterr) _must_check_;
// The kind of PSA whose ids its organizations have: what was said, else what was found out.
int connection_psa_type(const struct connection *connection);
// All that decides whether it can be used.
struct connection_standing connection_standing(const struct connection *connection);
// Finds the one that holds the tenant's slot. NULL if it is free.
enum err_code connection_get_active(struct tx *tx, struct arena *arena,
                                    struct connection **ret_connection,
                                    struct err *reterr) _must_check_;
// At most `limit` connections by id after `after_id` ("": from the first).
enum err_code connection_list(struct tx *tx, const char *after_id, int limit, struct arena *arena,
                              struct connection **ret_connections, size_t *ret_count,
                              struct err *reterr) _must_check_;

// Stores what an administrator chooses: `display_name`, `psa_type` and `several_organizations` of
// `connection`, whose `id` says which.
enum err_code connection_set_choices(struct tx *tx, const struct connection *connection,
                                     int64_t now_us, struct err *reterr) _must_check_;
enum err_code connection_set_paused(struct tx *tx, const char *id, bool sync_paused,
                                    bool reveals_paused, int64_t now_us,
                                    struct err *reterr) _must_check_;
// Moves it to `state`, in which it has no credential, and forgets what was known of the key. Its
// version stays, so that no other key gets the same. The caller destroys the sealed key.
enum err_code connection_drop_credential(struct tx *tx, const char *id, enum connection_state state,
                                         int64_t now_us, struct err *reterr) _must_check_;
