#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "server/base/cleanup.h"
#include "server/store/store.h"
#include "tests/support/postgres.h"
#include "tests/support/postgres_script.h"

enum { DATABASES_MAX = 256, ROOM_GIB = 3 };

// Those that a test left running when it calls exit(): Bazel kills the guard with everything else.
static struct test_postgres *running;

struct test_postgres {
    struct test_postgres *next;
    char dir[64];
    bool durable, pooled;
    bool template_made;
    int guard_fd; // the guard waits for its end
    pid_t guard;
    struct test_database admin;
    struct test_database *databases[DATABASES_MAX];
    int database_count;
};

_Noreturn static void die(const char *format, ...) _printf_(1, 2);
_Noreturn static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "test postgres: ");
    (void)vfprintf(stderr, format, args);
    (void)fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

// Runs the script, which is inside the program so that it need not be found.
static pid_t spawn(const char *verb, const char *dir, const char *option, int input)
{
    pid_t pid = fork();
    if (pid < 0)
        die("fork failed");
    if (pid > 0)
        return pid;
    // The guard must outlive a kill of the test's process group, and keep none of its pipes open.
    if (input >= 0) {
        int null = open("/dev/null", O_RDWR);
        if (setsid() < 0 || dup2(input, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
            _exit(127);
    }
    // Sanitizers are for us, not for Postgres.
    (void)unsetenv("LD_PRELOAD");
    execl("/bin/sh", "sh", "-c", (const char *)postgres_script, "postgres.sh", verb, dir, option,
          (char *)NULL);
    _exit(127);
}

static void run(const char *verb, const char *dir, const char *option)
{
    pid_t pid = spawn(verb, dir, option, -1);
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die("postgres.sh %s %s failed", verb, dir);
}

static void name_database(const struct test_postgres *postgres, const char *name, bool pooled,
                          struct test_database *database)
{
    static const char format[] = "host=%s%s dbname=%s user=%s";
    const char *dir = postgres->dir, *pooler = pooled ? "/pooler" : "";
    (void)snprintf(database->dsn, sizeof(database->dsn), format, dir, pooler, name, "docbridged");
    (void)snprintf(database->owner_dsn, sizeof(database->owner_dsn), format, dir, pooler, name,
                   "docbridge_owner");
    (void)snprintf(database->admin_dsn, sizeof(database->admin_dsn), format, dir, "", name,
                   "postgres");
}

static void stop_all(void)
{
    while (running != NULL)
        test_postgres_stop(running);
}

// In memory if there is room for it: on a disk the many files of a cluster take far longer. Not
// below the test's own directory: another user must reach it, and a socket's path is short.
static const char *place(void)
{
    struct statvfs room;
    bool fits = statvfs("/dev/shm", &room) == 0 && access("/dev/shm", W_OK) == 0 &&
                (room.f_bavail * room.f_frsize) >> 30 >= ROOM_GIB;
    return fits ? "/dev/shm" : "/tmp";
}

static struct test_postgres *new_cluster(void)
{
    static bool registered;
    if (!registered && atexit(stop_all) != 0)
        die("atexit failed");
    registered = true;
    struct test_postgres *postgres = calloc(1, sizeof(*postgres));
    if (postgres == NULL)
        die("no memory");
    (void)snprintf(postgres->dir, sizeof(postgres->dir), "%s/docbridge-postgres-XXXXXX", place());
    if (mkdtemp(postgres->dir) == NULL)
        die("no directory %s", postgres->dir);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        die("no pipe");
    postgres->guard_fd = ends[1];
    postgres->guard = spawn("guard", postgres->dir, "", ends[0]);
    (void)close(ends[0]);
    postgres->next = running;
    running = postgres;
    name_database(postgres, "postgres", /* pooled= */ false, &postgres->admin);
    return postgres;
}

struct test_postgres *test_postgres_start(void)
{
    struct test_postgres *postgres = new_cluster();
    test_postgres_restart(postgres);
    return postgres;
}

struct test_postgres *test_postgres_start_durable(void)
{
    struct test_postgres *postgres = new_cluster();
    postgres->durable = true;
    test_postgres_restart(postgres);
    return postgres;
}

struct test_postgres *test_postgres_start_pooled(void)
{
    struct test_postgres *postgres = test_postgres_start();
    postgres->pooled = true;
    run("pooler", postgres->dir, "");
    return postgres;
}

struct test_postgres *test_postgres_start_standby(const struct test_postgres *primary)
{
    struct test_postgres *postgres = new_cluster();
    run("standby", postgres->dir, primary->dir);
    return postgres;
}

void test_postgres_stop(struct test_postgres *postgres)
{
    if (postgres == NULL)
        return;
    struct test_postgres **link = &running;
    while (*link != postgres)
        link = &(*link)->next;
    *link = postgres->next;
    (void)close(postgres->guard_fd);
    (void)waitpid(postgres->guard, NULL, 0);
    for (int i = 0; i < postgres->database_count; i++)
        free(postgres->databases[i]);
    free(postgres);
}

void test_postgres_kill(struct test_postgres *postgres)
{
    run("kill", postgres->dir, "");
}

void test_postgres_halt(struct test_postgres *postgres)
{
    run("halt", postgres->dir, "");
}

void test_postgres_restart(struct test_postgres *postgres)
{
    run("start", postgres->dir, postgres->durable ? "durable" : "");
}

void test_postgres_stall(struct test_postgres *postgres)
{
    run("stall", postgres->dir, "");
}

void test_postgres_resume(struct test_postgres *postgres)
{
    run("resume", postgres->dir, "");
}

void test_postgres_promote(struct test_postgres *postgres)
{
    run("promote", postgres->dir, "");
}

const char *test_postgres_dir(const struct test_postgres *postgres)
{
    return postgres->dir;
}

const char *test_postgres_value(const char *dsn, const char *sql)
{
    static char text[4096];
    PGconn *conn = PQconnectdb(dsn);
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        die("%s: %s", sql, PQerrorMessage(conn));
    bool value = status == PGRES_TUPLES_OK && PQntuples(result) > 0;
    (void)snprintf(text, sizeof(text), "%s", value ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    PQfinish(conn);
    return text;
}

static const struct test_database *clone(struct test_postgres *postgres, const char *origin)
{
    if (postgres->database_count == DATABASES_MAX)
        die("more than %d databases", DATABASES_MAX);
    struct test_database *database = calloc(1, sizeof(*database));
    if (database == NULL)
        die("no memory");
    char name[32], sql[192];
    (void)snprintf(name, sizeof(name), "test_%d", postgres->database_count);
    (void)snprintf(sql, sizeof(sql),
                   "CREATE DATABASE %s OWNER docbridge_owner TEMPLATE %s STRATEGY file_copy", name,
                   origin);
    (void)test_postgres_value(postgres->admin.admin_dsn, sql);
    name_database(postgres, name, postgres->pooled, database);
    postgres->databases[postgres->database_count++] = database;
    return database;
}

const struct test_database *test_postgres_empty_database(struct test_postgres *postgres)
{
    return clone(postgres, "template0");
}

const struct test_database *test_postgres_database(struct test_postgres *postgres)
{
    if (!postgres->template_made) {
        struct test_database made;
        // A pooler would stay connected to it, and what is in use cannot be cloned.
        name_database(postgres, "docbridge", /* pooled= */ false, &made);
        struct err err;
        int applied;
        if (store_migrate(made.owner_dsn, /* dry_run= */ false, &applied, &err) != ERR_OK)
            die("%s", err.text);
        postgres->template_made = true;
    }
    return clone(postgres, "docbridge");
}
