// Quick runs: what changed and no more, whatever the account is like.
#include <string.h>

#include "server/base/clock.h"
#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

static const int64_t DAY_US = 24 * 3600 * INT64_C(1000000);

// All records of the account changed on different days of 1970.
static void age_all(void)
{
    static const enum source_kind kinds[] = {SOURCE_PASSWORDS, SOURCE_FLEXIBLE_ASSETS};
    for (int64_t org = 1; org <= 12; org++)
        for (int64_t i = 0; i < 4; i++)
            for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
                if (k == 0 || i < 3)
                    fake_put(&(struct fake_record){.kind = kinds[k],
                                                   .id = org * 1000 + i,
                                                   .organization_id = org,
                                                   .type_id = k == 0 ? 0 : 7,
                                                   .name = "Aged",
                                                   .update_time_us = (org + 20 * i) * DAY_US});
    for (int64_t org = 1; org <= 12; org++)
        fake_put(&(struct fake_record){.kind = SOURCE_ORGANIZATIONS,
                                       .id = org,
                                       .name = "Aged",
                                       .update_time_us = org * DAY_US});
}

static void change_password(int64_t id, int64_t organization_id, int64_t update_time_us)
{
    fake_put(&(struct fake_record){.kind = SOURCE_PASSWORDS,
                                   .id = id,
                                   .organization_id = organization_id,
                                   .name = "Changed",
                                   .update_time_us = update_time_us});
}

// A full run, then a quick one, in pages of six, of all organizations but 8 and 9.
static void begin(struct fixture *fixture)
{
    fixture_seed(fixture);
    age_all();
    for (int64_t org = 1; org <= 12; org++)
        if (org != 3 && org != 5 && org != 8 && org != 9)
            fixture_map(fixture, org);
    fixture->settings.page_size = 6;
    fixture->settings.window = 1;
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fixture->mode = SYNC_MODE_QUICK;
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fake_forget_requests();
}

static void what_did_not_change_costs_a_request_a_list(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(fake_request_count(SOURCE_ORGANIZATIONS), 1);
    assert_int_equal(fake_request_count(SOURCE_PASSWORDS), 1);
    assert_int_equal(fake_request_count(SOURCE_FLEXIBLE_ASSETS), 1);
    assert_int_equal(fixture_run(fixture).mode, SYNC_MODE_QUICK);
    fixture->mode = SYNC_MODE_FULL;
    fake_forget_requests();
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(fake_request_count(SOURCE_ORGANIZATIONS), 2);
    assert_int_equal(fixture_run(fixture).mode, SYNC_MODE_FULL);
}

static void categories_are_listed_when_one_is_new(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fake_put(&(struct fake_record){.kind = SOURCE_PASSWORD_CATEGORIES, .id = 71, .name = "New"});
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(fake_request_count(SOURCE_PASSWORD_CATEGORIES), 0);
    (void)fixture_sql(fixture, "UPDATE record SET category_id = 71 WHERE kind = 9 AND id = 3000");
    for (int run = 0; run < 2; run++)
        assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(fake_request_count(SOURCE_PASSWORD_CATEGORIES), 1);
    assert_sql(fixture, "SELECT display_name FROM password_category WHERE id = 71", "New");
}

static void what_changed_comes_in(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    change_password(3000, 3, 200 * DAY_US);
    change_password(5950, 5, 201 * DAY_US);
    change_password(8000, 8, 202 * DAY_US); // not mapped
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(fake_request_count(SOURCE_PASSWORDS), 1);
    assert_sql(fixture,
               "SELECT string_agg(id::text, ' ' ORDER BY id) FROM record"
               " WHERE kind = 9 AND display_name = 'Changed'",
               "3000 5950");
    // More than a page of changes.
    for (int i = 0; i < 12; i++)
        change_password(70000 + i, i % 2 == 0 ? 3 : 9, (210 + i) * DAY_US);
    fake_forget_requests();
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(fake_request_count(SOURCE_PASSWORDS), 3);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9 AND id >= 70000", "6");
}

static void what_is_gone_stays_until_a_full_run(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fake_remove(SOURCE_PASSWORDS, 3001);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9 AND id = 3001", "1");
    fixture->mode = SYNC_MODE_FULL;
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9 AND id = 3001", "0");
}

static void a_new_mapping_brings_everything(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fixture_map(fixture, 8);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9 AND organization_id = 8", "4");
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 5 AND organization_id = 8", "3");
}

static void other_fields_make_a_type_new(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fake_put(&(struct fake_record){
        .kind = SOURCE_FLEXIBLE_ASSET_TYPES,
        .id = 7,
        .name = "Router",
        .body = "{\"enabled\":true,\"fields\":[{\"key\":\"admin\",\"kind\":\"Password\"},"
                "{\"key\":\"ip\",\"kind\":\"Password\"}]}"});
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(fake_request_count(SOURCE_FLEXIBLE_ASSETS), 36 / 6);
}

static void an_ignored_order_is_noticed_and_remembered(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fake_ignore_order();
    change_password(3000, 3, 200 * DAY_US);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT display_name FROM record WHERE kind = 9 AND id = 3000", "Changed");
    assert_sql(fixture,
               "SELECT string_agg(subject, ' ' ORDER BY subject) FROM sync_issue"
               " WHERE kind = 4 AND state = 1",
               "flexibleAssetTypes/7/flexibleAssets organizations passwords");
    fake_forget_requests();
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    struct source_query query;
    // Checklists are all of one time here, which is any order.
    for (int i = 0; fake_request(i, &query); i++)
        assert_true(!query.newest_first || query.kind == SOURCE_CHECKLISTS);
    assert_int_equal(fake_request_count(SOURCE_FLEXIBLE_ASSETS), 36 / 6);
}

static enum err_code fail_second_page(const struct source_query *query,
                                      const atomic_bool *cancelled, struct source_attempt *attempt,
                                      struct err *reterr)
{
    (void)cancelled;
    (void)attempt;
    if (query->kind == SOURCE_PASSWORDS && query->page_number == 2)
        return err_set(reterr, ERR_UPSTREAM_ACCESS_DENIED, "not any more");
    return ERR_OK;
}

// The rows of others are neither stored nor held against upstream one by one.
static void an_ignored_filter_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    (void)fixture_sql(fixture, "DELETE FROM mapping WHERE organization_id = 5");
    fixture->settings.page_size = 6;
    fixture_start_sync(fixture);
    static const char assets[] = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM record"
                                 " WHERE kind = 5";
    fake_ignore_filters(true);
    for (int i = 0; i < 3; i++) {
        fake_forget_requests();
        assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
        assert_sql(fixture, assets, "3000 3001 3002");
        // A page of it; then the account's list, whole or what changed.
        assert_in_range(fake_request_count(SOURCE_FLEXIBLE_ASSETS), 2, 1 + 6);
        assert_sql(fixture,
                   "SELECT string_agg(kind || ':' || state || ':' || subject, ' ')"
                   " FROM sync_issue",
                   "4:1:flexibleAssetTypes/7/flexibleAssets");
        fixture->mode = i == 0 ? SYNC_MODE_QUICK : SYNC_MODE_FULL;
    }
    fake_remove(SOURCE_FLEXIBLE_ASSETS, 3002);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, assets, "3000 3001");
    fake_ignore_filters(false);
    fake_forget_requests();
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(fake_request_count(SOURCE_FLEXIBLE_ASSETS), 1);
    assert_sql(fixture, assets, "3000 3001");
    assert_sql(fixture, "SELECT state FROM sync_issue", "2");
}

static void a_run_that_failed_leaves_the_cursor(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    for (int i = 0; i < 12; i++)
        change_password(70000 + i, 3, (210 + i) * DAY_US);
    fake_set_hook(fail_second_page);
    assert_int_equal(fixture_run_all(fixture), RUN_PARTIAL);
    fake_set_hook(NULL);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9 AND id >= 70000", "12");
}

static void a_date_in_the_future_hides_no_change(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    int64_t now_us = clock_wall_us();
    change_password(3000, 3, now_us + 1000 * DAY_US);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    change_password(3001, 3, now_us);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT display_name FROM record WHERE kind = 9 AND id = 3001", "Changed");
}

static atomic_bool removed;

// A row on the first page goes while the second is fetched: a changed one slips past.
static enum err_code remove_while_walking(const struct source_query *query,
                                          const atomic_bool *cancelled,
                                          struct source_attempt *attempt, struct err *reterr)
{
    (void)cancelled;
    (void)attempt;
    (void)reterr;
    if (query->kind == SOURCE_PASSWORDS && query->page_number == 2 &&
        !atomic_exchange(&removed, true))
        fake_remove(SOURCE_PASSWORDS, 70011);
    return ERR_OK;
}

static void a_list_that_shrinks_is_walked_again(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    for (int i = 0; i < 12; i++)
        change_password(70000 + i, 3, (210 + i) * DAY_US);
    atomic_store(&removed, false);
    fake_set_hook(remove_while_walking);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    // The one that went was stored before, and stays until a full run.
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9 AND id >= 70000", "12");
}

static enum err_code no_folders(const struct source_query *query, const atomic_bool *cancelled,
                                struct source_attempt *attempt, struct err *reterr)
{
    (void)cancelled;
    if (query->kind != SOURCE_DOCUMENT_FOLDERS && query->kind != SOURCE_PASSWORD_FOLDERS)
        return ERR_OK;
    attempt->http_status = 404;
    return err_set(reterr, ERR_UPSTREAM_RECORD_GONE, "made so by the test");
}

static void put_foldered_password(int64_t id, int64_t organization_id, int64_t folder_id)
{
    fake_put(&(struct fake_record){.kind = SOURCE_PASSWORDS,
                                   .id = id,
                                   .organization_id = organization_id,
                                   .folder_id = folder_id,
                                   .name = "Foldered",
                                   .update_time_us = 300 * DAY_US});
}

static void assert_folder_requests(struct fixture *fixture, size_t documents, size_t passwords)
{
    fake_forget_requests();
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(fake_request_count(SOURCE_DOCUMENT_FOLDERS), documents);
    assert_int_equal(fake_request_count(SOURCE_PASSWORD_FOLDERS), passwords);
}

// What lies in folders that are not known is hidden.
static void a_first_run_lists_folders_though_quick(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    put_foldered_password(3800, 3, 31);
    fake_put(&(struct fake_record){
        .kind = SOURCE_PASSWORD_FOLDERS, .id = 31, .organization_id = 3, .name = "Folder"});
    fixture->mode = SYNC_MODE_QUICK;
    fixture_start_sync(fixture);
    assert_folder_requests(fixture, 2, 1);
    assert_sql(fixture,
               "SELECT string_agg(kind || ':' || id, ' ' ORDER BY kind, id) FROM record"
               " WHERE kind IN (3, 8)",
               "3:30 3:50 8:31");
    assert_folder_requests(fixture, 0, 0);
    // A folder that is new, and that of an organization which had none.
    put_foldered_password(3801, 3, 32);
    put_foldered_password(5800, 5, 51);
    assert_folder_requests(fixture, 0, 2);
}

static void folders_that_are_not_given_are_asked_for_once(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    put_foldered_password(3800, 3, 31);
    fake_set_hook(no_folders);
    fixture->mode = SYNC_MODE_QUICK;
    fixture_start_sync(fixture);
    assert_folder_requests(fixture, 2, 1);
    assert_folder_requests(fixture, 0, 0);
    // Only of an organization of which they were not.
    put_foldered_password(5800, 5, 51);
    assert_folder_requests(fixture, 0, 1);
    fixture_map(fixture, 8);
    assert_folder_requests(fixture, 1, 0);
    assert_folder_requests(fixture, 0, 0);
    // Full runs ask all that have any, and who has none any more begins anew.
    fake_remove(SOURCE_PASSWORDS, 5800);
    fixture->mode = SYNC_MODE_FULL;
    assert_folder_requests(fixture, 3, 1);
    put_foldered_password(5801, 5, 51);
    fixture->mode = SYNC_MODE_QUICK;
    assert_folder_requests(fixture, 0, 1);
    // Given at last.
    fake_set_hook(NULL);
    fixture->mode = SYNC_MODE_FULL;
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 3", "3");
}

// A list of the account that is longer than there are organizations.
static void few_organizations_are_asked_one_by_one(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    age_all();
    fixture->settings.page_size = 6;
    fixture->settings.window = 1;
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fixture->mode = SYNC_MODE_QUICK;
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    for (int i = 0; i < 12; i++)
        change_password(70000 + i, i == 7 ? 3 : 9, (210 + i) * DAY_US);
    fake_forget_requests();
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(fake_request_count(SOURCE_PASSWORDS), 2 + 2);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9 AND id >= 70000", "1");
    fake_forget_requests();
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(fake_request_count(SOURCE_PASSWORDS), 1);
}

static void a_full_run_is_not_joined_by_a_quick_one(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture->mode = SYNC_MODE_QUICK;
    fixture_ask(fixture, 0);
    fixture->mode = SYNC_MODE_FULL;
    fixture_ask(fixture, SYNC_TASK_PASSWORDS);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    fixture_wait_for(fixture,
                     "SELECT string_agg(r.mode || ':' || t.state, ' ' ORDER BY r.create_time)"
                     " FROM sync_run AS r JOIN sync_task AS t ON t.run_id = r.id AND t.kind = 2",
                     "1:5 2:1");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_did_not_change_costs_a_request_a_list),
        TEST(categories_are_listed_when_one_is_new),
        TEST(what_changed_comes_in),
        TEST(what_is_gone_stays_until_a_full_run),
        TEST(a_new_mapping_brings_everything),
        TEST(other_fields_make_a_type_new),
        TEST(an_ignored_order_is_noticed_and_remembered),
        TEST(an_ignored_filter_is_noticed),
        TEST(a_run_that_failed_leaves_the_cursor),
        TEST(a_date_in_the_future_hides_no_change),
        TEST(a_list_that_shrinks_is_walked_again),
        TEST(a_first_run_lists_folders_though_quick),
        TEST(folders_that_are_not_given_are_asked_for_once),
        TEST(few_organizations_are_asked_one_by_one),
        TEST(a_full_run_is_not_joined_by_a_quick_one),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
