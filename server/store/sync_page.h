// The ids that the pages of a run's walks had, until the run is over: what a walk did not see can
// be told by them.
#pragma once

#include "server/store/store.h"

enum err_code sync_page_put(struct tx *tx, const char *connection_id, const char *run_id, int kind,
                            const char *scope, int64_t page, const int64_t *ids, size_t count,
                            struct err *reterr) _must_check_;
// Whether an id came on more than one page of a scope.
enum err_code sync_page_repeats(struct tx *tx, const char *connection_id, const char *run_id,
                                int kind, const char *scope, bool *ret_repeats,
                                struct err *reterr) _must_check_;
// Forgets a scope's pages, or with a NULL scope all of the run's.
enum err_code sync_page_forget(struct tx *tx, const char *connection_id, const char *run_id,
                               int kind, const char *scope, struct err *reterr) _must_check_;
