// A company with several organizations, where the connection allows it.
#include "tests/integration/service/fixture.h"

#include <stdio.h>

#include "docbridge/v1/connection.pb-c.h"
#include "docbridge/v1/mapping.pb-c.h"

static char acme[] = "companies/acme", beta[] = "companies/beta";

static void seed(struct fixture *fixture)
{
    fixture_seed_connection(fixture);
    (void)fixture_sql(
        fixture,
        "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time) VALUES"
        " ('t1', 'acme', 'Acme', 'acme', now(), now()),"
        " ('t1', 'beta', 'Beta', 'beta', now(), now());"
        "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body,"
        " content_hash, discover_time, update_time) VALUES"
        " ('t1', 'c1', 41, 'Acme Berlin', 'acme berlin', '{}', '', now(), now()),"
        " ('t1', 'c1', 42, 'Acme Bonn', 'acme bonn', '{}', '', now(), now()),"
        " ('t1', 'c1', 43, 'Acme', 'acme', '{}', '', now(), now())");
}

static enum err_code set(struct fixture *fixture, int organization, char *company)
{
    char name[64];
    Docbridge__V1__SetMappingRequest in = DOCBRIDGE__V1__SET_MAPPING_REQUEST__INIT;
    Docbridge__V1__SetMappingResponse out;
    (void)snprintf(name, sizeof(name), "connections/c1/organizations/%d", organization);
    in.name = name;
    in.company = company;
    return fixture_call(fixture, &mapping_service, "SetMapping", &in, &out);
}

static enum err_code allow(struct fixture *fixture, bool several, bool validate_only)
{
    char name[] = "connections/c1", path[] = "several_organizations_allowed", *paths[] = {path};
    Docbridge__V1__UpdateConnectionRequest in = DOCBRIDGE__V1__UPDATE_CONNECTION_REQUEST__INIT;
    Docbridge__V1__Connection connection = DOCBRIDGE__V1__CONNECTION__INIT, out;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    connection.name = name;
    connection.several_organizations_allowed = several;
    mask.paths = paths;
    mask.n_paths = 1;
    in.connection = &connection;
    in.update_mask = &mask;
    in.validate_only = validate_only;
    enum err_code code = fixture_call(fixture, &connection_service, "UpdateConnection", &in, &out);
    if (code == ERR_OK && !validate_only)
        assert_true(out.several_organizations_allowed == several);
    return code;
}

static void only_where_allowed(void **state)
{
    struct fixture *fixture = *state;
    seed(fixture);
    assert_int_equal(set(fixture, 41, acme), ERR_OK);
    assert_int_equal(set(fixture, 42, acme), ERR_COMPANY_ALREADY_MAPPED);
    assert_int_equal(allow(fixture, true, true), ERR_OK);
    assert_int_equal(set(fixture, 42, acme), ERR_COMPANY_ALREADY_MAPPED);
    assert_int_equal(allow(fixture, true, false), ERR_OK);
    assert_non_null(
        strstr(fixture_sql(fixture, "SELECT changes FROM audit_event WHERE changes::text"
                                    " LIKE '%several%'"),
               "several_organizations_allowed"));
    assert_int_equal(set(fixture, 42, acme), ERR_OK);
    // An organization still is one company.
    assert_int_equal(set(fixture, 42, beta), ERR_ORGANIZATION_ALREADY_MAPPED);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM mapping"), 2);
}

static void quick_match_gives_the_first_alone(void **state)
{
    struct fixture *fixture = *state;
    char parent[] = "connections/c1";
    Docbridge__V1__QuickMatchRequest in = DOCBRIDGE__V1__QUICK_MATCH_REQUEST__INIT;
    Docbridge__V1__QuickMatchResponse out;
    seed(fixture);
    assert_int_equal(allow(fixture, true, false), ERR_OK);
    assert_int_equal(set(fixture, 41, acme), ERR_OK);
    in.parent = parent;
    assert_int_equal(fixture_call(fixture, &mapping_service, "QuickMatch", &in, &out), ERR_OK);
    assert_int_equal(out.matched_count, 0);
    assert_int_equal(out.results[0]->outcome,
                     DOCBRIDGE__V1__QUICK_MATCH_RESPONSE__OUTCOME__OUTCOME_COMPANY_ALREADY_MAPPED);
}

static void taken_back_when_no_company_has_several(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ClearMappingRequest clear = DOCBRIDGE__V1__CLEAR_MAPPING_REQUEST__INIT;
    Docbridge__V1__Organization cleared;
    char name[] = "connections/c1/organizations/41";
    seed(fixture);
    assert_int_equal(set(fixture, 41, acme), ERR_OK);
    assert_int_equal(allow(fixture, true, false), ERR_OK);
    assert_int_equal(set(fixture, 42, acme), ERR_OK);
    assert_int_equal(allow(fixture, false, false), ERR_COMPANY_ALREADY_MAPPED);
    assert_string_equal(fixture_meta(fixture, "company"), acme);
    assert_string_equal(fixture_meta(fixture, "organization"), "connections/c1/organizations/42");
    assert_int_equal(allow(fixture, false, true), ERR_COMPANY_ALREADY_MAPPED);
    clear.name = name;
    assert_int_equal(fixture_call(fixture, &mapping_service, "ClearMapping", &clear, &cleared),
                     ERR_OK);
    assert_int_equal(allow(fixture, false, true), ERR_OK);
    assert_int_equal(set(fixture, 43, acme), ERR_OK); // a dry run changed nothing
    assert_int_equal(allow(fixture, false, false), ERR_COMPANY_ALREADY_MAPPED);
    (void)fixture_sql(fixture, "DELETE FROM mapping WHERE organization_id = 43");
    assert_int_equal(allow(fixture, false, false), ERR_OK);
    // One organization each again: also beside one that was mapped under the other rule.
    assert_int_equal(set(fixture, 43, acme), ERR_COMPANY_ALREADY_MAPPED);
    assert_int_equal(set(fixture, 43, beta), ERR_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(only_where_allowed),
        TEST(quick_match_gives_the_first_alone),
        TEST(taken_back_when_no_company_has_several),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
