// The harness itself: nothing of a cluster outlives its test process, however that ends.

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/store/fixture.h"

enum end { END_KILLED, END_EXIT, END_STOPPED };

// A process with a cluster, and where that is. Ends in its own way when told to.
static pid_t start_process(enum end end, char *ret_dir, size_t bytes)
{
    int told[2];
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct test_postgres *cluster = test_postgres_start();
        const struct test_database *database = test_postgres_empty_database(cluster);
        const char *dir = test_postgres_value(database->admin_dsn,
                                              "SELECT current_setting('unix_socket_directories')");
        if (write(told[1], dir, strlen(dir)) < 0)
            _exit(1);
        if (end == END_STOPPED) {
            test_postgres_stop(cluster);
            _exit(0);
        }
        if (end == END_EXIT)
            exit(3);
        for (;;)
            (void)pause();
    }
    (void)close(told[1]);
    ssize_t len = read(told[0], ret_dir, bytes - 1);
    (void)close(told[0]);
    assert_true(len > 0);
    ret_dir[len] = '\0';
    return pid;
}

static void nothing_outlives_its_process(void **state)
{
    (void)state;
    for (enum end end = END_KILLED; end <= END_STOPPED; end++) {
        char dir[128];
        pid_t pid = start_process(end, dir, sizeof(dir));
        if (end == END_KILLED)
            assert_int_equal(kill(pid, SIGKILL), 0);
        assert_true(waitpid(pid, NULL, 0) == pid);
        // The guard of a killed process works on by itself; the others waited for theirs.
        for (int i = 0; i < 200 && end == END_KILLED && access(dir, F_OK) == 0; i++)
            (void)usleep(50000);
        assert_int_not_equal(access(dir, F_OK), 0);
    }
}

static void what_was_synced_survives_a_kill(void **state)
{
    (void)state;
    struct test_postgres *durable = test_postgres_start_durable();
    const struct test_database *database = test_postgres_database(durable);
    assert_string_equal(test_postgres_value(database->admin_dsn, "SHOW fsync"), "on");
    (void)test_postgres_value(database->owner_dsn, "CREATE TABLE kept AS SELECT 42 AS n");
    test_postgres_kill(durable);
    test_postgres_restart(durable);
    assert_string_equal(test_postgres_value(database->owner_dsn, "SELECT n FROM kept"), "42");
    test_postgres_stop(durable);
    test_postgres_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_outlives_its_process),
        cmocka_unit_test(what_was_synced_survives_a_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
