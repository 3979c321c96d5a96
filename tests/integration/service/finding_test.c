// Findings of organizations: listed, filtered, taken note of; ended by a change of the mapping.
#include "tests/integration/service/fixture.h"

#include "docbridge/v1/mapping.pb-c.h"

#define KIND(name) DOCBRIDGE__V1__ORGANIZATION__FINDING__KIND__KIND_##name

enum { AUDIT_MAPPING_TYPE = 4 };

static char organization[] = "connections/c1/organizations/41";

// Organization 41, mapped to acme, gets another name and other PSA ids upstream, and 43, which is
// new, is called nearly like 42.
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
        " ('t1', 'c1', 41, 'Acme', 'acme', '{}', '', now(), now()),"
        " ('t1', 'c1', 42, 'Beta AG', 'beta ag', '{}', '', now(), now());"
        "INSERT INTO mapping VALUES ('t1', 'c1', 41, 'acme', 1, 'x', 'X', 1, now()),"
        " ('t1', 'c1', 42, 'beta', 1, 'x', 'X', 1, now());"
        "UPDATE organization SET display_name = 'Acme New', psa_ids = '{7}' WHERE id = 41;"
        "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body,"
        " content_hash, discover_time, update_time) VALUES"
        " ('t1', 'c1', 43, 'Beta', 'beta', '{}', '', now(), now())");
}

static Docbridge__V1__ListOrganizationsResponse list(struct fixture *fixture, const char *filter)
{
    char parent[] = "connections/c1";
    Docbridge__V1__ListOrganizationsRequest in = DOCBRIDGE__V1__LIST_ORGANIZATIONS_REQUEST__INIT;
    Docbridge__V1__ListOrganizationsResponse out;
    in.parent = parent;
    in.filter = arena_strdup(&fixture->arena, filter);
    assert_int_equal(fixture_call(fixture, &mapping_service, "ListOrganizations", &in, &out),
                     ERR_OK);
    return out;
}

static enum err_code acknowledge(struct fixture *fixture, int kind, char *etag,
                                 Docbridge__V1__Organization *out)
{
    Docbridge__V1__AcknowledgeFindingsRequest in =
        DOCBRIDGE__V1__ACKNOWLEDGE_FINDINGS_REQUEST__INIT;
    Docbridge__V1__Organization__Finding__Kind kinds[] = {
        (Docbridge__V1__Organization__Finding__Kind)kind};
    in.name = organization;
    in.kinds = kinds;
    in.n_kinds = 1;
    if (etag != NULL)
        in.etag = etag;
    return fixture_call(fixture, &mapping_service, "AcknowledgeFindings", &in, out);
}

static void lists_and_filters(void **state)
{
    struct fixture *fixture = *state;
    seed(fixture);
    Docbridge__V1__ListOrganizationsResponse out = list(fixture, "has_findings = true");
    assert_int_equal(out.finding_count, 2);
    assert_int_equal(out.total_size, 2);
    assert_int_equal(out.n_organizations, 2);
    assert_int_equal(out.organizations[0]->n_findings, 2);
    assert_int_equal(out.organizations[0]->findings[0]->kind, KIND(RENAMED));
    assert_string_equal(out.organizations[0]->findings[0]->old_value, "Acme");
    assert_string_equal(out.organizations[0]->findings[0]->new_value, "Acme New");
    assert_int_equal(out.organizations[0]->findings[1]->kind, KIND(PSA_ID_CHANGED));
    assert_string_equal(out.organizations[0]->findings[1]->new_value, "7");
    assert_int_equal(out.organizations[1]->n_findings, 1);
    assert_int_equal(out.organizations[1]->findings[0]->kind, KIND(NEAR_DUPLICATE));
    assert_string_equal(out.organizations[1]->findings[0]->related_organization,
                        "connections/c1/organizations/43");
    assert_non_null(out.organizations[1]->findings[0]->detect_time);
    out = list(fixture, "has_findings = false");
    assert_int_equal(out.n_organizations, 1);
    assert_string_equal(out.organizations[0]->name, "connections/c1/organizations/43");
    assert_int_equal(list(fixture, "").n_organizations, 3);
}

static void taken_note_of(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__Organization out;
    char stale[] = "r0";
    seed(fixture);
    assert_int_equal(acknowledge(fixture, 0, NULL, &out), ERR_FIELD_INVALID);
    assert_int_equal(acknowledge(fixture, 99, NULL, &out), ERR_FIELD_INVALID);
    assert_int_equal(acknowledge(fixture, KIND(RENAMED), stale, &out), ERR_ETAG_MISMATCH);
    assert_int_equal(acknowledge(fixture, KIND(RENAMED), NULL, &out), ERR_OK);
    assert_int_equal(out.n_findings, 1);
    assert_int_equal(out.findings[0]->kind, KIND(PSA_ID_CHANGED));
    assert_string_equal(out.mapping->company, "companies/acme");
    assert_non_null(strstr(fixture_changes(fixture, AUDIT_MAPPING_TYPE), "RENAMED"));
    // Said again it is no error, and nothing to tell.
    assert_int_equal(acknowledge(fixture, KIND(RENAMED), NULL, &out), ERR_OK);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event"), 1);
}

static void a_change_of_the_mapping_ends_them(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ClearMappingRequest in = DOCBRIDGE__V1__CLEAR_MAPPING_REQUEST__INIT;
    Docbridge__V1__Organization out;
    seed(fixture);
    in.name = organization;
    assert_int_equal(fixture_call(fixture, &mapping_service, "ClearMapping", &in, &out), ERR_OK);
    assert_int_equal(list(fixture, "").finding_count, 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM organization_finding"
                                             " WHERE organization_id = 41"),
                     0);
}

// Who does not see an organization's company sees nothing of it.
static void only_in_sight(void **state)
{
    struct fixture *fixture = *state;
    const char *const companies[] = {"beta"};
    struct principal limited = fixture->caller;
    Docbridge__V1__AcknowledgeFindingsRequest in =
        DOCBRIDGE__V1__ACKNOWLEDGE_FINDINGS_REQUEST__INIT;
    Docbridge__V1__Organization__Finding__Kind kinds[] = {KIND(RENAMED)};
    Docbridge__V1__Organization out;
    seed(fixture);
    limited.all_companies = false;
    limited.companies = companies;
    limited.company_count = 1;
    in.name = organization;
    in.kinds = kinds;
    in.n_kinds = 1;
    assert_int_equal(
        fixture_call_as(fixture, &limited, &mapping_service, "AcknowledgeFindings", &in, &out),
        ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(list(fixture, "").finding_count, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(lists_and_filters),
        TEST(taken_note_of),
        TEST(a_change_of_the_mapping_ends_them),
        TEST(only_in_sight),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
