// Records that cannot be read or stored, or are not of whom they were asked for.
#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

static void a_bad_record_is_set_aside(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    struct fake_record record = {
        .kind = SOURCE_PASSWORDS, .id = 3001, .organization_id = 3, .name = "x", .bad = true};
    fake_put(&record);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fixture_run_all(fixture), RUN_PARTIAL);
        struct sync_run_row run = fixture_run(fixture);
        assert_int_equal(fixture_task(&run, 3)->state, TASK_PARTIAL);
        assert_int_equal(fixture_task(&run, 3)->counts.failed, 1);
        assert_int_equal(fixture_task(&run, 3)->counts.unchanged, 7);
    }
    // The last good version stays, and the trouble is one issue.
    assert_sql(fixture, "SELECT display_name FROM record WHERE kind = 9 AND id = 3001",
               "Password 3001");
    assert_sql(fixture,
               "SELECT string_agg(kind || ':' || state || ':' || subject, ' ')"
               " FROM sync_issue",
               "1:1:passwords/3001");
    record.bad = false;
    fake_put(&record);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT state || ':' || (resolve_time IS NOT NULL) FROM sync_issue",
               "2:true");
}

static void what_postgres_refuses_is_set_aside(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fake_put(&(struct fake_record){.kind = SOURCE_PASSWORDS,
                                   .id = 3002,
                                   .organization_id = 3,
                                   .name = "zero",
                                   .body = "{\"username\":\"\\u0000\"}"});
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_PARTIAL);
    struct sync_run_row run = fixture_run(fixture);
    assert_int_equal(fixture_task(&run, 3)->counts.created, 7);
    assert_int_equal(fixture_task(&run, 3)->counts.failed, 1);
    assert_sql(fixture, "SELECT subject FROM sync_issue WHERE state = 1", "passwords/3002");
}

static void a_page_of_refused_records_is_set_aside(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    for (int64_t id = 3000; id < 3004; id++)
        fake_put(&(struct fake_record){.kind = SOURCE_PASSWORDS,
                                       .id = id,
                                       .organization_id = 3,
                                       .name = "zero",
                                       .body = "{\"username\":\"\\u0000\"}"});
    fixture->settings.page_size = 2;
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_PARTIAL);
    struct sync_run_row run = fixture_run(fixture);
    assert_int_equal(fixture_task(&run, 3)->state, TASK_PARTIAL);
    assert_int_equal(fixture_task(&run, 3)->counts.created, 4);
    assert_int_equal(fixture_task(&run, 3)->counts.failed, 4);
}

// The one is gone upstream, the other no longer strays: neither comes in well.
static void issues_that_are_met_no_more_are_resolved(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fake_put(&(struct fake_record){
        .kind = SOURCE_PASSWORDS, .id = 3900, .organization_id = 3, .name = "bad", .bad = true});
    fake_put(&(struct fake_record){.kind = SOURCE_PASSWORDS,
                                   .id = 4001,
                                   .organization_id = 4,
                                   .name = "stray",
                                   .listed_under = 3});
    fixture->settings.page_size = 2;
    fixture_start_sync(fixture);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fixture_run_all(fixture), RUN_PARTIAL);
        assert_sql(fixture, "SELECT count(*) FROM sync_issue WHERE state = 1", "2");
    }
    fake_remove(SOURCE_PASSWORDS, 3900);
    fake_remove(SOURCE_PASSWORDS, 4001);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT count(*) FROM sync_issue WHERE state = 2", "2");
}

static void a_row_of_another_organization_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fake_put(&(struct fake_record){.kind = SOURCE_PASSWORDS,
                                   .id = 4001,
                                   .organization_id = 4,
                                   .name = "stray",
                                   .listed_under = 3});
    fixture->settings.page_size = 2; // so that organizations are asked one by one
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_PARTIAL);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9 AND id = 4001", "0");
    assert_sql(fixture, "SELECT kind || ':' || subject FROM sync_issue", "3:passwords/4001");
}

// Whoever stored it meanwhile: a row that was not there when the page was compared.
static void a_page_with_a_row_that_came_meanwhile_is_stored_again(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    // Sequences remember what transactions forget.
    (void)fixture_sql(
        fixture, "CREATE SEQUENCE tries; GRANT ALL ON tries TO PUBLIC;"
                 "CREATE FUNCTION come_first() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
                 " AS $$ BEGIN IF nextval('tries') = 1 THEN INSERT INTO record VALUES (NEW.*);"
                 " END IF; RETURN NEW; END $$;"
                 "CREATE TRIGGER come_first BEFORE INSERT ON record FOR EACH ROW"
                 " WHEN (NEW.kind = 9 AND NEW.id = 5000) EXECUTE FUNCTION come_first()");
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    // The row, the one that came first, and the row again.
    assert_sql(fixture, "SELECT last_value FROM tries", "3");
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9", "8");
    assert_sql(fixture, "SELECT count(*) FROM sync_issue", "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(a_bad_record_is_set_aside),
        TEST(what_postgres_refuses_is_set_aside),
        TEST(a_page_of_refused_records_is_set_aside),
        TEST(issues_that_are_met_no_more_are_resolved),
        TEST(a_row_of_another_organization_is_dropped),
        TEST(a_page_with_a_row_that_came_meanwhile_is_stored_again),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
