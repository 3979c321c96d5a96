// What a change of settings says it would show and hide is what the lists then show and hide.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/config.pb-c.h"
#include "server/service/services.h"
#include "tests/integration/reading/fixture.h"
#include "tests/integration/reading/listed.h"

// Of organization 41, beside the fixture's passwords.
static const char RECORDS[] =
    "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, body, content_hash,"
    "  enabled, chosen, discover_time) VALUES"
    "  ('t1', 'c1', 1, 'One', '{}', '', true, true, now()),"
    "  ('t1', 'c1', 2, 'Two', '{}', '', false, true, now()),"
    "  ('t1', 'c1', 3, 'Empty', '{}', '', false, true, now());"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, type_id,"
    "  restricted, publish_time, body, content_hash) VALUES"
    "  ('t1', 'c1', 4, 10, 41, 'Plain', 0, false, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 11, 41, 'Restricted', 0, true, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 12, 42, 'Of beta', 0, false, now(), '{}', ''),"
    "  ('t1', 'c1', 5, 20, 41, 'Of one', 1, false, NULL, '{}', ''),"
    "  ('t1', 'c1', 5, 21, 41, 'Of two', 2, false, NULL, '{}', ''),"
    "  ('t1', 'c1', 5, 22, 41, 'Of two', 2, false, NULL, '{}', ''),"
    "  ('t1', 'c1', 6, 30, 41, 'List', 0, false, NULL, '{}', '');"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name,"
    "  archived, publish_time, body, content_hash) VALUES"
    "  ('t1', 'c1', 4, 13, 41, 'Archived', true, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 14, 42, 'Archived of beta', true, now(), '{}', '');";

static char documentation_name[] = "connections/c1/documentationConfig";
static char password_name[] = "connections/c1/passwordConfig";
static char access_name[] = "companies/acme/passwordAccess";
static char hidden_name[] = "companies/acme/documentationAccess";
static char infrastructure[] = "connections/c1/passwordCategories/7";
static char banking[] = "connections/c1/passwordCategories/8";

typedef Docbridge__V1__BlastRadius Radius;
typedef const Radius *change(struct fixture *fixture, bool validate_only);

static Google__Protobuf__FieldMask *mask_of(struct fixture *fixture, const char *path)
{
    Google__Protobuf__FieldMask *mask = arena_calloc(&fixture->arena, 1, sizeof(*mask));
    google__protobuf__field_mask__init(mask);
    mask->paths = arena_calloc(&fixture->arena, 1, sizeof(*mask->paths));
    mask->paths[0] = arena_strdup(&fixture->arena, path);
    mask->n_paths = 1;
    return mask;
}

static const Radius *switch_documentation(struct fixture *fixture, bool validate_only,
                                          const char *path, bool on)
{
    Docbridge__V1__UpdateDocumentationConfigRequest in =
        DOCBRIDGE__V1__UPDATE_DOCUMENTATION_CONFIG_REQUEST__INIT;
    Docbridge__V1__DocumentationConfig config = DOCBRIDGE__V1__DOCUMENTATION_CONFIG__INIT;
    Docbridge__V1__DocumentationConfig out;
    config.name = documentation_name;
    config.documents_enabled = config.checklists_enabled = on;
    config.restricted_shown = on;
    in.documentation_config = &config;
    in.update_mask = mask_of(fixture, path);
    in.validate_only = validate_only;
    listed_call(fixture, &config_service, "UpdateDocumentationConfig", &in, &out);
    return out.blast_radius;
}

static const Radius *documents_off(struct fixture *fixture, bool validate_only)
{
    return switch_documentation(fixture, validate_only, "documents_enabled", false);
}

static const Radius *all_off(struct fixture *fixture, bool validate_only)
{
    return switch_documentation(fixture, validate_only, "*", false);
}

static const Radius *documents_on(struct fixture *fixture, bool validate_only)
{
    return switch_documentation(fixture, validate_only, "documents_enabled", true);
}

static const Radius *restricted_on(struct fixture *fixture, bool validate_only)
{
    return switch_documentation(fixture, validate_only, "restricted_shown", true);
}

// Archived documents come while restricted ones go.
static const Radius *one_for_another(struct fixture *fixture, bool validate_only)
{
    Docbridge__V1__UpdateDocumentationConfigRequest in =
        DOCBRIDGE__V1__UPDATE_DOCUMENTATION_CONFIG_REQUEST__INIT;
    Docbridge__V1__DocumentationConfig config = DOCBRIDGE__V1__DOCUMENTATION_CONFIG__INIT;
    Docbridge__V1__DocumentationConfig out;
    char *paths[] = {"restricted_shown", "archived_shown"};
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    mask.paths = paths;
    mask.n_paths = ARRAY_LEN(paths);
    config.name = documentation_name;
    config.archived_shown = true;
    in.documentation_config = &config;
    in.update_mask = &mask;
    in.validate_only = validate_only;
    listed_call(fixture, &config_service, "UpdateDocumentationConfig", &in, &out);
    return out.blast_radius;
}

static const Radius *sharing(struct fixture *fixture, bool validate_only, bool on)
{
    Docbridge__V1__UpdatePasswordConfigRequest in =
        DOCBRIDGE__V1__UPDATE_PASSWORD_CONFIG_REQUEST__INIT;
    Docbridge__V1__PasswordConfig config = DOCBRIDGE__V1__PASSWORD_CONFIG__INIT;
    Docbridge__V1__PasswordConfig out;
    config.name = password_name;
    config.password_sharing_enabled = on;
    in.password_config = &config;
    in.update_mask = mask_of(fixture, "*");
    in.validate_only = validate_only;
    listed_call(fixture, &config_service, "UpdatePasswordConfig", &in, &out);
    return out.blast_radius;
}

static const Radius *sharing_off(struct fixture *fixture, bool validate_only)
{
    return sharing(fixture, validate_only, false);
}

static const Radius *sharing_on(struct fixture *fixture, bool validate_only)
{
    return sharing(fixture, validate_only, true);
}

static const Radius *switch_type(struct fixture *fixture, bool validate_only, int type, bool on)
{
    Docbridge__V1__UpdateFlexibleAssetTypeRequest in =
        DOCBRIDGE__V1__UPDATE_FLEXIBLE_ASSET_TYPE_REQUEST__INIT;
    Docbridge__V1__FlexibleAssetType wanted = DOCBRIDGE__V1__FLEXIBLE_ASSET_TYPE__INIT;
    Docbridge__V1__FlexibleAssetType out;
    wanted.name = arena_printf(&fixture->arena, "connections/c1/flexibleAssetTypes/%d", type);
    wanted.enabled = on;
    in.flexible_asset_type = &wanted;
    in.update_mask = mask_of(fixture, "enabled");
    in.validate_only = validate_only;
    listed_call(fixture, &config_service, "UpdateFlexibleAssetType", &in, &out);
    return out.blast_radius;
}

static const Radius *type_two_on(struct fixture *fixture, bool validate_only)
{
    return switch_type(fixture, validate_only, 2, true);
}

static const Radius *empty_type_on(struct fixture *fixture, bool validate_only)
{
    return switch_type(fixture, validate_only, 3, true);
}

static const Radius *hide(struct fixture *fixture, bool validate_only)
{
    Docbridge__V1__UpdateCompanyDocumentationAccessRequest in =
        DOCBRIDGE__V1__UPDATE_COMPANY_DOCUMENTATION_ACCESS_REQUEST__INIT;
    Docbridge__V1__CompanyDocumentationAccess access =
        DOCBRIDGE__V1__COMPANY_DOCUMENTATION_ACCESS__INIT;
    Docbridge__V1__CompanyDocumentationAccess out;
    char two[] = "connections/c1/flexibleAssetTypes/2", *types[] = {two};
    access.name = hidden_name;
    access.checklists_hidden = true;
    access.hidden_flexible_asset_types = types;
    access.n_hidden_flexible_asset_types = 1;
    in.company_documentation_access = &access;
    in.update_mask = mask_of(fixture, "*");
    in.validate_only = validate_only;
    listed_call(fixture, &config_service, "UpdateCompanyDocumentationAccess", &in, &out);
    return out.blast_radius;
}

// Another category in place of the one that was selected: some passwords go, others come.
static void fill_access(Docbridge__V1__CompanyPasswordAccess *access, char **categories)
{
    docbridge__v1__company_password_access__init(access);
    access->name = access_name;
    access->level = DOCBRIDGE__V1__COMPANY_PASSWORD_ACCESS__LEVEL__LEVEL_SELECTED_CATEGORIES;
    access->password_categories = categories;
    access->n_password_categories = 1;
    access->include_uncategorized = true;
}

static const Radius *another_category(struct fixture *fixture, bool validate_only)
{
    Docbridge__V1__UpdateCompanyPasswordAccessRequest in =
        DOCBRIDGE__V1__UPDATE_COMPANY_PASSWORD_ACCESS_REQUEST__INIT;
    Docbridge__V1__CompanyPasswordAccess access, out;
    char *categories[] = {banking};
    fill_access(&access, categories);
    in.company_password_access = &access;
    in.update_mask = mask_of(fixture, "*");
    in.validate_only = validate_only;
    listed_call(fixture, &config_service, "UpdateCompanyPasswordAccess", &in, &out);
    return out.blast_radius;
}

static const Radius *and_back_for_many(struct fixture *fixture, bool validate_only)
{
    Docbridge__V1__BatchUpdateCompanyPasswordAccessRequest in =
        DOCBRIDGE__V1__BATCH_UPDATE_COMPANY_PASSWORD_ACCESS_REQUEST__INIT;
    Docbridge__V1__UpdateCompanyPasswordAccessRequest one =
        DOCBRIDGE__V1__UPDATE_COMPANY_PASSWORD_ACCESS_REQUEST__INIT;
    Docbridge__V1__UpdateCompanyPasswordAccessRequest *ones[] = {&one};
    Docbridge__V1__BatchUpdateCompanyPasswordAccessResponse out;
    Docbridge__V1__CompanyPasswordAccess access;
    char *categories[] = {infrastructure};
    fill_access(&access, categories);
    one.company_password_access = &access;
    one.update_mask = mask_of(fixture, "*");
    in.requests = ones;
    in.n_requests = 1;
    in.validate_only = validate_only;
    listed_call(fixture, &config_service, "BatchUpdateCompanyPasswordAccess", &in, &out);
    return out.blast_radius;
}

static void assert_moved(int32_t before, int32_t after, int32_t shown, int32_t hidden)
{
    assert_int_equal(after - before, shown - hidden);
}

static void each_change_does_what_it_said(void **state)
{
    // With how many come and go, of all kinds and companies, and how many are not synced yet.
    static const struct {
        change *change;
        int shown, hidden, unsynced;
    } cases[] = {
        {documents_off, 0, 2, 0}, {documents_on, 2, 0, 0},     {all_off, 0, 7, 0},
        {documents_on, 2, 0, 0},  {documents_on, 0, 0, 0},     {sharing_on, 4, 0, 0},
        {sharing_off, 0, 4, 0},   {sharing_on, 4, 0, 0},       {type_two_on, 2, 0, 1},
        {empty_type_on, 0, 0, 2}, {another_category, 1, 3, 0}, {and_back_for_many, 3, 1, 0},
        {hide, 0, 2, 0},          {restricted_on, 1, 0, 0},    {one_for_another, 2, 1, 0},
    };
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, RECORDS);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct listed before = listed(fixture, "acme");
        const struct listed other = listed(fixture, "beta");
        const char *events = fixture_sql(fixture, "SELECT count(*) FROM audit_event");
        const Radius *radius = cases[i].change(fixture, true);
        assert_int_equal(listed_sum(radius->shown), cases[i].shown);
        assert_int_equal(listed_sum(radius->hidden), cases[i].hidden);
        assert_int_equal(radius->unsynced_count, cases[i].unsynced);
        const struct listed still = listed(fixture, "acme");
        assert_memory_equal(&still, &before, sizeof(still));
        assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM audit_event"), events);
        assert_null(cases[i].change(fixture, false));
        const struct listed after = listed(fixture, "acme");
        const struct listed other_after = listed(fixture, "beta");
        assert_moved(before.documents + other.documents, after.documents + other_after.documents,
                     radius->shown->documents, radius->hidden->documents);
        assert_moved(before.flexible_assets, after.flexible_assets, radius->shown->flexible_assets,
                     radius->hidden->flexible_assets);
        assert_moved(before.checklists, after.checklists, radius->shown->checklists,
                     radius->hidden->checklists);
        assert_moved(before.passwords, after.passwords, radius->shown->passwords,
                     radius->hidden->passwords);
    }
}

// One row a company, and no etag: settings have their own.
static void tells_companies_apart(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, RECORDS);
    const Radius *radius = documents_off(fixture, true);
    assert_int_equal(radius->n_effects, 2);
    assert_string_equal(radius->effects[0]->company, "companies/acme");
    assert_int_equal(radius->effects[0]->hidden->documents, 1);
    assert_string_equal(radius->effects[1]->company, "companies/beta");
    assert_int_equal(radius->effects[1]->hidden->documents, 1);
    assert_string_equal(radius->etag, "");
}

// Restricted passwords are listed only if the policy says so, in the forecast too.
static void heeds_the_reveal_policy(void **state)
{
    struct fixture *fixture = *state;
    const int hidden = sharing_off(fixture, true)->hidden->passwords;
    (void)fixture_sql(fixture, "INSERT INTO reveal_policy VALUES ('t1', 1, true, false, 0, false,"
                               " false, 1, 1, now())");
    assert_int_equal(sharing_off(fixture, true)->hidden->passwords,
                     listed(fixture, "acme").passwords + listed(fixture, "beta").passwords);
    assert_true(sharing_off(fixture, true)->hidden->passwords > hidden);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(each_change_does_what_it_said),
        TEST(tells_companies_apart),
        TEST(heeds_the_reveal_policy),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
