// What is turned off stays for a while, and then goes.
#include <stdio.h>

#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

// How many records there are of each kind.
#define RECORDS                                                                          \
    "SELECT string_agg(kind || ':' || n, ' ' ORDER BY kind) FROM (SELECT kind, count(*)" \
    " AS n FROM record GROUP BY kind) AS k"

// Turns something off as if that had been so many days ago, and looks at it.
static void turn_off(struct fixture *fixture, const char *table, const char *what, const char *time,
                     int days)
{
    char sql[500];
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE %s SET %s = false; UPDATE %s SET %s = now() - interval '%d days';"
                   " UPDATE sync_schedule SET purge_time = now() - interval '1 minute'",
                   table, what, table, time, days);
    (void)fixture_sql(fixture, sql);
}

static void wait_for_a_look(struct fixture *fixture)
{
    fixture_wait_for(fixture, "SELECT bool_and(purge_time > now()) FROM sync_schedule", "t");
}

static void begin(struct fixture *fixture)
{
    fixture_seed(fixture);
    fixture->settings.scheduler_ms = 20;
    (void)fixture_sql(fixture, "INSERT INTO sync_schedule (tenant, connection_id, look_time,"
                               " due_times, full_due_time, purge_time) VALUES ('t1', 'c1',"
                               " 'infinity', array_fill('infinity'::timestamptz, ARRAY[5]),"
                               " 'infinity', 'infinity') ON CONFLICT (tenant, connection_id)"
                               " DO UPDATE SET look_time = 'infinity', purge_time = 'infinity'");
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
}

static void each_goes_by_itself(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *table, *what, *time, *left, *told;
    } rows[] = {
        {"connection_config", "documents_enabled", "documents_off_time", "5:6 6:4 7:1 9:8",
         "documents"},
        {"connection_config", "checklists_enabled", "checklists_off_time", "5:6 9:8", "checklists"},
        {"flexible_asset_type", "enabled", "off_time", "9:8", "flexible_assets"},
        {"connection_config", "password_sharing_enabled", "passwords_off_time", "", "passwords"},
    };
    begin(fixture);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        turn_off(fixture, rows[i].table, rows[i].what, rows[i].time, 31);
        fixture_wait_for(fixture, "SELECT coalesce((" RECORDS "), '')", rows[i].left);
        char told[200];
        (void)snprintf(told, sizeof(told),
                       "SELECT count(*) FROM audit_event WHERE type = 51 AND changes::text"
                       " LIKE '%%\"%s\"%%'",
                       rows[i].told);
        fixture_wait_for(fixture, told, "1");
    }
    assert_sql(fixture, "SELECT count(*) FROM search_entry", "0");
    assert_sql(fixture, "SELECT count(*) FROM sync_cursor WHERE kind <> 0", "0");
    assert_sql(fixture, "SELECT count(*) FROM sync_freshness WHERE kind IN (2, 3, 5)", "0");
}

// Not before its time, not what is on, and not what was turned on again.
static void stays_until_then(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    char before[200];
    (void)snprintf(before, sizeof(before), "%s", fixture_sql(fixture, RECORDS));
    turn_off(fixture, "connection_config", "documents_enabled", "documents_off_time", 29);
    wait_for_a_look(fixture);
    assert_sql(fixture, RECORDS, before);
    (void)fixture_sql(fixture,
                      "UPDATE connection_config SET documents_off_time = now() - interval '1 year';"
                      "UPDATE connection_config SET documents_enabled = true;"
                      "UPDATE connection_config SET documents_enabled = false;"
                      "UPDATE sync_schedule SET purge_time = now() - interval '1 minute'");
    wait_for_a_look(fixture);
    assert_sql(fixture, RECORDS, before);
    assert_sql(fixture, "SELECT count(*) FROM audit_event WHERE type = 51", "0");
}

// Turned on after it went, a list of changes alone would not bring it back.
static void comes_back_whole(void **state)
{
    struct fixture *fixture = *state;
    fixture->settings.page_size = 2;
    begin(fixture);
    // Long apart: by the cursor, the first page tells that nothing older is missing.
    for (int64_t id = 3000; id < 3004; id++)
        fake_put(&(struct fake_record){.kind = SOURCE_PASSWORDS,
                                       .id = id,
                                       .organization_id = 3,
                                       .name = "of another hour",
                                       .update_time_us = (4000 - id) * 3600 * 1000000});
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    (void)fixture_sql(fixture, "UPDATE sync_cursor SET update_time = to_timestamp(1000 * 3600)"
                               " WHERE kind = 9");
    char before[200];
    (void)snprintf(before, sizeof(before), "%s", fixture_sql(fixture, RECORDS));
    turn_off(fixture, "connection_config", "password_sharing_enabled", "passwords_off_time", 31);
    fixture_wait_for(fixture, "SELECT count(*) FROM record WHERE kind = 9", "0");
    (void)fixture_sql(fixture, "UPDATE connection_config SET password_sharing_enabled = true");
    fixture->mode = SYNC_MODE_QUICK;
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, RECORDS, before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(each_goes_by_itself),
        TEST(stays_until_then),
        TEST(comes_back_whole),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
