#include "server/service/gate_reader.h"

#include <stdlib.h>

#include "server/audit/audit.h"
#include "server/base/turn.h"
#include "server/service/begin.h"

_Static_assert((int)TURN_GROUP_MAX <= (int)TRAIL_ENTRIES_MAX, "a group is one commit");
_Static_assert((int)TURN_GROUP_MAX <= (int)PASSWORD_GATES_MAX, "a group is one statement");

enum { GROUP_MS = 5000 };

struct gate_reader {
    struct turns turns; // by tenant
};

struct waiter {
    struct turn turn; // first
    struct password_gates_ask ask;
    struct gate_look *look;
};

// One alone has its own deadline; a group has its most patient one's.
static struct deadline deadline_of(struct waiter *const *waiters, size_t count)
{
    int64_t most_ms = 0;
    if (count == 1)
        return waiters[0]->look->deadline;
    for (size_t i = 0; i < count; i++) {
        int64_t left_ms = deadline_left_ms(waiters[i]->look->deadline);
        most_ms = left_ms > most_ms ? left_ms : most_ms;
    }
    return deadline_in(most_ms < GROUP_MS ? most_ms : GROUP_MS);
}

// One alone may leave.
static enum err_code read_waiters(struct waiter *const *waiters, size_t count, struct err *reterr)
{
    struct password_gates_ask *asks[TURN_GROUP_MAX];
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    const struct gate_look *first = waiters[0]->look;
    for (size_t i = 0; i < count; i++)
        asks[i] = &waiters[i]->ask;
    try_(request_begin_outcome(first->request, deadline_of(waiters, count),
                               count == 1 ? first->cancelled : NULL, &tx, reterr));
    tx_plan_once(tx);
    tx_commit_with_next(tx);
    try_(password_gates_get(tx, asks, count, reterr));
    return tx_commit(&tx, reterr);
}

// What of it its caller may know.
static void settle(struct waiter *waiter, enum err_code read, const struct err *why)
{
    struct gate_look *look = waiter->look;
    const struct password_gates *gates = &waiter->ask.gates;
    struct err *err = &waiter->turn.err;
    if (read != ERR_OK)
        *err = *why;
    else if (gates->revoked)
        (void)err_set(err, ERR_TOKEN_REVOKED, "the token was revoked");
    else if (!gates->known ||
             !(principal_sees_company(look->request->caller, waiter->ask.query.company_id) ||
               gates->in_company_set || waiter->ask.query.handed))
        (void)err_set(err, ERR_RESOURCE_NOT_FOUND, "%s", "");
    else
        look->gates = *gates;
    if (read == ERR_OK && look->bound)
        look->entry.snapshot = gates->snapshot;
    if (look->judge != NULL)
        look->judge(look->context, look, err->code, err);
}

static void record(const char *tenant, struct waiter *const *waiters, size_t count)
{
    struct trail_entry *entries[TURN_GROUP_MAX];
    struct waiter *recorded[TURN_GROUP_MAX];
    size_t entry_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (waiters[i]->look->entry.event == NULL)
            continue;
        recorded[entry_count] = waiters[i];
        entries[entry_count++] = &waiters[i]->look->entry;
    }
    if (entry_count > 0)
        trail_write_all(recorded[0]->look->request->backend->trail, tenant, entries, entry_count,
                        deadline_of(recorded, entry_count));
}

// What the database does not take of one must not cost the others theirs.
static void read_each(struct waiter *const *waiters, size_t count)
{
    struct err err;
    enum err_code code = read_waiters(waiters, count, &err);
    bool one_is_bad =
        code != ERR_OK && code != ERR_STORE_UNAVAILABLE && code != ERR_DEADLINE_EXCEEDED;
    for (size_t i = 0; i < count; i++) {
        if (one_is_bad && count > 1)
            code = read_waiters(&waiters[i], 1, &err);
        settle(waiters[i], code, &err);
    }
}

static void serve_group(void *context, const char *tenant, struct turn *const *turns, size_t count)
{
    struct waiter *waiters[TURN_GROUP_MAX], *unread[TURN_GROUP_MAX];
    size_t unread_count = 0;
    (void)context;
    for (size_t i = 0; i < count; i++) {
        waiters[i] = (struct waiter *)turns[i];
        if (waiters[i]->look->as_read == NULL)
            unread[unread_count++] = waiters[i];
        else
            settle(waiters[i], ERR_OK, NULL);
    }
    if (unread_count > 0)
        read_each(unread, unread_count);
    record(tenant, waiters, count);
}

enum err_code gate_reader_new(struct gate_reader **ret_reader, struct err *reterr)
{
    struct gate_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return err_no_memory(reterr);
    turns_init(&reader->turns, serve_group, NULL);
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

static void prepare(struct waiter *waiter, struct gate_look *look)
{
    const struct principal *caller = look->request->caller;
    waiter->turn.key = caller->tenant;
    waiter->turn.more = 0;
    waiter->ask = (struct password_gates_ask){.query = look->query, .arena = look->request->arena};
    waiter->ask.query.subject = caller->subject;
    waiter->ask.query.company_set = caller->company_set;
    waiter->look = look;
    if (look->as_read != NULL)
        waiter->ask.gates = *look->as_read;
    look->gates = (struct password_gates){.known = false};
    look->entry.request = look->request;
    look->entry.event = NULL;
    look->entry.snapshot = NULL;
}

enum err_code gate_reader_look(struct gate_reader *reader, struct gate_look *look,
                               struct err *reterr)
{
    struct waiter waiter;
    prepare(&waiter, look);
    if (look->cancelled != NULL && atomic_load(look->cancelled))
        return err_set(reterr, ERR_CANCELLED, "the caller has gone");
    return turns_take(&reader->turns, &waiter.turn, look->deadline, reterr);
}

enum err_code gate_reader_look_held(struct gate_look *look, struct err *reterr)
{
    struct waiter waiter;
    struct password_gates_ask *asks[] = {&waiter.ask};
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct trail_entry *entry = &look->entry;
    struct audit_head head;
    prepare(&waiter, look);
    err_init(&waiter.turn.err);
    try_(request_begin_outcome(look->request, look->deadline, look->cancelled, &tx, reterr));
    tx_plan_once(tx);
    try_(audit_event_lock_head(tx, &head, reterr));
    enum err_code read = password_gates_get(tx, asks, 1, reterr);
    settle(&waiter, read, reterr);
    if (entry->event != NULL)
        entry->code =
            audit_append(tx, look->request, entry->event, &entry->sequence, entry->reterr);
    if (entry->event != NULL && entry->code == ERR_OK)
        entry->code = tx_commit(&tx, entry->reterr);
    if (waiter.turn.err.code != ERR_OK)
        *reterr = waiter.turn.err;
    return waiter.turn.err.code;
}

enum err_code gate_reader_read(struct gate_reader *reader, const struct request *request,
                               const struct password_gates_query *query, struct deadline deadline,
                               const atomic_bool *cancelled, struct password_gates *ret_gates,
                               struct err *reterr)
{
    struct gate_look look;
    look.request = request;
    look.query = *query;
    look.deadline = deadline;
    look.cancelled = cancelled;
    look.judge = NULL;
    look.as_read = NULL;
    look.bound = false;
    enum err_code code = gate_reader_look(reader, &look, reterr);
    *ret_gates = look.gates;
    return code;
}
