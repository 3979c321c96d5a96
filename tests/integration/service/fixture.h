// Handlers over a real database and an upstream in memory, called as rpc/ would, without a socket.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "server/service/services.h"
#include "server/store/store.h"
#include "server/sync/sync.h"
#include "server/vault/vault.h"
#include "tests/fakes/source_fake_connection.h"
#include "tests/support/postgres.h"

#define CANARY "ITG.c4naryKeyThatMustNotLeak0123"

struct fixture {
    struct test_postgres *postgres;
    const struct test_database *database;
    struct store *store;
    struct store *janitor_store;
    struct vault *vault;
    struct sync *sync;
    struct source_settings source;
    struct backend backend;
    struct arena arena;
    struct principal caller; // tenant t1, all companies
    atomic_bool cancelled;
    struct request request;
    struct err err; // of the last call that failed
    char key_path[64];
};

// Group set-up and tear-down: one cluster; a fresh database for each test.
int fixture_start(void **state);
int fixture_stop(void **state);
int fixture_fresh(void **state);
int fixture_drop(void **state);

// SQL as the superuser: the first value as text; and as a number.
const char *fixture_sql(const struct fixture *fixture, const char *sql);
int64_t fixture_number(const struct fixture *fixture, const char *sql);

// Calls a method with `in`; initialises `out` of the method's type and fills it.
enum err_code fixture_call(struct fixture *fixture, const struct service *service,
                           const char *method, const void *in, void *out);
// As another caller.
enum err_code fixture_call_as(struct fixture *fixture, const struct principal *caller,
                              const struct service *service, const char *method, const void *in,
                              void *out);
// The error of the last call: metadata by its key, "" if it has none.
const char *fixture_meta(const struct fixture *fixture, const char *key);
// Rows of a connection 'c1' of tenant t1 with its settings and key, as it is when connected.
void fixture_seed_connection(struct fixture *fixture);
// The last audit event's changes, as JSON, "" if there is no event of this type.
const char *fixture_changes(const struct fixture *fixture, int type);
