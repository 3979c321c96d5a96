// The rows of the audit trail and the end of each tenant's chain. What goes into an event, and its
// hash, is audit/'s.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/store/store.h"

enum { AUDIT_HASH_BYTES = 32 };

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

// Reads the end of the tenant's chain and keeps all others from it until the transaction ends: the
// last thing to lock in a transaction.
enum err_code audit_event_lock_head(struct tx *tx, struct audit_head *ret_head,
                                    struct err *reterr) _must_check_;
// Inserts an event and makes it the end of the chain, in one statement.
enum err_code audit_event_insert(struct tx *tx, const struct audit_event_row *row,
                                 struct err *reterr) _must_check_;

// What to list. NULL and 0 do not restrict.
struct audit_event_filter {
    int type;
    int outcome; // AUDIT_OUTCOME_UNRESOLVED too
    const char *actor_subject;
    const char *resource;
    const char *company_id;
    int64_t from_us, until_us;    // the time: from <= time < until
    const char *const *companies; // not NULL: only events of these companies
    size_t company_count;
};

// The latest first, from below `before_sequence` (0: from the end), at most `limit`. An intent
// without an outcome that is older than `unresolved_seconds` is `unresolved`. Everything comes from
// `arena`.
enum err_code audit_event_list(struct tx *tx, const struct audit_event_filter *filter,
                               int64_t before_sequence, int limit, int unresolved_seconds,
                               struct arena *arena, struct audit_event_row **ret_rows,
                               size_t *ret_count, struct err *reterr) _must_check_;
// One event. Errors: RESOURCE_NOT_FOUND.
enum err_code audit_event_get(struct tx *tx, int64_t sequence, int unresolved_seconds,
                              struct arena *arena, struct audit_event_row **ret_row,
                              struct err *reterr) _must_check_;
