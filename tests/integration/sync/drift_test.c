// What a sync finds changed of mapped organizations: told until seen, and never acted upon.
#include <stdio.h>

#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

// All findings, one after the other: organization, kind, old value, new value, related
// organization.
#define FINDINGS                                                                                 \
    "SELECT string_agg(concat_ws('|', organization_id, kind, old_value, new_value, related_id)," \
    " ' ' ORDER BY organization_id, kind) FROM organization_finding"
#define NONE "SELECT count(*) FROM organization_finding"

static void put(int64_t id, const char *name, const char *body)
{
    fake_put(
        &(struct fake_record){.kind = SOURCE_ORGANIZATIONS, .id = id, .name = name, .body = body});
}

static void run(struct fixture *fixture)
{
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture,
               "SELECT string_agg(organization_id || ' ' || company_id, ','"
               " ORDER BY organization_id) FROM mapping",
               "3 company-3,5 company-5");
}

static void begin(struct fixture *fixture)
{
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    put(3, "Acme Berlin", "{\"psa_ids\": [\"7\"]}");
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    // The fixture's mapped organizations are nameless until the first run.
    (void)fixture_sql(fixture, "DELETE FROM organization_finding");
}

static void tells_what_changed(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    run(fixture);
    assert_sql(fixture, NONE, "0");
    put(3, "Acme Bonn", "{\"psa_ids\": [\"7\", \"8\"]}");
    put(4, "Not mapped", NULL);
    run(fixture);
    assert_sql(fixture, FINDINGS, "3|1|Acme Berlin|Acme Bonn|0 3|2|7|7, 8|0");
    // Unseen changes add up, and end where they began.
    put(3, "Acme Hamburg", "{\"psa_ids\": [\"7\"]}");
    run(fixture);
    assert_sql(fixture, FINDINGS, "3|1|Acme Berlin|Acme Hamburg|0");
    put(3, "Acme Berlin", "{\"psa_ids\": [\"7\"]}");
    run(fixture);
    assert_sql(fixture, NONE, "0");
}

static void tells_what_went_and_came_back(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fake_remove(SOURCE_ORGANIZATIONS, 5);
    run(fixture);
    assert_sql(fixture, FINDINGS, "5|3|||0");
    put(5, "Org 5", NULL);
    run(fixture);
    assert_sql(fixture, FINDINGS, "5|4|||0");
}

// Told of the one that is mapped; a name that is the same but for its legal form is near.
static void tells_near_duplicates(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    put(70, "ACME  Berlin GmbH", NULL);
    put(71, "Acme Berlin Lounge", NULL);
    run(fixture);
    assert_sql(fixture, FINDINGS, "3|5||ACME  Berlin GmbH|70");
}

// New clients appear with the next list of organizations, beside the mappings there are.
static void new_clients_appear(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    put(70, "New client", NULL);
    run(fixture);
    assert_sql(fixture,
               "SELECT display_name || ' ' || (discover_time > (SELECT max(discover_time)"
               " FROM organization WHERE id <> 70)) FROM organization WHERE id = 70",
               "New client true");
    assert_sql(fixture, NONE, "0");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)
    const struct CMUnitTest tests[] = {
        TEST(tells_what_changed),
        TEST(tells_what_went_and_came_back),
        TEST(tells_near_duplicates),
        TEST(new_clients_appear),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
