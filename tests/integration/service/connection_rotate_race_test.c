// RotateCredential beside others: rotations at once, and readers of the key that goes.
#include "tests/integration/service/rotation.h"

#include <pthread.h>

#include "server/store/vault_record.h"

typedef Docbridge__V1__Connection Connection;

static char name[] = "connections/c1";

struct racer {
    struct fixture *fixture;
    pthread_barrier_t *barrier;
    enum err_code code;
    struct err err;
};

static void *race(void *context)
{
    struct racer *racer = context;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1 << 20);
    struct request request = racer->fixture->request;
    request.arena = &arena;
    struct rotate rotate;
    Connection out;
    rotation_init(&rotate);
    docbridge__v1__connection__init(&out);
    (void)pthread_barrier_wait(racer->barrier);
    for (size_t i = 0; i < connection_service.method_count; i++)
        if (strcmp(connection_service.methods[i].name, "RotateCredential") == 0)
            racer->code =
                connection_service.methods[i].unary(&request, &rotate.in, &out, &racer->err);
    return NULL;
}

// Another rotation wins while upstream is asked.
static void rotate_meanwhile(void *context)
{
    (void)fixture_sql(context, "UPDATE connection SET credential_version = 2, revision = 2;"
                               "UPDATE vault_record SET version = 2");
}

static void one_of_two_racers_wins(void **state)
{
    struct fixture *fixture = *state;
    struct rotate rotate;
    Connection out;
    pthread_barrier_t barrier;
    pthread_t threads[2];
    struct racer racers[2];
    rotation_seed(fixture);
    rotation_seed_account();
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    for (int i = 0; i < 2; i++) {
        racers[i] = (struct racer){.fixture = fixture, .barrier = &barrier};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)pthread_barrier_destroy(&barrier);
    // One after the other may win both; at once only one.
    int won = (racers[0].code == ERR_OK) + (racers[1].code == ERR_OK);
    assert_true(won >= 1);
    for (int i = 0; i < 2; i++)
        assert_true(racers[i].code == ERR_OK || racers[i].code == ERR_CONFLICT);
    assert_int_equal(fixture_number(fixture, "SELECT credential_version FROM connection"), 1 + won);
    rotation_assert_key(fixture, NEW_KEY);
    fixture_drop(state);
    fixture_fresh(state);
    rotation_seed(fixture);
    rotation_seed_account();
    source_fake.while_asked = rotate_meanwhile;
    source_fake.context = fixture;
    rotation_init(&rotate);
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_CONFLICT);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT version FROM vault_record"), 2);
}

// Rotates by hand, and commits only when somebody who has read the old version waits for its key.
static void *rotate_under_a_reader(void *context)
{
    static const struct statement lock = {NULL, "LOCK TABLE vault_record IN ACCESS EXCLUSIVE MODE"};
    static const struct statement count = {"test_count_waiting",
                                           "SELECT count(*) FROM pg_locks WHERE NOT granted"
                                           " AND relation = 'vault_record'::regclass"
                                           " AND $1 = current_tenant()"};
    static const struct statement bump = {
        "test_bump", "UPDATE connection SET credential_version = 2 WHERE tenant = $1"};
    struct racer *racer = context;
    struct fixture *fixture = racer->fixture;
    const struct vault_context place = {"t1", "c1", "api-key", 2};
    struct secret *secret _cleanup_(secret_freep) = secret_copy(NEW_KEY, sizeof(NEW_KEY) - 1);
    struct arena arena _cleanup_(arena_done);
    struct tx *tx = NULL;
    struct sealed sealed;
    struct err *err = &racer->err;
    struct deadline deadline = deadline_in(20000);
    int64_t waiting = 0;
    arena_init(&arena, 1 << 20);
    bool good = store_begin(fixture->store, "t1", deadline, NULL, &tx, err) == ERR_OK &&
                tx_run(tx, &lock, NULL, 0, err) == ERR_OK &&
                tx_run(tx, &bump, ARGS(ARG_TEXT("t1")), err) == ERR_OK &&
                vault_seal(fixture->vault, &place, secret, &arena, &sealed, err) == ERR_OK &&
                vault_record_insert(tx, "c1", 2, &sealed, err) == ERR_OK &&
                vault_record_delete_before(tx, "c1", 2, err) == ERR_OK;
    (void)pthread_barrier_wait(racer->barrier);
    while (good && waiting == 0 && deadline_left_ms(deadline) > 0) {
        struct rows rows _cleanup_(rows_done) = {0};
        good = tx_query(tx, &count, ARGS(ARG_TEXT("t1")), &rows, err) == ERR_OK;
        waiting = good ? rows_int64(&rows, 0, 0) : 0;
    }
    racer->code = good && waiting > 0 ? tx_commit(&tx, err) : ERR_INTERNAL;
    tx_abortp(&tx);
    return NULL;
}

static void a_reader_in_between_gets_the_new_key(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__TestConnectionRequest in = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__INIT;
    Docbridge__V1__TestConnectionResponse out;
    pthread_barrier_t barrier;
    pthread_t thread;
    rotation_seed(fixture);
    rotation_seed_account();
    struct racer racer = {.fixture = fixture, .barrier = &barrier};
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    assert_int_equal(pthread_create(&thread, NULL, rotate_under_a_reader, &racer), 0);
    (void)pthread_barrier_wait(&barrier);
    in.target_case = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__TARGET_NAME;
    in.name = name;
    assert_int_equal(fixture_call(fixture, &connection_service, "TestConnection", &in, &out),
                     ERR_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)pthread_barrier_destroy(&barrier);
    assert_int_equal(racer.code, ERR_OK);
    assert_string_equal(source_fake.last_key, NEW_KEY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(one_of_two_racers_wins),
        TEST(a_reader_in_between_gets_the_new_key),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
