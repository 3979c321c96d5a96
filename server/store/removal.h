// Removing what belonged to a connection, in batches, and the receipt of it.
//
// A row of `removal` is a lease, as in sync_lease.h: due when its expire_time has passed. Whoever
// removes first prolongs its own in the same transaction. Nothing that is to be removed can be seen
// any more when the row is made; see service/connection_delete.c and connection_rotate.c.
#pragma once

#include "server/store/store.h"
#include "server/store/work_lease.h"

// Makes a removal, due now. One of a whole connection replaces one of content.
enum err_code removal_put(struct tx *tx, const char *connection_id, bool whole,
                          struct err *reterr) _must_check_;
// Under the scheduler's role, tenant "": takes a due removal for `owner`. `ret_removal->tenant` is
// NULL if none is due.
enum err_code removal_claim(struct tx *tx, const char *owner, int64_t lease_ms, struct arena *arena,
                            struct work_lease *ret_removal, struct err *reterr) _must_check_;
// Prolongs it, and holds it until the end of the transaction. `*ret_held` is false if it is
// another's, or has become another.
enum err_code removal_hold(struct tx *tx, const struct work_lease *removal, const char *owner,
                           int64_t lease_ms, bool *ret_held, struct err *reterr) _must_check_;
// Gives it back: it is due again at once.
enum err_code removal_release(struct tx *tx, const struct work_lease *removal, const char *owner,
                              struct err *reterr) _must_check_;

// The kinds of rows, one after the other: at most `limit` rows of the step go, and a whole
// connection's receipt counts them. The step is over when fewer than `limit` went.
size_t removal_step_count(void);
enum err_code removal_step(struct tx *tx, const struct work_lease *removal, size_t step, int limit,
                           int64_t *ret_removed, struct err *reterr) _must_check_;
// After all steps: the removal is over, and with it the connection, if it is a whole one.
enum err_code removal_end(struct tx *tx, const struct work_lease *removal, int64_t now_us,
                          struct err *reterr) _must_check_;

// What ties an account to the connection, at once: mappings, organizations, types, categories and
// what companies chose of them, freshness. Its content is left to a removal.
enum err_code removal_forget_account(struct tx *tx, const char *connection_id,
                                     struct err *reterr) _must_check_;

// How much there is of a connection.
struct removal_scale {
    int64_t mappings, organizations, records;
};
enum err_code removal_scale(struct tx *tx, const char *connection_id,
                            struct removal_scale *ret_scale, struct err *reterr) _must_check_;

// The numbers of docbridge.v1.DeletionReceipt.Count.Kind.
enum removal_kind {
    REMOVAL_NOT_COUNTED = 0,
    REMOVAL_CREDENTIAL = 1,
    REMOVAL_MAPPING = 2,
    REMOVAL_SETTING = 3,
    REMOVAL_DOCUMENT = 4,
    REMOVAL_FLEXIBLE_ASSET = 5,
    REMOVAL_CHECKLIST = 6,
    REMOVAL_PASSWORD = 7,
    REMOVAL_FOLDER = 8,
    REMOVAL_TYPE = 9,
    REMOVAL_ORGANIZATION = 10,
    REMOVAL_SYNC_RUN = 11,
    REMOVAL_SYNC_ISSUE = 12,
    REMOVAL_KINDS,
};

// Strings are never NULL and live in the arena they were read into.
struct deletion_receipt {
    const char *connection_id, *display_name;
    int provider;
    const char *actor_subject, *actor_display_name;
    int actor_kind;
    int64_t cancelled_runs;
    int64_t start_time_us, end_time_us; // end 0: not over
    int64_t counts[REMOVAL_KINDS];
};
// Begins a receipt, with its counts.
enum err_code deletion_receipt_insert(struct tx *tx, const struct deletion_receipt *receipt,
                                      struct err *reterr) _must_check_;
// NULL if there is none.
enum err_code deletion_receipt_get(struct tx *tx, const char *connection_id, struct arena *arena,
                                   struct deletion_receipt **ret_receipt,
                                   struct err *reterr) _must_check_;
