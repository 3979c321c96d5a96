// Many mappings at once: all of them or none.
#include "tests/integration/service/mappings.h"

static char parent[] = "connections/c1";
static char acme[] = "companies/acme";
static char beta[] = "companies/beta";

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
    mappings_seed(fixture);
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
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 4"), 6);
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
    mappings_seed(fixture);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(batches_are_all_or_nothing),
        TEST(batches_refuse_what_is_unclear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
