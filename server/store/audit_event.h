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
// The same for an end that was not locked: `*ret_inserted` is false, and nothing was done, if the
// chain has gone on from there, or the gates of reveals have changed since `snapshot`
// (password_gates_get; NULL: they may).
enum err_code audit_event_try_insert(struct tx *tx, struct audit_event_row *const *rows,
                                     size_t count, const char *snapshot, bool *ret_inserted,
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
// As audit_event_list, the earliest first, from behind `after` up to `last`.
enum err_code audit_event_follow(struct tx *tx, const struct audit_event_filter *filter,
                                 int64_t after, int64_t last, int limit, int unresolved_seconds,
                                 struct arena *arena, struct audit_event_row **ret_rows,
                                 size_t *ret_count, struct err *reterr) _must_check_;
// Events as they are stored, `first` to `last`, at most `limit`, and none behind the one whose
// changes fill `changes_bytes`.
enum err_code audit_event_range(struct tx *tx, int64_t first, int64_t last, int limit,
                                size_t changes_bytes, struct arena *arena,
                                struct audit_event_row **ret_rows, size_t *ret_count,
                                struct err *reterr) _must_check_;
// The end of the chain as it is, locking nothing.
enum err_code audit_event_end(struct tx *tx, struct audit_head *ret_head,
                              struct err *reterr) _must_check_;
// The first event of that time or later; 0: there is none.
enum err_code audit_event_since(struct tx *tx, int64_t time_us, int64_t *ret_sequence,
                                struct err *reterr) _must_check_;
// One event. Errors: RESOURCE_NOT_FOUND.
enum err_code audit_event_get(struct tx *tx, int64_t sequence, int unresolved_seconds,
                              struct arena *arena, struct audit_event_row **ret_row,
                              struct err *reterr) _must_check_;
