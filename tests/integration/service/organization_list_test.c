// Lists of organizations: filters, orders, pages, why they are as long as they are, and who sees
// what.
#include "tests/integration/service/mappings.h"

#include <stdio.h>

typedef Docbridge__V1__Organization Organization;

#define INVENTORY(name) \
    DOCBRIDGE__V1__LIST_ORGANIZATIONS_RESPONSE__INVENTORY_STATE__INVENTORY_STATE_##name

static char parent[] = "connections/c1";
static char acme[] = "companies/acme";

static void lists_and_filters(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SetMappingResponse set_out;
    Docbridge__V1__ListOrganizationsResponse out;
    mappings_seed(fixture);
    assert_int_equal(mappings_set(fixture, 41, acme, NULL, &set_out), ERR_OK);
    mappings_list(fixture, "", &out);
    assert_int_equal(out.total_size, 5); // one is gone and unmapped
    assert_int_equal(out.mapped_count, 1);
    assert_int_equal(out.unmapped_count, 3);
    assert_string_equal(out.organizations[0]->psa_identities[0]->external_id, "7");
    assert_int_equal(out.organizations[0]->psa_identities[0]->type, 1);
    mappings_list(fixture, "mapping_state = MAPPED", &out);
    assert_int_equal(out.total_size, 1);
    mappings_list(fixture, "mapping_state = IGNORED", &out);
    assert_string_equal(out.organizations[0]->display_name, "Org 45");
    mappings_list(fixture, "display_name : \"ORG  42\"", &out);
    assert_int_equal(out.total_size, 1);
    mappings_list(fixture, "mapping.company = \"companies/acme\"", &out);
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
    mappings_seed(fixture);
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
    mappings_seed(fixture);
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

static void explains_its_length(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ListOrganizationsResponse out;
    Docbridge__V1__RefreshOrganizationsRequest refresh =
        DOCBRIDGE__V1__REFRESH_ORGANIZATIONS_REQUEST__INIT;
    Docbridge__V1__SyncRun run;
    fixture_seed_connection(fixture);
    mappings_list(fixture, "", &out);
    assert_int_equal(out.inventory_state, INVENTORY(NEVER_FETCHED));
    assert_true(out.freshness->stale);
    (void)fixture_sql(fixture, "UPDATE connection SET inventory_denied = true");
    mappings_list(fixture, "", &out);
    assert_int_equal(out.inventory_state, INVENTORY(PERMISSION_DENIED));
    (void)fixture_sql(fixture,
                      "UPDATE connection SET inventory_denied = false, inventory_time = now()");
    mappings_list(fixture, "", &out);
    assert_int_equal(out.inventory_state, INVENTORY(FETCHED_EMPTY));
    assert_false(out.freshness->stale);
    refresh.parent = parent;
    assert_int_equal(
        fixture_call(fixture, &mapping_service, "RefreshOrganizations", &refresh, &run), ERR_OK);
    assert_int_equal(run.state, DOCBRIDGE__V1__SYNC_RUN__STATE__STATE_QUEUED);
    assert_int_equal(run.n_tasks, 5);
    assert_string_equal(run.actor->subject, "ada");
    mappings_list(fixture, "", &out);
    assert_int_equal(out.inventory_state, INVENTORY(FETCHING));
    assert_string_equal(out.sync_run, run.name);
    assert_int_equal(out.upstream_count, 0);
    assert_null(out.estimated_end_time);
    // A tenth after a minute: nine more.
    int64_t now_s = clock_wall_us() / 1000000;
    (void)fixture_sql(fixture,
                      "UPDATE sync_run SET state = 2, start_time = now() - interval '1 minute';"
                      " UPDATE sync_task SET state = 3, done_count = 100, total_count = 1000"
                      " WHERE kind = 1");
    mappings_list(fixture, "", &out);
    assert_int_equal(out.inventory_state, INVENTORY(FETCHING));
    assert_int_equal(out.fetched_count, 100);
    assert_int_equal(out.upstream_count, 1000);
    assert_in_range(out.estimated_end_time->seconds, now_s + 530, now_s + 900);
    (void)fixture_sql(fixture, "UPDATE sync_task SET state = 2 WHERE state = 3;"
                               " UPDATE sync_run SET state = 5; UPDATE sync_task SET state = 5"
                               " WHERE state = 2; INSERT INTO organization (tenant, connection_id,"
                               " id, display_name, name_key, body, content_hash, discover_time,"
                               " update_time) VALUES ('t1', 'c1', 1, 'A', 'a', '{}', '', now(),"
                               " now())");
    mappings_list(fixture, "", &out);
    assert_int_equal(out.inventory_state, INVENTORY(FETCHED));
    assert_int_equal(out.upstream_count, 0);
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
    mappings_seed(fixture);
    assert_int_equal(mappings_set(fixture, 41, acme, NULL, &set_out), ERR_OK);
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
    mappings_seed(fixture);
    assert_int_equal(mappings_set(fixture, 41, acme, NULL, &set_out), ERR_OK);
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
        TEST(lists_and_filters),           TEST(orders_by_name_and_id),
        TEST(tokens_belong_to_their_list), TEST(explains_its_length),
        TEST(hides_what_is_out_of_scope),  TEST(says_when_memory_ends),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
