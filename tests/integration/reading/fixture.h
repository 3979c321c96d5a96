// A tenant with a connection, companies, mappings and records in a real database, and requests to
// it.
//
// Upstream is wrapped at link time: source_fetch_password and source_fetch_image answer what the
// test put into `upstream`.
#pragma once

#include "server/service/request.h"
#include "server/source/source.h"
#include "tests/support/postgres.h"

// What the wrapped upstream says, and how often it was asked.
struct upstream {
    int calls;
    enum err_code code; // ERR_OK: serves `live` with `value`
    int http_status;
    int64_t retry_after_ms;
    struct source_password live;
    const char *value; // NULL: none
    const char *image; // bytes of the image asked for
    size_t image_len;
    int64_t image_document_id;          // whose upstream says it is; 0: nothing
    int64_t image_id;                   // which was asked for last
    const char *authorized;             // whom upstream lets see the record; NULL: nobody
    const char *user_email;             // whom it was last asked about; NULL: nobody
    void (*while_asked)(void *context); // runs in the middle of the call
    void *context;
};

struct fixture {
    struct test_postgres *postgres;
    const struct test_database *database;
    struct store *store;
    struct store *janitor_store;
    struct trail *trail;
    struct gate_reader *gate_reader;
    struct gate_memory *gate_memory;
    struct vault *vault;
    struct source_settings source;
    struct sync *sync; // not started: it counts requests and runs nothing
    struct backend backend;
    struct arena arena;
    struct principal caller;
    atomic_bool cancelled;
    struct request request;
    char key_path[64];
};

extern struct upstream upstream;

// Password ids of the records, all of organization 41 mapped to company "acme" but STRANGER.
enum {
    PASSWORD_PLAIN = 9001,
    PASSWORD_UNCATEGORIZED = 9002,
    PASSWORD_VAULTED = 9003,
    PASSWORD_ARCHIVED = 9004,
    PASSWORD_PERSONAL = 9005,
    PASSWORD_RESTRICTED = 9006,
    PASSWORD_IN_CLOSED_FOLDER = 9007,
    PASSWORD_IN_UNKNOWN_FOLDER = 9008,
    PASSWORD_STRANGER = 9009, // of organization 42, mapped to "beta"
    PASSWORD_OTHER_CATEGORY = 9010,
    PASSWORD_IN_OPEN_FOLDER = 9011,
};

// Group set-up and tear-down: one cluster; a fresh database for each test.
int fixture_start(void **state);
int fixture_stop(void **state);
int fixture_fresh(void **state);
int fixture_drop(void **state);

// SQL as the superuser; the first value as text.
const char *fixture_sql(const struct fixture *fixture, const char *sql);
// The same for `upstream.while_asked`: the context is an array of the fixture and the SQL.
void fixture_run_sql(void *fixture_and_sql);
