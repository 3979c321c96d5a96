// Quick runs of checklists: those that are not completed are read again, whatever their time says;
// of the others what changed.
#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

static const int64_t DAY_US = 24 * 3600 * INT64_C(1000000);

static void put(int64_t id, const char *name, bool completed, int64_t day)
{
    fake_put(&(struct fake_record){.kind = SOURCE_CHECKLISTS,
                                   .id = id,
                                   .organization_id = id % 2 == 0 ? 3 : 5,
                                   .name = name,
                                   .body = completed ? "{\"completed\":true,\"tasks\":[]}"
                                                     : "{\"completed\":false,\"tasks\":[]}",
                                   .update_time_us = day * DAY_US});
}

// In pages of ten: 14 that are not completed, and 40 that are.
static void begin(struct fixture *fixture)
{
    fixture_seed(fixture);
    for (int64_t org = 1; org <= 12; org++)
        for (int64_t i = 0; i < 2; i++)
            if (org != 1 || i == 0)
                fake_remove(SOURCE_CHECKLISTS, org * 1000 + i);
    for (int64_t i = 0; i < 53; i++)
        put(100 + i, "Checklist", i >= 13, 10 + i);
    for (int64_t org = 1; org <= 12; org++)
        if (org != 3 && org != 5)
            fixture_map(fixture, org);
    fixture->settings.page_size = 10;
    fixture->settings.window = 1;
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(fake_request_count(SOURCE_CHECKLISTS), 6);
    fixture->mode = SYNC_MODE_QUICK;
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
}

static int run(struct fixture *fixture)
{
    fake_forget_requests();
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    return fake_request_count(SOURCE_CHECKLISTS);
}

static void assert_named(struct fixture *fixture, const char *ids)
{
    assert_sql(fixture,
               "SELECT coalesce(string_agg(id::text, ' ' ORDER BY id), '') FROM record"
               " WHERE kind = 6 AND display_name = 'New'",
               ids);
}

static void open_ones_are_read_though_their_time_stands_still(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    assert_int_equal(run(fixture), 2);
    put(112, "New", false, 22);
    put(100, "New", false, 10);
    assert_int_equal(run(fixture), 2);
    assert_named(fixture, "100 112");
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 6", "54");
}

static void of_completed_ones_what_changed_is_read(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    put(120, "New", true, 200);
    put(101, "New", true, 201);  // was open
    put(130, "New", false, 202); // is open again
    put(400, "New", true, 203);
    assert_int_equal(run(fixture), 2);
    assert_named(fixture, "101 120 130 400");
}

static void another_order_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fake_ignore_order();
    put(112, "New", false, 22);
    (void)run(fixture);
    assert_named(fixture, "112");
    assert_sql(fixture, "SELECT subject FROM sync_issue WHERE kind = 4 AND task_kind = 5",
               "checklists");
}

static void an_open_one_that_is_not_met_is_looked_for(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fake_remove(SOURCE_CHECKLISTS, 105);
    put(141, "New", true, 51);
    assert_true(run(fixture) > 6);
    assert_named(fixture, "141");
    fixture->mode = SYNC_MODE_FULL;
    (void)run(fixture);
    fixture->mode = SYNC_MODE_QUICK;
    assert_int_equal(run(fixture), 2);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 6", "53");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(open_ones_are_read_though_their_time_stands_still),
        TEST(of_completed_ones_what_changed_is_read),
        TEST(another_order_is_noticed),
        TEST(an_open_one_that_is_not_met_is_looked_for),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
