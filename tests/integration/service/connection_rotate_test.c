// RotateCredential: what a new key must pass, and what the swap leaves and takes.
#include "tests/integration/service/fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "docbridge/v1/connection.pb-c.h"
#include "server/audit/audit.h"
#include "server/store/vault_record.h"

typedef Docbridge__V1__Connection Connection;

#define NEW_KEY "ITG.an0therKeyThatMustNotLeak9876"

struct rotate {
    Docbridge__V1__RotateCredentialRequest in;
    Docbridge__V1__ConnectionCandidate candidate;
};

static char name[] = "connections/c1";
static char new_key[] = " " NEW_KEY "\n";

static void rotate_init(struct rotate *rotate)
{
    docbridge__v1__rotate_credential_request__init(&rotate->in);
    docbridge__v1__connection_candidate__init(&rotate->candidate);
    rotate->in.name = name;
    rotate->in.candidate = &rotate->candidate;
    rotate->candidate.provider = DOCBRIDGE__V1__PROVIDER__PROVIDER_IT_GLUE;
    rotate->candidate.region = DOCBRIDGE__V1__REGION__REGION_US;
    rotate->candidate.api_key = new_key;
}

static enum err_code run_rotate(struct fixture *fixture, struct rotate *rotate, Connection *out)
{
    enum err_code code =
        fixture_call(fixture, &connection_service, "RotateCredential", &rotate->in, out);
    assert_null(strstr(fixture->err.text, "an0therKey"));
    return code;
}

// The connection as it was made, and an account of two organizations that are known, one mapped.
static void seed(struct fixture *fixture)
{
    fixture_seed_connection(fixture);
    (void)fixture_sql(
        fixture,
        "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body,"
        "  content_hash, discover_time, update_time)"
        " SELECT 't1', 'c1', n, 'Org ' || n, 'org ' || n, '{}', '', now(), now()"
        " FROM generate_series(41, 42) n;"
        "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time)"
        " VALUES ('t1', 'acme', 'Acme', 'acme', now(), now());"
        "INSERT INTO mapping (tenant, connection_id, organization_id, company_id, source,"
        "  actor_subject, actor_display_name, actor_kind, create_time)"
        " VALUES ('t1', 'c1', 41, 'acme', 1, 'ada', 'Ada', 1, now());"
        "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, body,"
        "  content_hash) SELECT 't1', 'c1', 4, n, 41, 'Doc', '{}', '' FROM generate_series(1, 3) "
        "n");
}

static void seed_account(void)
{
    source_fake_add(SOURCE_ORGANIZATIONS, 41, "Acme", NULL, "{\"primary\": false}");
    source_fake_add(SOURCE_ORGANIZATIONS, 42, "Us", NULL, "{\"primary\": true}");
}

static void seed_stranger(void)
{
    source_fake_add(SOURCE_ORGANIZATIONS, 77, "Strangers", NULL, "{\"primary\": true}");
    source_fake_add(SOURCE_DOCUMENTS, 7, "VPN", "https://strangers.itglue.com/77/docs/7", "{}");
}

// The one sealed key of the connection, as it opens.
static void assert_key(struct fixture *fixture, const char *wanted)
{
    Docbridge__V1__TestConnectionRequest in = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__INIT;
    Docbridge__V1__TestConnectionResponse out;
    in.target_case = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__TARGET_NAME;
    in.name = name;
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM vault_record"), 1);
    assert_int_equal(fixture_number(fixture,
                                    "SELECT version - credential_version FROM vault_record v"
                                    " JOIN connection c ON c.id = v.connection_id"),
                     0);
    assert_int_equal(fixture_call(fixture, &connection_service, "TestConnection", &in, &out),
                     ERR_OK);
    assert_string_equal(source_fake.last_key, wanted);
}

static int64_t rows_that_stay(struct fixture *fixture)
{
    return fixture_number(fixture, "SELECT (SELECT count(*) FROM mapping)"
                                   " + 10 * (SELECT count(*) FROM record)"
                                   " + 100 * (SELECT count(*) FROM organization)");
}

static void replaces_the_key_and_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    struct rotate rotate;
    Connection out;
    seed(fixture);
    seed_account();
    (void)fixture_sql(fixture, "UPDATE connection SET learned_psa_type = 2");
    rotate_init(&rotate);
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_OK);
    assert_int_equal(out.state, DOCBRIDGE__V1__CONNECTION__STATE__STATE_ACTIVE);
    assert_string_equal(out.credential->last4, "9876");
    assert_string_equal(out.account->primary_organization_id, "42");
    assert_int_equal(out.n_capabilities, 8);
    assert_int_equal(out.learned_psa_type, DOCBRIDGE__V1__PSA_TYPE__PSA_TYPE_AUTOTASK);
    assert_int_equal(rows_that_stay(fixture), 231);
    assert_string_equal(source_fake.last_key, NEW_KEY);
    assert_key(fixture, NEW_KEY);
    const char *changes = fixture_changes(fixture, AUDIT_CREDENTIAL_ROTATE);
    assert_non_null(strstr(changes, "0123"));
    assert_non_null(strstr(changes, "9876"));
    assert_null(strstr(changes, "\"region\""));
    assert_int_equal(
        fixture_number(fixture, "SELECT count(*) FROM (SELECT c::text AS t FROM connection c"
                                " UNION ALL SELECT a::text FROM audit_event a"
                                " UNION ALL SELECT v::text FROM vault_record v"
                                " UNION ALL SELECT encode(ciphertext, 'escape') FROM vault_record)"
                                " x WHERE t LIKE '%therKey%' OR t LIKE '%c4naryKey%'"),
        0);
}

static void a_key_that_fails_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        enum err_code answer, reason;
    } cases[] = {
        {ERR_UPSTREAM_KEY_REJECTED, ERR_UPSTREAM_KEY_REJECTED},
        {ERR_UPSTREAM_ACCESS_DENIED, ERR_UPSTREAM_API_NOT_ENABLED},
        {ERR_UPSTREAM_UNREACHABLE, ERR_UPSTREAM_UNREACHABLE},
        {ERR_UPSTREAM_RATE_LIMITED, ERR_UPSTREAM_RATE_LIMITED},
    };
    struct rotate rotate;
    Connection out;
    seed(fixture);
    seed_account();
    const char *before = strdup(fixture_sql(fixture, "SELECT c::text FROM connection c"));
    rotate_init(&rotate);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        source_fake.regions[SOURCE_REGION_US] = cases[i].answer;
        assert_int_equal(run_rotate(fixture, &rotate, &out), cases[i].reason);
        assert_string_equal(fixture_sql(fixture, "SELECT c::text FROM connection c"), before);
    }
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event"), 0);
    source_fake.regions[SOURCE_REGION_US] = ERR_OK;
    assert_key(fixture, CANARY);
    free((void *)(uintptr_t)before);
}

static void validates_only(void **state)
{
    struct fixture *fixture = *state;
    struct rotate rotate;
    Connection out;
    seed(fixture);
    seed_account();
    rotate_init(&rotate);
    rotate.in.validate_only = true;
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_OK);
    assert_string_equal(out.credential->last4, "0123");
    assert_string_equal(source_fake.last_key, NEW_KEY);
    assert_int_equal(fixture_number(fixture, "SELECT revision FROM connection"), 1);
    assert_key(fixture, CANARY);
    source_fake.regions[SOURCE_REGION_US] = ERR_UPSTREAM_KEY_REJECTED;
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_UPSTREAM_KEY_REJECTED);
}

static void refuses_input(void **state)
{
    struct fixture *fixture = *state;
    struct rotate rotate;
    Connection out;
    char stranger[] = "https://msp.example.com/", other[] = "https://msp.eu.itglue.com/41";
    char inner[] = "ITG.a b", empty[] = "", bad_name[] = "connections/", stale[] = "stale";
    char long_key[514];
    memset(long_key, 'k', sizeof(long_key));
    long_key[513] = '\0';
    seed(fixture);
    rotate_init(&rotate);
    rotate.in.name = bad_name;
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_FIELD_INVALID);
    rotate_init(&rotate);
    rotate.in.candidate = NULL;
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_FIELD_INVALID);
    rotate_init(&rotate);
    rotate.candidate.region = 9;
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_UNKNOWN_REGION);
    assert_non_null(strstr(fixture_meta(fixture, "allowed"), "EU"));
    rotate_init(&rotate);
    rotate.candidate.region_uri = other; // the region of the address is not the one named
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_FIELD_INVALID);
    rotate.candidate.region = 0;
    rotate.candidate.region_uri = stranger;
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_UNKNOWN_REGION);
    rotate_init(&rotate);
    rotate.candidate.provider = DOCBRIDGE__V1__PROVIDER__PROVIDER_HUDU;
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_FIELD_INVALID);
    char *const keys[] = {inner, empty, long_key};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        rotate_init(&rotate);
        rotate.candidate.api_key = keys[i];
        assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_API_KEY_MALFORMED);
        assert_string_equal(fixture->err.field, "candidate.api_key");
    }
    rotate_init(&rotate);
    rotate.in.etag = stale;
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_ETAG_MISMATCH);
    assert_true(fixture_meta(fixture, "current_etag")[0] != '\0');
    assert_int_equal(source_fake.calls, 0);
}

// Of another tenant, absent: the same error to the last byte.
static void what_is_hidden_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    struct rotate rotate;
    Connection out;
    struct principal other = fixture->caller;
    other.tenant = "t2";
    rotate_init(&rotate);
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_RESOURCE_NOT_FOUND);
    struct err absent = fixture->err;
    seed(fixture);
    assert_int_equal(
        fixture_call_as(fixture, &other, &connection_service, "RotateCredential", &rotate.in, &out),
        ERR_RESOURCE_NOT_FOUND);
    assert_memory_equal(&absent, &fixture->err, sizeof(absent));
    assert_int_equal(source_fake.calls, 0);
}

static void corrects_the_region(void **state)
{
    struct fixture *fixture = *state;
    struct rotate rotate;
    Connection out;
    char uri[] = "https://msp.eu.itglue.com/41/docs";
    seed(fixture);
    (void)fixture_sql(fixture, "UPDATE connection SET account_subdomain = 'msp'");
    seed_account();
    source_fake_add(SOURCE_DOCUMENTS, 7, "VPN", "https://msp.eu.itglue.com/41/docs/7", "{}");
    source_fake.regions[SOURCE_REGION_EU] = ERR_OK;
    rotate_init(&rotate);
    rotate.candidate.region = 0;
    rotate.candidate.region_uri = uri;
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_OK);
    assert_int_equal(out.region, DOCBRIDGE__V1__REGION__REGION_EU);
    assert_int_equal(rows_that_stay(fixture), 231);
    assert_int_equal(source_fake.region_calls[SOURCE_REGION_US], 0);
    const char *changes = fixture_changes(fixture, AUDIT_CREDENTIAL_ROTATE);
    assert_non_null(strstr(changes, "\"US\""));
    assert_non_null(strstr(changes, "\"EU\""));
}

static void another_account_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct rotate rotate;
    Connection out;
    seed(fixture);
    (void)fixture_sql(fixture, "UPDATE connection SET account_subdomain = 'msp'");
    seed_stranger();
    rotate_init(&rotate);
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_UPSTREAM_ACCOUNT_CHANGED);
    assert_string_equal(fixture_meta(fixture, "old"), "msp");
    assert_string_equal(fixture_meta(fixture, "new"), "strangers");
    assert_int_equal(rows_that_stay(fixture), 231);
    // What cannot be compared is not taken for the same either.
    source_fake_reset();
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_UPSTREAM_ACCOUNT_CHANGED);
    assert_string_equal(fixture_meta(fixture, "new"), "unknown");
    assert_int_equal(fixture_number(fixture, "SELECT credential_version FROM connection"), 1);
}

static void another_account_takes_nothing_over(void **state)
{
    struct fixture *fixture = *state;
    struct rotate rotate;
    Connection out;
    seed(fixture);
    seed_stranger();
    (void)fixture_sql(fixture,
                      "UPDATE connection SET learned_psa_type = 2, psa_probed_time = now()");
    rotate_init(&rotate);
    rotate.in.allow_account_change = true;
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_OK);
    assert_string_equal(out.account->primary_organization_id, "77");
    assert_int_equal(out.learned_psa_type, 0);
    assert_int_equal(
        fixture_number(fixture, "SELECT count(*) FROM connection WHERE psa_probed_time IS NULL"),
        1);
    // Content is left to the remover; nothing leads to it, and no sync begins before it is gone.
    assert_int_equal(rows_that_stay(fixture), 30);
    assert_int_equal(
        fixture_number(fixture, "SELECT count(*) FROM removal WHERE NOT whole AND owner = ''"), 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM sync_run"), 0);
    assert_non_null(strstr(fixture_changes(fixture, AUDIT_CREDENTIAL_ROTATE), "OTHER"));
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM company"), 1);
    assert_key(fixture, NEW_KEY);
}

static void mends_what_is_broken(void **state)
{
    struct fixture *fixture = *state;
    struct rotate rotate;
    Connection out;
    seed(fixture);
    seed_account();
    (void)fixture_sql(fixture, "UPDATE connection SET state = 2, problem_reason = 'X',"
                               " problem_message = 'y', problem_time = now()");
    rotate_init(&rotate);
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_OK);
    assert_int_equal(out.state, DOCBRIDGE__V1__CONNECTION__STATE__STATE_ACTIVE);
    assert_null(out.problem);
    assert_true(out.syncing);
    assert_non_null(strstr(fixture_changes(fixture, AUDIT_CREDENTIAL_ROTATE), "ERROR"));
}

static void reconnects_if_the_slot_is_free(void **state)
{
    struct fixture *fixture = *state;
    struct rotate rotate;
    Connection out;
    seed(fixture);
    seed_account();
    (void)fixture_sql(fixture, "UPDATE connection SET state = 3;"
                               "INSERT INTO connection (tenant, id, display_name, provider, region,"
                               " state, create_time, update_time)"
                               " VALUES ('t1', 'h', 'Hudu', 2, 0, 1, now(), now())");
    rotate_init(&rotate);
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_DOCUMENTATION_PROVIDER_ACTIVE);
    assert_string_equal(fixture_meta(fixture, "active_provider"), "HUDU");
    assert_int_equal(source_fake.calls, 0);
    (void)fixture_sql(fixture, "UPDATE connection SET state = 3 WHERE id = 'h'");
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_OK);
    assert_int_equal(out.state, DOCBRIDGE__V1__CONNECTION__STATE__STATE_ACTIVE);
    assert_int_equal(rows_that_stay(fixture), 231);
    // What is being deleted takes no key any more.
    (void)fixture_sql(fixture, "UPDATE connection SET state = 4 WHERE id = 'c1'");
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_INVALID_STATE_TRANSITION);
}

static void passes_a_live_run_on(void **state)
{
    struct fixture *fixture = *state;
    struct rotate rotate;
    Connection out;
    seed(fixture);
    seed_account();
    (void)fixture_sql(fixture,
                      "INSERT INTO sync_run (tenant, connection_id, id, state, trigger, mode,"
                      " actor_subject, actor_display_name, actor_kind, create_time)"
                      " VALUES ('t1', 'c1', 'r1', 2, 1, 1, 'a', 'a', 1, now());"
                      "INSERT INTO sync_lease VALUES ('t1', 'c1', 'r1', 'somebody', 4,"
                      " now() + interval '1 hour')");
    rotate_init(&rotate);
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_OK);
    assert_int_equal(fixture_number(fixture, "SELECT fence FROM sync_lease WHERE owner = ''"
                                             " AND expire_time <= clock_timestamp()"),
                     5);
    assert_int_equal(fixture_number(fixture, "SELECT state FROM sync_run"), 2);
    // What was found out about the old key meanwhile says nothing of the new one.
    assert_int_equal(fixture_number(fixture, "SELECT credential_version FROM connection"), 2);
}

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
    rotate_init(&rotate);
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
    seed(fixture);
    seed_account();
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
    assert_key(fixture, NEW_KEY);
    fixture_drop(state);
    fixture_fresh(state);
    seed(fixture);
    seed_account();
    source_fake.while_asked = rotate_meanwhile;
    source_fake.context = fixture;
    rotate_init(&rotate);
    assert_int_equal(run_rotate(fixture, &rotate, &out), ERR_CONFLICT);
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
    seed(fixture);
    seed_account();
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
        TEST(replaces_the_key_and_nothing_else),
        TEST(a_key_that_fails_changes_nothing),
        TEST(validates_only),
        TEST(refuses_input),
        TEST(what_is_hidden_is_not_there),
        TEST(corrects_the_region),
        TEST(another_account_is_refused),
        TEST(another_account_takes_nothing_over),
        TEST(mends_what_is_broken),
        TEST(reconnects_if_the_slot_is_free),
        TEST(passes_a_live_run_on),
        TEST(one_of_two_racers_wins),
        TEST(a_reader_in_between_gets_the_new_key),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
