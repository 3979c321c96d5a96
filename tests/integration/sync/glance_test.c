// Quick runs of flexible assets: one request tells which types changed, wherever upstream lists
// several at once; and nothing is missed where it does not.
#include <stdio.h>

#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

static const int64_t DAY_US = 24 * 3600 * INT64_C(1000000);

static void put_asset(int64_t id, int64_t organization_id, int64_t type_id, int64_t day)
{
    fake_put(&(struct fake_record){.kind = SOURCE_FLEXIBLE_ASSETS,
                                   .id = id,
                                   .organization_id = organization_id,
                                   .type_id = type_id,
                                   .name = day > 100 ? "Changed" : "Asset",
                                   .update_time_us = day * DAY_US});
}

static void add_type(struct fixture *fixture, int64_t id)
{
    char sql[512];
    fake_put(&(struct fake_record){.kind = SOURCE_FLEXIBLE_ASSET_TYPES,
                                   .id = id,
                                   .name = "Type",
                                   .body = "{\"enabled\":true,\"fields\":[{\"key\":\"ip\","
                                           "\"kind\":\"Text\"}]}"});
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, body,"
                   " content_hash, enabled, chosen, discover_time)"
                   " VALUES ('t1', 'c1', %d, 'x', '{}', '', true, true, now())",
                   (int)id);
    (void)fixture_sql(fixture, sql);
}

// Types 7, 20, 21 and 22, the last without assets; a full run was made.
static void begin(struct fixture *fixture)
{
    fixture_seed(fixture);
    for (int64_t type = 20; type <= 22; type++)
        add_type(fixture, type);
    for (int64_t i = 0; i < 8; i++) {
        put_asset(50000 + i, i % 2 == 0 ? 3 : 9, 20, 10 + i);
        put_asset(60000 + i, i % 2 == 0 ? 5 : 9, 21, 30 + i);
    }
    fixture->settings.window = 1;
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fixture->mode = SYNC_MODE_QUICK;
}

// Requests for assets that a run makes.
static int run(struct fixture *fixture)
{
    fake_forget_requests();
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    return fake_request_count(SOURCE_FLEXIBLE_ASSETS);
}

static void assert_changed(struct fixture *fixture, const char *ids)
{
    assert_sql(fixture,
               "SELECT coalesce(string_agg(id::text, ' ' ORDER BY id), '') FROM record"
               " WHERE kind = 5 AND display_name = 'Changed'",
               ids);
}

static void types_that_did_not_change_cost_one_request(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_int_equal(run(fixture), 1);
    // Of an organization that is not mapped.
    put_asset(50001, 9, 20, 200);
    assert_int_equal(run(fixture), 1);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 5", "14");
}

static void what_changed_is_read_by_its_type_alone(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    put_asset(60000, 5, 21, 200);
    assert_int_equal(run(fixture), 2);
    assert_changed(fixture, "60000");
    // One is new, of the type that had none.
    put_asset(70000, 3, 22, 201);
    assert_int_equal(run(fixture), 2);
    assert_changed(fixture, "60000 70000");
    assert_int_equal(run(fixture), 1);
}

static void rows_that_went_cast_doubt_once(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fake_remove(SOURCE_FLEXIBLE_ASSETS, 60001);
    put_asset(60000, 5, 21, 200);
    assert_int_equal(run(fixture), 1 + 4);
    assert_changed(fixture, "60000");
    assert_int_equal(run(fixture), 1);
}

static void more_changes_than_a_page_are_read_by_all_types(void **state)
{
    struct fixture *fixture = *state;
    fixture->settings.page_size = 4;
    begin(fixture);
    for (int64_t i = 0; i < 4; i++)
        put_asset(50000 + i, 3, 20, 200 + i);
    put_asset(60000, 5, 21, 150);
    // The first type has had no change and none can be seen of it.
    assert_true(run(fixture) > 4);
    assert_changed(fixture, "50000 50001 50002 50003 60000");
}

static void the_first_type_alone_is_no_answer(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fake_take_first_type_alone();
    put_asset(60000, 5, 21, 200);
    assert_int_equal(run(fixture), 1 + 4);
    assert_changed(fixture, "60000");
    // It is not asked for again.
    put_asset(60002, 5, 21, 201);
    assert_int_equal(run(fixture), 4);
    assert_changed(fixture, "60000 60002");
    assert_sql(fixture, "SELECT count(*) FROM sync_issue", "0");
}

static void an_order_that_is_ignored_is_no_answer(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fake_ignore_order();
    put_asset(60000, 5, 21, 200);
    (void)run(fixture);
    assert_changed(fixture, "60000");
}

static void what_a_quick_run_leaves_out_settles_nothing(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    (void)fixture_sql(fixture,
                      "INSERT INTO sync_issue (tenant, connection_id, id, kind, state,"
                      " run_id, task_kind, subject, message, create_time)"
                      " SELECT 't1', 'c1', 'i', 1, 1, id, 4, 'flexibleAssets/1', 'x', now()"
                      " FROM sync_run");
    assert_int_equal(run(fixture), 1);
    assert_sql(fixture, "SELECT state FROM sync_issue", "1");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(types_that_did_not_change_cost_one_request),
        TEST(what_changed_is_read_by_its_type_alone),
        TEST(rows_that_went_cast_doubt_once),
        TEST(more_changes_than_a_page_are_read_by_all_types),
        TEST(the_first_type_alone_is_no_answer),
        TEST(an_order_that_is_ignored_is_no_answer),
        TEST(what_a_quick_run_leaves_out_settles_nothing),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
