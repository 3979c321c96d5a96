// One provider a tenant: IT Glue, or Hudu, which is only recorded.
#include "tests/integration/service/verbs.h"

#include <pthread.h>

#include "server/audit/audit.h"
#include "server/store/connection_state.h"

typedef Docbridge__V1__Connection Connection;

static char c1[] = "connections/c1";

struct create {
    Docbridge__V1__CreateConnectionRequest in;
    Connection connection;
    Docbridge__V1__ConnectionCandidate candidate;
};

static void create_init(struct create *create, bool hudu)
{
    static char title[] = "Documentation", key[] = CANARY;
    docbridge__v1__create_connection_request__init(&create->in);
    docbridge__v1__connection__init(&create->connection);
    docbridge__v1__connection_candidate__init(&create->candidate);
    create->in.connection = &create->connection;
    create->in.candidate = &create->candidate;
    create->connection.display_name = title;
    create->candidate.provider =
        hudu ? DOCBRIDGE__V1__PROVIDER__PROVIDER_HUDU : DOCBRIDGE__V1__PROVIDER__PROVIDER_IT_GLUE;
    if (hudu)
        return;
    create->candidate.region = DOCBRIDGE__V1__REGION__REGION_US;
    create->candidate.api_key = key;
}

static enum err_code run_create(struct fixture *fixture, struct create *create, Connection *out)
{
    return fixture_call(fixture, &connection_service, "CreateConnection", &create->in, out);
}

static void hudu_holds_the_slot_and_does_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct create create;
    Connection out;
    char id[] = "c1", key[] = CANARY, uri[] = "https://acme.eu.itglue.com";
    create_init(&create, true);
    create.in.connection_id = id;
    create.candidate.region = DOCBRIDGE__V1__REGION__REGION_EU;
    assert_int_equal(run_create(fixture, &create, &out), ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "candidate.region");
    create.candidate.region = 0;
    create.candidate.region_uri = uri;
    assert_int_equal(run_create(fixture, &create, &out), ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "candidate.region_uri");
    create_init(&create, true);
    create.candidate.api_key = key;
    assert_int_equal(run_create(fixture, &create, &out), ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "candidate.api_key");
    create_init(&create, true);
    create.in.connection_id = id;
    assert_int_equal(run_create(fixture, &create, &out), ERR_OK);
    assert_int_equal(out.provider, DOCBRIDGE__V1__PROVIDER__PROVIDER_HUDU);
    assert_int_equal(out.state, CONNECTION_ACTIVE);
    assert_int_equal(out.region, 0);
    assert_null(out.credential);
    assert_string_equal(out.latest_sync_run, "");
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM vault_record"), 0);
    assert_null(strstr(fixture_changes(fixture, AUDIT_CONNECTION_CREATE), "region"));
    assert_int_equal(verb_test(fixture), ERR_PROVIDER_NOT_SUPPORTED);
    assert_string_equal(fixture_meta(fixture, "provider"), "HUDU");
    assert_int_equal(verb_sync(fixture), ERR_PROVIDER_NOT_SUPPORTED);
    assert_int_equal(verb_refresh_organizations(fixture), ERR_PROVIDER_NOT_SUPPORTED);
    assert_int_equal(verb_refresh_types(fixture), ERR_PROVIDER_NOT_SUPPORTED);
    assert_int_equal(source_fake.calls, 0);
    create_init(&create, false);
    assert_int_equal(run_create(fixture, &create, &out), ERR_DOCUMENTATION_PROVIDER_ACTIVE);
    assert_string_equal(fixture_meta(fixture, "active_provider"), "HUDU");
    assert_string_equal(fixture_meta(fixture, "connection"), c1);
    assert_int_equal(verb_disconnect(fixture, NULL, &out), ERR_OK);
    assert_int_equal(run_create(fixture, &create, &out), ERR_OK);
    create_init(&create, true);
    assert_int_equal(run_create(fixture, &create, &out), ERR_DOCUMENTATION_PROVIDER_ACTIVE);
    assert_string_equal(fixture_meta(fixture, "active_provider"), "IT_GLUE");
}

enum { RACERS = 8 };

struct racer {
    struct fixture *fixture;
    pthread_barrier_t *barrier;
    bool hudu;
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
    struct create create;
    Connection out;
    create_init(&create, racer->hudu);
    docbridge__v1__connection__init(&out);
    (void)pthread_barrier_wait(racer->barrier);
    for (size_t i = 0; i < connection_service.method_count; i++)
        if (strcmp(connection_service.methods[i].name, "CreateConnection") == 0)
            racer->code =
                connection_service.methods[i].unary(&request, &create.in, &out, &racer->err);
    return NULL;
}

// IT Glue against Hudu: the index of the slot decides, whoever looked first.
static void one_provider_wins_the_race(void **state)
{
    struct fixture *fixture = *state;
    pthread_barrier_t barrier;
    pthread_t threads[RACERS];
    struct racer racers[RACERS];
    int winners = 0, keys = 0;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, RACERS), 0);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.fixture = fixture, .barrier = &barrier, .hudu = i % 2 == 0};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)pthread_barrier_destroy(&barrier);
    for (int i = 0; i < RACERS; i++) {
        winners += racers[i].code == ERR_OK;
        keys += racers[i].code == ERR_OK && !racers[i].hudu;
        if (racers[i].code != ERR_OK)
            assert_int_equal(racers[i].code, ERR_DOCUMENTATION_PROVIDER_ACTIVE);
    }
    assert_int_equal(winners, 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM connection"), 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM vault_record"), keys);
    // Nor does the database take a second one from anybody else.
    assert_int_equal(fixture_number(fixture, "WITH more AS (INSERT INTO connection (tenant, id,"
                                             " display_name, provider, region, state, create_time,"
                                             " update_time) VALUES ('t1', 'z', 'x', 1, 1, 2, now(),"
                                             " now()) ON CONFLICT DO NOTHING RETURNING 1)"
                                             " SELECT count(*) FROM more"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(hudu_holds_the_slot_and_does_nothing),
        TEST(one_provider_wins_the_race),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
