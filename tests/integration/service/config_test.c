// ConfigService: switches, types, categories, and each company's access.
#include "tests/integration/service/fixture.h"

#include <stdio.h>

#include "docbridge/v1/config.pb-c.h"

#define TYPE_STATE(name) DOCBRIDGE__V1__FLEXIBLE_ASSET_TYPE__STATE__STATE_##name
#define CATEGORY_STATE(name) DOCBRIDGE__V1__PASSWORD_CATEGORY__STATE__STATE_##name
#define LEVEL(name) DOCBRIDGE__V1__COMPANY_PASSWORD_ACCESS__LEVEL__LEVEL_##name

static char parent[] = "connections/c1";
static char star[] = "*";
static char stale[] = "r99";

static void seed(struct fixture *fixture)
{
    fixture_seed_connection(fixture);
    (void)fixture_sql(
        fixture,
        "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time) VALUES"
        " ('t1', 'acme', 'Acme', 'acme', now(), now());"
        "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, body,"
        " content_hash, enabled, chosen, upstream_state, discover_time) VALUES"
        " ('t1', 'c1', 1, 'Backup', '{\"description\": \"Jobs\", \"icon\": \"database\","
        "  \"fields\": [{\"key\": \"b\", \"name\": \"Kind\", \"kind\": \"Select\", \"order\": 2,"
        "  \"default_value\": \"Full\\r\\nPart\"}, {\"key\": \"a\", \"name\": \"Job\", \"kind\":"
        "  \"Text\", \"order\": 1, \"required\": true, \"use_for_title\": true}]}', 'h', false,"
        "  false, 1, now()),"
        " ('t1', 'c1', 2, 'On', '{}', 'h', true, true, 1, now()),"
        " ('t1', 'c1', 3, 'Off', '{}', 'h', false, true, 1, now()),"
        " ('t1', 'c1', 4, 'Off there', '{}', 'h', true, true, 2, now()),"
        " ('t1', 'c1', 5, 'Gone', '{}', 'h', true, true, 3, now());"
        "INSERT INTO password_category (tenant, connection_id, id, display_name, upstream_state,"
        " discover_time) VALUES ('t1', 'c1', 7, 'Infrastructure', 1, now()),"
        " ('t1', 'c1', 8, 'Old', 3, now());"
        "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body,"
        " content_hash, discover_time, update_time) VALUES ('t1', 'c1', 41, 'A', 'a', '{}', '',"
        " now(), now());"
        "INSERT INTO mapping VALUES ('t1', 'c1', 41, 'acme', 1, 'x', 'X', 1, now());"
        "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name,"
        " category_id, body, content_hash) VALUES ('t1', 'c1', 9, 1, 41, 'p1', 7, '{}', ''),"
        " ('t1', 'c1', 9, 2, 41, 'p2', 0, '{}', ''), ('t1', 'c1', 9, 3, 99, 'p3', 7, '{}', '')");
}

static void mask_init(Google__Protobuf__FieldMask *mask, char **path)
{
    google__protobuf__field_mask__init(mask);
    mask->paths = path;
    mask->n_paths = 1;
}

static void switches_documentation(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__UpdateDocumentationConfigRequest in =
        DOCBRIDGE__V1__UPDATE_DOCUMENTATION_CONFIG_REQUEST__INIT;
    Docbridge__V1__DocumentationConfig wanted = DOCBRIDGE__V1__DOCUMENTATION_CONFIG__INIT;
    Docbridge__V1__DocumentationConfig out;
    Docbridge__V1__GetDocumentationConfigRequest get =
        DOCBRIDGE__V1__GET_DOCUMENTATION_CONFIG_REQUEST__INIT;
    Google__Protobuf__FieldMask mask;
    char name[] = "connections/c1/documentationConfig";
    char documents[] = "documents_enabled";
    char unknown[] = "name";
    char *path = documents;
    seed(fixture);
    get.name = name;
    assert_int_equal(fixture_call(fixture, &config_service, "GetDocumentationConfig", &get, &out),
                     ERR_OK);
    assert_false(out.documents_enabled || out.checklists_enabled || out.password_sharing_enabled);
    assert_int_equal(out.enabled_flexible_asset_type_count, 1);
    mask_init(&mask, &path);
    wanted.name = name;
    wanted.documents_enabled = wanted.checklists_enabled = true;
    in.documentation_config = &wanted;
    assert_int_equal(fixture_call(fixture, &config_service, "UpdateDocumentationConfig", &in, &out),
                     ERR_FIELD_INVALID);
    in.update_mask = &mask;
    assert_int_equal(fixture_call(fixture, &config_service, "UpdateDocumentationConfig", &in, &out),
                     ERR_OK);
    assert_true(out.documents_enabled);
    assert_false(out.checklists_enabled);
    assert_string_equal(out.etag, "r2");
    assert_non_null(strstr(fixture_changes(fixture, 6), "documents_enabled"));
    // What is so already is neither written nor told.
    assert_int_equal(fixture_call(fixture, &config_service, "UpdateDocumentationConfig", &in, &out),
                     ERR_OK);
    assert_string_equal(out.etag, "r2");
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event"), 1);
    wanted.etag = stale;
    assert_int_equal(fixture_call(fixture, &config_service, "UpdateDocumentationConfig", &in, &out),
                     ERR_ETAG_MISMATCH);
    assert_string_equal(fixture_meta(fixture, "current_etag"), "r2");
    path = unknown;
    assert_int_equal(fixture_call(fixture, &config_service, "UpdateDocumentationConfig", &in, &out),
                     ERR_FIELD_INVALID);
    struct principal other = fixture->caller;
    other.tenant = "t2";
    assert_int_equal(
        fixture_call_as(fixture, &other, &config_service, "GetDocumentationConfig", &get, &out),
        ERR_RESOURCE_NOT_FOUND);
}

static void shares_one_switch(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__UpdatePasswordConfigRequest in =
        DOCBRIDGE__V1__UPDATE_PASSWORD_CONFIG_REQUEST__INIT;
    Docbridge__V1__PasswordConfig wanted = DOCBRIDGE__V1__PASSWORD_CONFIG__INIT;
    Docbridge__V1__PasswordConfig out;
    Docbridge__V1__GetDocumentationConfigRequest get =
        DOCBRIDGE__V1__GET_DOCUMENTATION_CONFIG_REQUEST__INIT;
    Docbridge__V1__GetPasswordConfigRequest get_password =
        DOCBRIDGE__V1__GET_PASSWORD_CONFIG_REQUEST__INIT;
    Docbridge__V1__DocumentationConfig documentation;
    Google__Protobuf__FieldMask mask;
    char name[] = "connections/c1/passwordConfig";
    char other_name[] = "connections/c1/documentationConfig";
    char *path = star;
    seed(fixture);
    mask_init(&mask, &path);
    wanted.name = name;
    wanted.password_sharing_enabled = true;
    in.password_config = &wanted;
    in.update_mask = &mask;
    assert_int_equal(fixture_call(fixture, &config_service, "UpdatePasswordConfig", &in, &out),
                     ERR_OK);
    assert_true(out.password_sharing_enabled);
    get.name = other_name;
    assert_int_equal(
        fixture_call(fixture, &config_service, "GetDocumentationConfig", &get, &documentation),
        ERR_OK);
    assert_true(documentation.password_sharing_enabled);
    assert_string_equal(documentation.etag, out.etag);
    get_password.name = name;
    assert_int_equal(
        fixture_call(fixture, &config_service, "GetPasswordConfig", &get_password, &out), ERR_OK);
    assert_true(out.password_sharing_enabled);
    get_password.name = other_name;
    assert_int_equal(
        fixture_call(fixture, &config_service, "GetPasswordConfig", &get_password, &out),
        ERR_FIELD_INVALID);
}

static void lists_types(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ListFlexibleAssetTypesRequest in =
        DOCBRIDGE__V1__LIST_FLEXIBLE_ASSET_TYPES_REQUEST__INIT;
    Docbridge__V1__ListFlexibleAssetTypesResponse out;
    static const struct {
        const char *name;
        int state;
    } cases[] = {
        {"Backup", TYPE_STATE(NEW)},   {"Gone", TYPE_STATE(REMOVED_UPSTREAM)},
        {"Off", TYPE_STATE(DISABLED)}, {"Off there", TYPE_STATE(DISABLED_UPSTREAM)},
        {"On", TYPE_STATE(ENABLED)},
    };
    seed(fixture);
    in.parent = parent;
    assert_int_equal(fixture_call(fixture, &config_service, "ListFlexibleAssetTypes", &in, &out),
                     ERR_OK);
    assert_int_equal(out.n_flexible_asset_types, ARRAY_LEN(cases));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(out.flexible_asset_types[i]->display_name, cases[i].name);
        assert_int_equal(out.flexible_asset_types[i]->state, cases[i].state);
    }
    const Docbridge__V1__FlexibleAssetType *backup = out.flexible_asset_types[0];
    assert_string_equal(backup->description, "Jobs");
    assert_int_equal(backup->n_fields, 2);
    assert_string_equal(backup->fields[0]->key, "a"); // by order, not as listed
    assert_true(backup->fields[0]->required && backup->fields[0]->used_for_title);
    assert_int_equal(backup->fields[1]->n_choices, 2);
    assert_string_equal(backup->fields[1]->choices[1], "Part");
    in.page_size = 2;
    size_t seen = 0;
    do {
        assert_int_equal(
            fixture_call(fixture, &config_service, "ListFlexibleAssetTypes", &in, &out), ERR_OK);
        seen += out.n_flexible_asset_types;
        in.page_token = out.next_page_token;
    } while (out.next_page_token[0] != '\0' && seen < 100);
    assert_int_equal(seen, 5);
}

static void switches_a_type(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__UpdateFlexibleAssetTypeRequest in =
        DOCBRIDGE__V1__UPDATE_FLEXIBLE_ASSET_TYPE_REQUEST__INIT;
    Docbridge__V1__FlexibleAssetType wanted = DOCBRIDGE__V1__FLEXIBLE_ASSET_TYPE__INIT;
    Docbridge__V1__FlexibleAssetType out;
    Google__Protobuf__FieldMask mask;
    char name[] = "connections/c1/flexibleAssetTypes/1";
    char absent[] = "connections/c1/flexibleAssetTypes/9";
    char *path = star;
    seed(fixture);
    mask_init(&mask, &path);
    wanted.name = name;
    in.flexible_asset_type = &wanted;
    in.update_mask = &mask;
    // Left off by choice, it is no longer new.
    assert_int_equal(fixture_call(fixture, &config_service, "UpdateFlexibleAssetType", &in, &out),
                     ERR_OK);
    assert_int_equal(out.state, TYPE_STATE(DISABLED));
    wanted.enabled = true;
    assert_int_equal(fixture_call(fixture, &config_service, "UpdateFlexibleAssetType", &in, &out),
                     ERR_OK);
    assert_int_equal(out.state, TYPE_STATE(ENABLED));
    assert_non_null(strstr(fixture_changes(fixture, 6), "true"));
    wanted.etag = stale;
    assert_int_equal(fixture_call(fixture, &config_service, "UpdateFlexibleAssetType", &in, &out),
                     ERR_ETAG_MISMATCH);
    wanted.name = absent;
    assert_int_equal(fixture_call(fixture, &config_service, "UpdateFlexibleAssetType", &in, &out),
                     ERR_RESOURCE_NOT_FOUND);
}

static void refreshes(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__RefreshDocumentationTypesRequest in =
        DOCBRIDGE__V1__REFRESH_DOCUMENTATION_TYPES_REQUEST__INIT;
    Docbridge__V1__RefreshDocumentationTypesResponse out;
    seed(fixture);
    source_fake_add(SOURCE_FLEXIBLE_ASSET_TYPES, 2, "On", NULL, "{\"enabled\": true}");
    source_fake_add(SOURCE_FLEXIBLE_ASSET_TYPES, 6, "Fresh", NULL, "{\"enabled\": true}");
    source_fake_add(SOURCE_PASSWORD_CATEGORIES, 7, "Infrastructure", NULL, "{}");
    source_fake_add(SOURCE_PASSWORD_CATEGORIES, 10, "Fresh", NULL, "{}");
    in.parent = parent;
    assert_int_equal(fixture_call(fixture, &config_service, "RefreshDocumentationTypes", &in, &out),
                     ERR_OK);
    assert_string_equal(source_fake.last_key, CANARY);
    assert_non_null(out.refresh_time);
    assert_int_equal(out.new_flexible_asset_type_count, 1);
    assert_int_equal(out.new_password_category_count, 1);
    // 1, 3 and 4 are gone, 2 has another hash, 5 was gone before.
    assert_int_equal(out.changed_flexible_asset_type_count, 4);
    assert_non_null(strstr(fixture_changes(fixture, 6), "new_flexible_asset_type_count"));
    assert_int_equal(fixture_call(fixture, &config_service, "RefreshDocumentationTypes", &in, &out),
                     ERR_OK);
    assert_int_equal(out.new_flexible_asset_type_count + out.changed_flexible_asset_type_count, 0);
    source_fake.regions[SOURCE_REGION_US] = ERR_UPSTREAM_KEY_REJECTED;
    assert_int_equal(fixture_call(fixture, &config_service, "RefreshDocumentationTypes", &in, &out),
                     ERR_UPSTREAM_KEY_REJECTED);
    (void)fixture_sql(fixture, "UPDATE connection SET state = 3");
    assert_int_equal(fixture_call(fixture, &config_service, "RefreshDocumentationTypes", &in, &out),
                     ERR_CONNECTION_NOT_ACTIVE);
}

// An empty answer, or one that lacks much, is looked at twice; an empty one is not believed even
// then, and says so.
static void doubts_a_list_that_lacks_much(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__RefreshDocumentationTypesRequest in =
        DOCBRIDGE__V1__REFRESH_DOCUMENTATION_TYPES_REQUEST__INIT;
    Docbridge__V1__RefreshDocumentationTypesResponse out;
    static const char live_types[] =
        "SELECT count(*) FROM flexible_asset_type WHERE upstream_state <> 3";
    static const char live_categories[] =
        "SELECT count(*) FROM password_category WHERE upstream_state <> 3";
    seed(fixture);
    in.parent = parent;
    assert_int_equal(fixture_call(fixture, &config_service, "RefreshDocumentationTypes", &in, &out),
                     ERR_OK);
    assert_int_equal(fixture_number(fixture, live_types), 4);
    assert_int_equal(fixture_number(fixture, live_categories), 1);
    assert_int_equal(out.held_removal_count, 5);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM flexible_asset_type"
                                             " WHERE enabled AND chosen"),
                     3);
    // Many gone, some left: two looks agree, and they are gone.
    (void)fixture_sql(fixture,
                      "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name,"
                      " body, content_hash, discover_time) SELECT 't1', 'c1', n, 'T' || n, '{}',"
                      " 'h', now() FROM generate_series(100, 119) n");
    source_fake_add(SOURCE_FLEXIBLE_ASSET_TYPES, 2, "On", NULL, "{\"enabled\": true}");
    assert_int_equal(fixture_call(fixture, &config_service, "RefreshDocumentationTypes", &in, &out),
                     ERR_OK);
    assert_int_equal(fixture_number(fixture, live_types), 1);
    assert_int_equal(fixture_number(fixture, live_categories), 1);
    assert_int_equal(out.held_removal_count, 1);
}

static void sets_access(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__UpdateCompanyPasswordAccessRequest in =
        DOCBRIDGE__V1__UPDATE_COMPANY_PASSWORD_ACCESS_REQUEST__INIT;
    Docbridge__V1__CompanyPasswordAccess wanted = DOCBRIDGE__V1__COMPANY_PASSWORD_ACCESS__INIT;
    Docbridge__V1__CompanyPasswordAccess out;
    Docbridge__V1__GetCompanyPasswordAccessRequest get =
        DOCBRIDGE__V1__GET_COMPANY_PASSWORD_ACCESS_REQUEST__INIT;
    Docbridge__V1__ListPasswordCategoriesRequest list =
        DOCBRIDGE__V1__LIST_PASSWORD_CATEGORIES_REQUEST__INIT;
    Docbridge__V1__ListPasswordCategoriesResponse page;
    Google__Protobuf__FieldMask mask;
    char name[] = "companies/acme/passwordAccess";
    char category[] = "connections/c1/passwordCategories/7";
    char absent[] = "connections/c1/passwordCategories/9";
    char level[] = "level";
    char *categories[] = {category, category};
    char *path = star;
    seed(fixture);
    list.parent = parent;
    assert_int_equal(fixture_call(fixture, &config_service, "ListPasswordCategories", &list, &page),
                     ERR_OK);
    assert_int_equal(page.n_password_categories, 2);
    assert_int_equal(page.password_categories[0]->state, CATEGORY_STATE(NEW));
    assert_int_equal(page.password_categories[0]->password_count, 1); // what is mapped
    assert_int_equal(page.password_categories[1]->state, CATEGORY_STATE(REMOVED_UPSTREAM));
    assert_int_equal(page.uncategorized_password_count, 1);
    get.name = name;
    assert_int_equal(fixture_call(fixture, &config_service, "GetCompanyPasswordAccess", &get, &out),
                     ERR_OK);
    assert_int_equal(out.level, LEVEL(NO_ACCESS));
    assert_string_equal(out.etag, "r0");
    mask_init(&mask, &path);
    wanted.name = name;
    in.company_password_access = &wanted;
    in.update_mask = &mask;
    assert_int_equal(
        fixture_call(fixture, &config_service, "UpdateCompanyPasswordAccess", &in, &out),
        ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "company_password_access.level");
    wanted.level = LEVEL(SELECTED_CATEGORIES);
    wanted.password_categories = categories;
    wanted.n_password_categories = 2;
    wanted.include_uncategorized = true;
    assert_int_equal(
        fixture_call(fixture, &config_service, "UpdateCompanyPasswordAccess", &in, &out), ERR_OK);
    assert_int_equal(out.level, LEVEL(SELECTED_CATEGORIES));
    assert_int_equal(out.n_password_categories, 1);
    assert_string_equal(out.password_categories[0], category);
    assert_non_null(strstr(fixture_changes(fixture, 6), "NO_ACCESS"));
    assert_non_null(strstr(fixture_changes(fixture, 6), category));
    // Only what the mask names changes.
    path = level;
    wanted.level = LEVEL(ALL_CATEGORIES);
    wanted.etag = out.etag;
    wanted.n_password_categories = 0;
    assert_int_equal(
        fixture_call(fixture, &config_service, "UpdateCompanyPasswordAccess", &in, &out), ERR_OK);
    assert_int_equal(out.n_password_categories, 1);
    assert_true(out.include_uncategorized);
    assert_int_equal(
        fixture_call(fixture, &config_service, "UpdateCompanyPasswordAccess", &in, &out),
        ERR_ETAG_MISMATCH);
    wanted.etag = out.etag;
    path = star;
    categories[1] = absent;
    wanted.n_password_categories = 2;
    assert_int_equal(
        fixture_call(fixture, &config_service, "UpdateCompanyPasswordAccess", &in, &out),
        ERR_RESOURCE_NOT_FOUND);
    assert_string_equal(fixture_meta(fixture, "resource"), absent);
    assert_int_equal(fixture_number(fixture, "SELECT revision FROM company_password_access"), 2);
    assert_int_equal(fixture_call(fixture, &config_service, "ListPasswordCategories", &list, &page),
                     ERR_OK);
    assert_int_equal(page.password_categories[0]->state, CATEGORY_STATE(ACTIVE));
    static const char *const scope[] = {"beta"};
    struct principal limited = fixture->caller;
    limited.all_companies = false;
    limited.companies = scope;
    limited.company_count = 1;
    assert_int_equal(
        fixture_call_as(fixture, &limited, &config_service, "GetCompanyPasswordAccess", &get, &out),
        ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(
        fixture_call_as(fixture, &limited, &config_service, "ListPasswordCategories", &list, &page),
        ERR_OK);
    assert_int_equal(page.password_categories[0]->password_count, 0);
}

struct access_batch {
    Docbridge__V1__BatchUpdateCompanyPasswordAccessRequest in;
    Docbridge__V1__UpdateCompanyPasswordAccessRequest requests[3], *list[3];
    Docbridge__V1__CompanyPasswordAccess accesses[3];
    Google__Protobuf__FieldMask mask;
};

static void access_batch_init(struct access_batch *batch)
{
    static char names[3][40] = {"companies/zeta/passwordAccess", "companies/acme/passwordAccess",
                                "companies/beta/passwordAccess"};
    static char *path = star;
    docbridge__v1__batch_update_company_password_access_request__init(&batch->in);
    mask_init(&batch->mask, &path);
    for (size_t i = 0; i < 3; i++) {
        docbridge__v1__company_password_access__init(&batch->accesses[i]);
        docbridge__v1__update_company_password_access_request__init(&batch->requests[i]);
        batch->accesses[i].name = names[i];
        batch->accesses[i].level = LEVEL(ALL_CATEGORIES);
        batch->requests[i].company_password_access = &batch->accesses[i];
        batch->requests[i].update_mask = &batch->mask;
        batch->list[i] = &batch->requests[i];
    }
    batch->in.requests = batch->list;
    batch->in.n_requests = 3;
}

static void sets_access_of_many_or_none(void **state)
{
    static const char with_access[] = "SELECT count(*) FROM company_password_access";
    static const char method[] = "BatchUpdateCompanyPasswordAccess";
    struct fixture *fixture = *state;
    struct access_batch batch;
    Docbridge__V1__BatchUpdateCompanyPasswordAccessResponse out;
    char category[] = "connections/c1/passwordCategories/9", *categories[] = {category};
    char first[] = "r0", second[] = "r1";
    seed(fixture);
    (void)fixture_sql(
        fixture,
        "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time) VALUES"
        " ('t1', 'beta', 'Beta', 'beta', now(), now())");
    access_batch_init(&batch);
    // One company that there is not, and nothing is changed.
    assert_int_equal(fixture_call(fixture, &config_service, method, &batch.in, &out),
                     ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(fixture_number(fixture, with_access), 0);
    (void)fixture_sql(
        fixture,
        "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time) VALUES"
        " ('t1', 'zeta', 'Zeta', 'zeta', now(), now())");
    // One category that there is not; one level that is none; one company twice.
    batch.accesses[2].password_categories = categories;
    batch.accesses[2].n_password_categories = 1;
    assert_int_equal(fixture_call(fixture, &config_service, method, &batch.in, &out),
                     ERR_RESOURCE_NOT_FOUND);
    access_batch_init(&batch);
    batch.accesses[1].level = LEVEL(UNSPECIFIED);
    assert_int_equal(fixture_call(fixture, &config_service, method, &batch.in, &out),
                     ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "requests[1].company_password_access.level");
    assert_string_equal(fixture->err.text,
                        "requests[1].company_password_access.level: must be set");
    access_batch_init(&batch);
    batch.accesses[1].name = batch.accesses[0].name;
    assert_int_equal(fixture_call(fixture, &config_service, method, &batch.in, &out),
                     ERR_FIELD_INVALID);
    assert_int_equal(fixture_number(fixture, with_access), 0);
    // With the etags of what nobody chose yet.
    access_batch_init(&batch);
    for (size_t i = 0; i < 3; i++)
        batch.accesses[i].etag = first;
    assert_int_equal(fixture_call(fixture, &config_service, method, &batch.in, &out), ERR_OK);
    assert_int_equal(out.n_company_password_accesses, 3);
    assert_string_equal(out.company_password_accesses[0]->name, "companies/zeta/passwordAccess");
    assert_int_equal(out.company_password_accesses[2]->level, LEVEL(ALL_CATEGORIES));
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 6"), 3);
    // A lost race for one of them is lost for all.
    batch.accesses[0].etag = second;
    for (size_t i = 0; i < 3; i++)
        batch.accesses[i].level = LEVEL(NO_ACCESS);
    assert_int_equal(fixture_call(fixture, &config_service, method, &batch.in, &out),
                     ERR_ETAG_MISMATCH);
    assert_string_equal(fixture_meta(fixture, "resource"), "companies/acme/passwordAccess");
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM company_password_access"
                                             " WHERE level = 3"),
                     3);
    batch.in.n_requests = 0;
    assert_int_equal(fixture_call(fixture, &config_service, method, &batch.in, &out),
                     ERR_FIELD_INVALID);
    // A company out of scope hides the batch.
    static const char *const scope[] = {"acme", "beta"};
    fixture->caller.all_companies = false;
    fixture->caller.companies = scope;
    fixture->caller.company_count = 2;
    access_batch_init(&batch);
    assert_int_equal(fixture_call(fixture, &config_service, method, &batch.in, &out),
                     ERR_RESOURCE_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(switches_documentation),
        TEST(shares_one_switch),
        TEST(lists_types),
        TEST(switches_a_type),
        TEST(refreshes),
        TEST(sets_access),
        TEST(doubts_a_list_that_lacks_much),
        TEST(sets_access_of_many_or_none),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
