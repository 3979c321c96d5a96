// The rows of the audit trail and the end of each tenant's chain. What goes into an event, and its
// hash, is audit/'s.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/store/audit_row.h"
#include "server/store/store.h"

// Reads the end of the tenant's chain and keeps all others from it until the transaction ends: the
// last thing to lock in a transaction.
enum err_code audit_event_lock_head(struct tx *tx, struct audit_head *ret_head,
                                    struct err *reterr) _must_check_;
// Inserts events, at least one, that follow each other, and makes the last the end of the chain, in
// one statement: all of it, or nothing and INTERNAL if the first does not go on from the end.
enum err_code audit_event_insert(struct tx *tx, struct audit_event_row *const *rows, size_t count,
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
