// Whole runs: what is fetched, what is stored, what is left alone.
#include <stdio.h>
#include <string.h>

#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

static void assert_counts(const struct sync_run_row *run, int kind, int64_t created,
                          int64_t updated, int64_t unchanged, int64_t deleted)
{
    const struct sync_counts *counts = &fixture_task(run, kind)->counts;
    assert_int_equal(counts->created, created);
    assert_int_equal(counts->updated, updated);
    assert_int_equal(counts->unchanged, unchanged);
    assert_int_equal(counts->deleted, deleted);
    assert_int_equal(counts->done, created + updated + unchanged + counts->failed);
    assert_int_equal(counts->total, counts->done);
}

static void stores_what_is_mapped_and_enabled(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    struct sync_run_row run = fixture_run(fixture);
    for (int kind = 1; kind <= 5; kind++)
        assert_int_equal(fixture_task(&run, kind)->state, TASK_SUCCEEDED);
    assert_counts(&run, 1, 10, 2, 0, 0); // two were there as they were mapped
    assert_counts(&run, 2, 12 + 2, 0, 0, 0);
    assert_counts(&run, 3, 8, 0, 0, 0);
    assert_counts(&run, 4, 6, 0, 0, 0);
    assert_counts(&run, 5, 4 + 1, 0, 0, 0);
    assert_sql(fixture,
               "SELECT string_agg(kind || ':' || n, ' ' ORDER BY kind) FROM (SELECT kind, count(*)"
               " AS n FROM record WHERE tenant = 't1' AND organization_id IN (0, 3, 5)"
               " GROUP BY kind) AS x",
               "3:2 4:12 5:6 6:4 7:1 9:8");
    assert_sql(fixture, "SELECT count(*) FROM record WHERE organization_id NOT IN (0, 3, 5)", "0");
    assert_sql(fixture, "SELECT count(*) FROM organization", "12");
    assert_sql(fixture,
               "SELECT display_name || ',' || enabled || ',' || chosen || ',' ||"
               " upstream_state FROM flexible_asset_type WHERE id = 8",
               "Off,false,false,1");
    assert_sql(fixture, "SELECT display_name FROM password_category WHERE id = 70", "Wifi");
    assert_sql(fixture, "SELECT count(*) FROM sync_freshness WHERE organization_id = 0", "5");
    assert_sql(fixture,
               "SELECT key_last_success_time IS NOT NULL AND inventory_time IS NOT NULL"
               " AND NOT inventory_denied FROM connection",
               "t");
    assert_sql(fixture, "SELECT count(*) FROM sync_page", "0");
    assert_sql(fixture, "SELECT count(*) FROM sync_lease", "0");
    assert_sql(fixture, "SELECT count(*) FROM audit_event WHERE type = 7", "1");
    assert_int_equal(run.request_count, fake_request_count(SOURCE_KIND_COUNT));
}

static void has_full_tables_counted(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    (void)fixture_sql(
        fixture,
        "INSERT INTO company (tenant, id, display_name, name_key, create_time,"
        " update_time) SELECT 't2', n, n, n, now(), now() FROM generate_series(1, 2000) n;"
        "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, body,"
        "  content_hash) SELECT 't2', 'c9', 9, n, 1, n, '{}', '' FROM generate_series(1, 2000) n");
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fixture_stop_sync(fixture);
    assert_sql(fixture, "SELECT reltuples >= 2000 FROM pg_class WHERE relname = 'company'", "t");
    assert_sql(fixture, "SELECT reltuples >= 2000 FROM pg_class WHERE relname = 'record_password'",
               "t");
    assert_sql(fixture, "SELECT reltuples FROM pg_class WHERE relname = 'organization'", "-1");
}

static void asks_for_nothing_that_is_not_mapped(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    (void)fixture_sql(fixture, "DELETE FROM mapping");
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(fake_request_count(SOURCE_PASSWORDS), 0);
    assert_int_equal(fake_request_count(SOURCE_DOCUMENTS), 0);
    assert_int_equal(fake_request_count(SOURCE_FLEXIBLE_ASSETS), 0);
    assert_int_equal(fake_request_count(SOURCE_CHECKLISTS), 0);
    assert_sql(fixture, "SELECT count(*) FROM record", "0");
    assert_sql(fixture, "SELECT count(*) FROM organization", "12");
}

static void asks_only_for_organizations_that_are_mapped(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    struct source_query query;
    for (int i = 0; fake_request(i, &query); i++)
        if (query.organization_id != 0)
            assert_true(query.organization_id == 3 || query.organization_id == 5);
}

static void leaves_out_what_is_off(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    (void)fixture_sql(fixture, "UPDATE connection_config SET documents_enabled = false,"
                               " checklists_enabled = false, password_sharing_enabled = false;"
                               "UPDATE flexible_asset_type SET enabled = false");
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    struct sync_run_row run = fixture_run(fixture);
    for (int kind = 2; kind <= 5; kind++)
        assert_int_equal(fixture_task(&run, kind)->state, TASK_DISABLED);
    assert_int_equal(fake_request_count(SOURCE_KIND_COUNT), 1);
}

static void rewrites_nothing_that_is_unchanged(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    // Not xmax: the search's index, which follows at its own pace, locks what it refers to.
    static const char sum[] = "SELECT sum(x::text::bigint) FROM (SELECT xmin AS x FROM record"
                              " UNION ALL SELECT xmin FROM organization) AS all_rows";
    char before[64];
    (void)snprintf(before, sizeof(before), "%s", fixture_sql(fixture, sum));
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, sum, before);
    struct sync_run_row run = fixture_run(fixture);
    assert_counts(&run, 1, 0, 0, 12, 0);
    assert_counts(&run, 2, 0, 0, 14, 0);
    assert_counts(&run, 3, 0, 0, 8, 0);
}

static void updates_what_changed(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fake_put(&(struct fake_record){
        .kind = SOURCE_PASSWORDS, .id = 3001, .organization_id = 3, .name = "Renamed"});
    fake_put(&(struct fake_record){
        .kind = SOURCE_PASSWORDS, .id = 3002, .organization_id = 5, .name = "Moved"});
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    struct sync_run_row run = fixture_run(fixture);
    assert_counts(&run, 3, 0, 2, 6, 0);
    assert_sql(fixture, "SELECT display_name FROM record WHERE kind = 9 AND id = 3001", "Renamed");
    assert_sql(fixture, "SELECT organization_id FROM record WHERE kind = 9 AND id = 3002", "5");
}

static void notes_renamed_and_vanished_organizations(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fake_put(&(struct fake_record){.kind = SOURCE_ORGANIZATIONS, .id = 3, .name = "New  NAME"});
    fake_remove(SOURCE_ORGANIZATIONS, 5);
    fake_forget_requests();
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture,
               "SELECT display_name || '|' || previous_display_name || '|' || name_key"
               " FROM organization WHERE id = 3",
               "New  NAME|Org 3|new name");
    assert_sql(fixture, "SELECT gone FROM organization WHERE id = 5", "t");
    assert_sql(fixture, "SELECT count(*) FROM mapping", "2");
    // No content of an orphan is asked for, and none is lost.
    struct source_query query;
    for (int i = 0; fake_request(i, &query); i++)
        assert_int_not_equal(query.organization_id, 5);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9 AND organization_id = 5", "4");
    fake_put(&(struct fake_record){.kind = SOURCE_ORGANIZATIONS, .id = 5, .name = "Org 5"});
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT gone FROM organization WHERE id = 5", "f");
}

static void lists_the_account_when_that_is_cheaper(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    for (int64_t org = 6; org <= 12; org++)
        fixture_map(fixture, org);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(fake_request_count(SOURCE_PASSWORDS), 1);
    assert_int_equal(fake_request_count(SOURCE_CHECKLISTS), 1);
    assert_int_equal(fake_request_count(SOURCE_FLEXIBLE_ASSETS), 1);
    struct sync_run_row run = fixture_run(fixture);
    assert_counts(&run, 3, 4 * 9, 0, 0, 0);
    assert_sql(fixture,
               "SELECT count(*) FROM record WHERE organization_id NOT IN"
               " (SELECT organization_id FROM mapping) AND organization_id <> 0",
               "0");
}

static void learns_the_document_filter(void **state)
{
    struct fixture *fixture = *state;
    static const enum fake_folders modes[] = {FAKE_FOLDERS_NULL_IS_ALL, FAKE_FOLDERS_NULL_IS_ROOT,
                                              FAKE_FOLDERS_NULL_REFUSED, FAKE_FOLDERS_ALL_IGNORED,
                                              FAKE_FOLDERS_ALL_REFUSED};
    static const char *const learned[] = {"1", "2", "2", "3", "3"};
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        (void)fixture_sql(fixture, "DELETE FROM record; UPDATE connection SET folder_filter = 0");
        fake_set_folders(modes[i]);
        assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
        assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 4", "12");
        assert_sql(fixture, "SELECT folder_filter FROM connection", learned[i]);
        struct sync_run_row run = fixture_run(fixture);
        assert_counts(&run, 2, 14, 0, 0, 0);
    }
}

static bool secrets_named;

static enum err_code look_at_secrets(const struct source_query *query, const atomic_bool *cancelled,
                                     struct source_attempt *attempt, struct err *reterr)
{
    (void)cancelled;
    (void)attempt;
    (void)reterr;
    if (query->kind == SOURCE_FLEXIBLE_ASSETS)
        secrets_named = query->secret_trait_count == 2 &&
                        strcmp(query->secret_traits[0], "admin") == 0 &&
                        strcmp(query->secret_traits[1], "logins") == 0;
    return ERR_OK;
}

static void names_secret_traits(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fake_put(&(struct fake_record){
        .kind = SOURCE_FLEXIBLE_ASSET_TYPES,
        .id = 7,
        .name = "Router",
        .body = "{\"enabled\":true,\"fields\":[{\"key\":\"admin\",\"kind\":\"Password\"},"
                "{\"key\":\"nodes\",\"kind\":\"Tag\",\"tag_type\":\"Configurations\"},"
                "{\"key\":\"logins\",\"kind\":\"Tag\",\"tag_type\":\"Passwords\"}]}"});
    fake_set_hook(look_at_secrets);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_true(secrets_named);
}

static void keeps_the_choice_of_types(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fake_put(&(struct fake_record){.kind = SOURCE_FLEXIBLE_ASSET_TYPES,
                                   .id = 7,
                                   .name = "Router",
                                   .body = "{\"enabled\":false,\"fields\":[]}"});
    fake_remove(SOURCE_FLEXIBLE_ASSET_TYPES, 8);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture,
               "SELECT string_agg(id || ':' || upstream_state || ':' || enabled, ' '"
               " ORDER BY id) FROM flexible_asset_type",
               "7:2:true 8:3:false");
}

static atomic_int type_lists;

// The first list of types lacks some, the next has them again.
static enum err_code hide_types_once(const struct source_query *query, const atomic_bool *cancelled,
                                     struct source_attempt *attempt, struct err *reterr)
{
    (void)cancelled;
    (void)attempt;
    (void)reterr;
    if (query->kind == SOURCE_FLEXIBLE_ASSET_TYPES && atomic_fetch_add(&type_lists, 1) == 1) {
        fake_put(&(struct fake_record){.kind = SOURCE_FLEXIBLE_ASSET_TYPES,
                                       .id = 7,
                                       .name = "Router",
                                       .body = "{\"enabled\":true,\"fields\":[]}"});
        fake_put(
            &(struct fake_record){.kind = SOURCE_FLEXIBLE_ASSET_TYPES, .id = 8, .name = "Off"});
    }
    return ERR_OK;
}

// Whatever the first list lacks of the types 7 and 8 the second one has.
static void lack_once(struct fixture *fixture, bool all)
{
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    if (all)
        fake_remove(SOURCE_FLEXIBLE_ASSET_TYPES, 7);
    fake_remove(SOURCE_FLEXIBLE_ASSET_TYPES, 8);
    atomic_store(&type_lists, 0);
    fake_set_hook(hide_types_once);
    (void)fixture_run_all(fixture);
    assert_int_equal(atomic_load(&type_lists), 2);
    assert_sql(fixture,
               "SELECT string_agg(id || ':' || upstream_state, ' ' ORDER BY id)"
               " FROM flexible_asset_type",
               "7:1 8:1");
}

static void looks_twice_at_an_empty_list_of_types(void **state)
{
    lack_once(*state, true);
}

// What its type hides is much, if it is one type alone.
static void looks_twice_for_a_type_that_is_missing(void **state)
{
    lack_once(*state, false);
}

static void joins_a_live_run(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    char first[SYNC_RUN_ID_BYTES];
    fixture_ask(fixture, 0);
    (void)memcpy(first, fixture->run_id, sizeof(first));
    fixture_ask(fixture, 0);
    assert_string_equal(first, fixture->run_id);
    assert_sql(fixture, "SELECT count(*) FROM sync_run", "1");
    fixture_start_sync(fixture);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    fixture_ask(fixture, 0);
    assert_string_not_equal(first, fixture->run_id);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
}

static struct fixture *mapping_fixture;
static atomic_bool mapped;

static enum err_code map_another(const struct source_query *query, const atomic_bool *cancelled,
                                 struct source_attempt *attempt, struct err *reterr)
{
    (void)cancelled;
    (void)attempt;
    (void)reterr;
    if (query->kind == SOURCE_DOCUMENTS && !atomic_exchange(&mapped, true))
        fixture_map(mapping_fixture, 9);
    return ERR_OK;
}

// Whoever maps joins the live run, which has passed by; the content comes all the same.
static void what_is_mapped_meanwhile_follows(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    mapping_fixture = fixture;
    atomic_store(&mapped, false);
    fake_set_hook(map_another);
    fixture_start_sync(fixture);
    (void)fixture_sql(fixture, "UPDATE mapping SET create_time = now() - interval '1 minute'");
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fixture_wait_for(fixture, "SELECT count(*) FROM sync_run WHERE state = 5", "2");
    assert_sql(fixture,
               "SELECT organization_ids::text || trigger || actor_kind FROM sync_run"
               " ORDER BY create_time DESC LIMIT 1",
               "{9}44");
    assert_sql(fixture, "SELECT count(*) FROM record WHERE organization_id = 9", "16");
    assert_sql(fixture, "SELECT count(*) FROM sync_lease", "0");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stores_what_is_mapped_and_enabled),
        TEST(has_full_tables_counted),
        TEST(asks_for_nothing_that_is_not_mapped),
        TEST(asks_only_for_organizations_that_are_mapped),
        TEST(leaves_out_what_is_off),
        TEST(rewrites_nothing_that_is_unchanged),
        TEST(updates_what_changed),
        TEST(notes_renamed_and_vanished_organizations),
        TEST(lists_the_account_when_that_is_cheaper),
        TEST(learns_the_document_filter),
        TEST(names_secret_traits),
        TEST(keeps_the_choice_of_types),
        TEST(looks_twice_at_an_empty_list_of_types),
        TEST(looks_twice_for_a_type_that_is_missing),
        TEST(joins_a_live_run),
        TEST(what_is_mapped_meanwhile_follows),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
