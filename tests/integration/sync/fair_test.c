// Whose turn it is, when there are fewer threads than runs.
#include <unistd.h>

#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

// Organizations of the large account (t1's c1) and of the small one (t2's c2).
enum { LARGE = 3, SMALL = 5, PAGES = 100, NAP_US = 200000 };

static atomic_bool asked, small_done;

// Once the small account's run is asked for, each page of the large one takes
// long until that has ended: together ten seconds, far longer than the
// scheduler needs to see who waits.
static enum err_code linger(const struct source_query *query, const atomic_bool *cancelled,
                            struct source_attempt *attempt, struct err *reterr)
{
    (void)attempt;
    (void)reterr;
    if (query->organization_id != LARGE)
        return ERR_OK;
    while (!atomic_load(&asked) && !atomic_load(cancelled))
        (void)usleep(1000);
    if (!atomic_load(&small_done))
        (void)usleep(NAP_US);
    return ERR_OK;
}

// t2's c2, with an organization of its own.
static void connect_other(struct fixture *fixture)
{
    fixture_connect(fixture, "t2", "c2");
    (void)fixture_sql(fixture,
                      "INSERT INTO company (tenant, id, display_name, name_key, create_time,"
                      "  update_time) VALUES ('t2', 'theirs', 'x', 'x', now(), now());"
                      "INSERT INTO organization (tenant, connection_id, id, display_name, "
                      "name_key,"
                      "  body, content_hash, discover_time, update_time)"
                      " VALUES ('t2', 'c2', 5, 'x', 'x', '{}', '', now(), now());"
                      "INSERT INTO mapping (tenant, connection_id, organization_id, company_id,"
                      "  source, actor_subject, actor_display_name, actor_kind, create_time)"
                      " VALUES ('t2', 'c2', 5, 'theirs', 1, 'bob', 'Bob', 1, now());"
                      "INSERT INTO flexible_asset_type (tenant, connection_id, id, "
                      "display_name,"
                      "  body, content_hash, enabled, chosen, discover_time)"
                      " VALUES ('t2', 'c2', 7, 'x', '{}', '', true, true, now())");
}

static void prepare(struct fixture *fixture)
{
    fake_put_many(
        &(struct fake_record){
            .kind = SOURCE_PASSWORDS, .id = 1, .organization_id = LARGE, .name = "Password"},
        2 * PAGES);
    fake_put_many(
        &(struct fake_record){
            .kind = SOURCE_PASSWORDS, .id = 10001, .organization_id = SMALL, .name = "Password"},
        3);
    fixture_map(fixture, LARGE);
    connect_other(fixture);
    atomic_store(&asked, false);
    atomic_store(&small_done, false);
    fake_set_hook(linger);
    fixture->settings.page_size = 2;
    fixture->settings.window = 2;
    fixture->settings.run_threads = 1;
    fixture->settings.lease_ms = 3600000; // only a lease given back is due so soon
}

static void ask_for_both(struct fixture *fixture)
{
    char small_run[SYNC_RUN_ID_BYTES];
    fixture_start_sync(fixture);
    fixture_ask(fixture, SYNC_TASK_PASSWORDS);
    fixture_wait_for(fixture, "SELECT state FROM sync_run WHERE connection_id = 'c1'", "2");
    fixture->caller.tenant = "t2";
    fixture_ask_of(fixture, "c2", SYNC_TASK_PASSWORDS, small_run);
    atomic_store(&asked, true);
    fixture_wait_for(fixture, "SELECT state FROM sync_run WHERE connection_id = 'c2'", "5");
    atomic_store(&small_done, true);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
}

// Each page of both accounts was asked for once.
static void assert_whole(struct fixture *fixture)
{
    assert_sql(fixture,
               "SELECT string_agg(connection_id || ' ' || count, ', ' ORDER BY "
               "connection_id) FROM"
               " (SELECT connection_id, count(*) FROM record WHERE kind = 9 "
               "GROUP BY 1) AS of",
               "c1 200, c2 3");
    assert_int_equal(fake_request_count(SOURCE_PASSWORDS), PAGES + 2);
    assert_sql(fixture, "SELECT sum(created_count) FROM sync_task WHERE connection_id = 'c1'",
               "200");
    assert_sql(fixture, "SELECT count(*) FROM sync_lease", "0");
}

#define ENDED_FIRST "SELECT connection_id FROM sync_run ORDER BY end_time LIMIT 1"

static void a_large_account_gives_way_to_who_waits(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    fixture->settings.slice_ms = 1;
    ask_for_both(fixture);
    assert_sql(fixture, ENDED_FIRST, "c2");
    assert_whole(fixture);
}

static void a_run_has_its_slice(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    fixture->settings.slice_ms = 3600000;
    atomic_store(&small_done, true); // nothing takes long
    ask_for_both(fixture);
    assert_sql(fixture, ENDED_FIRST, "c1");
    assert_whole(fixture);
}

// Keeps the last fence of each lease: that of a new one is 1, and each turn
// raises it.
static void note_turns(struct fixture *fixture)
{
    (void)fixture_sql(fixture,
                      "CREATE TABLE turns (fence bigint); GRANT ALL ON turns TO PUBLIC;"
                      "CREATE FUNCTION note_turns() RETURNS trigger LANGUAGE plpgsql AS $$ "
                      "BEGIN"
                      " INSERT INTO turns VALUES (OLD.fence); RETURN OLD; END $$;"
                      "CREATE TRIGGER note_turns BEFORE DELETE ON sync_lease FOR EACH ROW"
                      " EXECUTE FUNCTION note_turns()");
}

static void nobody_gives_way_to_nobody(void **state)
{
    struct fixture *fixture = *state;
    prepare(fixture);
    fixture->settings.slice_ms = 1;
    fixture->settings.scheduler_ms = 5;
    atomic_store(&asked, true);
    atomic_store(&small_done, true);
    note_turns(fixture);
    fixture_start_sync(fixture);
    fixture_ask(fixture, SYNC_TASK_PASSWORDS);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT fence FROM turns", "2");
}

// Runs of both accounts, all tasks, until both have ended.
static void run_both(struct fixture *fixture)
{
    char other_run[SYNC_RUN_ID_BYTES];
    fake_forget_requests();
    fixture->caller.tenant = "t1";
    fixture_ask(fixture, 0);
    fixture->caller.tenant = "t2";
    fixture_ask_of(fixture, "c2", 0, other_run);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    fixture_wait_for(
        fixture,
        arena_printf(&fixture->arena, "SELECT state FROM sync_run WHERE id = '%s'", other_run),
        "5");
}

// Turns as short as can be, of everything that a run does: with nothing read ahead no request is
// made twice but that for the types, and what is stored is the same.
static void turns_cost_no_page(void **state)
{
    static const char stored[] = "SELECT md5(string_agg(connection_id || ' ' || "
                                 "kind || ' ' || id || ' ' || organization_id"
                                 " || ' ' || display_name, ',' ORDER BY "
                                 "connection_id, kind, id)) FROM record";
    struct fixture *fixture = *state;
    int alone[SOURCE_KIND_COUNT];
    fixture_seed(fixture);
    connect_other(fixture);
    fixture->settings.page_size = fixture->settings.document_page_size = 1;
    fixture_start_sync(fixture);
    run_both(fixture); // which learn how the account answers
    run_both(fixture);
    for (int kind = 0; kind < SOURCE_KIND_COUNT; kind++)
        alone[kind] = fake_request_count((enum source_kind)kind);
    const char *before = arena_strdup(&fixture->arena, fixture_sql(fixture, stored));
    fixture_stop_sync(fixture);
    (void)fixture_sql(fixture, "DELETE FROM record");
    note_turns(fixture);
    fixture->settings.run_threads = 1;
    fixture->settings.slice_ms = 1;
    fixture->settings.scheduler_ms = 1;
    fixture_start_sync(fixture);
    run_both(fixture);
    assert_sql(fixture, stored, before);
    for (int kind = 0; kind < SOURCE_KIND_COUNT; kind++)
        if (kind != SOURCE_FLEXIBLE_ASSET_TYPES)
            assert_int_equal(fake_request_count((enum source_kind)kind), alone[kind]);
    assert_sql(fixture, "SELECT min(fence) > 4 FROM turns", "t");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_large_account_gives_way_to_who_waits),
        TEST(a_run_has_its_slice),
        TEST(nobody_gives_way_to_nobody),
        TEST(turns_cost_no_page),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
