// What a change of mappings says it shows and hides is what the lists then show and hide.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/mapping.pb-c.h"
#include "server/service/services.h"
#include "tests/integration/reading/fixture.h"
#include "tests/integration/reading/listed.h"

typedef Docbridge__V1__BlastRadius__Counts Counts;

static void assert_counts(const Counts *counts, const struct listed *wanted)
{
    assert_int_equal(counts->documents, wanted->documents);
    assert_int_equal(counts->flexible_assets, wanted->flexible_assets);
    assert_int_equal(counts->checklists, wanted->checklists);
    assert_int_equal(counts->passwords, wanted->passwords);
}

static const struct listed none;

// Of organization 41: documents of which two, assets of which one, and checklists of which two can
// be seen by readers.
static const char RECORDS[] =
    "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, body, content_hash,"
    "  enabled, discover_time) VALUES ('t1', 'c1', 1, 'On', '{}', '', true, now()),"
    "  ('t1', 'c1', 2, 'Off', '{}', '', false, now());"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, type_id,"
    "  folder_id, restricted, archived, publish_time, body, content_hash) VALUES"
    "  ('t1', 'c1', 3, 1, 41, 'Open', 0, 0, false, false, NULL, '{\"ancestor_ids\": []}', ''),"
    "  ('t1', 'c1', 3, 2, 41, 'Closed', 0, 0, true, false, NULL, '{\"ancestor_ids\": []}', ''),"
    "  ('t1', 'c1', 3, 3, 41, 'Below', 0, 2, false, false, NULL, '{\"ancestor_ids\": [2]}', ''),"
    "  ('t1', 'c1', 4, 10, 41, 'Plain', 0, 0, false, false, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 11, 41, 'In open', 0, 1, false, false, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 12, 41, 'In closed', 0, 2, false, false, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 13, 41, 'Below closed', 0, 3, false, false, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 14, 41, 'In unknown', 0, 99, false, false, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 15, 41, 'Restricted', 0, 0, true, false, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 16, 41, 'Archived', 0, 0, false, true, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 17, 41, 'Draft', 0, 0, false, false, NULL, '{}', ''),"
    "  ('t1', 'c1', 5, 20, 41, 'Of on', 1, 0, false, false, NULL, '{}', ''),"
    "  ('t1', 'c1', 5, 21, 41, 'Of off', 2, 0, false, false, NULL, '{}', ''),"
    "  ('t1', 'c1', 6, 30, 41, 'One', 0, 0, false, false, NULL, '{}', ''),"
    "  ('t1', 'c1', 6, 31, 41, 'Two', 0, 0, false, false, NULL, '{}', ''),"
    "  ('t1', 'c1', 6, 32, 41, 'Restricted', 0, 0, true, false, NULL, '{}', '');";

// Whatever the switches say, what clearing hides is what the lists show.
static void clearing_hides_what_is_listed(void **state)
{
    static const char *const settings[] = {
        "SELECT 1",
        "UPDATE company_password_access SET level = 3",
        "UPDATE company_password_access SET level = 2, include_uncategorized = false",
        "UPDATE company_password_access SET level = 1",
        "UPDATE connection_config SET documents_enabled = false",
        "UPDATE connection_config SET checklists_enabled = false",
        "UPDATE connection_config SET password_sharing_enabled = false",
        "UPDATE flexible_asset_type SET enabled = NOT enabled",
        "DELETE FROM company_password_access",
        "UPDATE connection_config SET documents_enabled = true, checklists_enabled = true;"
        "UPDATE flexible_asset_type SET enabled = true;"
        "INSERT INTO company_documentation_access VALUES ('t1', 'acme', true, false, 1, now())",
        "UPDATE company_documentation_access SET documents_hidden = false, checklists_hidden = "
        "true",
        "INSERT INTO company_hidden_type VALUES ('t1', 'acme', 'c1', 1)",
    };
    struct fixture *fixture = *state;
    Docbridge__V1__ClearMappingRequest in = DOCBRIDGE__V1__CLEAR_MAPPING_REQUEST__INIT;
    Docbridge__V1__Organization out;
    char name[] = "connections/c1/organizations/41", acme[] = "companies/acme";
    (void)fixture_sql(fixture, RECORDS);
    in.name = name;
    in.validate_only = true;
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        (void)fixture_sql(fixture, settings[i]);
        const struct listed wanted = listed(fixture, "acme");
        if (i == 0) {
            assert_int_equal(wanted.documents, 2);
            assert_int_equal(wanted.flexible_assets, 1);
            assert_int_equal(wanted.checklists, 2);
            assert_int_equal(wanted.passwords, 4);
        }
        listed_call(fixture, &mapping_service, "ClearMapping", &in, &out);
        assert_int_equal(out.blast_radius->n_effects, 1);
        assert_string_equal(out.blast_radius->effects[0]->company, acme);
        assert_counts(out.blast_radius->effects[0]->hidden, &wanted);
        assert_counts(out.blast_radius->effects[0]->shown, &none);
        assert_counts(out.blast_radius->hidden, &wanted);
        assert_int_equal(out.blast_radius->unsynced_count, 0);
        // It is shown as it would be, and nothing was done.
        assert_int_equal(out.mapping_state,
                         DOCBRIDGE__V1__ORGANIZATION__MAPPING_STATE__MAPPING_STATE_UNMAPPED);
        const struct listed still = listed(fixture, "acme");
        assert_memory_equal(&still, &wanted, sizeof(still));
    }
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM audit_event"), "0");
}

// What a move shows is judged by the level of the company that gets it.
static void a_move_shows_what_is_listed_then(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SetMappingRequest in = DOCBRIDGE__V1__SET_MAPPING_REQUEST__INIT;
    Docbridge__V1__SetMappingResponse out;
    char name[] = "connections/c1/organizations/41", beta[] = "companies/beta";
    (void)fixture_sql(fixture, RECORDS);
    (void)fixture_sql(fixture, "DELETE FROM mapping WHERE organization_id = 42;"
                               "INSERT INTO company_password_access VALUES ('t1', 'beta', 3, true,"
                               " 1, now())");
    in.name = name;
    in.company = beta;
    in.validate_only = true;
    const struct listed before = listed(fixture, "acme");
    listed_call(fixture, &mapping_service, "SetMapping", &in, &out);
    const Docbridge__V1__BlastRadius *radius = out.blast_radius;
    assert_int_equal(radius->n_effects, 2);
    assert_string_equal(radius->effects[0]->company, "companies/acme");
    assert_string_equal(radius->effects[1]->company, "companies/beta");
    assert_counts(radius->effects[0]->hidden, &before);
    assert_counts(radius->effects[1]->hidden, &none);
    assert_int_equal(radius->effects[1]->shown->passwords, 5); // one more than acme's level let
    assert_string_equal(out.organization->mapping->company, beta);
    (void)fixture_sql(fixture, "UPDATE mapping SET company_id = 'beta'");
    const struct listed after = listed(fixture, "beta"), rest = listed(fixture, "acme");
    assert_counts(radius->shown, &after);
    assert_memory_equal(&rest, &none, sizeof(rest));
}

// The etag is proof of having seen the very numbers.
static void the_etag_goes_with_the_numbers(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__SetMappingRequest in = DOCBRIDGE__V1__SET_MAPPING_REQUEST__INIT;
    Docbridge__V1__SetMappingResponse out;
    char name[] = "connections/c1/organizations/41", beta[] = "companies/beta";
    static const char *const changes[] = {
        "INSERT INTO company_password_access VALUES ('t1', 'beta', 3, true, 1, now())",
        "UPDATE connection_config SET checklists_enabled = false",
        "DELETE FROM record WHERE id = 10",
        "UPDATE organization SET revision = revision + 1 WHERE id = 41",
    };
    (void)fixture_sql(fixture, RECORDS);
    (void)fixture_sql(fixture, "DELETE FROM mapping WHERE organization_id = 42");
    in.name = name;
    in.company = beta;
    in.validate_only = true;
    listed_call(fixture, &mapping_service, "SetMapping", &in, &out);
    const char *etag = out.blast_radius->etag;
    listed_call(fixture, &mapping_service, "SetMapping", &in, &out);
    assert_string_equal(out.blast_radius->etag, etag);
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        (void)fixture_sql(fixture, changes[i]);
        listed_call(fixture, &mapping_service, "SetMapping", &in, &out);
        assert_string_not_equal(out.blast_radius->etag, etag);
        etag = out.blast_radius->etag;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(clearing_hides_what_is_listed),
        TEST(a_move_shows_what_is_listed_then),
        TEST(the_etag_goes_with_the_numbers),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
