// Reads what the gates of reveals look at, for all callers of a tenant that ask at once in one
// statement, and makes what they judge of it durable in one commit: whoever comes meanwhile is of
// the next group. Each sees what was committed when it asked.
#pragma once

#include "server/audit/trail.h"
#include "server/service/request.h"
#include "server/store/password.h"

struct gate_reader;
struct gate_look;

enum err_code gate_reader_new(struct gate_reader **ret_reader, struct err *reterr) _must_check_;
struct gate_reader *gate_reader_free(struct gate_reader *reader);

// Judges what was read: `look->gates` if `read` is ERR_OK, else `why` not. Sets event of
// `look->entry` if something is to be recorded. On any thread, while the caller waits; must not
// wait itself.
typedef void gate_judge(void *context, struct gate_look *look, enum err_code read,
                        const struct err *why);

struct gate_look {
    const struct request *request;
    struct password_gates_query query; // its subject and company set are the caller's
    struct deadline deadline;
    const atomic_bool *cancelled; // may be NULL
    // If these stand, they are not read again; NULL: they are read.
    const struct password_gates *as_read;
    // What is recorded is not if the gates that it was judged by have changed since: the entry has
    // CONFLICT then.
    bool bound;
    gate_judge *judge; // NULL: nothing is judged and recorded here
    void *context;     // of the judge
    // What came of it.
    struct password_gates gates;
    struct trail_entry entry; // its event is NULL if nothing was to be recorded
};

// Reads the gates of a company and an entry by `deadline`, and has them judged and recorded, or
// some seconds later. Hold no transaction meanwhile. Nothing is said of a company that is unknown,
// nor, unless the entry was handed to the caller, of one out of the caller's scope. Errors, of the
// reading alone: RESOURCE_NOT_FOUND with an empty text for these, TOKEN_REVOKED if the query has
// the time when the token was issued, else as store_begin and tx_query.
enum err_code gate_reader_look(struct gate_reader *reader, struct gate_look *look,
                               struct err *reterr) _must_check_;
// The same by itself, with the end of the tenant's chain held from before the reading until what is
// recorded is durable: whoever changes a setting needs it to commit, so none can change meanwhile.
// `as_read` and `bound` do not count.
enum err_code gate_reader_look_held(struct gate_look *look, struct err *reterr) _must_check_;
// The same as the first with nothing recorded.
enum err_code gate_reader_read(struct gate_reader *reader, const struct request *request,
                               const struct password_gates_query *query, struct deadline deadline,
                               const atomic_bool *cancelled, struct password_gates *ret_gates,
                               struct err *reterr) _must_check_;
