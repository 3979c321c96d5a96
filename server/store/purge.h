// Records of what was turned off long ago: found once a day, and removed.
//
// Whoever takes a connection moves its time on by a day first, so that of many processes one looks,
// and what one that dies leaves goes a day later.
#pragma once

#include "server/store/store.h"

struct purge_due {
    const char *tenant, *connection_id;
};
// Under the scheduler's role, tenant "": takes a connection that is to be looked at.
// `ret_due->tenant` is NULL if there is none.
enum err_code purge_take(struct tx *tx, struct arena *arena, struct purge_due *ret_due,
                         struct err *reterr) _must_check_;

// What has been off for so many days and has records left.
struct purge_plan {
    bool documents, checklists, passwords;
    const int64_t *type_ids; // of flexible assets
    size_t type_count;
};
// Holds all switches as they are until the end of the transaction.
enum err_code purge_plan(struct tx *tx, const char *connection_id, int64_t days,
                         struct arena *arena, struct purge_plan *ret_plan,
                         struct err *reterr) _must_check_;
// Forgets until when changes of a kind (enum source_kind) are stored, of types or (none) of all,
// and how fresh its task (docbridge.v1.SyncTaskKind; 0: none) is: what goes must be read anew.
enum err_code purge_forget(struct tx *tx, const char *connection_id, int kind,
                           const int64_t *type_ids, size_t type_count, int task_kind,
                           struct err *reterr) _must_check_;
