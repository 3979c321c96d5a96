// What happened, by whom: one event in the tenant's chain, in the transaction of what it tells.
//
// Names and identities are snapshots of that moment. No event has a field for a secret. The chain
// is gapless per tenant: sequence, hash of the event before, own hash (SHA-256 over a canonical
// form that canonical.c documents). The serving role can insert and select, never update or delete.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/audit/canonical.h"
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/service/request.h"
#include "server/store/audit_event.h"
#include "server/store/store.h"

// The numbers of docbridge.v1.AuditEvent.Type.
enum audit_type {
    AUDIT_PASSWORD_REVEAL = 1,
    AUDIT_CONNECTION_CREATE = 2,
    AUDIT_CONNECTION_TEST = 3,
    AUDIT_MAPPING = 4,
    AUDIT_QUICK_MATCH = 5,
    AUDIT_CONFIG = 6,
    AUDIT_SYNC = 7,
    AUDIT_COMPANY = 8,
    AUDIT_REVOCATION = 9,
    AUDIT_CONNECTION_UPDATE = 11,
    AUDIT_CONNECTION_PAUSE = 12,
    AUDIT_CONNECTION_RESUME = 13,
    AUDIT_CONNECTION_DISCONNECT = 14,
    AUDIT_CONNECTION_STATE = 15,
    AUDIT_CREDENTIAL_ROTATE = 16,
    AUDIT_CONNECTION_DELETE = 17,
    AUDIT_VAULT_REWRAP = 31,
    AUDIT_REVEALS_FREEZE = 40,
    AUDIT_REVEALS_UNFREEZE = 41,
    AUDIT_EXPOSURE_RESOLVE = 42,
    AUDIT_RAW_READ = 43,
    AUDIT_PASSWORD_HANDOFF = 44,
    AUDIT_EXPORT = 50,
    AUDIT_RETENTION = 51,
};

// The numbers of docbridge.v1.AuditEvent.Phase.
enum audit_phase {
    AUDIT_INTENT = 1,
    AUDIT_OUTCOME = 2,
    AUDIT_SINGLE = 3,
};

// The numbers of docbridge.v1.AuditEvent.Outcome.
enum audit_outcome {
    AUDIT_NO_OUTCOME = 0, // of an intent
    AUDIT_SUCCEEDED = 1,
    AUDIT_DENIED = 2,
    AUDIT_FAILED = 3,
    AUDIT_UNKNOWN = 4,
};

// A setting before and after, as text. NULL: there was, or is, none.
struct audit_change {
    const char *field;
    const char *old_value;
    const char *new_value;
};

// Everything may be NULL or 0 but type, phase and, save for an intent, outcome.
struct audit_event {
    enum audit_type type;
    enum audit_phase phase;
    enum audit_outcome outcome;
    enum err_code error; // why it was denied or failed
    const char *resource, *resource_display_name;
    const char *company_id, *company_display_name;
    const char *organization; // resource name
    const char *password_category_display_name;
    const char *reason, *ticket; // as the caller gave them
    int upstream_status;         // HTTP
    bool upstream_served;        // a value came back and was wiped: a live denial
    int64_t policy_version;
    int64_t intent_sequence; // of the intent that an outcome ends
    const struct audit_change *changes;
    size_t change_count;
    // Of an outcome that gives a value out; nothing of it is shown by the event.
    bool shown;
    int64_t shown_update_time_us; // when upstream says that the value came to be; 0: it does not
};

// Appends an event of the request's caller to the chain, within `tx`, a transaction of the caller's
// tenant. `ret_sequence` may be NULL; the event's resource name is auditEvents/<sequence>. Holds
// the end of the tenant's chain until the transaction ends, so append last, and commit.
enum err_code audit_append(struct tx *tx, const struct request *request,
                           const struct audit_event *event, int64_t *ret_sequence,
                           struct err *reterr) _must_check_;
// The same for many at once, in a few statements.
enum err_code audit_append_many(struct tx *tx, const struct request *request,
                                const struct audit_event *events, size_t count,
                                struct err *reterr) _must_check_;
// The same for an operator, whose doing reaches into all tenants: `tx` may be of any. The request's
// caller holds PERMISSION_OPERATE_SERVICE, or it is INTERNAL.
enum err_code audit_append_operator(struct tx *tx, const struct request *request,
                                    const struct audit_event *event, int64_t *ret_sequence,
                                    struct err *reterr) _must_check_;
// The same for what docbridge does by itself: the actor is the system, `what` its part
// ("scheduler").
enum err_code audit_append_system(struct tx *tx, const char *what, const struct audit_event *event,
                                  int64_t *ret_sequence, struct err *reterr) _must_check_;

// Reads a row's `changes`. Texts and items come from `arena`. Errors: INTERNAL.
enum err_code audit_changes(const char *json, struct arena *arena,
                            struct audit_change **ret_changes, size_t *ret_count,
                            struct err *reterr) _must_check_;
