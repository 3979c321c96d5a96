// Mappings, one to one: set, moved, cleared, set aside, raced for.
#include "tests/integration/service/mappings.h"

#include <pthread.h>
#include <stdio.h>

#include "server/store/organization.h"

typedef Docbridge__V1__Organization Organization;

static char acme[] = "companies/acme";
static char beta[] = "companies/beta";

static void maps_one_to_one(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SetMappingResponse out;
    char gamma[] = "companies/gamma"; // another tenant's
    char delta[] = "companies/delta";
    mappings_seed(fixture);
    (void)fixture_sql(fixture, "INSERT INTO company (tenant, id, display_name, name_key,"
                               " create_time, update_time) VALUES ('t1', 'delta', 'Delta',"
                               " 'delta', now(), now())");
    assert_int_equal(mappings_set(fixture, 41, acme, NULL, &out), ERR_OK);
    assert_int_equal(out.organization->mapping_state, 1);
    assert_string_equal(out.organization->mapping->company, acme);
    assert_string_equal(out.organization->mapping->actor->display_name, "Ada Admin");
    assert_non_null(strstr(out.sync_run, "connections/c1/syncRuns/"));
    assert_string_equal(fixture_sql(fixture, "SELECT trigger || organization_ids::text"
                                             " FROM sync_run"),
                        "4{41}");
    assert_non_null(strstr(fixture_changes(fixture, 4), acme));
    char *etag = out.organization->etag;
    // The company is taken, and so is the organization.
    assert_int_equal(mappings_set(fixture, 42, acme, NULL, &out), ERR_COMPANY_ALREADY_MAPPED);
    assert_string_equal(fixture_meta(fixture, "organization"), "connections/c1/organizations/41");
    assert_string_equal(fixture_meta(fixture, "company"), acme);
    assert_int_equal(mappings_set(fixture, 41, beta, NULL, &out), ERR_ORGANIZATION_ALREADY_MAPPED);
    assert_string_equal(fixture_meta(fixture, "company"), acme);
    char stale[] = "r1";
    assert_int_equal(mappings_set(fixture, 41, beta, stale, &out), ERR_ETAG_MISMATCH);
    assert_string_equal(fixture_meta(fixture, "current_etag"), etag);
    // It moves with the etag of the very move, previewed; said twice it is as it was.
    assert_int_equal(mappings_set(fixture, 41, beta, etag, &out), ERR_ETAG_MISMATCH);
    assert_string_equal(fixture_meta(fixture, "company"), acme);
    assert_int_equal(
        mappings_set(fixture, 41, beta, mappings_preview(fixture, 41, delta, &out), &out),
        ERR_ETAG_MISMATCH);
    assert_int_equal(
        mappings_set(fixture, 41, beta, mappings_preview(fixture, 41, beta, &out), &out), ERR_OK);
    // Who audits one of the two reads what became of that one, and not which the other is.
    assert_string_equal(
        fixture_sql(fixture, "SELECT string_agg(company_id || company_display_name || changes, ' '"
                             " ORDER BY sequence) FROM audit_event WHERE type = 4 AND sequence >"
                             " (SELECT max(sequence) FROM audit_event) - 2"),
        "acmeAcme[{\"field\":\"mapping.company\",\"old\":\"companies/acme\",\"new\":null}] "
        "betaBeta[{\"field\":\"mapping.company\",\"old\":null,\"new\":\"companies/beta\"}]");
    int64_t events = fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 4");
    assert_int_equal(mappings_set(fixture, 41, beta, NULL, &out), ERR_OK);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 4"),
                     events);
    assert_int_equal(mappings_set(fixture, 42, gamma, NULL, &out), ERR_RESOURCE_NOT_FOUND);
    assert_string_equal(fixture_meta(fixture, "resource"), gamma);
    assert_int_equal(mappings_set(fixture, 99, acme, NULL, &out), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(mappings_set(fixture, 46, acme, NULL, &out), ERR_RESOURCE_NOT_FOUND);
    // Mapping by hand takes back that it was set aside.
    assert_int_equal(mappings_set(fixture, 45, acme, NULL, &out), ERR_OK);
    assert_int_equal(out.organization->mapping_state, 1);
}

struct racer {
    struct fixture *fixture;
    int organization;
    enum err_code code;
    struct err err;
    pthread_t thread;
};

static void *map_alone(void *context)
{
    struct racer *racer = context;
    struct arena arena _cleanup_(arena_done);
    struct request request = racer->fixture->request;
    Docbridge__V1__SetMappingRequest in = DOCBRIDGE__V1__SET_MAPPING_REQUEST__INIT;
    Docbridge__V1__SetMappingResponse out = DOCBRIDGE__V1__SET_MAPPING_RESPONSE__INIT;
    char name[64];
    arena_init(&arena, 1 << 20);
    request.arena = &arena;
    (void)snprintf(name, sizeof(name), "connections/c1/organizations/%d", racer->organization);
    in.name = name;
    in.company = acme;
    for (size_t i = 0; i < mapping_service.method_count; i++)
        if (strcmp(mapping_service.methods[i].name, "SetMapping") == 0)
            racer->code = mapping_service.methods[i].unary(&request, &in, &out, &racer->err);
    return NULL;
}

// Of administrators who race for one company one wins, and the others are told who has it.
static void racers_for_one_company(void **state)
{
    struct fixture *fixture = *state;
    struct racer racers[4] = {0};
    int winners = 0;
    mappings_seed(fixture);
    for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
        racers[i].fixture = fixture;
        racers[i].organization = 41 + (int)i;
        assert_int_equal(pthread_create(&racers[i].thread, NULL, map_alone, &racers[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(racers); i++)
        assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
    const char *holder = fixture_sql(
        fixture, "SELECT 'connections/c1/organizations/' || organization_id FROM mapping");
    for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
        winners += racers[i].code == ERR_OK;
        if (racers[i].code == ERR_OK)
            continue;
        assert_int_equal(racers[i].code, ERR_COMPANY_ALREADY_MAPPED);
        assert_string_equal(err_meta_get(&racers[i].err, "organization"), holder);
    }
    assert_int_equal(winners, 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM mapping"), 1);
}

static void maps_while_syncs_are_held(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SetMappingResponse out;
    mappings_seed(fixture);
    (void)fixture_sql(fixture, "UPDATE connection SET sync_paused = true");
    assert_int_equal(mappings_set(fixture, 41, acme, NULL, &out), ERR_OK);
    assert_string_equal(out.sync_run, "");
    (void)fixture_sql(fixture, "UPDATE organization SET gone = true WHERE id = 41");
    assert_int_equal(mappings_set(fixture, 41, beta, out.organization->etag, &out),
                     ERR_INVALID_STATE_TRANSITION);
    assert_string_equal(fixture_meta(fixture, "state"), "ORPHANED");
}

static void clears(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SetMappingResponse set_out;
    Docbridge__V1__ClearMappingRequest in = DOCBRIDGE__V1__CLEAR_MAPPING_REQUEST__INIT;
    Organization out;
    char name[] = "connections/c1/organizations/41";
    char stale[] = "r1";
    mappings_seed(fixture);
    assert_int_equal(mappings_set(fixture, 41, acme, NULL, &set_out), ERR_OK);
    in.name = name;
    in.etag = stale;
    assert_int_equal(fixture_call(fixture, &mapping_service, "ClearMapping", &in, &out),
                     ERR_ETAG_MISMATCH);
    in.etag = set_out.organization->etag;
    assert_int_equal(fixture_call(fixture, &mapping_service, "ClearMapping", &in, &out), ERR_OK);
    assert_int_equal(out.mapping_state, 2);
    assert_null(out.mapping);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM mapping"), 0);
    assert_non_null(strstr(fixture_changes(fixture, 4), "companies/acme"));
    docbridge__v1__clear_mapping_request__init(&in);
    in.name = name;
    assert_int_equal(fixture_call(fixture, &mapping_service, "ClearMapping", &in, &out), ERR_OK);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 4"), 2);
    // What was orphaned goes with its mapping.
    assert_int_equal(mappings_set(fixture, 41, acme, NULL, &set_out), ERR_OK);
    (void)fixture_sql(fixture, "UPDATE organization SET gone = true WHERE id = 41");
    assert_int_equal(fixture_call(fixture, &mapping_service, "ClearMapping", &in, &out), ERR_OK);
    assert_int_equal(out.mapping_state, 2);
    assert_int_equal(fixture_call(fixture, &mapping_service, "ClearMapping", &in, &out),
                     ERR_RESOURCE_NOT_FOUND);
}

static enum err_code set_aside(struct fixture *fixture, bool ignored, int organization, char *etag,
                               Organization *out)
{
    static char name[64];
    (void)snprintf(name, sizeof(name), "connections/c1/organizations/%d", organization);
    Docbridge__V1__IgnoreOrganizationRequest ignore =
        DOCBRIDGE__V1__IGNORE_ORGANIZATION_REQUEST__INIT;
    Docbridge__V1__UnignoreOrganizationRequest unignore =
        DOCBRIDGE__V1__UNIGNORE_ORGANIZATION_REQUEST__INIT;
    ignore.name = unignore.name = name;
    if (etag != NULL)
        ignore.etag = unignore.etag = etag;
    return ignored
               ? fixture_call(fixture, &mapping_service, "IgnoreOrganization", &ignore, out)
               : fixture_call(fixture, &mapping_service, "UnignoreOrganization", &unignore, out);
}

static void sets_aside_and_back(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ListOrganizationsResponse list_out;
    Docbridge__V1__SetMappingResponse set_out;
    Organization out;
    char stale[] = "r0";
    mappings_seed(fixture);
    assert_int_equal(set_aside(fixture, true, 42, stale, &out), ERR_ETAG_MISMATCH);
    assert_int_equal(set_aside(fixture, true, 42, NULL, &out), ERR_OK);
    assert_int_equal(out.mapping_state, ORGANIZATION_IGNORED);
    assert_string_equal(fixture_changes(fixture, 4),
                        "[{\"field\":\"ignored\",\"old\":\"false\",\"new\":\"true\"}]");
    char *etag = out.etag;
    assert_int_equal(set_aside(fixture, true, 42, etag, &out), ERR_OK); // said again
    assert_string_equal(out.etag, etag);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event"), 1);
    mappings_list(fixture, "mapping_state = IGNORED", &list_out);
    assert_int_equal(list_out.total_size, 2);
    assert_int_equal(list_out.ignored_count, 2);
    assert_int_equal(list_out.unmapped_count, 3);
    assert_int_equal(set_aside(fixture, false, 42, etag, &out), ERR_OK);
    assert_int_equal(out.mapping_state, ORGANIZATION_UNMAPPED);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 4"), 2);
    // What is mapped, what is gone and what is not there.
    assert_int_equal(mappings_set(fixture, 41, acme, NULL, &set_out), ERR_OK);
    assert_int_equal(set_aside(fixture, true, 41, NULL, &out), ERR_INVALID_STATE_TRANSITION);
    assert_string_equal(fixture_meta(fixture, "state"), "MAPPED");
    assert_int_equal(set_aside(fixture, false, 41, NULL, &out), ERR_OK);
    assert_int_equal(out.mapping_state, ORGANIZATION_MAPPED);
    (void)fixture_sql(fixture, "UPDATE organization SET gone = true WHERE id = 41");
    assert_int_equal(set_aside(fixture, true, 41, NULL, &out), ERR_INVALID_STATE_TRANSITION);
    assert_string_equal(fixture_meta(fixture, "state"), "ORPHANED");
    mappings_list(fixture, "mapping_state = ORPHANED", &list_out);
    assert_int_equal(list_out.total_size, 1);
    assert_int_equal(list_out.orphaned_count, 1);
    assert_int_equal(list_out.mapped_count, 0);
    assert_int_equal(set_aside(fixture, true, 46, NULL, &out), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(set_aside(fixture, true, 99, NULL, &out), ERR_RESOURCE_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(maps_one_to_one), TEST(racers_for_one_company), TEST(maps_while_syncs_are_held),
        TEST(clears),          TEST(sets_aside_and_back),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
