// What the sync writes of organizations. They are never deleted here: one that vanished is `gone`,
// so that its mapping shows as orphaned and comes back with it.
#pragma once

#include "server/store/record.h"

enum err_code organization_diff(struct tx *tx, const char *connection_id, const int64_t *ids,
                                const struct bytes *hashes, size_t count,
                                enum record_change *ret_changes, struct err *reterr) _must_check_;
// Stores organizations, keeping mapping, `ignored` and, after a rename, the name before.
enum err_code organization_put(struct tx *tx, const char *connection_id,
                               const struct record_batch *batch, int64_t now_us,
                               struct err *reterr) _must_check_;
// As record_sweep_count and record_sweep, for all organizations of the connection.
enum err_code organization_sweep_count(struct tx *tx, const struct record_scope *scope,
                                       int64_t *ret_total, int64_t *ret_vanished,
                                       struct err *reterr) _must_check_;
// As record_sweep_hold and record_delete_held: those that are held become `gone`.
enum err_code organization_sweep_hold(struct tx *tx, const struct record_scope *scope,
                                      int task_kind, const char *subject,
                                      struct err *reterr) _must_check_;
enum err_code organization_drop_held(struct tx *tx, const char *connection_id, const char *issue_id,
                                     int64_t now_us, int64_t *ret_gone,
                                     struct err *reterr) _must_check_;
enum err_code organization_sweep(struct tx *tx, const struct record_scope *scope, int64_t now_us,
                                 int64_t *ret_gone, struct err *reterr) _must_check_;
