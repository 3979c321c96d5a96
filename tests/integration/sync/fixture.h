// An account, a database and the engine between them.
//
// Tenant t1 has connection c1 with everything on. fixture_map() maps an organization, after
// fixture_seed() has put the account's content into the fake.
#pragma once

// cmocka.h wants these before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/service/request.h"
#include "server/store/sync_run.h"
#include "server/sync/sync.h"
#include "tests/fakes/source_fake.h"
#include "tests/support/postgres.h"

struct fixture {
    struct test_postgres *postgres;
    const struct test_database *database;
    struct store *store, *background_store, *scheduler_store;
    struct vault *vault;
    struct source_settings source;
    struct sync_settings settings; // may be changed before fixture_start_sync()
    struct sync *sync;
    struct backend backend;
    struct principal caller;
    struct request request;
    struct arena arena;
    atomic_bool cancelled;
    char key_path[64];
    enum sync_mode mode;            // of the runs that are asked for; FULL at first
    char run_id[SYNC_RUN_ID_BYTES]; // of the last fixture_ask()
};

int fixture_start(void **state);
int fixture_stop(void **state);
int fixture_fresh(void **state);
int fixture_drop(void **state);

// Stores on the database of the test, and an engine that is not started.
void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);
void fixture_start_sync(struct fixture *fixture);
void fixture_stop_sync(struct fixture *fixture);

// Organizations 1 to 12, documents (one foldered), passwords, an enabled type with assets,
// checklists and a template; organizations 3 and 5 mapped.
void fixture_seed(struct fixture *fixture);
void fixture_map(struct fixture *fixture, int64_t organization_id);

// A connection like t1's c1 for another tenant.
void fixture_connect(struct fixture *fixture, const char *tenant, const char *connection_id);

// Asks for a run of `tasks` of c1 and wakes the scheduler.
void fixture_ask(struct fixture *fixture, unsigned tasks);
// The same of any connection of the caller's tenant; `ret_run_id` has SYNC_RUN_ID_BYTES.
void fixture_ask_of(struct fixture *fixture, const char *connection_id, unsigned tasks,
                    char *ret_run_id);
void fixture_cancel(struct fixture *fixture);
// How the last run stands.
struct sync_run_row fixture_run(struct fixture *fixture);
// Its task of a kind, of a run of all five.
static inline const struct sync_task_row *fixture_task(const struct sync_run_row *run, int kind)
{
    return &run->tasks[kind - 1];
}
// Waits until it is over and returns its state.
int fixture_wait(struct fixture *fixture);
// Waits until `sql` gives `value`.
void fixture_wait_for(struct fixture *fixture, const char *sql, const char *value);
// Both at once: a run of all tasks.
int fixture_run_all(struct fixture *fixture);
// SQL as the superuser.
const char *fixture_sql(const struct fixture *fixture, const char *sql);
// Asserts that `sql` gives `value`.
#define assert_sql(fixture, sql, value) assert_string_equal(fixture_sql(fixture, sql), value)
