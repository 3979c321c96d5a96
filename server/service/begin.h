// A call's transaction.
#pragma once

#include "server/service/request.h"
#include "server/store/store.h"

// Takes a connection and begins a transaction of the caller's tenant within the call's deadline.
// Before its first statement, in the same flight, stands a look at revocations: if the caller's
// token was revoked that statement fails with TOKEN_REVOKED and nothing is done. The way for every
// handler. Errors as store_begin.
enum err_code request_begin(const struct request *request, struct tx **ret_tx,
                            struct err *reterr) _must_check_;
// The look alone, in a round trip of its own: for a handler that turns to upstream first, and for a
// stream. Errors: TOKEN_REVOKED, and as request_begin.
enum err_code request_check(const struct request *request, struct err *reterr) _must_check_;
// A transaction without the look, for what must be written of a call that passed it before it
// turned to upstream. Errors as store_begin.
enum err_code request_begin_outcome(const struct request *request, struct deadline deadline,
                                    const atomic_bool *cancelled, struct tx **ret_tx,
                                    struct err *reterr) _must_check_;
// For a handler of operators that passed the look: a transaction of `tenant`, whichever it is, that
// ends at `deadline`. Errors as store_begin.
enum err_code request_begin_of(const struct request *request, const char *tenant,
                               struct deadline deadline, struct tx **ret_tx,
                               struct err *reterr) _must_check_;
// The same of no tenant, under the janitor's role.
enum err_code request_begin_janitor(const struct request *request, struct tx **ret_tx,
                                    struct err *reterr) _must_check_;
// The place of the first company that the caller does not see, `count` if all are in sight. Asks
// the database only for a caller of a set.
enum err_code request_first_hidden(struct tx *tx, const struct request *request,
                                   const char *const *company_ids, size_t count, size_t *ret_place,
                                   struct err *reterr) _must_check_;
// Errors: RESOURCE_NOT_FOUND about `name` if the caller does not see the company.
enum err_code request_check_sight(struct tx *tx, const struct request *request,
                                  const char *company_id, const char *name,
                                  struct err *reterr) _must_check_;
