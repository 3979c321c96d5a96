// Reads what the gates of reveals look at, for all callers of a tenant that ask at once in one
// statement: each sees what was committed when it asked.
#pragma once

#include "server/service/request.h"
#include "server/store/password.h"

struct gate_reader;

enum err_code gate_reader_new(struct gate_reader **ret_reader, struct err *reterr) _must_check_;
struct gate_reader *gate_reader_free(struct gate_reader *reader);

// Reads the gates of a company and an entry, `query`, whose subject and company set are the
// caller's, by `deadline` or a few seconds later. `cancelled` may be NULL. Hold no transaction
// meanwhile. Nothing is said of a company that is unknown, nor, unless the entry was handed to the
// caller, of one out of the caller's scope. Errors:
// RESOURCE_NOT_FOUND with an empty text for these, TOKEN_REVOKED if the query has the time when the
// token was issued, else as store_begin and tx_query.
enum err_code gate_reader_read(struct gate_reader *reader, const struct request *request,
                               const struct password_gates_query *query, struct deadline deadline,
                               const atomic_bool *cancelled, struct password_gates *ret_gates,
                               struct err *reterr) _must_check_;
