// A real Postgres for one test process: a private cluster in a fresh directory, reached by a Unix
// socket, and as many fresh databases as there are tests.
//
//     struct test_postgres *postgres = test_postgres_start();
//     const struct test_database *database = test_postgres_database(postgres);
//     ... store_open(&(struct store_settings){.dsn = database->dsn, .role = "docbridge_server"} ...
//     test_postgres_stop(postgres);
//
// The cluster goes with the process, however that ends: a guard holds the other end of a pipe.
// Mark the Bazel test `tags = ["local"]`: a sandbox does not let Postgres drop root's rights.
// Everything here ends the test process with a message if it fails. One thread at a time.
#pragma once

#include <stdbool.h>

struct test_postgres;

// DSNs, valid until test_postgres_stop().
struct test_database {
    char dsn[192];       // as docbridged, which has no rights until it takes a role
    char owner_dsn[192]; // as docbridge_owner, which migrates and owns all tables
    char admin_dsn[192]; // as the superuser: past every wall
};

// A cluster that a crash of the machine may destroy, which is fast.
struct test_postgres *test_postgres_start(void);
// One that really syncs to disk.
struct test_postgres *test_postgres_start_durable(void);
// One with PgBouncer in front, in transaction mode: `dsn` and `owner_dsn` go through it.
struct test_postgres *test_postgres_start_pooled(void);
// A hot standby that follows `primary`, with databases of the same names.
struct test_postgres *test_postgres_start_standby(const struct test_postgres *primary);
// Stops the cluster and removes it. NULL is fine.
void test_postgres_stop(struct test_postgres *postgres);

// A fresh database with all migrations applied.
const struct test_database *test_postgres_database(struct test_postgres *postgres);
// A fresh one without any.
const struct test_database *test_postgres_empty_database(struct test_postgres *postgres);

// Kills all processes of the server at once (SIGKILL).
void test_postgres_kill(struct test_postgres *postgres);
// Stops the server as a careful operator would, and leaves its files.
void test_postgres_halt(struct test_postgres *postgres);
// Starts it again after a kill or a halt.
void test_postgres_restart(struct test_postgres *postgres);
// Stops all processes of the server in their tracks (SIGSTOP), and lets them go on.
void test_postgres_stall(struct test_postgres *postgres);
void test_postgres_resume(struct test_postgres *postgres);
// Makes a standby the primary; returns when it writes.
void test_postgres_promote(struct test_postgres *postgres);
// The directory of its socket: a `host` of a DSN.
const char *test_postgres_dir(const struct test_postgres *postgres);

// Runs SQL on a connection of its own and returns the first value as text, "" for none or NULL.
// Valid until the next call.
const char *test_postgres_value(const char *dsn, const char *sql);
