// Another credential in the place of a connection's: written under connection_lock().
#pragma once

#include "server/store/connection.h"

// A new credential, as it was found to be. Strings are never NULL.
struct connection_rotation {
    enum connection_state state; // from now on
    int region;
    int64_t version; // of the new credential, above all before
    const char *key_last4, *key_fingerprint;
    int64_t time_us;
    const char *account_subdomain;           // "": not seen
    int64_t account_primary_organization_id; // 0: not seen
    const char *capabilities;                // JSON
    bool inventory_denied;
    bool other_account; // forget what the connection knows of the old one
};
// Settles any problem, too. The credential itself is put by the caller.
enum err_code connection_rotate(struct tx *tx, const char *id,
                                const struct connection_rotation *rotation,
                                struct err *reterr) _must_check_;
