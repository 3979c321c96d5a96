#include "server/service/gate_reader.h"

#include <stdlib.h>

#include "server/base/turn.h"
#include "server/service/begin.h"

_Static_assert((int)TURN_GROUP_MAX <= (int)PASSWORD_GATES_MAX, "a group is one statement");

enum { READ_MS = 5000 };

struct gate_reader {
    struct turns turns; // by tenant
};

struct waiter {
    struct turn turn; // first
    struct password_gates_ask ask;
    const struct request *request;
    struct deadline deadline;
    const atomic_bool *cancelled;
};

// One alone has its own deadline, and may leave; a group has its most patient one's.
static enum err_code read_waiters(struct waiter *const *waiters, size_t count, struct err *reterr)
{
    struct password_gates_ask *asks[TURN_GROUP_MAX];
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    int64_t most_ms = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t left_ms = deadline_left_ms(waiters[i]->deadline);
        most_ms = left_ms > most_ms ? left_ms : most_ms;
        asks[i] = &waiters[i]->ask;
    }
    struct deadline deadline =
        count == 1 ? waiters[0]->deadline : deadline_in(most_ms < READ_MS ? most_ms : READ_MS);
    try_(request_begin_outcome(waiters[0]->request, deadline,
                               count == 1 ? waiters[0]->cancelled : NULL, &tx, reterr));
    tx_commit_with_next(tx);
    try_(password_gates_get(tx, asks, count, reterr));
    return tx_commit(&tx, reterr);
}

// What the database does not take of one must not cost the others theirs.
static void read_group(void *context, const char *tenant, struct turn *const *turns, size_t count)
{
    // A group has its leader at least.
    struct waiter *waiters[TURN_GROUP_MAX] = {(struct waiter *)turns[0]};
    (void)context;
    (void)tenant; // of all of them
    struct err err = {.code = ERR_OK};
    for (size_t i = 0; i < count; i++)
        waiters[i] = (struct waiter *)turns[i];
    enum err_code code = read_waiters(waiters, count, &err);
    bool one_is_bad =
        code != ERR_OK && code != ERR_STORE_UNAVAILABLE && code != ERR_DEADLINE_EXCEEDED;
    for (size_t i = 0; i < count; i++) {
        if (one_is_bad && count > 1) {
            err = (struct err){.code = ERR_OK};
            (void)!read_waiters(&waiters[i], 1, &err);
        }
        waiters[i]->turn.err = err;
    }
}

enum err_code gate_reader_new(struct gate_reader **ret_reader, struct err *reterr)
{
    struct gate_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return err_no_memory(reterr);
    turns_init(&reader->turns, read_group, NULL);
    *ret_reader = reader;
    return ERR_OK;
}

struct gate_reader *gate_reader_free(struct gate_reader *reader)
{
    if (reader == NULL)
        return NULL;
    turns_done(&reader->turns);
    free(reader);
    return NULL;
}

enum err_code gate_reader_read(struct gate_reader *reader, const struct request *request,
                               const struct password_gates_query *query, struct deadline deadline,
                               const atomic_bool *cancelled, struct password_gates *ret_gates,
                               struct err *reterr)
{
    const struct principal *caller = request->caller;
    struct waiter waiter = {.turn.key = caller->tenant,
                            .ask = {.query = *query, .arena = request->arena},
                            .request = request,
                            .deadline = deadline,
                            .cancelled = cancelled};
    waiter.ask.query.subject = caller->subject;
    waiter.ask.query.company_set = caller->company_set;
    *ret_gates = (struct password_gates){.known = false};
    if (cancelled != NULL && atomic_load(cancelled))
        return err_set(reterr, ERR_CANCELLED, "the caller has gone");
    try_(turns_take(&reader->turns, &waiter.turn, deadline, reterr));
    const struct password_gates *gates = &waiter.ask.gates;
    if (gates->revoked)
        return err_set(reterr, ERR_TOKEN_REVOKED, "the token was revoked");
    if (!gates->known || !(principal_sees_company(caller, query->company_id) ||
                           gates->in_company_set || query->handed))
        return err_set(reterr, ERR_RESOURCE_NOT_FOUND, "%s", "");
    *ret_gates = *gates;
    return ERR_OK;
}
