// A record that upstream gives in a way that cannot be read: its last good content is shown, and
// said to be old.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "server/service/services.h"
#include "tests/integration/reading/listed.h"

static const char RECORDS[] =
    "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, content_hash,"
    " enabled, discover_time, body) VALUES ('t1','c1',77,'Backup','',true,now(),'{}');"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, type_id,"
    " publish_time, body, content_hash) SELECT 't1', 'c1', k, i, 41, 'One', 77, now(), '{}', ''"
    " FROM unnest('{4,5,6}'::smallint[]) k, unnest('{1,2}'::bigint[]) i;"
    "INSERT INTO sync_freshness SELECT 't1', 'c1', k, 0, now()"
    " FROM unnest('{2,4,5}'::smallint[]) k;"
    "INSERT INTO sync_run (tenant, connection_id, id, state, trigger, mode, actor_subject,"
    " actor_display_name, actor_kind, create_time) VALUES ('t1','c1','r1',5,1,1,'s','s',1,now())";

// As a sync names it: docbridge.v1.SyncTaskKind and the collection (sync/apply.c).
#define ISSUE(kind, task_kind, subject, state)                                                    \
    "INSERT INTO sync_issue (tenant, connection_id, id, kind, state, run_id, task_kind, subject," \
    " message, create_time) VALUES ('t1','c1',gen_random_uuid()," #kind "," #state                \
    ",'r1'," #task_kind ",'" subject "','','2026-09-15')"

static Docbridge__V1__Freshness *freshness(struct fixture *fixture, const char *method,
                                           const char *name)
{
    Docbridge__V1__GetDocumentRequest get_document = DOCBRIDGE__V1__GET_DOCUMENT_REQUEST__INIT;
    Docbridge__V1__GetFlexibleAssetRequest get_asset =
        DOCBRIDGE__V1__GET_FLEXIBLE_ASSET_REQUEST__INIT;
    Docbridge__V1__GetChecklistRequest get_checklist = DOCBRIDGE__V1__GET_CHECKLIST_REQUEST__INIT;
    Docbridge__V1__Document document;
    Docbridge__V1__FlexibleAsset asset;
    Docbridge__V1__Checklist checklist;
    get_document.name = get_asset.name = get_checklist.name = arena_strdup(&fixture->arena, name);
    const struct {
        const char *method;
        const void *in;
        void *out;
        Docbridge__V1__Freshness **freshness;
    } calls[] = {
        {"GetDocument", &get_document, &document, &document.freshness},
        {"GetFlexibleAsset", &get_asset, &asset, &asset.freshness},
        {"GetChecklist", &get_checklist, &checklist, &checklist.freshness},
    };
    size_t i = 0;
    while (strcmp(calls[i].method, method) != 0)
        i++;
    listed_call(fixture, &documentation_service, method, calls[i].in, calls[i].out);
    assert_non_null(*calls[i].freshness);
    return *calls[i].freshness;
}

static void what_cannot_be_read_any_more_is_stale(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *method, *name, *other, *issue;
    } rows[] = {
        {"GetDocument", "companies/acme/documents/1", "companies/acme/documents/2",
         ISSUE(1, 2, "documents/1", 1)},
        {"GetFlexibleAsset", "companies/acme/flexibleAssets/1", "companies/acme/flexibleAssets/2",
         ISSUE(1, 4, "flexibleAssets/1", 1)},
        {"GetChecklist", "companies/acme/checklists/1", "companies/acme/checklists/2",
         ISSUE(1, 5, "checklists/1", 1)},
    };
    (void)fixture_sql(fixture, RECORDS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_false(freshness(fixture, rows[i].method, rows[i].name)->stale);
        (void)fixture_sql(fixture, rows[i].issue);
        const Docbridge__V1__Freshness *old = freshness(fixture, rows[i].method, rows[i].name);
        assert_true(old->stale);
        assert_int_equal(old->as_of_time->seconds, 1789430400);
        const Docbridge__V1__Freshness *good = freshness(fixture, rows[i].method, rows[i].other);
        assert_false(good->stale);
        assert_true(good->as_of_time->seconds > 1789430400);
    }
    // It came in well again.
    (void)fixture_sql(fixture, "UPDATE sync_issue SET state = 2, resolve_time = now()");
    assert_false(freshness(fixture, rows[0].method, rows[0].name)->stale);
}

// An older time of the whole list is older news.
static void the_lists_own_age_counts_too(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, RECORDS);
    (void)fixture_sql(fixture, "UPDATE mapping SET create_time = '2026-09-13';"
                               "UPDATE sync_freshness SET complete_time = '2026-09-14'");
    (void)fixture_sql(fixture, ISSUE(1, 2, "documents/1", 1));
    const Docbridge__V1__Freshness *old =
        freshness(fixture, "GetDocument", "companies/acme/documents/1");
    assert_int_equal(old->as_of_time->seconds, 1789430400 - 86400);
    assert_true(old->stale);
}

// Troubles of other kinds, and of other records whose numbers begin alike.
static void other_issues_say_nothing_of_it(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, RECORDS);
    (void)fixture_sql(fixture, ISSUE(3, 2, "documents/1", 1));
    (void)fixture_sql(fixture, ISSUE(1, 2, "documents/11", 1));
    (void)fixture_sql(fixture, ISSUE(1, 2, "documentFolders/1", 1));
    assert_false(freshness(fixture, "GetDocument", "companies/acme/documents/1")->stale);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_cannot_be_read_any_more_is_stale),
        TEST(the_lists_own_age_counts_too),
        TEST(other_issues_say_nothing_of_it),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
