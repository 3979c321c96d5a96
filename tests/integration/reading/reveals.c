#include "tests/integration/reading/reveals.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "server/service/password.h"
#include "server/store/store.h"

struct asks asks;
Docbridge__V1__RevealPasswordResponse revealed;
struct err reveal_err;

int reveals_fresh(void **state)
{
    asks = (struct asks){0};
    return fixture_fresh(state);
}

void reveals_set_policy(struct fixture *fixture, const char *assignment)
{
    (void)fixture_sql(fixture, "INSERT INTO reveal_policy VALUES ('t1', 1, false, false, 0, false,"
                               " false, 1, 1, now()) ON CONFLICT DO NOTHING");
    (void)fixture_sql(fixture,
                      arena_printf(&fixture->arena, "UPDATE reveal_policy SET %s", assignment));
}

enum err_code reveal(struct fixture *fixture, int password)
{
    struct arena *arena = &fixture->arena;
    Docbridge__V1__RevealPasswordRequest in;
    docbridge__v1__reveal_password_request__init(&in);
    docbridge__v1__reveal_password_response__init(&revealed);
    reveal_err = (struct err){0};
    in.name = arena_printf(arena, "companies/%s/passwords/%d",
                           asks.company == NULL ? "acme" : asks.company, password);
    in.reason = arena_strdup(arena, asks.reason == NULL ? "" : asks.reason);
    in.ticket = arena_strdup(arena, asks.ticket == NULL ? "" : asks.ticket);
    in.handoff = arena_strdup(arena, asks.handoff == NULL ? "" : asks.handoff);
    in.recipient_public_key.data = (uint8_t *)(uintptr_t)asks.key;
    in.recipient_public_key.len = asks.key_len;
    upstream.live.id = password;
    return password_reveal(&fixture->request, &in, &revealed, &reveal_err);
}

const char *last_event(struct fixture *fixture)
{
    return fixture_sql(fixture,
                       "SELECT concat_ws(' ', phase, outcome, error_reason, upstream_status,"
                       " upstream_served, intent_sequence) FROM audit_event WHERE tenant = 't1'"
                       " ORDER BY sequence DESC LIMIT 1");
}

static int runs_of(struct fixture *fixture, const char *name)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct rows rows _cleanup_(rows_done) = {NULL};
    static const struct statement statement = {
        "runs_of", "SELECT coalesce(sum(generic_plans + custom_plans), 0)"
                   " FROM pg_prepared_statements WHERE name = $1"};
    struct err err;
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(5000), NULL, &tx, &err), ERR_OK);
    assert_int_equal(tx_query(tx, &statement, ARGS(ARG_TEXT(name)), &rows, &err), ERR_OK);
    return (int)rows_int64(&rows, 0, 0);
}

int gate_looks(struct fixture *fixture)
{
    return runs_of(fixture, "password_gates_get");
}

int entry_looks(struct fixture *fixture)
{
    return runs_of(fixture, "password_gates_get_entries");
}
