// ConnectionService: creating, reading, and each diagnosis of a test.
#include "tests/integration/service/fixture.h"

#include <stdio.h>

#include "docbridge/v1/connection.pb-c.h"
#include "server/audit/audit.h"

typedef Docbridge__V1__Connection Connection;
typedef Docbridge__V1__TestConnectionResponse Answer;

#define VERDICT(name) DOCBRIDGE__V1__TEST_CONNECTION_RESPONSE__DIAGNOSIS__DIAGNOSIS_##name

struct create {
    Docbridge__V1__CreateConnectionRequest in;
    Connection connection;
    Docbridge__V1__ConnectionCandidate candidate;
};

static char display_name[] = "Our IT Glue";
static char key[] = "  " CANARY "\n";

static void create_init(struct create *create)
{
    docbridge__v1__create_connection_request__init(&create->in);
    docbridge__v1__connection__init(&create->connection);
    docbridge__v1__connection_candidate__init(&create->candidate);
    create->in.connection = &create->connection;
    create->in.candidate = &create->candidate;
    create->connection.display_name = display_name;
    create->candidate.provider = DOCBRIDGE__V1__PROVIDER__PROVIDER_IT_GLUE;
    create->candidate.region = DOCBRIDGE__V1__REGION__REGION_US;
    create->candidate.api_key = key;
}

static enum err_code run_create(struct fixture *fixture, struct create *create, Connection *out)
{
    return fixture_call(fixture, &connection_service, "CreateConnection", &create->in, out);
}

static void seed_account(void)
{
    source_fake_add(SOURCE_ORGANIZATIONS, 41, "Acme", NULL, "{\"primary\": false}");
    source_fake_add(SOURCE_ORGANIZATIONS, 42, "Us", NULL, "{\"primary\": true}");
    source_fake_add(SOURCE_DOCUMENTS, 7, "VPN", "https://msp.eu.itglue.com/41/docs/7", "{}");
}

static void creates(void **state)
{
    struct fixture *fixture = *state;
    struct create create;
    Connection out;
    create_init(&create);
    create.connection.psa_type = DOCBRIDGE__V1__PSA_TYPE__PSA_TYPE_AUTOTASK;
    char id[] = "main";
    create.in.connection_id = id;
    seed_account();
    assert_int_equal(run_create(fixture, &create, &out), ERR_OK);
    assert_string_equal(out.name, "connections/main");
    assert_string_equal(out.display_name, display_name);
    assert_int_equal(out.state, DOCBRIDGE__V1__CONNECTION__STATE__STATE_ACTIVE);
    assert_int_equal(out.psa_type, DOCBRIDGE__V1__PSA_TYPE__PSA_TYPE_AUTOTASK);
    assert_true(out.syncing);
    assert_non_null(strstr(out.latest_sync_run, "connections/main/syncRuns/"));
    assert_string_equal(out.credential->last4, "0123");
    assert_string_equal(out.account->subdomain, "msp");
    assert_string_equal(out.account->primary_organization_id, "42");
    assert_int_equal(out.n_capabilities, 9);
    assert_string_equal(source_fake.last_key, CANARY);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM vault_record"), 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM connection_config"), 1);
    assert_int_equal(fixture_number(fixture, "SELECT trigger FROM sync_run"), SYNC_TRIGGER_CONNECT);
    assert_non_null(strstr(fixture_changes(fixture, 2), "Our IT Glue"));
    // The key is nowhere but sealed.
    assert_int_equal(
        fixture_number(fixture,
                       "SELECT count(*) FROM (SELECT c::text AS t FROM connection c UNION ALL"
                       " SELECT a::text FROM audit_event a UNION ALL"
                       " SELECT v::text FROM vault_record v UNION ALL"
                       " SELECT encode(ciphertext, 'escape') FROM vault_record UNION ALL"
                       " SELECT r::text FROM sync_run r) x WHERE t LIKE '%c4naryKey%'"),
        0);
}

static void refuses_input(void **state)
{
    struct fixture *fixture = *state;
    struct create create;
    Connection out;
    char empty[] = "";
    char inner[] = "ITG.a b";
    char upper[] = "Main";
    char stranger[] = "acme";
    create_init(&create);
    create.connection.display_name = empty;
    assert_int_equal(run_create(fixture, &create, &out), ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "connection.display_name");
    create_init(&create);
    create.candidate.provider = 0;
    assert_int_equal(run_create(fixture, &create, &out), ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "candidate.provider");
    create_init(&create);
    create.candidate.region = 0;
    assert_int_equal(run_create(fixture, &create, &out), ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "candidate.region");
    create.candidate.region_uri = stranger;
    assert_int_equal(run_create(fixture, &create, &out), ERR_UNKNOWN_REGION);
    create_init(&create);
    create.candidate.region = 9;
    assert_int_equal(run_create(fixture, &create, &out), ERR_UNKNOWN_REGION);
    create_init(&create);
    create.candidate.api_key = inner;
    assert_int_equal(run_create(fixture, &create, &out), ERR_API_KEY_MALFORMED);
    assert_string_equal(fixture->err.field, "candidate.api_key");
    create_init(&create);
    create.in.connection_id = upper;
    assert_int_equal(run_create(fixture, &create, &out), ERR_FIELD_INVALID);
    create_init(&create);
    create.in.candidate = NULL;
    assert_int_equal(run_create(fixture, &create, &out), ERR_FIELD_INVALID);
    assert_int_equal(source_fake.calls, 0);
}

static void keeps_nothing_of_a_refused_key(void **state)
{
    struct fixture *fixture = *state;
    struct create create;
    Connection out;
    create_init(&create);
    source_fake.regions[SOURCE_REGION_US] = ERR_UPSTREAM_KEY_REJECTED;
    assert_int_equal(run_create(fixture, &create, &out), ERR_UPSTREAM_KEY_REJECTED);
    assert_string_equal(fixture_meta(fixture, "http_status"), "403");
    assert_string_equal(fixture_meta(fixture, "region"), "US");
    assert_non_null(strstr(fixture->err.text, "revoked"));
    source_fake.regions[SOURCE_REGION_US] = ERR_UPSTREAM_ACCESS_DENIED;
    assert_int_equal(run_create(fixture, &create, &out), ERR_UPSTREAM_API_NOT_ENABLED);
    source_fake.regions[SOURCE_REGION_US] = ERR_UPSTREAM_UNREACHABLE;
    assert_int_equal(run_create(fixture, &create, &out), ERR_UPSTREAM_UNREACHABLE);
    assert_int_equal(fixture_number(fixture, "SELECT (SELECT count(*) FROM connection)"
                                             " + (SELECT count(*) FROM vault_record)"
                                             " + (SELECT count(*) FROM sync_run)"),
                     0);
}

static void takes_the_slot_once(void **state)
{
    struct fixture *fixture = *state;
    struct create create;
    Connection out;
    char id[] = "main";
    create_init(&create);
    create.in.connection_id = id;
    assert_int_equal(run_create(fixture, &create, &out), ERR_OK);
    int calls = source_fake.calls;
    assert_int_equal(run_create(fixture, &create, &out), ERR_DOCUMENTATION_PROVIDER_ACTIVE);
    assert_string_equal(fixture_meta(fixture, "active_provider"), "IT_GLUE");
    assert_non_null(strstr(fixture_meta(fixture, "connection"), "connections/"));
    assert_int_equal(source_fake.calls, calls);
    // What is disconnected gives the slot back, but not its name.
    (void)fixture_sql(fixture, "UPDATE connection SET state = 3");
    assert_int_equal(run_create(fixture, &create, &out), ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "connection_id");
}

static void validates_only(void **state)
{
    struct fixture *fixture = *state;
    struct create create;
    Connection out;
    create_init(&create);
    create.in.validate_only = true;
    assert_int_equal(run_create(fixture, &create, &out), ERR_OK);
    assert_int_equal(out.state, DOCBRIDGE__V1__CONNECTION__STATE__STATE_ACTIVE);
    assert_string_equal(out.latest_sync_run, "");
    assert_int_equal(fixture_number(fixture, "SELECT (SELECT count(*) FROM connection)"
                                             " + (SELECT count(*) FROM vault_record)"
                                             " + (SELECT count(*) FROM sync_run)"
                                             " + (SELECT count(*) FROM audit_event)"),
                     0);
    // The slot is still free, and when it is not, that is said.
    create.in.validate_only = false;
    assert_int_equal(run_create(fixture, &create, &out), ERR_OK);
    create.in.validate_only = true;
    assert_int_equal(run_create(fixture, &create, &out), ERR_DOCUMENTATION_PROVIDER_ACTIVE);
}

static void shows_nothing_of_a_short_key(void **state)
{
    struct fixture *fixture = *state;
    struct create create;
    Connection out;
    char short_key[] = "abcd";
    create_init(&create);
    create.candidate.api_key = short_key;
    assert_int_equal(run_create(fixture, &create, &out), ERR_OK);
    assert_string_equal(out.credential->last4, "");
}

static void reads(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__GetConnectionRequest get = DOCBRIDGE__V1__GET_CONNECTION_REQUEST__INIT;
    Docbridge__V1__ListConnectionsRequest list = DOCBRIDGE__V1__LIST_CONNECTIONS_REQUEST__INIT;
    Docbridge__V1__ListConnectionsResponse page;
    Docbridge__V1__ListRegionsRequest regions_in = DOCBRIDGE__V1__LIST_REGIONS_REQUEST__INIT;
    Docbridge__V1__ListRegionsResponse regions;
    Connection out;
    char name[] = "connections/c1";
    char absent[] = "connections/c2";
    fixture_seed_connection(fixture);
    get.name = name;
    assert_int_equal(fixture_call(fixture, &connection_service, "GetConnection", &get, &out),
                     ERR_OK);
    assert_string_equal(out.name, name);
    assert_false(out.syncing);
    get.name = absent;
    assert_int_equal(fixture_call(fixture, &connection_service, "GetConnection", &get, &out),
                     ERR_RESOURCE_NOT_FOUND);
    // Of another tenant it is not there either.
    struct principal other = fixture->caller;
    other.tenant = "t2";
    get.name = name;
    assert_int_equal(
        fixture_call_as(fixture, &other, &connection_service, "GetConnection", &get, &out),
        ERR_RESOURCE_NOT_FOUND);
    assert_string_equal(fixture_meta(fixture, "resource"), name);
    (void)fixture_sql(fixture, "INSERT INTO connection (tenant, id, display_name, provider, region,"
                               " state, create_time, update_time) SELECT 't1', 'd' || n, 'x', 1, 1,"
                               " 3, now(), now() FROM generate_series(1, 4) n");
    list.page_size = 2;
    size_t seen = 0;
    do {
        assert_int_equal(
            fixture_call(fixture, &connection_service, "ListConnections", &list, &page), ERR_OK);
        seen += page.n_connections;
        list.page_token = page.next_page_token;
    } while (page.next_page_token[0] != '\0');
    assert_int_equal(seen, 5);
    assert_int_equal(
        fixture_call(fixture, &connection_service, "ListRegions", &regions_in, &regions), ERR_OK);
    assert_int_equal(regions.n_regions, 3);
    assert_string_equal(regions.regions[1]->api_host, "api.eu.itglue.com");
}

static void test_candidate(struct fixture *fixture, bool other_regions, Answer *out)
{
    Docbridge__V1__TestConnectionRequest in = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__INIT;
    struct create create;
    create_init(&create);
    in.target_case = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__TARGET_CANDIDATE;
    in.candidate = &create.candidate;
    in.probe_other_regions = other_regions;
    assert_int_equal(fixture_call(fixture, &connection_service, "TestConnection", &in, out),
                     ERR_OK);
}

static void test_stored(struct fixture *fixture, Answer *out)
{
    Docbridge__V1__TestConnectionRequest in = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__INIT;
    char name[] = "connections/c1";
    in.target_case = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__TARGET_NAME;
    in.name = name;
    assert_int_equal(fixture_call(fixture, &connection_service, "TestConnection", &in, out),
                     ERR_OK);
}

static void diagnoses_a_candidate(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        enum err_code code;
        int verdict;
        int http_status;
        size_t candidates;
        const char *network_failure;
    } cases[] = {
        {ERR_UPSTREAM_KEY_REJECTED, VERDICT(KEY_OR_REGION_REJECTED), 403, 5, ""},
        {ERR_UPSTREAM_ACCESS_DENIED, VERDICT(API_NOT_ENABLED_SUSPECTED), 401, 2, ""},
        {ERR_UPSTREAM_UNREACHABLE, VERDICT(UPSTREAM_UNREACHABLE), 0, 1, "connect"},
        {ERR_UPSTREAM_TIMEOUT, VERDICT(UPSTREAM_UNREACHABLE), 0, 1, "timeout"},
        {ERR_UPSTREAM_RATE_LIMITED, VERDICT(RATE_LIMITED), 429, 0, ""},
        {ERR_UPSTREAM_ERROR, VERDICT(UPSTREAM_ERROR), 500, 0, ""},
        {ERR_UPSTREAM_ANSWER_INVALID, VERDICT(UPSTREAM_ERROR), 0, 0, ""},
        {ERR_OK, VERDICT(OK), 200, 0, ""},
    };
    Answer out;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        source_fake.regions[SOURCE_REGION_US] = cases[i].code;
        test_candidate(fixture, false, &out);
        assert_int_equal(out.diagnosis, cases[i].verdict);
        assert_int_equal(out.http_status, cases[i].http_status);
        assert_int_equal(out.n_candidates, cases[i].candidates);
        assert_string_equal(out.network_failure, cases[i].network_failure);
        assert_int_equal(out.n_capabilities, 9);
        assert_true(out.remedy[0] != '\0');
        assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event"), i + 1);
    }
    assert_int_equal(source_fake.region_calls[SOURCE_REGION_EU], 0);
    assert_int_equal(fixture_number(fixture, "SELECT (SELECT count(*) FROM connection)"
                                             " + (SELECT count(*) FROM vault_record)"),
                     0);
}

static void diagnoses_a_region(void **state)
{
    struct fixture *fixture = *state;
    Answer out;
    source_fake.regions[SOURCE_REGION_US] = ERR_UPSTREAM_KEY_REJECTED;
    test_candidate(fixture, true, &out);
    assert_int_equal(out.diagnosis, VERDICT(KEY_OR_REGION_REJECTED));
    assert_int_equal(out.n_candidates, 5);
    assert_non_null(strstr(out.candidates[3], "paused"));
    assert_non_null(strstr(out.candidates[4], "admits only certain addresses"));
    source_fake.regions[SOURCE_REGION_EU] = ERR_OK;
    test_candidate(fixture, true, &out);
    assert_int_equal(out.diagnosis, VERDICT(REGION_MISMATCH));
    assert_int_equal(out.tried_region, DOCBRIDGE__V1__REGION__REGION_US);
    assert_int_equal(out.suggested_region, DOCBRIDGE__V1__REGION__REGION_EU);
    assert_non_null(strstr(fixture_changes(fixture, 3), "REGION_MISMATCH"));
}

static void diagnoses_a_malformed_key(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__TestConnectionRequest in = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__INIT;
    struct create create;
    Answer out;
    char inner[] = "ITG.abc def";
    create_init(&create);
    create.candidate.api_key = inner;
    in.target_case = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__TARGET_CANDIDATE;
    in.candidate = &create.candidate;
    assert_int_equal(fixture_call(fixture, &connection_service, "TestConnection", &in, &out),
                     ERR_OK);
    assert_int_equal(out.diagnosis, VERDICT(API_KEY_MALFORMED));
    assert_string_equal(out.warnings[0], "What was pasted has 11 bytes.");
    assert_int_equal(source_fake.calls, 0);
    assert_string_equal(fixture_sql(fixture, "SELECT error_reason FROM audit_event"),
                        "API_KEY_MALFORMED");
    in.target_case = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__TARGET__NOT_SET;
    assert_int_equal(fixture_call(fixture, &connection_service, "TestConnection", &in, &out),
                     ERR_FIELD_INVALID);
}

static int grant_of(const Answer *out, int kind)
{
    for (size_t i = 0; i < out->n_capabilities; i++)
        if ((int)out->capabilities[i]->kind == kind)
            return (int)out->capabilities[i]->grant;
    return 0;
}

static void tells_capabilities(void **state)
{
    struct fixture *fixture = *state;
    Answer out;
    seed_account();
    source_fake.kinds[SOURCE_DOCUMENT_FOLDERS] = ERR_UPSTREAM_ACCESS_DENIED;
    source_fake.kinds[SOURCE_CHECKLISTS] = ERR_UPSTREAM_ERROR;
    source_fake.ignores_filters = true;
    test_candidate(fixture, false, &out);
    assert_int_equal(out.diagnosis, VERDICT(OK));
    assert_int_equal(grant_of(&out, 1), 1);
    assert_int_equal(grant_of(&out, 2), 1);
    assert_int_equal(grant_of(&out, 7), 2);
    assert_int_equal(grant_of(&out, 4), 3);
    assert_int_equal(grant_of(&out, 6), 3); // values are never probed
    assert_int_equal(out.n_warnings, 1);
    assert_non_null(strstr(out.warnings[0], "filters"));
    // A key that may not list organizations but something else is a key all the same.
    source_fake.kinds[SOURCE_ORGANIZATIONS] = ERR_UPSTREAM_ACCESS_DENIED;
    test_candidate(fixture, false, &out);
    assert_int_equal(out.diagnosis, VERDICT(OK));
    assert_int_equal(grant_of(&out, 1), 2);
    assert_int_equal(grant_of(&out, 2), 3); // there is no organization to ask about
}

static void tests_what_is_stored(void **state)
{
    struct fixture *fixture = *state;
    Answer out;
    fixture_seed_connection(fixture);
    test_stored(fixture, &out);
    assert_int_equal(out.diagnosis, VERDICT(OK));
    assert_string_equal(source_fake.last_key, CANARY);
    assert_int_equal(
        fixture_number(fixture, "SELECT jsonb_array_length(capabilities) FROM connection"), 9);
    // What a reveal and an image have shown is known to the next test.
    assert_int_equal(grant_of(&out, 9), 3);
    (void)fixture_sql(fixture, "UPDATE connection SET capabilities ="
                               " '[{\"kind\": 6, \"grant\": 1, \"detail\": \"x\"},"
                               " {\"kind\": 9, \"grant\": 2, \"detail\": \"x\"}]'");
    int calls = source_fake.calls;
    test_stored(fixture, &out);
    assert_int_equal(grant_of(&out, 6), 1);
    assert_int_equal(grant_of(&out, 9), 2);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM connection WHERE capabilities"
                                             " @> '[{\"kind\": 6, \"grant\": 1}]'"),
                     1);
    assert_int_equal(source_fake.calls, 2 * calls);
    // What a test asks for is missing from what a sync may ask for.
    sync_stop(fixture->sync);
    assert_int_equal(fixture_number(fixture, "SELECT sum(n) FROM request_budget,"
                                             " unnest(other_counts) AS n"),
                     source_fake.calls);
    source_fake.regions[SOURCE_REGION_US] = ERR_UPSTREAM_KEY_REJECTED;
    test_stored(fixture, &out);
    assert_int_equal(out.diagnosis, VERDICT(KEY_REVOKED_OR_EXPIRED));
    assert_string_equal(fixture_sql(fixture, "SELECT state || problem_reason FROM connection"),
                        "2UPSTREAM_KEY_REJECTED");
    assert_non_null(strstr(fixture_changes(fixture, AUDIT_CONNECTION_STATE), "ACTIVE"));
    // Refused once more, it is not told once more.
    test_stored(fixture, &out);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 15"),
                     1);
    // A network that fails says nothing of the key.
    source_fake.regions[SOURCE_REGION_US] = ERR_UPSTREAM_UNREACHABLE;
    test_stored(fixture, &out);
    assert_int_equal(fixture_number(fixture, "SELECT state FROM connection"), 2);
    source_fake.regions[SOURCE_REGION_US] = ERR_OK;
    test_stored(fixture, &out);
    assert_string_equal(fixture_sql(fixture, "SELECT state || problem_reason FROM connection"),
                        "1");
    assert_non_null(strstr(fixture_changes(fixture, AUDIT_CONNECTION_STATE), "\"new\":\"ACTIVE\""));
    test_stored(fixture, &out);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 15"),
                     2);
    (void)fixture_sql(fixture, "UPDATE connection SET state = 3");
    Docbridge__V1__TestConnectionRequest in = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__INIT;
    char name[] = "connections/c1";
    in.target_case = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__TARGET_NAME;
    in.name = name;
    assert_int_equal(fixture_call(fixture, &connection_service, "TestConnection", &in, &out),
                     ERR_CONNECTION_NOT_ACTIVE);
    assert_string_equal(fixture_meta(fixture, "state"), "DISCONNECTED");
}

// The connection as GetConnection shows it so many days after the key was last accepted.
static void get_after(struct fixture *fixture, int64_t used_us, int days, Connection *out)
{
    Docbridge__V1__GetConnectionRequest in = DOCBRIDGE__V1__GET_CONNECTION_REQUEST__INIT;
    char name[] = "connections/c1";
    in.name = name;
    clock_fake(true, used_us + days * INT64_C(86400000000), clock_steady_ms());
    assert_int_equal(fixture_call(fixture, &connection_service, "GetConnection", &in, out), ERR_OK);
    clock_fake(false, 0, 0);
}

static void warns_of_an_idle_key(void **state)
{
    struct fixture *fixture = *state;
    const int64_t used_us = INT64_C(1767225600000000); // 2026-01-01
    Connection out;
    Answer answer;
    fixture_seed_connection(fixture);
    (void)fixture_sql(fixture, "UPDATE connection SET key_last_success_time ="
                               " '2026-01-01T00:00:00Z'");
    get_after(fixture, used_us, 74, &out);
    assert_int_equal(out.credential->last_success_time->seconds, used_us / 1000000);
    assert_int_equal(out.credential->idle_revocation_time->seconds - used_us / 1000000, 90 * 86400);
    assert_int_equal(out.n_warnings, 0);
    get_after(fixture, used_us, 75, &out);
    assert_int_equal(out.n_warnings, 1);
    assert_string_equal(out.warnings[0],
                        "The key was last accepted on 2026-01-01: IT Glue revokes a key that is "
                        "not used for 90 days, this one on 2026-04-01.");
    // A test says how it was before; it uses the key, and then all is well.
    test_stored(fixture, &answer);
    assert_int_equal(answer.diagnosis, VERDICT(OK));
    assert_string_equal(answer.warnings[answer.n_warnings - 1], out.warnings[0]);
    test_stored(fixture, &answer);
    assert_int_equal(answer.n_warnings, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(creates),
        TEST(refuses_input),
        TEST(keeps_nothing_of_a_refused_key),
        TEST(takes_the_slot_once),
        TEST(validates_only),
        TEST(shows_nothing_of_a_short_key),
        TEST(reads),
        TEST(diagnoses_a_candidate),
        TEST(diagnoses_a_region),
        TEST(diagnoses_a_malformed_key),
        TEST(tells_capabilities),
        TEST(tests_what_is_stored),
        TEST(warns_of_an_idle_key),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
