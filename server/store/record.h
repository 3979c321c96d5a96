// What the sync writes of synced content: comparing, storing and sweeping rows of table record.
//
// Not for readers, who have files of their own. Kinds are enum source_kind's numbers. Rows that are
// as before are neither rewritten nor locked.
#pragma once

#include "server/store/store.h"

// Columns of rows to be stored, `count` of each, sorted by id, no id twice. Of organizations only
// ids, names, web_urls, bodies, hashes and name_keys are used.
struct record_batch {
    size_t count;
    const int64_t *ids;
    const int64_t *organization_ids;
    const char *const *names;
    const char *const *web_urls;
    const int64_t *type_ids, *folder_ids, *category_ids;
    const bool *restricted, *archived, *vaulted, *personal;
    const int64_t *create_times, *update_times, *publish_times, *password_update_times;
    const char *const *bodies;
    const struct bytes *hashes;
    const char *const *name_keys;
};

// How a row stands against the database.
enum record_change {
    RECORD_SAME,
    RECORD_NEW,
    RECORD_CHANGED,
};
// Compares ids, organizations and hashes; `ret_changes` has room for `count`.
enum err_code record_diff(struct tx *tx, const char *connection_id, int kind, const int64_t *ids,
                          const struct bytes *hashes, size_t count, enum record_change *ret_changes,
                          struct err *reterr) _must_check_;
// Stores rows, whether they are there already or not. `new`: none is, as record_diff() found in
// this transaction, which has the connection's lease. Errors: CONFLICT if one of them is all the
// same.
enum err_code record_put(struct tx *tx, const char *connection_id, int kind,
                         const struct record_batch *batch, bool new,
                         struct err *reterr) _must_check_;

// What a complete walk covered: the rows of a kind and type (0: any) of some organizations, and the
// scopes of its pages.
struct record_scope {
    const char *connection_id;
    int kind;
    int64_t type_id;
    const int64_t *organization_ids;
    size_t organization_count;
    const char *run_id;
    const char *const *scopes;
    size_t scope_count;
};
// Counts the rows in scope, and those of them that no page of the walk had.
enum err_code record_sweep_count(struct tx *tx, const struct record_scope *scope,
                                 int64_t *ret_total, int64_t *ret_vanished,
                                 struct err *reterr) _must_check_;
// Deletes the latter.
enum err_code record_sweep(struct tx *tx, const struct record_scope *scope, int64_t *ret_deleted,
                           struct err *reterr) _must_check_;

// Deletes at most `limit` records of a kind, of types or (none) of all.
enum err_code record_purge(struct tx *tx, const char *connection_id, int kind,
                           const int64_t *type_ids, size_t type_count, int limit,
                           int64_t *ret_deleted, struct err *reterr) _must_check_;

// Writes down in the open deletion guard of a task and subject which rows those are.
enum err_code record_sweep_hold(struct tx *tx, const struct record_scope *scope, int task_kind,
                                const char *subject, struct err *reterr) _must_check_;
// Deletes the rows that an issue holds, but for those that changed since they were held.
enum err_code record_delete_held(struct tx *tx, const char *connection_id, const char *issue_id,
                                 int64_t *ret_deleted, struct err *reterr) _must_check_;

// Which of the organizations have rows of a kind that lie in folders; with `unknown_only`, in
// folders that are not stored, as long as it is worth asking: some of `folder_kind` are stored, or
// the cursor of that kind does not have the organization, whose folders were never asked for.
struct record_foldered {
    const char *connection_id;
    int kind, folder_kind;
    const int64_t *organization_ids;
    size_t organization_count;
    bool unknown_only;
};
enum err_code record_foldered(struct tx *tx, const struct record_foldered *asked,
                              struct arena *arena, int64_t **ret_ids, size_t *ret_count,
                              struct err *reterr) _must_check_;

// How many rows of a kind lie in folders that are not stored as their organization's.
enum err_code record_count_lost(struct tx *tx, const char *connection_id, int kind, int folder_kind,
                                int64_t *ret_count, struct err *reterr) _must_check_;

// Which of these are not stored with that time of upstream's (microseconds): their ids, sorted.
enum err_code record_new(struct tx *tx, const char *connection_id, int kind, const int64_t *ids,
                         const int64_t *update_times, size_t count, struct arena *arena,
                         const int64_t **ret_ids, size_t *ret_count,
                         struct err *reterr) _must_check_;

// How many checklists of the organizations are stored as not completed; with `run_id` only those
// that none of the run's pages had.
struct record_open {
    const char *connection_id, *run_id; // run_id NULL: all
    int kind;
    const int64_t *organization_ids;
    size_t organization_count;
};
enum err_code record_count_open(struct tx *tx, const struct record_open *asked, int64_t *ret_count,
                                struct err *reterr) _must_check_;

// How many records of a kind an organization has, and the times of the first and the last change
// of them (0: none has one).
struct record_extent {
    int64_t organization_id, count, oldest_us, newest_us;
};
// Of those of the organizations that have more than `more_than`, sorted by organization.
struct record_extents {
    const char *connection_id;
    int kind;
    const int64_t *organization_ids;
    size_t organization_count;
    int64_t more_than;
};
enum err_code record_extents(struct tx *tx, const struct record_extents *asked, struct arena *arena,
                             struct record_extent **ret_extents, size_t *ret_count,
                             struct err *reterr) _must_check_;
