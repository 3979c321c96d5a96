// What a company's settings refuse: unknown fields, other callers' pages, lost races; and what it
// hides of its documentation.
#include "tests/integration/service/fixture.h"

#include <stdio.h>

#include "docbridge/v1/company.pb-c.h"
#include "docbridge/v1/config.pb-c.h"
#include "server/base/encoding.h"

static char parent[] = "connections/c1";
static char name[] = "companies/acme/documentationAccess";

static void seed(struct fixture *fixture)
{
    fixture_seed_connection(fixture);
    (void)fixture_sql(
        fixture,
        "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time)"
        " SELECT 't1', id, id, id, now(), now() FROM unnest(ARRAY['acme', 'beta']) AS u (id);"
        "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, body,"
        " content_hash, discover_time) SELECT 't1', 'c1', n, 'T' || n, '{}', 'h', now()"
        " FROM generate_series(1, 3) n;"
        "INSERT INTO password_category (tenant, connection_id, id, display_name, discover_time)"
        " SELECT 't1', 'c1', n, 'C' || n, now() FROM generate_series(1, 3) n");
}

// An update of documentationAccess with one path; both types if `types`.
static enum err_code update(struct fixture *fixture, const char *path, bool on, size_t types,
                            const char *etag, Docbridge__V1__CompanyDocumentationAccess *out)
{
    static char first[] = "connections/c1/flexibleAssetTypes/2";
    static char second[] = "connections/c1/flexibleAssetTypes/1";
    static char unknown[] = "connections/c1/flexibleAssetTypes/9";
    static char *names[] = {first, second, unknown};
    Docbridge__V1__UpdateCompanyDocumentationAccessRequest in =
        DOCBRIDGE__V1__UPDATE_COMPANY_DOCUMENTATION_ACCESS_REQUEST__INIT;
    Docbridge__V1__CompanyDocumentationAccess wanted =
        DOCBRIDGE__V1__COMPANY_DOCUMENTATION_ACCESS__INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    char *paths[] = {arena_strdup(&fixture->arena, path)};
    mask.paths = paths;
    mask.n_paths = 1;
    wanted.name = name;
    wanted.documents_hidden = wanted.checklists_hidden = on;
    wanted.hidden_flexible_asset_types = names;
    wanted.n_hidden_flexible_asset_types = types;
    wanted.etag = arena_strdup(&fixture->arena, etag);
    in.company_documentation_access = &wanted;
    in.update_mask = &mask;
    return fixture_call(fixture, &config_service, "UpdateCompanyDocumentationAccess", &in, out);
}

static void hides_documentation_of_a_company(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__CompanyDocumentationAccess out;
    Docbridge__V1__GetCompanyDocumentationAccessRequest get =
        DOCBRIDGE__V1__GET_COMPANY_DOCUMENTATION_ACCESS_REQUEST__INIT;
    seed(fixture);
    get.name = name;
    static const char method[] = "GetCompanyDocumentationAccess";
    assert_int_equal(fixture_call(fixture, &config_service, method, &get, &out), ERR_OK);
    assert_false(out.documents_hidden || out.checklists_hidden);
    assert_string_equal(out.etag, "r0");
    assert_int_equal(update(fixture, "documents_hidden", true, 0, "r0", &out), ERR_OK);
    assert_true(out.documents_hidden && !out.checklists_hidden);
    assert_non_null(strstr(fixture_changes(fixture, 6), "documents_hidden"));
    // Who comes second has seen what is no more.
    assert_int_equal(update(fixture, "documents_hidden", false, 0, "r0", &out), ERR_ETAG_MISMATCH);
    assert_string_equal(fixture_meta(fixture, "current_etag"), "r1");
    assert_int_equal(update(fixture, "hidden_flexible_asset_types", false, 3, "", &out),
                     ERR_RESOURCE_NOT_FOUND);
    assert_string_equal(fixture_meta(fixture, "resource"), "connections/c1/flexibleAssetTypes/9");
    assert_int_equal(update(fixture, "hidden_flexible_asset_types", false, 2, "r1", &out), ERR_OK);
    assert_int_equal(out.n_hidden_flexible_asset_types, 2);
    assert_string_equal(out.hidden_flexible_asset_types[0], "connections/c1/flexibleAssetTypes/1");
    assert_true(out.documents_hidden); // what the mask does not name stays
    assert_int_equal(update(fixture, "*", false, 0, "", &out), ERR_OK);
    assert_int_equal(out.n_hidden_flexible_asset_types, 0);
    assert_false(out.documents_hidden);
    static const char *const scope[] = {"beta"};
    struct principal limited = fixture->caller;
    limited.all_companies = false;
    limited.companies = scope;
    limited.company_count = 1;
    assert_int_equal(fixture_call_as(fixture, &limited, &config_service, method, &get, &out),
                     ERR_RESOURCE_NOT_FOUND);
    struct err hidden = fixture->err;
    (void)fixture_sql(fixture, "DELETE FROM company WHERE id = 'acme'");
    assert_int_equal(fixture_call(fixture, &config_service, method, &get, &out),
                     ERR_RESOURCE_NOT_FOUND);
    assert_memory_equal(&hidden, &fixture->err, sizeof(hidden));
}

// Every update refuses a mask that is empty or names what there is not or what cannot be changed.
static void masks_name_known_fields(void **state)
{
    struct fixture *fixture = *state;
    static char documentation[] = "connections/c1/documentationConfig";
    static char sharing[] = "connections/c1/passwordConfig";
    static char type[] = "connections/c1/flexibleAssetTypes/1";
    static char access[] = "companies/acme/passwordAccess";
    static const char *const bad[] = {
        "colour",           "name", "etag", "update_time", "", "* ", "documents_enabled.x",
        "Documents_enabled"};
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    Docbridge__V1__DocumentationConfig c1 = DOCBRIDGE__V1__DOCUMENTATION_CONFIG__INIT;
    Docbridge__V1__PasswordConfig c2 = DOCBRIDGE__V1__PASSWORD_CONFIG__INIT;
    Docbridge__V1__FlexibleAssetType c3 = DOCBRIDGE__V1__FLEXIBLE_ASSET_TYPE__INIT;
    Docbridge__V1__CompanyPasswordAccess c4 = DOCBRIDGE__V1__COMPANY_PASSWORD_ACCESS__INIT;
    Docbridge__V1__CompanyDocumentationAccess c5 =
        DOCBRIDGE__V1__COMPANY_DOCUMENTATION_ACCESS__INIT;
    Docbridge__V1__UpdateDocumentationConfigRequest r1 =
        DOCBRIDGE__V1__UPDATE_DOCUMENTATION_CONFIG_REQUEST__INIT;
    Docbridge__V1__UpdatePasswordConfigRequest r2 =
        DOCBRIDGE__V1__UPDATE_PASSWORD_CONFIG_REQUEST__INIT;
    Docbridge__V1__UpdateFlexibleAssetTypeRequest r3 =
        DOCBRIDGE__V1__UPDATE_FLEXIBLE_ASSET_TYPE_REQUEST__INIT;
    Docbridge__V1__UpdateCompanyPasswordAccessRequest r4 =
        DOCBRIDGE__V1__UPDATE_COMPANY_PASSWORD_ACCESS_REQUEST__INIT;
    Docbridge__V1__UpdateCompanyDocumentationAccessRequest r5 =
        DOCBRIDGE__V1__UPDATE_COMPANY_DOCUMENTATION_ACCESS_REQUEST__INIT;
    char *paths[1];
    seed(fixture);
    c1.name = documentation;
    c2.name = sharing;
    c3.name = type;
    c4.name = access;
    c5.name = name;
    r1.documentation_config = &c1;
    r2.password_config = &c2;
    r3.flexible_asset_type = &c3;
    r4.company_password_access = &c4;
    r5.company_documentation_access = &c5;
    r1.update_mask = r2.update_mask = r3.update_mask = r4.update_mask = r5.update_mask = &mask;
    const struct {
        const char *method;
        const void *in;
    } updates[] = {{"UpdateDocumentationConfig", &r1},
                   {"UpdatePasswordConfig", &r2},
                   {"UpdateFlexibleAssetType", &r3},
                   {"UpdateCompanyPasswordAccess", &r4},
                   {"UpdateCompanyDocumentationAccess", &r5}};
    union {
        Docbridge__V1__DocumentationConfig o1;
        Docbridge__V1__PasswordConfig o2;
        Docbridge__V1__FlexibleAssetType o3;
        Docbridge__V1__CompanyPasswordAccess o4;
        Docbridge__V1__CompanyDocumentationAccess o5;
    } out;
    mask.paths = paths;
    for (size_t i = 0; i < ARRAY_LEN(updates); i++) {
        for (size_t k = 0; k <= ARRAY_LEN(bad); k++) {
            mask.n_paths = k < ARRAY_LEN(bad) ? 1 : 0;
            paths[0] = arena_strdup(&fixture->arena, k < ARRAY_LEN(bad) ? bad[k] : "");
            assert_int_equal(
                fixture_call(fixture, &config_service, updates[i].method, updates[i].in, &out),
                ERR_FIELD_INVALID);
            assert_string_equal(fixture->err.field, "update_mask");
        }
    }
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event"), 0);
}

static const char *first_changes(const Docbridge__V1__FlexibleAssetType *type)
{
    static char text[256];
    text[0] = '\0';
    for (size_t i = 0; i < type->n_field_changes; i++) {
        const Docbridge__V1__FlexibleAssetType__FieldChange *change = type->field_changes[i];
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len, "%s%s %d%s %d>%d", i == 0 ? "" : ", ",
                       change->key, (int)change->kind, change->breaking ? "!" : "",
                       (int)change->old_kind, (int)change->new_kind);
    }
    return text;
}

// Fields that came, went or became something else are told until somebody chooses again.
static void tells_how_fields_changed(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__UpdateFlexibleAssetTypeRequest in =
        DOCBRIDGE__V1__UPDATE_FLEXIBLE_ASSET_TYPE_REQUEST__INIT;
    Docbridge__V1__FlexibleAssetType wanted = DOCBRIDGE__V1__FLEXIBLE_ASSET_TYPE__INIT;
    Docbridge__V1__FlexibleAssetType out;
    Docbridge__V1__ListFlexibleAssetTypesRequest list =
        DOCBRIDGE__V1__LIST_FLEXIBLE_ASSET_TYPES_REQUEST__INIT;
    Docbridge__V1__ListFlexibleAssetTypesResponse page;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    static char type[] = "connections/c1/flexibleAssetTypes/1", enabled[] = "enabled";
    char *paths[] = {enabled};
    seed(fixture);
    list.parent = parent;
    mask.paths = paths;
    mask.n_paths = 1;
    wanted.name = type;
    wanted.enabled = true;
    in.flexible_asset_type = &wanted;
    in.update_mask = &mask;
    (void)fixture_sql(fixture,
                      "UPDATE flexible_asset_type SET body = '{\"fields\": ["
                      "{\"key\": \"a\", \"name\": \"A\", \"kind\": \"Text\"},"
                      "{\"key\": \"b\", \"name\": \"B\", \"kind\": \"Number\"},"
                      "{\"key\": \"c\", \"name\": \"C\", \"kind\": \"Date\"},"
                      "{\"key\": \"d\", \"name\": \"D\", \"kind\": \"Text\"}]}' WHERE id = 1");
    assert_int_equal(fixture_call(fixture, &config_service, "UpdateFlexibleAssetType", &in, &out),
                     ERR_OK);
    assert_string_equal(first_changes(&out), "");
    (void)fixture_sql(fixture,
                      "UPDATE flexible_asset_type SET body = '{\"fields\": ["
                      "{\"key\": \"e\", \"name\": \"E\", \"kind\": \"Select\"},"
                      "{\"key\": \"d\", \"name\": \"D\", \"kind\": \"Text\"},"
                      "{\"key\": \"b\", \"name\": \"B\", \"kind\": \"Password\"},"
                      "{\"key\": \"a\", \"name\": \"Alpha\", \"kind\": \"Text\"}]}' WHERE id = 1");
    assert_int_equal(fixture_call(fixture, &config_service, "ListFlexibleAssetTypes", &list, &page),
                     ERR_OK);
    assert_string_equal(first_changes(page.flexible_asset_types[0]),
                        "e 1 0>3, b 3! 4>10, a 4 1>1, c 2! 7>0");
    // A type that nobody chose has nothing to compare with.
    assert_string_equal(first_changes(page.flexible_asset_types[1]), "");
    assert_int_equal(fixture_call(fixture, &config_service, "UpdateFlexibleAssetType", &in, &out),
                     ERR_OK);
    assert_string_equal(first_changes(&out), "");
    assert_true(out.enabled);
}

// A page token is good for its caller, its list and its filter, and for nothing else.
static void tokens_are_bound(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ListFlexibleAssetTypesRequest types =
        DOCBRIDGE__V1__LIST_FLEXIBLE_ASSET_TYPES_REQUEST__INIT;
    Docbridge__V1__ListFlexibleAssetTypesResponse types_out;
    Docbridge__V1__ListPasswordCategoriesRequest categories =
        DOCBRIDGE__V1__LIST_PASSWORD_CATEGORIES_REQUEST__INIT;
    Docbridge__V1__ListPasswordCategoriesResponse categories_out;
    Docbridge__V1__ListCompaniesRequest companies = DOCBRIDGE__V1__LIST_COMPANIES_REQUEST__INIT;
    Docbridge__V1__ListCompaniesResponse companies_out;
    static char filter[] = "mapped = false";
    struct principal subject = fixture->caller;
    struct principal tenant = fixture->caller;
    subject.subject = "somebody else";
    tenant.tenant = "t2";
    seed(fixture);
    types.parent = categories.parent = parent;
    types.page_size = categories.page_size = companies.page_size = 1;
    assert_int_equal(
        fixture_call(fixture, &config_service, "ListFlexibleAssetTypes", &types, &types_out),
        ERR_OK);
    assert_int_equal(fixture_call(fixture, &config_service, "ListPasswordCategories", &categories,
                                  &categories_out),
                     ERR_OK);
    assert_int_equal(
        fixture_call(fixture, &company_service, "ListCompanies", &companies, &companies_out),
        ERR_OK);
    const struct {
        const struct service *service;
        const char *method;
        const void *in;
        char **token;
        char *good;
    } lists[] = {
        {&config_service, "ListFlexibleAssetTypes", &types, &types.page_token,
         types_out.next_page_token},
        {&config_service, "ListPasswordCategories", &categories, &categories.page_token,
         categories_out.next_page_token},
        {&company_service, "ListCompanies", &companies, &companies.page_token,
         companies_out.next_page_token},
    };
    union {
        Docbridge__V1__ListFlexibleAssetTypesResponse o1;
        Docbridge__V1__ListPasswordCategoriesResponse o2;
        Docbridge__V1__ListCompaniesResponse o3;
    } out;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
            *lists[i].token = lists[k].good;
            assert_true(lists[k].good[0] != '\0');
            assert_int_equal(
                fixture_call(fixture, lists[i].service, lists[i].method, lists[i].in, &out),
                i == k ? ERR_OK : ERR_PAGE_TOKEN_INVALID);
        }
        *lists[i].token = lists[i].good;
        assert_int_equal(fixture_call_as(fixture, &subject, lists[i].service, lists[i].method,
                                         lists[i].in, &out),
                         ERR_PAGE_TOKEN_INVALID);
        assert_int_equal(
            fixture_call_as(fixture, &tenant, lists[i].service, lists[i].method, lists[i].in, &out),
            ERR_PAGE_TOKEN_INVALID);
    }
    companies.filter = filter;
    assert_int_equal(
        fixture_call(fixture, &company_service, "ListCompanies", &companies, &companies_out),
        ERR_PAGE_TOKEN_INVALID);
}

// Ten thousand categories come in pages, each once, and none of them is open by itself.
static void pages_ten_thousand_categories(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ListPasswordCategoriesRequest in =
        DOCBRIDGE__V1__LIST_PASSWORD_CATEGORIES_REQUEST__INIT;
    Docbridge__V1__ListPasswordCategoriesResponse out;
    seed(fixture);
    (void)fixture_sql(
        fixture,
        "INSERT INTO password_category (tenant, connection_id, id, display_name, discover_time)"
        " SELECT 't1', 'c1', n, 'Category ' || n % 7, now() FROM generate_series(4, 10000) n");
    in.parent = parent;
    in.page_size = 1000;
    size_t seen = 0;
    int64_t sum = 0;
    do {
        assert_int_equal(
            fixture_call(fixture, &config_service, "ListPasswordCategories", &in, &out), ERR_OK);
        for (size_t i = 0; i < out.n_password_categories; i++) {
            assert_int_equal(out.password_categories[i]->state,
                             DOCBRIDGE__V1__PASSWORD_CATEGORY__STATE__STATE_NEW);
            const char *id = strrchr(out.password_categories[i]->name, '/') + 1;
            int64_t number;
            assert_true(encoding_int64(id, strlen(id), &number));
            sum += number;
        }
        seen += out.n_password_categories;
        in.page_token = out.next_page_token;
    } while (out.next_page_token[0] != '\0' && seen < 20000);
    assert_int_equal(seen, 10000);
    assert_int_equal(sum, 10000 * 10001 / 2);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM company_password_category"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(hides_documentation_of_a_company), TEST(masks_name_known_fields),
        TEST(tells_how_fields_changed),         TEST(tokens_are_bound),
        TEST(pages_ten_thousand_categories),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
