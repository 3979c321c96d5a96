// What was learned of a stored credential, by a test, a run or a reveal: it may change the state.
#pragma once

#include "server/store/connection.h"

struct connection_finding {
    int64_t credential_version; // the credential that was tried: a newer one is left alone
    int64_t time_us;
    enum connection_event event; // CONNECTION_KEY_WORKED or CONNECTION_KEY_REJECTED
    const char *problem_reason, *problem_message; // of a key that was rejected
    // What else a test learned. JSON; NULL: it was not asked, and neither was `inventory_denied`.
    const char *capabilities;
    bool inventory_denied;
    const char *account_subdomain;           // NULL or "": not learned
    int64_t account_primary_organization_id; // 0: not learned
};

// What a finding did to its connection.
struct connection_move {
    const struct connection *before; // NULL: there is no such connection
    enum connection_state to;        // before->state if it stays as it is
    const char *problem_reason;      // of the finding
};

// Records a finding. One about a credential that is no longer the connection's changes nothing.
enum err_code connection_record_finding(struct tx *tx, const char *id,
                                        const struct connection_finding *finding,
                                        struct arena *arena, struct connection_move *ret_move,
                                        struct err *reterr) _must_check_;

// Upstream served an image to the credential, or refused one: what it may do is noted. No-op if
// that was known.
enum err_code connection_note_images(struct tx *tx, const char *id, int64_t credential_version,
                                     bool granted, struct err *reterr) _must_check_;
// Upstream served a value to the credential: it worked, and may read values. Moves no state. For
// keys whose last success is a day old, or whose right to values was not known.
enum err_code connection_note_reveal(struct tx *tx, const char *id, int64_t credential_version,
                                     int64_t time_us, struct err *reterr) _must_check_;
