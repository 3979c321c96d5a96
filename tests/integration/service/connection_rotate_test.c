// RotateCredential: what a new key must pass, and what the swap leaves and takes.
#include "tests/integration/service/rotation.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/audit/audit.h"

typedef Docbridge__V1__Connection Connection;

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
    rotation_seed(fixture);
    rotation_seed_account();
    (void)fixture_sql(fixture, "UPDATE connection SET learned_psa_type = 2");
    rotation_init(&rotate);
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_OK);
    assert_int_equal(out.state, DOCBRIDGE__V1__CONNECTION__STATE__STATE_ACTIVE);
    assert_string_equal(out.credential->last4, "9876");
    assert_string_equal(out.account->primary_organization_id, "42");
    assert_int_equal(out.n_capabilities, 9);
    assert_int_equal(out.learned_psa_type, DOCBRIDGE__V1__PSA_TYPE__PSA_TYPE_AUTOTASK);
    assert_int_equal(rows_that_stay(fixture), 231);
    assert_string_equal(source_fake.last_key, NEW_KEY);
    rotation_assert_key(fixture, NEW_KEY);
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
    rotation_seed(fixture);
    rotation_seed_account();
    const char *before = strdup(fixture_sql(fixture, "SELECT c::text FROM connection c"));
    rotation_init(&rotate);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        source_fake.regions[SOURCE_REGION_US] = cases[i].answer;
        assert_int_equal(rotation_run(fixture, &rotate, &out), cases[i].reason);
        assert_string_equal(fixture_sql(fixture, "SELECT c::text FROM connection c"), before);
    }
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event"), 0);
    source_fake.regions[SOURCE_REGION_US] = ERR_OK;
    rotation_assert_key(fixture, CANARY);
    free((void *)(uintptr_t)before);
}

static void validates_only(void **state)
{
    struct fixture *fixture = *state;
    struct rotate rotate;
    Connection out;
    rotation_seed(fixture);
    rotation_seed_account();
    rotation_init(&rotate);
    rotate.in.validate_only = true;
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_OK);
    assert_string_equal(out.credential->last4, "0123");
    assert_string_equal(source_fake.last_key, NEW_KEY);
    assert_int_equal(fixture_number(fixture, "SELECT revision FROM connection"), 1);
    rotation_assert_key(fixture, CANARY);
    source_fake.regions[SOURCE_REGION_US] = ERR_UPSTREAM_KEY_REJECTED;
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_UPSTREAM_KEY_REJECTED);
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
    rotation_seed(fixture);
    rotation_init(&rotate);
    rotate.in.name = bad_name;
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_FIELD_INVALID);
    rotation_init(&rotate);
    rotate.in.candidate = NULL;
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_FIELD_INVALID);
    rotation_init(&rotate);
    rotate.candidate.region = 9;
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_UNKNOWN_REGION);
    assert_non_null(strstr(fixture_meta(fixture, "allowed"), "EU"));
    rotation_init(&rotate);
    rotate.candidate.region_uri = other; // the region of the address is not the one named
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_FIELD_INVALID);
    rotate.candidate.region = 0;
    rotate.candidate.region_uri = stranger;
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_UNKNOWN_REGION);
    rotation_init(&rotate);
    rotate.candidate.provider = DOCBRIDGE__V1__PROVIDER__PROVIDER_HUDU;
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_FIELD_INVALID);
    char *const keys[] = {inner, empty, long_key};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        rotation_init(&rotate);
        rotate.candidate.api_key = keys[i];
        assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_API_KEY_MALFORMED);
        assert_string_equal(fixture->err.field, "candidate.api_key");
    }
    rotation_init(&rotate);
    rotate.in.etag = stale;
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_ETAG_MISMATCH);
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
    rotation_init(&rotate);
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_RESOURCE_NOT_FOUND);
    struct err absent = fixture->err;
    rotation_seed(fixture);
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
    rotation_seed(fixture);
    (void)fixture_sql(fixture, "UPDATE connection SET account_subdomain = 'msp'");
    rotation_seed_account();
    source_fake_add(SOURCE_DOCUMENTS, 7, "VPN", "https://msp.eu.itglue.com/41/docs/7", "{}");
    source_fake.regions[SOURCE_REGION_EU] = ERR_OK;
    rotation_init(&rotate);
    rotate.candidate.region = 0;
    rotate.candidate.region_uri = uri;
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_OK);
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
    rotation_seed(fixture);
    (void)fixture_sql(fixture, "UPDATE connection SET account_subdomain = 'msp'");
    rotation_seed_stranger();
    rotation_init(&rotate);
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_UPSTREAM_ACCOUNT_CHANGED);
    assert_string_equal(fixture_meta(fixture, "old"), "msp");
    assert_string_equal(fixture_meta(fixture, "new"), "strangers");
    assert_int_equal(rows_that_stay(fixture), 231);
    // What cannot be compared is not taken for the same either.
    source_fake_reset();
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_UPSTREAM_ACCOUNT_CHANGED);
    assert_string_equal(fixture_meta(fixture, "new"), "unknown");
    assert_int_equal(fixture_number(fixture, "SELECT credential_version FROM connection"), 1);
}

static void another_account_takes_nothing_over(void **state)
{
    struct fixture *fixture = *state;
    struct rotate rotate;
    Connection out;
    rotation_seed(fixture);
    rotation_seed_stranger();
    (void)fixture_sql(fixture,
                      "UPDATE connection SET learned_psa_type = 2, psa_probed_time = now()");
    rotation_init(&rotate);
    rotate.in.allow_account_change = true;
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_OK);
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
    rotation_assert_key(fixture, NEW_KEY);
}

static void mends_what_is_broken(void **state)
{
    struct fixture *fixture = *state;
    struct rotate rotate;
    Connection out;
    rotation_seed(fixture);
    rotation_seed_account();
    (void)fixture_sql(fixture, "UPDATE connection SET state = 2, problem_reason = 'X',"
                               " problem_message = 'y', problem_time = now()");
    rotation_init(&rotate);
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_OK);
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
    rotation_seed(fixture);
    rotation_seed_account();
    (void)fixture_sql(fixture, "UPDATE connection SET state = 3;"
                               "INSERT INTO connection (tenant, id, display_name, provider, region,"
                               " state, create_time, update_time)"
                               " VALUES ('t1', 'h', 'Hudu', 2, 0, 1, now(), now())");
    rotation_init(&rotate);
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_DOCUMENTATION_PROVIDER_ACTIVE);
    assert_string_equal(fixture_meta(fixture, "active_provider"), "HUDU");
    assert_int_equal(source_fake.calls, 0);
    (void)fixture_sql(fixture, "UPDATE connection SET state = 3 WHERE id = 'h'");
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_OK);
    assert_int_equal(out.state, DOCBRIDGE__V1__CONNECTION__STATE__STATE_ACTIVE);
    assert_int_equal(rows_that_stay(fixture), 231);
    // What is being deleted takes no key any more.
    (void)fixture_sql(fixture, "UPDATE connection SET state = 4 WHERE id = 'c1'");
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_INVALID_STATE_TRANSITION);
}

static void passes_a_live_run_on(void **state)
{
    struct fixture *fixture = *state;
    struct rotate rotate;
    Connection out;
    rotation_seed(fixture);
    rotation_seed_account();
    (void)fixture_sql(fixture,
                      "INSERT INTO sync_run (tenant, connection_id, id, state, trigger, mode,"
                      " actor_subject, actor_display_name, actor_kind, create_time)"
                      " VALUES ('t1', 'c1', 'r1', 2, 1, 1, 'a', 'a', 1, now());"
                      "INSERT INTO sync_lease VALUES ('t1', 'c1', 'r1', 'somebody', 4,"
                      " now() + interval '1 hour')");
    rotation_init(&rotate);
    assert_int_equal(rotation_run(fixture, &rotate, &out), ERR_OK);
    assert_int_equal(fixture_number(fixture, "SELECT fence FROM sync_lease WHERE owner = ''"
                                             " AND expire_time <= clock_timestamp()"),
                     5);
    assert_int_equal(fixture_number(fixture, "SELECT state FROM sync_run"), 2);
    // What was found out about the old key meanwhile says nothing of the new one.
    assert_int_equal(fixture_number(fixture, "SELECT credential_version FROM connection"), 2);
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
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
