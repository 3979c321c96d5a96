// MappingService: lists that explain themselves, mappings one to one, and who sees what.
#include "tests/integration/service/fixture.h"

#include <pthread.h>
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

// What a mapping would show and hide; gives the etag of that.
static char *preview(struct fixture *fixture, int organization, char *company,
                     Docbridge__V1__SetMappingResponse *out)
{
    static char name[64];
    Docbridge__V1__SetMappingRequest in = DOCBRIDGE__V1__SET_MAPPING_REQUEST__INIT;
    (void)snprintf(name, sizeof(name), "connections/c1/organizations/%d", organization);
    in.name = name;
    in.company = company;
    in.validate_only = true;
    assert_int_equal(fixture_call(fixture, &mapping_service, "SetMapping", &in, out), ERR_OK);
    assert_string_equal(out->sync_run, "");
    return out->blast_radius->etag;
}

static void maps_one_to_one(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SetMappingResponse out;
    char gamma[] = "companies/gamma"; // another tenant's
    char delta[] = "companies/delta";
    seed(fixture);
    (void)fixture_sql(fixture, "INSERT INTO company (tenant, id, display_name, name_key,"
                               " create_time, update_time) VALUES ('t1', 'delta', 'Delta',"
                               " 'delta', now(), now())");
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
    // It moves with the etag of the very move, previewed; said twice it is as it was.
    assert_int_equal(set(fixture, 41, beta, etag, &out), ERR_ETAG_MISMATCH);
    assert_string_equal(fixture_meta(fixture, "company"), acme);
    assert_int_equal(set(fixture, 41, beta, preview(fixture, 41, delta, &out), &out),
                     ERR_ETAG_MISMATCH);
    assert_int_equal(set(fixture, 41, beta, preview(fixture, 41, beta, &out), &out), ERR_OK);
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

// A change of a batch; `company` NULL unmaps.
struct batch_change {
    int organization;
    const char *company;
};

static enum err_code batch(struct fixture *fixture, const struct batch_change *changes,
                           size_t count, const char *etag, bool validate_only,
                           Docbridge__V1__BatchUpdateMappingsResponse *out)
{
    Docbridge__V1__BatchUpdateMappingsRequest in =
        DOCBRIDGE__V1__BATCH_UPDATE_MAPPINGS_REQUEST__INIT;
    Docbridge__V1__MappingChange *items = arena_calloc(&fixture->arena, count + 1, sizeof(*items));
    in.parent = parent;
    in.validate_only = validate_only;
    in.etag = arena_strdup(&fixture->arena, etag);
    in.changes = arena_calloc(&fixture->arena, count + 1, sizeof(*in.changes));
    for (size_t i = 0; i < count; i++) {
        docbridge__v1__mapping_change__init(&items[i]);
        items[i].organization = arena_printf(&fixture->arena, "connections/c1/organizations/%d",
                                             changes[i].organization);
        if (changes[i].company != NULL)
            items[i].company = arena_printf(&fixture->arena, "companies/%s", changes[i].company);
        in.changes[in.n_changes++] = &items[i];
    }
    return fixture_call(fixture, &mapping_service, "BatchUpdateMappings", &in, out);
}

static const char *mappings(struct fixture *fixture)
{
    return fixture_sql(fixture, "SELECT coalesce(string_agg(organization_id || company_id, ','"
                                " ORDER BY organization_id), '-') FROM mapping");
}

static void batches_are_all_or_nothing(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__BatchUpdateMappingsResponse out;
    const struct batch_change both[] = {{41, "acme"}, {42, "beta"}};
    const struct batch_change swap[] = {{41, "beta"}, {42, "acme"}};
    const struct batch_change other_order[] = {{42, "acme"}, {41, "beta"}};
    const struct batch_change one_taken[] = {{43, "beta"}, {41, NULL}};
    const struct batch_change rest[] = {{41, NULL}, {42, NULL}, {44, NULL}};
    seed(fixture);
    assert_int_equal(batch(fixture, both, 2, "", false, &out), ERR_OK);
    assert_string_equal(mappings(fixture), "41acme,42beta");
    assert_int_equal(out.n_organizations, 2);
    assert_string_equal(out.organizations[1]->mapping->company, beta);
    assert_int_equal(out.blast_radius->unsynced_count, 2);
    assert_string_equal(fixture_sql(fixture, "SELECT organization_ids FROM sync_run"), "{41,42}");
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 4"), 2);
    // A swap moves two at once, and must have been looked at.
    assert_int_equal(batch(fixture, swap, 2, "", false, &out), ERR_ORGANIZATION_ALREADY_MAPPED);
    assert_int_equal(batch(fixture, swap, 2, "", true, &out), ERR_OK);
    assert_string_equal(mappings(fixture), "41acme,42beta");
    assert_int_equal(out.blast_radius->n_effects, 2);
    const char *etag = out.blast_radius->etag;
    assert_int_equal(batch(fixture, other_order, 2, etag, false, &out), ERR_ETAG_MISMATCH);
    assert_int_equal(batch(fixture, swap, 2, etag, false, &out), ERR_OK);
    assert_string_equal(mappings(fixture), "41beta,42acme");
    assert_int_equal(batch(fixture, swap, 2, etag, false, &out), ERR_OK); // said again
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 4"), 4);
    // What one change frees another may take; what is taken stops all of them.
    assert_int_equal(batch(fixture, one_taken, 2, "", false, &out), ERR_OK);
    assert_string_equal(mappings(fixture), "42acme,43beta");
    const struct batch_change taken[] = {{44, "acme"}, {43, NULL}};
    assert_int_equal(batch(fixture, taken, 2, "", false, &out), ERR_COMPANY_ALREADY_MAPPED);
    assert_string_equal(fixture_meta(fixture, "organization"), "connections/c1/organizations/42");
    assert_string_equal(fixture_meta(fixture, "company"), acme);
    const struct batch_change twins[] = {{44, "acme"}, {41, "acme"}, {42, NULL}};
    assert_int_equal(batch(fixture, twins, 3, "", false, &out), ERR_COMPANY_ALREADY_MAPPED);
    assert_string_equal(mappings(fixture), "42acme,43beta");
    assert_int_equal(batch(fixture, rest, 3, "", false, &out), ERR_OK);
    assert_string_equal(mappings(fixture), "43beta");
    assert_string_equal(out.sync_run, "");
}

static void batches_refuse_what_is_unclear(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__BatchUpdateMappingsResponse out;
    const struct batch_change twice[] = {{41, "acme"}, {42, NULL}, {41, NULL}};
    const struct batch_change unknown[] = {{41, "acme"}, {99, "beta"}};
    const struct batch_change nobody[] = {{41, "acme"}, {42, "gamma"}};
    seed(fixture);
    assert_int_equal(batch(fixture, NULL, 0, "", false, &out), ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "changes");
    assert_int_equal(batch(fixture, twice, 3, "", false, &out), ERR_FIELD_INVALID);
    assert_int_equal(batch(fixture, unknown, 2, "", false, &out), ERR_RESOURCE_NOT_FOUND);
    assert_string_equal(fixture_meta(fixture, "resource"), "connections/c1/organizations/99");
    assert_int_equal(batch(fixture, nobody, 2, "", false, &out), ERR_RESOURCE_NOT_FOUND);
    assert_string_equal(fixture_meta(fixture, "resource"), "companies/gamma");
    Docbridge__V1__MappingChange change = DOCBRIDGE__V1__MAPPING_CHANGE__INIT;
    Docbridge__V1__MappingChange *changes[] = {&change};
    Docbridge__V1__BatchUpdateMappingsRequest in =
        DOCBRIDGE__V1__BATCH_UPDATE_MAPPINGS_REQUEST__INIT;
    char elsewhere[] = "connections/c2/organizations/41";
    in.parent = parent;
    in.changes = changes;
    in.n_changes = 1;
    change.organization = elsewhere;
    assert_int_equal(fixture_call(fixture, &mapping_service, "BatchUpdateMappings", &in, &out),
                     ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "changes[0].organization");
    assert_string_equal(mappings(fixture), "-");
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
    seed(fixture);
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
    assert_int_equal(out.upstream_count, 0);
    assert_null(out.estimated_end_time);
    // A tenth after a minute: nine more.
    int64_t now_s = clock_wall_us() / 1000000;
    (void)fixture_sql(fixture,
                      "UPDATE sync_run SET state = 2, start_time = now() - interval '1 minute';"
                      " UPDATE sync_task SET state = 3, done_count = 100, total_count = 1000"
                      " WHERE kind = 1");
    list(fixture, "", &out);
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
    list(fixture, "", &out);
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
        TEST(batches_are_all_or_nothing),
        TEST(batches_refuse_what_is_unclear),
        TEST(racers_for_one_company),
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
