// The plain data of the audit trail, for what works without a database too.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AUDIT_HASH_BYTES = 32, AUDIT_SIGNATURE_BYTES = 64 };

// The number of docbridge.v1.AuditEvent.Outcome.OUTCOME_UNRESOLVED: never stored, see `unresolved`.
enum { AUDIT_OUTCOME_UNRESOLVED = 5 };

// One event as it is stored. No text is NULL; numbers of enums are those of docbridge.v1.
struct audit_event_row {
    const char *tenant;
    int64_t sequence;
    int64_t event_time_us;
    int type, phase, outcome;
    const char *error_reason;
    const char *actor_subject, *actor_display_name;
    int actor_kind;
    const char *resource, *resource_display_name;
    const char *company_id, *company_display_name;
    const char *organization;
    const char *password_category_display_name;
    const char *reason, *ticket;
    const char *request_id, *peer;
    int upstream_status;
    bool upstream_served;
    int64_t policy_version;
    int64_t intent_sequence;
    const char *changes; // JSON, see audit_changes()
    // For the ledger of exposures, and not covered by the hash: an outcome that gave a value out,
    // and when that came to be (0: upstream did not say).
    bool shown;
    int64_t shown_update_time_us;
    unsigned char previous_hash[AUDIT_HASH_BYTES];
    unsigned char hash[AUDIT_HASH_BYTES];

    // Not stored, found by reading.
    int64_t outcome_sequence; // of the event that ends this intent; 0: none
    bool unresolved;          // an intent older than asked, without an outcome
};

// The last event of a chain; zeroes before the first.
struct audit_head {
    int64_t sequence;
    unsigned char hash[AUDIT_HASH_BYTES];
};

enum audit_mark_kind {
    AUDIT_MARK_HEAD,     // the chain reached this far
    AUDIT_MARK_RETAINED, // events up to here were removed because their time was over
};

// A statement about a chain at a point of it.
struct audit_mark {
    enum audit_mark_kind kind;
    int64_t sequence;
    unsigned char hash[AUDIT_HASH_BYTES]; // of the event there
    int64_t time_us;
    const char *key_id; // which key signed it; "": nobody did
    unsigned char signature[AUDIT_SIGNATURE_BYTES];
};
