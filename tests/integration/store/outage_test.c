// A server that dies, comes back, refuses, or says nothing at all.

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/integration/store/fixture.h"

static const struct statement one = {"one", "SELECT 1"};
static const struct statement sleep_long = {"sleep_long", "SELECT pg_sleep(30)"};

static enum err_code try_once(struct store *store, struct err *reterr)
{
    _cleanup_(tx_abortp) struct tx *tx = NULL;
    try_(store_begin(store, "t1", deadline_in(25000), NULL, &tx, reterr));
    return fixture_finish(&tx, &one, NULL, 0, reterr);
}

static void *kill_soon(void *unused)
{
    (void)unused;
    (void)usleep(300000);
    test_postgres_kill(postgres);
    return NULL;
}

static void a_kill_in_mid_query_is_told_and_survived(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = fixture_open(test_postgres_database(postgres), 4);
    assert_ok(try_once(store, reterr));
    struct tx *tx = fixture_begin(store, "t1");
    pthread_t thread;
    int64_t start_ms = clock_steady_ms();
    assert_int_equal(pthread_create(&thread, NULL, kill_soon, NULL), 0);
    struct err err = {0};
    assert_int_equal(fixture_finish(&tx, &sleep_long, NULL, 0, &err), ERR_STORE_UNAVAILABLE);
    assert_in_range(clock_steady_ms() - start_ms, 200, 25000);
    assert_true(err.retry_after_ms >= 500);
    tx_abortp(&tx);
    pthread_join(thread, NULL);
    // Refused, not queued; PgBouncer however keeps each for its query_wait_timeout.
    for (int i = 0; i < (fixture_pooled ? 2 : 200); i++) {
        err = (struct err){0};
        start_ms = clock_steady_ms();
        assert_int_equal(try_once(store, &err), ERR_STORE_UNAVAILABLE);
        assert_true(err.retry_after_ms >= 500);
        assert_in_range(clock_steady_ms() - start_ms, 0, 20000);
    }
    assert_int_equal(store_get_stats(store).open, 0);
    test_postgres_restart(postgres);
    enum err_code code = ERR_STORE_UNAVAILABLE;
    for (int i = 0; i < 1500 && code != ERR_OK; i++) {
        (void)usleep(20000);
        code = try_once(store, &err);
    }
    assert_int_equal(code, ERR_OK);
    struct store_stats stats = store_get_stats(store);
    assert_int_equal(stats.open, 1);
    assert_int_equal(stats.idle, 1);
    assert_int_equal(stats.waiting, 0);
}

static void a_restart_between_calls_goes_unnoticed(void **state)
{
    (void)state;
    _cleanup_(store_closep) struct store *store = fixture_open(test_postgres_database(postgres), 4);
    struct tx *first = fixture_begin(store, "t1"), *second = fixture_begin(store, "t1");
    assert_ok(fixture_finish(&first, &one, NULL, 0, reterr));
    assert_ok(fixture_finish(&second, &one, NULL, 0, reterr));
    test_postgres_halt(postgres);
    test_postgres_restart(postgres);
    assert_ok(try_once(store, reterr));
    assert_int_equal(store_get_stats(store).open, fixture_pooled ? 2 : 1);
}

// Something that listens where Postgres should.
struct impostor {
    char dir[64];
    struct sockaddr_un address;
    int fd;
    bool hangs_up;
    atomic_int calls;
    pthread_t thread;
};

static void *answer_calls(void *context)
{
    struct impostor *impostor = context;
    int fd;
    while ((fd = accept(impostor->fd, NULL, NULL)) >= 0) {
        atomic_fetch_add(&impostor->calls, 1);
        if (impostor->hangs_up)
            (void)close(fd); // else it is kept, in silence, to the end of the process
    }
    return NULL;
}

static void impostor_start(struct impostor *impostor, bool hangs_up)
{
    *impostor = (struct impostor){.hangs_up = hangs_up, .dir = "/tmp/docbridge-impostor-XXXXXX"};
    assert_non_null(mkdtemp(impostor->dir));
    impostor->address.sun_family = AF_UNIX;
    (void)snprintf(impostor->address.sun_path, sizeof(impostor->address.sun_path),
                   "%s/.s.PGSQL.5432", impostor->dir);
    impostor->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(impostor->fd >= 0);
    assert_int_equal(
        bind(impostor->fd, (const struct sockaddr *)&impostor->address, sizeof(impostor->address)),
        0);
    assert_int_equal(listen(impostor->fd, 64), 0);
    assert_int_equal(pthread_create(&impostor->thread, NULL, answer_calls, impostor), 0);
}

static void impostor_stop(struct impostor *impostor)
{
    (void)shutdown(impostor->fd, SHUT_RDWR);
    pthread_join(impostor->thread, NULL);
    (void)close(impostor->fd);
    (void)unlink(impostor->address.sun_path);
    (void)rmdir(impostor->dir);
}

static struct store *impostor_store(const struct impostor *impostor)
{
    char dsn[128];
    (void)snprintf(dsn, sizeof(dsn), "host=%s user=x dbname=x gssencmode=disable sslmode=disable",
                   impostor->dir);
    const struct store_settings settings = {
        .dsn = dsn, .connections_max = 8, .connect_timeout_ms = 700};
    struct store *store = NULL;
    assert_ok(store_open(&settings, &store, reterr));
    return store;
}

static atomic_bool stop;

static void *hammer(void *store)
{
    while (!atomic_load(&stop)) {
        struct err err;
        if (try_once(store, &err) != ERR_STORE_UNAVAILABLE)
            abort();
        (void)usleep(1000);
    }
    return NULL;
}

static void a_dead_server_is_not_hammered(void **state)
{
    (void)state;
    struct impostor impostor;
    impostor_start(&impostor, /* hangs_up= */ true);
    _cleanup_(store_closep) struct store *store = impostor_store(&impostor);
    atomic_store(&stop, false);
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, store), 0);
    (void)usleep(2000000);
    atomic_store(&stop, true);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    // At the start each thread tries; then pauses of 50 to 100, 100 to 200, ... ms follow.
    assert_in_range(atomic_load(&impostor.calls), 3, 12);
    assert_int_equal(store_get_stats(store).open, 0);
    impostor_stop(&impostor);
}

static void a_silent_server_is_given_up(void **state)
{
    (void)state;
    struct impostor impostor;
    impostor_start(&impostor, /* hangs_up= */ false);
    _cleanup_(store_closep) struct store *store = impostor_store(&impostor);
    struct tx *tx = NULL;
    // A caller in a hurry is told that it was in one.
    assert_code(store_begin(store, "t1", deadline_in(200), NULL, &tx, reterr),
                ERR_DEADLINE_EXCEEDED);
    int64_t start_ms = clock_steady_ms();
    assert_code(store_begin(store, "t1", deadline_in(25000), NULL, &tx, reterr),
                ERR_STORE_UNAVAILABLE);
    assert_in_range(clock_steady_ms() - start_ms, 600, 20000);
    const atomic_bool gone = true;
    _cleanup_(store_closep) struct store *fresh = impostor_store(&impostor);
    assert_code(store_begin(fresh, "t1", deadline_in(9000), &gone, &tx, reterr), ERR_CANCELLED);
    assert_int_equal(store_get_stats(store).open, 0);
    assert_int_equal(store_get_stats(fresh).open, 0);
    impostor_stop(&impostor);
}

static void a_refusal_has_its_sqlstate(void **state)
{
    (void)state;
    struct test_database database = *test_postgres_database(postgres);
    char *name = strstr(database.dsn, "dbname=");
    assert_non_null(name);
    (void)snprintf(name, sizeof(database.dsn) - (size_t)(name - database.dsn),
                   "dbname=nowhere user=docbridged password=hunter2");
    _cleanup_(store_closep) struct store *store = fixture_open(&database, 1);
    struct err err;
    assert_int_equal(try_once(store, &err), ERR_STORE_UNAVAILABLE);
    if (strstr(err.text, fixture_pooled ? "08P01" : "3D000") == NULL)
        fail_msg("%s", err.text);
    assert_null(strstr(err.text, "nowhere"));
    assert_null(strstr(err.text, "hunter2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kill_in_mid_query_is_told_and_survived),
        cmocka_unit_test(a_restart_between_calls_goes_unnoticed),
        cmocka_unit_test(a_dead_server_is_not_hammered),
        cmocka_unit_test(a_silent_server_is_given_up),
        cmocka_unit_test(a_refusal_has_its_sqlstate),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
