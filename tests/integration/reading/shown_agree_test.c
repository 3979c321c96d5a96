// What readers see is one thing, whoever is asked: lists, single records, the search, and what a
// change of mappings is said to hide. A random walk over all that decides on it, the same one each
// time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "docbridge/v1/mapping.pb-c.h"
#include "server/service/search.h"
#include "server/service/services.h"
#include "tests/integration/reading/fixture.h"
#include "tests/integration/reading/listed.h"

enum { STEPS = 150, OPEN_EVERY = 6, RECORDS_MAX = 32, NAME_BYTES = 80 };

// Folders 1, 2 below it and 3, and of another organization 4.
static const char SEED[] =
    "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, body, content_hash,"
    "  enabled, discover_time) VALUES ('t1', 'c1', 1, 'Router', '{}', '', true, now()),"
    "  ('t1', 'c1', 2, 'Licence', '{}', '', true, now());"
    "INSERT INTO company_documentation_access VALUES ('t1', 'acme', false, false, 1, now());"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, type_id,"
    "  folder_id, publish_time, body, content_hash) VALUES"
    "  ('t1', 'c1', 3, 1, 41, 'Top', 0, 0, NULL, '{\"ancestor_ids\": []}', ''),"
    "  ('t1', 'c1', 3, 2, 41, 'Below', 0, 1, NULL, '{\"ancestor_ids\": [1]}', ''),"
    "  ('t1', 'c1', 3, 3, 41, 'Aside', 0, 0, NULL, '{\"ancestor_ids\": []}', ''),"
    "  ('t1', 'c1', 3, 4, 42, 'Of beta', 0, 0, NULL, '{\"ancestor_ids\": []}', ''),"
    "  ('t1', 'c1', 4, 10, 41, 'Plan', 0, 0, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 11, 41, 'In top', 0, 1, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 12, 41, 'In below', 0, 2, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 13, 41, 'Aside', 0, 3, now(), '{}', ''),"
    "  ('t1', 'c1', 4, 14, 42, 'Of beta', 0, 4, now(), '{}', ''),"
    "  ('t1', 'c1', 5, 20, 41, 'Edge', 1, 0, NULL, '{}', ''),"
    "  ('t1', 'c1', 5, 21, 41, 'Office', 2, 0, NULL, '{}', ''),"
    "  ('t1', 'c1', 5, 22, 42, 'Core', 1, 0, NULL, '{}', ''),"
    "  ('t1', 'c1', 6, 30, 41, 'Onboarding', 0, 0, NULL, '{}', ''),"
    "  ('t1', 'c1', 6, 31, 42, 'Offboarding', 0, 0, NULL, '{}', '');";

// As the indexer leaves it.
static const char INDEX[] =
    "DELETE FROM search_entry; INSERT INTO search_entry SELECT tenant, connection_id, kind, id,"
    "  organization_id, update_time, 'zebra', fold(display_name),"
    "  search_words(display_name, 'zebra') FROM record WHERE kind IN (4, 5, 6)";

#define EITHER(what, one, other) \
    {                            \
        what one, what other     \
    }

// The first of each shows more than the second.
static const char *const changes[][2] = {
    EITHER("UPDATE connection_config SET documents_enabled = ", "true", "false"),
    EITHER("UPDATE connection_config SET checklists_enabled = ", "true", "false"),
    EITHER("UPDATE connection_config SET restricted_shown = ", "true", "false"),
    EITHER("UPDATE connection_config SET unpublished_shown = ", "true", "false"),
    EITHER("UPDATE connection_config SET archived_shown = ", "true", "false"),
    EITHER("UPDATE flexible_asset_type SET enabled = ", "true", "false WHERE id = 1"),
    EITHER("UPDATE flexible_asset_type SET upstream_state = ", "1", "2 WHERE id = 1"),
    EITHER("UPDATE flexible_asset_type SET upstream_state = ", "1", "3 WHERE id = 2"),
    EITHER("UPDATE company_documentation_access SET documents_hidden = ", "false", "true"),
    EITHER("UPDATE company_documentation_access SET checklists_hidden = ", "false", "true"),
    {"DELETE FROM company_hidden_type",
     "INSERT INTO company_hidden_type VALUES ('t1', 'acme', 'c1', 1) ON CONFLICT DO NOTHING"},
    EITHER("UPDATE record_document_folder SET restricted = ", "false", "true WHERE id = 1"),
    EITHER("UPDATE record_document_folder SET restricted = ", "false", "true WHERE id = 3"),
    EITHER("UPDATE record_document_folder SET organization_id = ", "41 WHERE id = 1",
           "42 WHERE id = 1"),
    EITHER("UPDATE record_document SET folder_id = ", "3 WHERE id = 13", "4 WHERE id = 13"),
    EITHER("UPDATE record_document SET folder_id = ", "3 WHERE id = 13", "99 WHERE id = 13"),
    EITHER("UPDATE record_document SET restricted = ", "false", "true WHERE id = 10"),
    EITHER("UPDATE record_document SET archived = ", "false", "true WHERE id IN (10, 12)"),
    EITHER("UPDATE record_document SET publish_time = ", "now()", "NULL WHERE id IN (10, 11)"),
    EITHER("UPDATE record_document SET organization_id = ", "41 WHERE id = 10", "42 WHERE id = 10"),
    EITHER("UPDATE record_document SET organization_id = ", "41 WHERE id = 11", "43 WHERE id = 11"),
    EITHER("UPDATE record_flexible_asset SET restricted = ", "false", "true WHERE id = 20"),
    EITHER("UPDATE record_flexible_asset SET archived = ", "false", "true WHERE id = 21"),
    EITHER("UPDATE record_flexible_asset SET type_id = ", "2 WHERE id = 21", "9 WHERE id = 21"),
    EITHER("UPDATE record_flexible_asset SET organization_id = ", "41 WHERE id = 20",
           "42 WHERE id = 20"),
    EITHER("UPDATE record_checklist SET restricted = ", "false", "true WHERE id = 30"),
    EITHER("UPDATE record_checklist SET archived = ", "false", "true WHERE id = 31"),
    EITHER("UPDATE record_checklist SET organization_id = ", "41 WHERE id = 30",
           "42 WHERE id = 30"),
    EITHER("UPDATE mapping SET company_id = ", "'acme' WHERE organization_id = 41",
           "'gamma' WHERE organization_id = 41"),
    EITHER("UPDATE connection SET state = ", "1", "2"),
};

// From 0 to below `most`.
static size_t pick(size_t most)
{
    static uint64_t walk = 7;
    walk = walk * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(walk >> 33) % most;
}

// Names of records of one company.
struct shown {
    char names[RECORDS_MAX][NAME_BYTES];
    size_t count;
};

static void add(struct shown *shown, const char *name)
{
    assert_in_range(shown->count, 0, RECORDS_MAX - 1);
    (void)snprintf(shown->names[shown->count++], NAME_BYTES, "%s", name);
}

static bool holds(const struct shown *shown, const char *name)
{
    size_t i = 0;
    while (i < shown->count && strcmp(shown->names[i], name) != 0)
        i++;
    return i < shown->count;
}

static void assert_within(const struct shown *some, const struct shown *all, const char *who)
{
    for (size_t i = 0; i < some->count; i++)
        if (!holds(all, some->names[i]))
            fail_msg("%s shows %s", who, some->names[i]);
}

#define LIST(Type, type, field)                                                          \
    static void list_##field(struct fixture *fixture, char *parent, struct shown *shown) \
    {                                                                                    \
        Docbridge__V1__List##Type##Request in;                                           \
        Docbridge__V1__List##Type##Response out;                                         \
        docbridge__v1__list_##type##_request__init(&in);                                 \
        in.parent = parent;                                                              \
        listed_call(fixture, &documentation_service, "List" #Type, &in, &out);           \
        assert_int_equal(out.total_size, out.n_##field);                                 \
        for (size_t i = 0; i < out.n_##field; i++)                                       \
            add(shown, out.field[i]->name);                                              \
    }
LIST(Documents, documents, documents)
LIST(FlexibleAssets, flexible_assets, flexible_assets)
LIST(Checklists, checklists, checklists)

static struct shown listed_of(struct fixture *fixture, char *parent)
{
    struct shown shown = {.count = 0};
    list_documents(fixture, parent, &shown);
    list_flexible_assets(fixture, parent, &shown);
    list_checklists(fixture, parent, &shown);
    return shown;
}

// Of all the records that there are, by name.
static struct shown got_of(struct fixture *fixture, const char *parent)
{
    static const struct {
        const char *collection, *method;
        int first, last;
    } kinds[] = {{"documents", "GetDocument", 10, 14},
                 {"flexibleAssets", "GetFlexibleAsset", 20, 22},
                 {"checklists", "GetChecklist", 30, 31}};
    struct shown shown = {.count = 0};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        for (int id = kinds[i].first; id <= kinds[i].last; id++) {
            Docbridge__V1__GetDocumentRequest document = DOCBRIDGE__V1__GET_DOCUMENT_REQUEST__INIT;
            Docbridge__V1__GetFlexibleAssetRequest asset =
                DOCBRIDGE__V1__GET_FLEXIBLE_ASSET_REQUEST__INIT;
            Docbridge__V1__GetChecklistRequest checklist =
                DOCBRIDGE__V1__GET_CHECKLIST_REQUEST__INIT;
            const void *const ins[] = {&document, &asset, &checklist};
            union {
                Docbridge__V1__Document document;
                Docbridge__V1__FlexibleAsset asset;
                Docbridge__V1__Checklist checklist;
            } out;
            struct err err = {0};
            char *name = arena_printf(&fixture->arena, "%s/%s/%d", parent, kinds[i].collection, id);
            document.name = asset.name = checklist.name = name;
            enum err_code code =
                listed_try(fixture, &documentation_service, kinds[i].method, ins[i], &out, &err);
            if (code == ERR_OK)
                add(&shown, name);
            else
                assert_int_equal(code, ERR_RESOURCE_NOT_FOUND);
        }
    }
    return shown;
}

static struct shown found_of(struct fixture *fixture, char *parent)
{
    Docbridge__V1__SearchDocumentationRequest in =
        DOCBRIDGE__V1__SEARCH_DOCUMENTATION_REQUEST__INIT;
    Docbridge__V1__SearchDocumentationResponse out =
        DOCBRIDGE__V1__SEARCH_DOCUMENTATION_RESPONSE__INIT;
    struct shown shown = {.count = 0};
    struct err err = {0};
    char query[] = "zebra";
    in.parent = parent;
    in.query = query;
    assert_int_equal(search_documentation_handler(&fixture->request, &in, &out, &err), ERR_OK);
    assert_int_equal(out.total_size, out.n_hits);
    for (size_t i = 0; i < out.n_hits; i++)
        add(&shown, out.hits[i]->resource);
    return shown;
}

static int32_t hidden_by_clearing(struct fixture *fixture)
{
    Docbridge__V1__ClearMappingRequest in = DOCBRIDGE__V1__CLEAR_MAPPING_REQUEST__INIT;
    Docbridge__V1__Organization out;
    char name[] = "connections/c1/organizations/41";
    in.name = name;
    in.validate_only = true;
    listed_call(fixture, &mapping_service, "ClearMapping", &in, &out);
    const Docbridge__V1__BlastRadius__Counts *hidden = out.blast_radius->hidden;
    return hidden->documents + hidden->flexible_assets + hidden->checklists;
}

static void step(struct fixture *fixture, const char *sql)
{
    static const char *const companies[] = {"acme", "beta", "gamma"};
    print_message("# %s\n", sql);
    (void)fixture_sql(fixture, sql);
    fixture->request.deadline = deadline_in(20000);
    for (size_t i = 0; i < ARRAY_LEN(companies); i++) {
        char *parent = arena_printf(&fixture->arena, "companies/%s", companies[i]);
        const struct shown listed = listed_of(fixture, parent);
        const struct shown got = got_of(fixture, parent);
        assert_within(&listed, &got, "the list");
        assert_within(&got, &listed, "the record itself");
        // What the index says of a record may be old.
        const struct shown found = found_of(fixture, parent);
        assert_within(&found, &listed, "the search");
    }
    (void)fixture_sql(fixture, INDEX);
    for (size_t i = 0; i < ARRAY_LEN(companies); i++) {
        char *parent = arena_printf(&fixture->arena, "companies/%s", companies[i]);
        const struct shown listed = listed_of(fixture, parent);
        const struct shown found = found_of(fixture, parent);
        assert_within(&found, &listed, "the search");
        assert_within(&listed, &found, "the list, unlike the search,");
    }
    char *holder = arena_strdup(&fixture->arena,
                                fixture_sql(fixture, "SELECT 'companies/' || company_id"
                                                     " FROM mapping WHERE organization_id = 41"));
    assert_int_equal(hidden_by_clearing(fixture), listed_of(fixture, holder).count);
}

static void all_that_is_said_of_a_record_agrees(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, SEED);
    (void)fixture_sql(fixture, "INSERT INTO company (tenant, id, display_name, name_key,"
                               "  create_time, update_time)"
                               " VALUES ('t1', 'gamma', 'Gamma', 'gamma', now(), now())");
    fixture->caller.permissions |= 1u << PERMISSION_MANAGE_INTEGRATIONS;
    size_t shown = 0;
    for (int i = 0; i < STEPS; i++) {
        arena_done(&fixture->arena);
        arena_init(&fixture->arena, 16 << 20);
        for (size_t k = 0; i % OPEN_EVERY == 0 && k < ARRAY_LEN(changes); k++)
            (void)fixture_sql(fixture, changes[k][0]);
        step(fixture, changes[pick(ARRAY_LEN(changes))][pick(4) > 0]);
        char acme[] = "companies/acme";
        shown += listed_of(fixture, acme).count;
    }
    // The walk was no walk through nothing.
    assert_in_range(shown, STEPS, STEPS * RECORDS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_that_is_said_of_a_record_agrees, fixture_fresh,
                                        fixture_drop),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
