// What every test of the store starts from: one cluster a process, a store on a fresh database.
#pragma once

// cmocka.h wants these before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/store/store.h"
#include "tests/support/postgres.h"

extern struct test_postgres *postgres;
// Whether stores reach it through PgBouncer in transaction mode: each test is built both ways.
extern const bool fixture_pooled;

// Group set-up and tear-down: the cluster.
int fixture_start(void **state);
int fixture_stop(void **state);

// A store on `database` under the serving role; ends the test on failure.
struct store *fixture_open(const struct test_database *database, int connections_max);
// A transaction of `tenant` with a minute: large values take their time under valgrind.
struct tx *fixture_begin(struct store *store, const char *tenant);
// One statement with the COMMIT in its round trip.
enum err_code fixture_finish(struct tx **tx, const struct statement *statement,
                             const struct arg *args, size_t arg_count, struct err *reterr);
// One small transaction of its own, with so much time.
enum err_code fixture_try(struct store *store, int64_t ms, struct err *reterr);
// Tries until it succeeds, at most `seconds`; returns how long that took in milliseconds.
int64_t fixture_recover(struct store *store, int seconds);
// Asserts that nothing leaked: all connections are idle, nobody waits, and the server behind
// `admin_dsn` soon counts as many of ours (of all in its database) and works for none.
void fixture_settled(struct store *store, const char *admin_dsn);
// The first value of a statement without parameters, as text. Valid until the next call.
const char *fixture_value(struct tx *tx, const char *sql);

// Asserts success and shows the error's text otherwise.
#define assert_ok(call)                                                  \
    do {                                                                 \
        struct err _err = {0};                                           \
        struct err *reterr = &_err;                                      \
        enum err_code _code = (call);                                    \
        if (_code != ERR_OK)                                             \
            fail_msg("%s: %s: %s", #call, err_reason(_code), _err.text); \
    } while (0)
#define assert_code(call, expected)                                                        \
    do {                                                                                   \
        struct err _err = {0};                                                             \
        struct err *reterr = &_err;                                                        \
        enum err_code _code = (call);                                                      \
        if (_code != (expected))                                                           \
            fail_msg("%s: %s, not %s: %s", #call, err_reason(_code), err_reason(expected), \
                     _err.text);                                                           \
    } while (0)
