// Postgres: the pool of connections and the transaction.
//
// The only room that names libpq. Every transaction begins with its tenant (`SET LOCAL` through
// set_config), which row-level security checks under the serving role; BEGIN, the setting and the
// first statement travel in one pipeline, so that this costs no round trip. Each aggregate has a
// file beside this one with all of its SQL; nothing else holds SQL.
//
// Threads: the pool is thread-safe; a transaction belongs to one thread. A transaction must not be
// open while waiting on anything but the database.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/err.h"

struct store_settings {
    const char *dsn;            // libpq connection string; borrowed
    int connections_max;        // 0: 16
    int64_t connect_timeout_ms; // 0: 5 s
    bool unnamed_statements;    // for PgBouncer in transaction mode
    const char *role;           // SET ROLE on connect; NULL: the login role as it is
};

struct store;

// Makes the pool; connects on first use. Errors: FIELD_INVALID for a DSN that libpq cannot read
// (the text never quotes it).
enum err_code store_open(const struct store_settings *settings, struct store **ret_store,
                         struct err *reterr) _must_check_;
// Waits for nobody: all transactions have ended.
struct store *store_close(struct store *store);
void store_closep(struct store **store);

// Applies the embedded migrations that are missing, each in a transaction that takes one advisory
// lock, with the owner's DSN. `dry_run` only reports. Errors: a newer schema, a checksum that
// differs.
enum err_code store_migrate(const char *owner_dsn, bool dry_run, int *ret_applied,
                            struct err *reterr) _must_check_;
// Whether the schema is exactly the one this program was built with. Errors: FIELD_INVALID saying
// which is newer, STORE_UNAVAILABLE.
enum err_code store_check_schema(struct store *store, struct deadline deadline,
                                 struct err *reterr) _must_check_;

// How the pool stands, for metrics and tests.
struct store_stats {
    int open, idle, waiting;
};
struct store_stats store_get_stats(struct store *store);

struct tx;

// Takes a connection and begins a transaction of `tenant`. The database's work ends at `deadline`:
// a statement still running then is cancelled and drained, and the connection stays usable. The
// same when `cancelled` (may be NULL) becomes true. Errors: STORE_UNAVAILABLE (with a retry delay),
// DEADLINE_EXCEEDED, CANCELLED.
enum err_code store_begin(struct store *store, const char *tenant, struct deadline deadline,
                          const atomic_bool *cancelled, struct tx **ret_tx,
                          struct err *reterr) _must_check_;
// Before the first statement: for whom the transaction is. It fails with TOKEN_REVOKED if the
// tokens of `subject` that were issued at that time are revoked, and statements keep to the
// companies of `company_set` (NULL: none) where they have OF_COMPANY_SET. Texts are borrowed for
// the transaction's life. Both travel in the flight of the first statement, so this costs no round
// trip and what it looks at is never older than the call. Without a statement the commit looks.
void tx_set_caller(struct tx *tx, const char *subject, int64_t issue_time_us,
                   const char *company_set);
// Commits and gives the connection back; `*tx` becomes NULL whatever happens. After an error the
// outcome may be unknown only if it is STORE_UNAVAILABLE or DEADLINE_EXCEEDED.
enum err_code tx_commit(struct tx **tx, struct err *reterr) _must_check_;
// The commit does not wait for the disk: a crash of the database (not of this process) may undo it,
// whole, as if it had never been. For what upstream has anyway.
void tx_commit_lazily(struct tx *tx);
// Statements of this transaction are planned once a session, not for their arguments: for those of
// which every argument has the same plan, and which take longer to plan than to execute. Nothing
// where the session is not ours, behind a pooler. Not with tx_set_caller.
void tx_plan_once(struct tx *tx);
// Commits with the next statement, in the same round trip: nothing may follow but
// tx_commit, which then has nothing left to send, or tx_abortp, which only gives the connection
// back.
void tx_commit_with_next(struct tx *tx);
// `work` is called once while the database is at the next statement: a chance to do what does not
// depend on it, not a promise. It must not use the store.
void tx_meanwhile(struct tx *tx, void (*work)(void *context), void *context);
// Rolls back if still open. For `struct tx *tx _cleanup_(tx_abortp) = NULL;`.
void tx_abortp(struct tx **tx);
// The tenant of the transaction: the first parameter of every statement.
const char *tx_tenant(const struct tx *tx);

// One statement; `name` is unique in the program, at most 63 bytes, and lives as long as the
// program: under it the statement is prepared on first use. NULL: it is not prepared.
struct statement {
    const char *name;
    const char *sql;
};

// A parameter. Text columns, timestamps (timestamptz from microseconds), numbers, bytes, arrays.
enum arg_type {
    ARG_TYPE_NULL,
    ARG_TYPE_TEXT,
    ARG_TYPE_INT64,
    ARG_TYPE_BOOL,
    ARG_TYPE_TIME, // int64 microseconds since 1970 UTC; 0 is NULL
    ARG_TYPE_BYTES,
    ARG_TYPE_TEXTS,  // text[]; a NULL pointer in it is a NULL element
    ARG_TYPE_INT64S, // bigint[]
    ARG_TYPE_BOOLS,  // boolean[]
    ARG_TYPE_TIMES,  // timestamptz[]; 0 is NULL
    ARG_TYPE_BYTEAS, // bytea[]
};

struct bytes {
    const void *data; // NULL: SQL NULL
    size_t len;
};

struct arg {
    enum arg_type type;
    const void *pointer;
    int64_t number;
    size_t count;
};

#define ARG_NULL ((struct arg){ARG_TYPE_NULL, NULL, 0, 0})
#define ARG_TEXT(text) ((struct arg){ARG_TYPE_TEXT, (text), 0, 0}) // a NULL pointer is SQL NULL
#define ARG_INT64(value) ((struct arg){ARG_TYPE_INT64, NULL, (int64_t)(value), 0})
#define ARG_BOOL(value) ((struct arg){ARG_TYPE_BOOL, NULL, (value) ? 1 : 0, 0})
#define ARG_TIME(wall_us) ((struct arg){ARG_TYPE_TIME, NULL, (wall_us), 0})
#define ARG_BYTES(data, len) ((struct arg){ARG_TYPE_BYTES, (data), 0, (len)})
#define ARG_TEXTS(texts, n) ((struct arg){ARG_TYPE_TEXTS, (texts), 0, (n)}) // const char *const *
#define ARG_INT64S(values, n) ((struct arg){ARG_TYPE_INT64S, (values), 0, (n)}) // const int64_t *
#define ARG_BOOLS(values, n) ((struct arg){ARG_TYPE_BOOLS, (values), 0, (n)})   // const bool *
#define ARG_TIMES(values, n) ((struct arg){ARG_TYPE_TIMES, (values), 0, (n)})   // const int64_t *
#define ARG_BYTEAS(values, n) \
    ((struct arg){ARG_TYPE_BYTEAS, (values), 0, (n)}) // const struct bytes *

// The answer of a statement; owns its memory until rows_done.
struct rows {
    void *_result; // PGresult
};
void rows_done(struct rows *rows);
int rows_count(const struct rows *rows);
// Rows that an INSERT, UPDATE or DELETE touched.
int64_t rows_affected(const struct rows *rows);
bool rows_null(const struct rows *rows, int row, int column);
// Text of a value, "" for NULL. Borrowed from `rows`.
const char *rows_text(const struct rows *rows, int row, int column);
// As rows_text, copied; NULL for NULL.
char *rows_text_copy(const struct rows *rows, int row, int column, struct arena *arena);
size_t rows_len(const struct rows *rows, int row, int column);
int64_t rows_int64(const struct rows *rows, int row, int column); // 0 for NULL
bool rows_bool(const struct rows *rows, int row, int column);
int64_t rows_time(const struct rows *rows, int row, int column); // microseconds; 0 for NULL
// A bytea column, decoded into the arena.
struct bytes rows_bytes(const struct rows *rows, int row, int column, struct arena *arena);
// A text[] column; `*ret_count` items from the arena.
const char *const *rows_texts(const struct rows *rows, int row, int column, struct arena *arena,
                              size_t *ret_count);

// Runs a statement. `args` are $1, $2, ... Errors: CONFLICT for a unique, foreign key, exclusion or
// check violation, a deadlock, a serialization failure or a lock that was not to be had
// (tx_constraint names the constraint),
// FIELD_INVALID for data that Postgres refuses (SQLSTATE class 22), DEADLINE_EXCEEDED, CANCELLED,
// STORE_UNAVAILABLE, INTERNAL. Texts hold the SQLSTATE, never data. After an error the transaction
// can only be aborted.
enum err_code tx_query(struct tx *tx, const struct statement *statement, const struct arg *args,
                       size_t arg_count, struct rows *ret_rows, struct err *reterr) _must_check_;
// As tx_query for a statement whose rows nobody needs.
enum err_code tx_run(struct tx *tx, const struct statement *statement, const struct arg *args,
                     size_t arg_count, struct err *reterr) _must_check_;
// A statement that travels in the flight of the next one, before it, and whose rows nobody needs:
// what goes wrong with it the next one says. What `args` point to must live until then; at most one
// waits, with TX_AHEAD_ARGS_MAX of them.
enum { TX_AHEAD_ARGS_MAX = 16 };
void tx_run_ahead(struct tx *tx, const struct statement *statement, const struct arg *args,
                  size_t arg_count);
// The same for one whose rows are wanted: `*ret_rows` is filled with those of the next, and left as
// it is if that one fails.
void tx_query_ahead(struct tx *tx, const struct statement *statement, const struct arg *args,
                    size_t arg_count, struct rows *ret_rows);
// The constraint that the last CONFLICT violated; "" if none.
const char *tx_constraint(const struct tx *tx);

// ARGS(ARG_TEXT(a), ARG_INT64(b)) spells the last two parameters of tx_query.
#define ARGS(...)                      \
    (const struct arg[]){__VA_ARGS__}, \
        sizeof((const struct arg[]){__VA_ARGS__}) / sizeof(struct arg)
