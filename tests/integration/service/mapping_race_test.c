// What happens upstream between the list that an administrator looks at and the mapping that
// follows.
#include "tests/integration/service/fixture.h"

#include "docbridge/v1/mapping.pb-c.h"

static char parent[] = "connections/c1", acme[] = "companies/acme";
static char organization[] = "connections/c1/organizations/41";

static void seed(struct fixture *fixture)
{
    fixture_seed_connection(fixture);
    (void)fixture_sql(
        fixture,
        "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time) VALUES"
        " ('t1', 'acme', 'Acme', 'acme', now(), now());"
        "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body,"
        " content_hash, discover_time, update_time) VALUES"
        " ('t1', 'c1', 41, 'Acme', 'acme', '{}', '', now(), now())");
}

// The etag of the one organization, as listed.
static char *listed(struct fixture *fixture)
{
    Docbridge__V1__ListOrganizationsRequest in = DOCBRIDGE__V1__LIST_ORGANIZATIONS_REQUEST__INIT;
    Docbridge__V1__ListOrganizationsResponse out;
    in.parent = parent;
    assert_int_equal(fixture_call(fixture, &mapping_service, "ListOrganizations", &in, &out),
                     ERR_OK);
    assert_int_equal(out.n_organizations, 1);
    return out.organizations[0]->etag;
}

static enum err_code set(struct fixture *fixture, char *etag)
{
    Docbridge__V1__SetMappingRequest in = DOCBRIDGE__V1__SET_MAPPING_REQUEST__INIT;
    Docbridge__V1__SetMappingResponse out;
    in.name = organization;
    in.company = acme;
    in.etag = etag;
    return fixture_call(fixture, &mapping_service, "SetMapping", &in, &out);
}

// As organization_put() has it: whatever changes upstream is another revision.
static void renamed(void **state)
{
    struct fixture *fixture = *state;
    seed(fixture);
    char *etag = listed(fixture);
    (void)fixture_sql(fixture, "UPDATE organization SET display_name = 'Zeta', name_key = 'zeta',"
                               " revision = revision + 1");
    assert_int_equal(set(fixture, etag), ERR_ETAG_MISMATCH);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM mapping"), 0);
    assert_int_equal(set(fixture, listed(fixture)), ERR_OK);
}

static void deleted(void **state)
{
    struct fixture *fixture = *state;
    seed(fixture);
    char *etag = listed(fixture);
    (void)fixture_sql(fixture, "UPDATE organization SET gone = true, revision = revision + 1");
    assert_int_equal(set(fixture, etag), ERR_RESOURCE_NOT_FOUND);
    assert_string_equal(fixture_meta(fixture, "resource"), organization);
}

// A second one of the same name does not take the first one's place, and Quick Match asks.
static void duplicated(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__QuickMatchRequest in = DOCBRIDGE__V1__QUICK_MATCH_REQUEST__INIT;
    Docbridge__V1__QuickMatchResponse out;
    seed(fixture);
    char *etag = listed(fixture);
    (void)fixture_sql(fixture, "INSERT INTO organization (tenant, connection_id, id, display_name,"
                               " name_key, body, content_hash, discover_time, update_time) VALUES"
                               " ('t1', 'c1', 42, 'ACME', 'acme', '{}', '', now(), now())");
    in.parent = parent;
    assert_int_equal(fixture_call(fixture, &mapping_service, "QuickMatch", &in, &out), ERR_OK);
    assert_int_equal(out.matched_count, 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(out.results[i]->outcome,
                         DOCBRIDGE__V1__QUICK_MATCH_RESPONSE__OUTCOME__OUTCOME_AMBIGUOUS_NAME);
    assert_int_equal(set(fixture, etag), ERR_OK);
    assert_string_equal(fixture_sql(fixture, "SELECT organization_id FROM mapping"), "41");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(renamed),
        TEST(deleted),
        TEST(duplicated),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
