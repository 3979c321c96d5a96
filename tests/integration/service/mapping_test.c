// MappingService: lists that explain themselves, mappings one to one, and who sees what.
#include "tests/integration/service/fixture.h"

#include <stdio.h>

#include "docbridge/v1/mapping.pb-c.h"
#include "server/store/organization.h"

typedef Docbridge__V1__Organization Organization;

#define INVENTORY(name) \
    DOCBRIDGE__V1__LIST_ORGANIZATIONS_RESPONSE__INVENTORY_STATE__INVENTORY_STATE_##name

static char parent[] = "connections/c1";
static char acme[] = "companies/acme";
static char beta[] = "companies/beta";

static void seed(struct fixture *fixture)
{
    fixture_seed_connection(fixture);
    (void)fixture_sql(
        fixture,
        "UPDATE connection SET inventory_time = now();"
        "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time) VALUES"
        " ('t1', 'acme', 'Acme', 'acme', now(), now()), ('t1', 'beta', 'Beta', 'beta', now(),"
        " now()), ('t2', 'gamma', 'Gamma', 'gamma', now(), now());"
        "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body,"
        " content_hash, psa_ids, discover_time, update_time) SELECT 't1', 'c1', n, 'Org ' || n,"
        " 'org ' || n, '{}', '', ARRAY['7'], now(), now() FROM generate_series(41, 46) n;"
        "UPDATE organization SET ignored = true WHERE id = 45;"
        "UPDATE organization SET gone = true WHERE id = 46;");
}

static enum err_code set(struct fixture *fixture, int organization, char *company, char *etag,
                         Docbridge__V1__SetMappingResponse *out)
{
    static char name[64];
    Docbridge__V1__SetMappingRequest in = DOCBRIDGE__V1__SET_MAPPING_REQUEST__INIT;
    (void)snprintf(name, sizeof(name), "connections/c1/organizations/%d", organization);
    in.name = name;
    in.company = company;
    if (etag != NULL)
        in.etag = etag;
    return fixture_call(fixture, &mapping_service, "SetMapping", &in, out);
}

static void maps_one_to_one(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SetMappingResponse out;
    char gamma[] = "companies/gamma";
    seed(fixture);
    assert_int_equal(set(fixture, 41, acme, NULL, &out), ERR_OK);
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
    assert_int_equal(set(fixture, 42, acme, NULL, &out), ERR_COMPANY_ALREADY_MAPPED);
    assert_string_equal(fixture_meta(fixture, "organization"), "connections/c1/organizations/41");
    assert_string_equal(fixture_meta(fixture, "company"), acme);
    assert_int_equal(set(fixture, 41, beta, NULL, &out), ERR_ORGANIZATION_ALREADY_MAPPED);
    assert_string_equal(fixture_meta(fixture, "company"), acme);
    char stale[] = "r1";
    assert_int_equal(set(fixture, 41, beta, stale, &out), ERR_ETAG_MISMATCH);
    assert_string_equal(fixture_meta(fixture, "current_etag"), etag);
    // With the etag that is right it moves; said twice it is as it was.
    assert_int_equal(set(fixture, 41, beta, etag, &out), ERR_OK);
    assert_non_null(strstr(fixture_changes(fixture, 4), acme));
    assert_non_null(strstr(fixture_changes(fixture, 4), beta));
    int64_t events = fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 4");
    assert_int_equal(set(fixture, 41, beta, NULL, &out), ERR_OK);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 4"),
                     events);
    assert_int_equal(set(fixture, 42, gamma, NULL, &out), ERR_RESOURCE_NOT_FOUND);
    assert_string_equal(fixture_meta(fixture, "resource"), gamma);
    assert_int_equal(set(fixture, 99, acme, NULL, &out), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(set(fixture, 46, acme, NULL, &out), ERR_RESOURCE_NOT_FOUND);
    // Mapping by hand takes back that it was set aside.
    assert_int_equal(set(fixture, 45, acme, NULL, &out), ERR_OK);
    assert_int_equal(out.organization->mapping_state, 1);
}

static void maps_while_syncs_are_held(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SetMappingResponse out;
    seed(fixture);
    (void)fixture_sql(fixture, "UPDATE connection SET sync_paused = true");
    assert_int_equal(set(fixture, 41, acme, NULL, &out), ERR_OK);
    assert_string_equal(out.sync_run, "");
    (void)fixture_sql(fixture, "UPDATE organization SET gone = true WHERE id = 41");
    assert_int_equal(set(fixture, 41, beta, out.organization->etag, &out),
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
    seed(fixture);
    assert_int_equal(set(fixture, 41, acme, NULL, &set_out), ERR_OK);
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
    assert_int_equal(set(fixture, 41, acme, NULL, &set_out), ERR_OK);
    (void)fixture_sql(fixture, "UPDATE organization SET gone = true WHERE id = 41");
    assert_int_equal(fixture_call(fixture, &mapping_service, "ClearMapping", &in, &out), ERR_OK);
    assert_int_equal(out.mapping_state, 2);
    assert_int_equal(fixture_call(fixture, &mapping_service, "ClearMapping", &in, &out),
                     ERR_RESOURCE_NOT_FOUND);
}

static void list(struct fixture *fixture, const char *filter,
                 Docbridge__V1__ListOrganizationsResponse *out)
{
    Docbridge__V1__ListOrganizationsRequest in = DOCBRIDGE__V1__LIST_ORGANIZATIONS_REQUEST__INIT;
    char text[96];
    (void)snprintf(text, sizeof(text), "%s", filter);
    in.parent = parent;
    in.filter = text;
    assert_int_equal(fixture_call(fixture, &mapping_service, "ListOrganizations", &in, out),
                     ERR_OK);
}

static void lists_and_filters(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SetMappingResponse set_out;
    Docbridge__V1__ListOrganizationsResponse out;
    seed(fixture);
    assert_int_equal(set(fixture, 41, acme, NULL, &set_out), ERR_OK);
    list(fixture, "", &out);
    assert_int_equal(out.total_size, 5); // one is gone and unmapped
    assert_int_equal(out.mapped_count, 1);
    assert_int_equal(out.unmapped_count, 3);
    assert_string_equal(out.organizations[0]->psa_identities[0]->external_id, "7");
    assert_int_equal(out.organizations[0]->psa_identities[0]->type, 1);
    list(fixture, "mapping_state = MAPPED", &out);
    assert_int_equal(out.total_size, 1);
    list(fixture, "mapping_state = IGNORED", &out);
    assert_string_equal(out.organizations[0]->display_name, "Org 45");
    list(fixture, "display_name : \"ORG  42\"", &out);
    assert_int_equal(out.total_size, 1);
    list(fixture, "mapping.company = \"companies/acme\"", &out);
    assert_int_equal(out.total_size, 1);
    Docbridge__V1__ListOrganizationsRequest in = DOCBRIDGE__V1__LIST_ORGANIZATIONS_REQUEST__INIT;
    in.parent = parent;
    in.page_size = 2;
    size_t seen = 0;
    do {
        assert_int_equal(fixture_call(fixture, &mapping_service, "ListOrganizations", &in, &out),
                         ERR_OK);
        seen += out.n_organizations;
        in.page_token = out.next_page_token;
    } while (out.next_page_token[0] != '\0' && seen < 100);
    assert_int_equal(seen, 5);
}

// The ids of a whole list, two rows a page, as "41,42,".
static const char *ids_in_order(struct fixture *fixture, const char *filter, const char *order)
{
    static char text[200];
    Docbridge__V1__ListOrganizationsRequest in = DOCBRIDGE__V1__LIST_ORGANIZATIONS_REQUEST__INIT;
    Docbridge__V1__ListOrganizationsResponse out;
    size_t len = 0;
    in.parent = parent;
    in.page_size = 2;
    in.filter = (char *)(uintptr_t)filter;
    in.order_by = (char *)(uintptr_t)order;
    do {
        assert_int_equal(fixture_call(fixture, &mapping_service, "ListOrganizations", &in, &out),
                         ERR_OK);
        for (size_t i = 0; i < out.n_organizations && len < sizeof(text) - 24; i++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s,",
                                    out.organizations[i]->upstream_id);
        in.page_token = out.next_page_token;
    } while (out.next_page_token[0] != '\0' && len < sizeof(text) - 24);
    return text;
}

static void orders_by_name_and_id(void **state)
{
    struct fixture *fixture = *state;
    static const char *const refused[] = {
        "id", "display_name,upstream_id", "desc", "upstream_id up", "display_name desc desc", ","};
    seed(fixture);
    (void)fixture_sql(fixture, "UPDATE organization SET display_name = 'Aardvark' WHERE id = 44");
    assert_string_equal(ids_in_order(fixture, "", ""), "44,41,42,43,45,");
    assert_string_equal(ids_in_order(fixture, "", "display_name"), "44,41,42,43,45,");
    assert_string_equal(ids_in_order(fixture, "", "display_name desc"), "45,43,42,41,44,");
    assert_string_equal(ids_in_order(fixture, "", "upstream_id"), "41,42,43,44,45,");
    assert_string_equal(ids_in_order(fixture, "mapping_state = UNMAPPED", " upstream_id  desc "),
                        "44,43,42,41,");
    Docbridge__V1__ListOrganizationsRequest in = DOCBRIDGE__V1__LIST_ORGANIZATIONS_REQUEST__INIT;
    Docbridge__V1__ListOrganizationsResponse out;
    in.parent = parent;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        in.order_by = (char *)(uintptr_t)refused[i];
        assert_int_equal(fixture_call(fixture, &mapping_service, "ListOrganizations", &in, &out),
                         ERR_FIELD_INVALID);
        assert_string_equal(fixture->err.field, "order_by");
    }
}

// A token is good for its caller, tenant, filter and order, and for nothing else.
static void tokens_belong_to_their_list(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ListOrganizationsRequest in = DOCBRIDGE__V1__LIST_ORGANIZATIONS_REQUEST__INIT;
    Docbridge__V1__ListOrganizationsResponse out;
    struct principal colleague = fixture->caller, stranger = fixture->caller;
    char order[] = "upstream_id", filter[] = "mapping_state = UNMAPPED", none[] = "";
    colleague.subject = "bob";
    stranger.tenant = "t2";
    seed(fixture);
    in.parent = parent;
    in.page_size = 2;
    assert_int_equal(fixture_call(fixture, &mapping_service, "ListOrganizations", &in, &out),
                     ERR_OK);
    in.page_token = out.next_page_token;
    assert_int_equal(
        fixture_call_as(fixture, &colleague, &mapping_service, "ListOrganizations", &in, &out),
        ERR_PAGE_TOKEN_INVALID);
    assert_int_equal(
        fixture_call_as(fixture, &stranger, &mapping_service, "ListOrganizations", &in, &out),
        ERR_PAGE_TOKEN_INVALID);
    in.order_by = order;
    assert_int_equal(fixture_call(fixture, &mapping_service, "ListOrganizations", &in, &out),
                     ERR_PAGE_TOKEN_INVALID);
    in.order_by = none;
    in.filter = filter;
    assert_int_equal(fixture_call(fixture, &mapping_service, "ListOrganizations", &in, &out),
                     ERR_PAGE_TOKEN_INVALID);
    in.filter = none;
    assert_int_equal(fixture_call(fixture, &mapping_service, "ListOrganizations", &in, &out),
                     ERR_OK);
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
    seed(fixture);
    assert_int_equal(set_aside(fixture, true, 42, stale, &out), ERR_ETAG_MISMATCH);
    assert_int_equal(set_aside(fixture, true, 42, NULL, &out), ERR_OK);
    assert_int_equal(out.mapping_state, ORGANIZATION_IGNORED);
    assert_string_equal(fixture_changes(fixture, 4),
                        "[{\"field\":\"ignored\",\"old\":\"false\",\"new\":\"true\"}]");
    char *etag = out.etag;
    assert_int_equal(set_aside(fixture, true, 42, etag, &out), ERR_OK); // said again
    assert_string_equal(out.etag, etag);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event"), 1);
    list(fixture, "mapping_state = IGNORED", &list_out);
    assert_int_equal(list_out.total_size, 2);
    assert_int_equal(list_out.ignored_count, 2);
    assert_int_equal(list_out.unmapped_count, 3);
    assert_int_equal(set_aside(fixture, false, 42, etag, &out), ERR_OK);
    assert_int_equal(out.mapping_state, ORGANIZATION_UNMAPPED);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 4"), 2);
    // What is mapped, what is gone and what is not there.
    assert_int_equal(set(fixture, 41, acme, NULL, &set_out), ERR_OK);
    assert_int_equal(set_aside(fixture, true, 41, NULL, &out), ERR_INVALID_STATE_TRANSITION);
    assert_string_equal(fixture_meta(fixture, "state"), "MAPPED");
    assert_int_equal(set_aside(fixture, false, 41, NULL, &out), ERR_OK);
    assert_int_equal(out.mapping_state, ORGANIZATION_MAPPED);
    (void)fixture_sql(fixture, "UPDATE organization SET gone = true WHERE id = 41");
    assert_int_equal(set_aside(fixture, true, 41, NULL, &out), ERR_INVALID_STATE_TRANSITION);
    assert_string_equal(fixture_meta(fixture, "state"), "ORPHANED");
    list(fixture, "mapping_state = ORPHANED", &list_out);
    assert_int_equal(list_out.total_size, 1);
    assert_int_equal(list_out.orphaned_count, 1);
    assert_int_equal(list_out.mapped_count, 0);
    assert_int_equal(set_aside(fixture, true, 46, NULL, &out), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(set_aside(fixture, true, 99, NULL, &out), ERR_RESOURCE_NOT_FOUND);
}

static void explains_its_length(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ListOrganizationsResponse out;
    Docbridge__V1__RefreshOrganizationsRequest refresh =
        DOCBRIDGE__V1__REFRESH_ORGANIZATIONS_REQUEST__INIT;
    Docbridge__V1__SyncRun run;
    fixture_seed_connection(fixture);
    list(fixture, "", &out);
    assert_int_equal(out.inventory_state, INVENTORY(NEVER_FETCHED));
    assert_true(out.freshness->stale);
    (void)fixture_sql(fixture, "UPDATE connection SET inventory_denied = true");
    list(fixture, "", &out);
    assert_int_equal(out.inventory_state, INVENTORY(PERMISSION_DENIED));
    (void)fixture_sql(fixture,
                      "UPDATE connection SET inventory_denied = false, inventory_time = now()");
    list(fixture, "", &out);
    assert_int_equal(out.inventory_state, INVENTORY(FETCHED_EMPTY));
    assert_false(out.freshness->stale);
    refresh.parent = parent;
    assert_int_equal(
        fixture_call(fixture, &mapping_service, "RefreshOrganizations", &refresh, &run), ERR_OK);
    assert_int_equal(run.state, DOCBRIDGE__V1__SYNC_RUN__STATE__STATE_QUEUED);
    assert_int_equal(run.n_tasks, 5);
    assert_string_equal(run.actor->subject, "ada");
    list(fixture, "", &out);
    assert_int_equal(out.inventory_state, INVENTORY(FETCHING));
    assert_string_equal(out.sync_run, run.name);
    (void)fixture_sql(fixture, "UPDATE sync_run SET state = 5; UPDATE sync_task SET state = 5"
                               " WHERE state = 2; INSERT INTO organization (tenant, connection_id,"
                               " id, display_name, name_key, body, content_hash, discover_time,"
                               " update_time) VALUES ('t1', 'c1', 1, 'A', 'a', '{}', '', now(),"
                               " now())");
    list(fixture, "", &out);
    assert_int_equal(out.inventory_state, INVENTORY(FETCHED));
    char absent[] = "connections/c9";
    refresh.parent = absent;
    assert_int_equal(
        fixture_call(fixture, &mapping_service, "RefreshOrganizations", &refresh, &run),
        ERR_RESOURCE_NOT_FOUND);
}

static void hides_what_is_out_of_scope(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SetMappingResponse set_out;
    Docbridge__V1__GetOrganizationRequest get = DOCBRIDGE__V1__GET_ORGANIZATION_REQUEST__INIT;
    Docbridge__V1__ListOrganizationsRequest list_in =
        DOCBRIDGE__V1__LIST_ORGANIZATIONS_REQUEST__INIT;
    Docbridge__V1__ListOrganizationsResponse page;
    Organization out;
    char name[] = "connections/c1/organizations/41";
    static const char *const scope[] = {"beta"};
    struct principal limited = fixture->caller;
    struct principal other = fixture->caller;
    seed(fixture);
    assert_int_equal(set(fixture, 41, acme, NULL, &set_out), ERR_OK);
    limited.all_companies = false;
    limited.companies = scope;
    limited.company_count = 1;
    other.tenant = "t2";
    get.name = name;
    assert_int_equal(
        fixture_call_as(fixture, &limited, &mapping_service, "GetOrganization", &get, &out),
        ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(
        fixture_call_as(fixture, &other, &mapping_service, "GetOrganization", &get, &out),
        ERR_RESOURCE_NOT_FOUND);
    assert_string_equal(fixture_meta(fixture, "resource"), name);
    assert_int_equal(fixture_call(fixture, &mapping_service, "GetOrganization", &get, &out),
                     ERR_OK);
    list_in.parent = parent;
    assert_int_equal(
        fixture_call_as(fixture, &limited, &mapping_service, "ListOrganizations", &list_in, &page),
        ERR_OK);
    assert_int_equal(page.total_size, 4);
    assert_int_equal(page.mapped_count, 0);
    // The run that a refresh joins says nothing of the organizations that others may see.
    Docbridge__V1__RefreshOrganizationsRequest refresh =
        DOCBRIDGE__V1__REFRESH_ORGANIZATIONS_REQUEST__INIT;
    Docbridge__V1__SyncRun run;
    refresh.parent = parent;
    assert_int_equal(
        fixture_call(fixture, &mapping_service, "RefreshOrganizations", &refresh, &run), ERR_OK);
    assert_true(run.n_organizations > 0);
    assert_int_equal(fixture_call_as(fixture, &limited, &mapping_service, "RefreshOrganizations",
                                     &refresh, &run),
                     ERR_OK);
    assert_int_equal(run.n_organizations, 0);
}

// However little memory a call may have, it answers or says so.
static void says_when_memory_ends(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SetMappingResponse set_out;
    Docbridge__V1__ListOrganizationsRequest in = DOCBRIDGE__V1__LIST_ORGANIZATIONS_REQUEST__INIT;
    Docbridge__V1__ListOrganizationsResponse out;
    seed(fixture);
    assert_int_equal(set(fixture, 41, acme, NULL, &set_out), ERR_OK);
    in.parent = parent;
    in.page_size = 3;
    enum err_code code = ERR_INTERNAL;
    for (size_t bytes = 0; code != ERR_OK; bytes += 160) {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, bytes);
        fixture->request.arena = &arena;
        code = fixture_call(fixture, &mapping_service, "ListOrganizations", &in, &out);
        fixture->request.arena = &fixture->arena;
        assert_true(code == ERR_OK || code == ERR_INTERNAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(maps_one_to_one),
        TEST(maps_while_syncs_are_held),
        TEST(clears),
        TEST(lists_and_filters),
        TEST(orders_by_name_and_id),
        TEST(tokens_belong_to_their_list),
        TEST(sets_aside_and_back),
        TEST(explains_its_length),
        TEST(hides_what_is_out_of_scope),
        TEST(says_when_memory_ends),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
