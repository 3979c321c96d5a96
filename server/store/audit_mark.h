// What was said of a chain: how far it had come, and up to where retention removed it.
#pragma once

#include "server/store/audit_row.h"
#include "server/store/store.h"

// Adds a mark of the tenant's chain; one that stands there stays.
enum err_code audit_mark_put(struct tx *tx, const struct audit_mark *mark,
                             struct err *reterr) _must_check_;
// The marks at `from` to `to`, in order, at most `limit`.
enum err_code audit_mark_list(struct tx *tx, int64_t from, int64_t to, int limit,
                              struct arena *arena, struct audit_mark **ret_marks, size_t *ret_count,
                              struct err *reterr) _must_check_;
// The place of the last mark; 0: none.
enum err_code audit_mark_last(struct tx *tx, int64_t *ret_sequence,
                              struct err *reterr) _must_check_;
// Up to where retention removed events; sequence 0: it removed none.
enum err_code audit_retained_get(struct tx *tx, struct arena *arena, struct audit_mark *ret_mark,
                                 struct err *reterr) _must_check_;

// The functions below run under the janitor's role with tenant "".

// Tenants behind `after` ("": the first) whose chain grew since its last mark, by name.
enum err_code audit_mark_due(struct tx *tx, const char *after, int limit, struct arena *arena,
                             const char *const **ret_tenants, size_t *ret_count,
                             struct err *reterr) _must_check_;
// The ends of the chains of these tenants, in their order; 0: no events.
enum err_code audit_mark_ends(struct tx *tx, const char *const *tenants, size_t count,
                              int64_t *ret_sequences, struct err *reterr) _must_check_;
// The first tenant behind `after` whose oldest event is from before `cutoff_us`; NULL: none.
enum err_code audit_retained_due(struct tx *tx, int64_t cutoff_us, const char *after,
                                 struct arena *arena, const char **ret_tenant,
                                 struct err *reterr) _must_check_;
// The last event, of at most `limit`, that may go with all before it: sequence and hash; sequence
// 0: none may. Keeps other processes from the tenant's retention until the transaction ends.
enum err_code audit_retained_find(struct tx *tx, const char *tenant, int64_t cutoff_us, int limit,
                                  struct audit_mark *ret_mark, struct err *reterr) _must_check_;
// Removes events and marks up to the mark and leaves it in their place.
enum err_code audit_retained_put(struct tx *tx, const char *tenant, const struct audit_mark *mark,
                                 int64_t *ret_removed, struct err *reterr) _must_check_;
