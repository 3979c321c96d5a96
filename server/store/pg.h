// One connection to Postgres: connects, sends a flight of statements, waits, cancels, drains.
//
// The states and lists are the pool's (pool.c); this file knows only libpq. A flight is one
// pipeline with one sync at its end: an error in it skips what follows, up to the sync, so the
// connection is always in step when pg_fly returns, or marked broken. Not for files outside of the
// store's core.
//
// Threads: a connection belongs to one thread at a time.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "server/base/clock.h"
#include "server/base/err.h"
#include "server/store/store.h"

enum {
    PG_RETRY_MS = 500,  // least delay that STORE_UNAVAILABLE advises
    PG_DRAIN_MS = 2000, // a cancelled statement that does not end by then costs the connection
    PG_FLIGHT_MAX = 7,  // BEGIN, setting, look at revocations, two statements, setting, COMMIT
    PG_LOCK_TIMEOUT_MS = 30000,
    PG_IDLE_IN_TRANSACTION_MS = 60000,
    PG_PREPARED_MAX = 256, // statements prepared on one connection; more run unnamed
    PG_PREPARED_SLOTS = 2 * PG_PREPARED_MAX,
    PG_CONSTRAINT_BYTES = 64, // NAMEDATALEN
    PG_PLACE_BYTES = 160,
};

// The place of a connection; each is a list of the pool, but the first. Only pool.c moves one.
enum pg_state {
    PG_NEW,        // just made, in no list
    PG_CONNECTING, // its taker connects it, outside of the pool's lock
    PG_IDLE,       // ready for whoever comes
    PG_BUSY,       // belongs to one transaction
    PG_CLOSING,    // closed by the next one to let go of the pool's lock
    PG_STATE_COUNT,
};

struct pg {
    PGconn *conn;                            // NULL until connected
    char place[PG_PLACE_BYTES];              // host or socket, and port, that was tried last
    bool broken;                             // out of step or gone: only good for closing
    bool retire;                             // in step, but not to be used for another transaction
    bool unnamed;                            // never prepares
    const char *prepared[PG_PREPARED_SLOTS]; // open addressing by name
    int prepared_count;
    enum pg_state state;
    struct pg *prev, *next;
};

// How to connect: what the DSN says and what we add.
struct pg_target;

// `role` may be NULL. `session_settings` puts role and time-outs into the start of the session,
// which PgBouncer does not let through. Errors: FIELD_INVALID.
enum err_code pg_target_new(const char *dsn, const char *role, bool session_settings,
                            struct pg_target **ret_target, struct err *reterr) _must_check_;
struct pg_target *pg_target_free(struct pg_target *target);
void pg_target_freep(struct pg_target **target);

// What ends a wait before the database does.
struct pg_wait {
    struct deadline deadline;
    const atomic_bool *cancelled; // may be NULL
    // Is called once pg_fly() has sent everything; NULL: nothing is.
    void (*meanwhile)(void *context);
    void *context;
};

struct pg *pg_new(bool unnamed);
// Closes and releases. Returns NULL.
struct pg *pg_free(struct pg *pg);
void pg_freep(struct pg **pg);

// Connects without blocking beyond `wait`, to the host that served last and then to the others,
// each with its share of the time. `pipeline` is false for scripts. Errors:
// STORE_UNAVAILABLE (the text has the SQLSTATE if the server gave one), DEADLINE_EXCEEDED,
// CANCELLED.
enum err_code pg_connect(struct pg *pg, struct pg_target *target, bool pipeline,
                         const struct pg_wait *wait, struct err *reterr) _must_check_;
// Whether an idle connection still stands: a server that went has said so, or hung up.
bool pg_alive(struct pg *pg);
// Whether it is in step, outside of a transaction and wanted.
bool pg_reusable(const struct pg *pg);

struct pg_query {
    const struct statement *statement;
    const struct arg *args;
    size_t arg_count;
};

// What came back: a result for each statement that ran, NULL for the others.
struct pg_answer {
    PGresult *results[PG_FLIGHT_MAX];
    char constraint[PG_CONSTRAINT_BYTES]; // of a CONFLICT
};
void pg_answer_done(struct pg_answer *answer);

// Runs up to PG_FLIGHT_MAX statements in one round trip. Errors as tx_query says.
enum err_code pg_fly(struct pg *pg, const struct pg_query *queries, size_t count,
                     const struct pg_wait *wait, struct pg_answer *ret_answer,
                     struct err *reterr) _must_check_;

// Runs a text of many statements on a connection made without `pipeline`; `ret_result` (may be
// NULL) is the last one's. Errors as pg_fly.
enum err_code pg_script(struct pg *pg, const char *sql, const struct pg_wait *wait,
                        PGresult **ret_result, struct err *reterr) _must_check_;

// Adds to the error of a connection where it was sought: for operators alone, as callers of the
// service need not know. Returns `code`. It holds no secret: of the DSN only host and port.
enum err_code pg_say_place(const char *place, enum err_code code, struct err *reterr);

// STORE_UNAVAILABLE with its retry delay.
enum err_code pg_unavailable(struct err *reterr, const char *text);
