// Quick runs of documents: a long list that did not change costs one request, where upstream is
// seen to keep to the order of changes; and nothing is missed where it does not.
#include <stdio.h>
#include <unistd.h>

#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

enum { PAGE = 4, LONG = 20, WHOLE = LONG / PAGE, LOOK = 1, PROOF = 2, OTHERS = 1 };

static const int64_t DAY_US = 24 * 3600 * INT64_C(1000000);

static void put(int64_t id, int64_t time_us, const char *name, int64_t folder_id)
{
    fake_put(&(struct fake_record){.kind = SOURCE_DOCUMENTS,
                                   .id = id,
                                   .organization_id = 3,
                                   .folder_id = folder_id,
                                   .name = name,
                                   .update_time_us = time_us});
}

// Organization 3 has LONG documents, the i-th changed on the day `days(i)`; 5 has one page. A full
// run was made.
static void begin(struct fixture *fixture, int64_t (*days)(int64_t i))
{
    fixture_seed(fixture);
    static const int64_t others[] = {3000, 3001, 3002, 3003, 3004, 3900, 5003, 5004};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        fake_remove(SOURCE_DOCUMENTS, others[i]);
    for (int64_t i = 0; i < LONG; i++)
        put(70000 + i, days(i) * DAY_US, "Document", 0);
    if (fixture->settings.window == 0)
        fixture->settings.window = 1;
    fixture->settings.document_page_size = PAGE;
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 4 AND organization_id = 3", "20");
    fixture->mode = SYNC_MODE_QUICK;
}

static int64_t mixed(int64_t i)
{
    return 10 + i * 7 % LONG;
}

static int64_t falling(int64_t i)
{
    return 100 - i;
}

static int64_t same(int64_t i)
{
    (void)i;
    return 10;
}

// Requests for documents that a run makes.
static int run(struct fixture *fixture)
{
    fake_forget_requests();
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    return fake_request_count(SOURCE_DOCUMENTS);
}

// The first quick run reads the list whole and finds the order out.
static void prove(struct fixture *fixture)
{
    assert_int_equal(run(fixture), WHOLE + PROOF + OTHERS);
    assert_int_equal(run(fixture), LOOK + OTHERS);
}

static void assert_changed(struct fixture *fixture, const char *ids)
{
    assert_sql(fixture,
               "SELECT coalesce(string_agg(id::text, ' ' ORDER BY id), '') FROM record"
               " WHERE kind = 4 AND display_name = 'Changed'",
               ids);
}

static void a_long_list_that_did_not_change_costs_one_request(void **state)
{
    struct fixture *fixture = *state;
    struct source_query query;
    begin(fixture, mixed);
    prove(fixture);
    int looks = 0;
    for (int n = 0; fake_request(n, &query); n++)
        looks += query.kind == SOURCE_DOCUMENTS && query.newest_first && query.page_size == 10;
    assert_int_equal(looks, LOOK);
}

static void what_was_edited_or_added_is_read(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, mixed);
    prove(fixture);
    put(70003, 200 * DAY_US, "Changed", 0);
    assert_int_equal(run(fixture), LOOK + WHOLE + OTHERS);
    put(70500, 201 * DAY_US, "Changed", 0);
    assert_int_equal(run(fixture), LOOK + WHOLE + 1 + OTHERS);
    assert_changed(fixture, "70003 70500");
    assert_int_equal(run(fixture), LOOK + OTHERS);
}

static void what_moved_to_a_folder_is_read(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, mixed);
    prove(fixture);
    put(70003, 200 * DAY_US, "Document", 30);
    assert_int_equal(run(fixture), LOOK + WHOLE + OTHERS);
    assert_sql(fixture, "SELECT folder_id FROM record WHERE kind = 4 AND id = 70003", "30");
}

static void what_was_deleted_is_missed_in_the_count(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, mixed);
    prove(fixture);
    fake_remove(SOURCE_DOCUMENTS, 70004);
    // A walk that would delete is made twice.
    assert_int_equal(run(fixture), LOOK + 2 * WHOLE + OTHERS);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 4 AND id = 70004", "0");
    assert_int_equal(run(fixture), LOOK + OTHERS);
}

// One went and another came with a time that is long past, as if it had been hidden: no look can
// see that.
static void what_no_look_can_see_is_found_by_the_full_run(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, mixed);
    prove(fixture);
    fake_remove(SOURCE_DOCUMENTS, 70004);
    put(70600, DAY_US, "Changed", 0);
    assert_int_equal(run(fixture), LOOK + OTHERS);
    assert_changed(fixture, "");
    fixture->mode = SYNC_MODE_FULL;
    (void)run(fixture);
    assert_changed(fixture, "70600");
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 4 AND id = 70004", "0");
}

static void an_order_that_is_ignored_is_asked_for_once(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, mixed);
    fake_ignore_order();
    assert_int_equal(run(fixture), WHOLE + 1 + OTHERS);
    assert_int_equal(run(fixture), WHOLE + OTHERS);
    assert_sql(fixture, "SELECT count(*) FROM sync_issue WHERE task_kind = 2", "0");
    (void)fixture_sql(fixture, "UPDATE sync_cursor SET distrust_time = now() - interval '8 days'");
    assert_int_equal(run(fixture), WHOLE + 1 + OTHERS);
}

static void a_list_that_lies_in_that_order_is_no_proof(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, falling);
    fake_ignore_order();
    assert_int_equal(run(fixture), WHOLE + PROOF + OTHERS);
    assert_int_equal(run(fixture), WHOLE + OTHERS);
    put(70019, 300 * DAY_US, "Changed", 0);
    assert_int_equal(run(fixture), WHOLE + OTHERS);
    assert_changed(fixture, "70019");
}

static void equal_times_are_no_proof(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, same);
    assert_int_equal(run(fixture), WHOLE + 1 + OTHERS);
    assert_int_equal(run(fixture), WHOLE + OTHERS);
}

static void an_upstream_that_changes_its_mind_is_trusted_no_more(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, mixed);
    prove(fixture);
    fake_ignore_order();
    put(70003, 200 * DAY_US, "Changed", 0);
    assert_int_equal(run(fixture), LOOK + WHOLE + OTHERS);
    assert_changed(fixture, "70003");
    assert_int_equal(run(fixture), WHOLE + OTHERS);
}

// Its list looks as if it were in order, but does not begin with the latest change that is stored.
static void a_list_without_its_latest_change_first_is_trusted_no_more(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, falling);
    prove(fixture);
    put(70019, 300 * DAY_US, "Changed", 0);
    assert_int_equal(run(fixture), LOOK + WHOLE + OTHERS);
    assert_changed(fixture, "70019");
    fake_ignore_order();
    assert_int_equal(run(fixture), LOOK + WHOLE + OTHERS);
    assert_int_equal(run(fixture), WHOLE + OTHERS);
}

static void what_changed_at_the_time_of_the_last_change_is_read(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, mixed);
    prove(fixture);
    // Edited in the same moment as the latest that is stored, and visible later.
    put(70000, (10 + LONG - 1) * DAY_US, "Changed", 0);
    assert_int_equal(run(fixture), LOOK + WHOLE + OTHERS);
    assert_changed(fixture, "70000");
    // More of that time than a look shows: it cannot tell whether it shows all that are new.
    for (int64_t id = 70001; id <= 70012; id++)
        put(id, 400 * DAY_US, "Changed", 0);
    assert_int_equal(run(fixture), LOOK + WHOLE + OTHERS);
    put(70013, 400 * DAY_US, "Changed", 0);
    assert_int_equal(run(fixture), LOOK + WHOLE + OTHERS);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 4 AND display_name = 'Changed'",
               "14");
}

static void edits_that_move_no_time_end_the_trust(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, mixed);
    prove(fixture);
    put(70003, mixed(3) * DAY_US, "Changed", 0);
    assert_int_equal(run(fixture), LOOK + OTHERS);
    fixture->mode = SYNC_MODE_FULL;
    assert_int_equal(run(fixture), WHOLE + OTHERS);
    assert_changed(fixture, "70003");
    fixture->mode = SYNC_MODE_QUICK;
    assert_int_equal(run(fixture), WHOLE + OTHERS);
}

static void a_proof_holds_for_a_day(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, mixed);
    prove(fixture);
    (void)fixture_sql(fixture, "UPDATE sync_cursor SET order_time = now() - interval '25 hours'"
                               " WHERE order_time IS NOT NULL");
    assert_int_equal(run(fixture), WHOLE + PROOF + OTHERS);
    assert_int_equal(run(fixture), LOOK + OTHERS);
}

static void what_a_look_leaves_alone_settles_nothing(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, mixed);
    prove(fixture);
    (void)fixture_sql(fixture,
                      "INSERT INTO sync_issue (tenant, connection_id, id, kind, state, run_id,"
                      " task_kind, subject, message, create_time)"
                      " SELECT 't1', 'c1', 'i', 1, 1, id, 2, 'documents/1', 'x', now()"
                      " FROM sync_run LIMIT 1");
    assert_int_equal(run(fixture), LOOK + OTHERS);
    assert_sql(fixture, "SELECT state FROM sync_issue WHERE id = 'i'", "1");
}

static void what_the_proof_may_spare_is_not_read_ahead(void **state)
{
    struct fixture *fixture = *state;
    fixture->settings.window = 4;
    for (int64_t i = 0; i < LONG; i++)
        fake_put(&(struct fake_record){.kind = SOURCE_DOCUMENTS,
                                       .id = 80000 + i,
                                       .organization_id = 5,
                                       .name = "Document",
                                       .update_time_us = mixed(i) * DAY_US});
    begin(fixture, mixed);
    assert_int_equal(run(fixture), WHOLE + PROOF + LOOK);
    assert_int_equal(run(fixture), LOOK + LOOK);
}

static void documents_in_folders_that_null_hides_are_never_left_alone(void **state)
{
    struct fixture *fixture = *state;
    fake_set_folders(FAKE_FOLDERS_NULL_IS_ROOT);
    begin(fixture, mixed);
    int first = run(fixture);
    assert_int_equal(run(fixture), first);
    struct source_query query;
    for (int n = 0; fake_request(n, &query); n++)
        assert_false(query.kind == SOURCE_DOCUMENTS && (query.newest_first || query.oldest_first));
}

static atomic_bool reached;

// Holds the third page of the long list until the run is told to stop.
static enum err_code hold(const struct source_query *query, const atomic_bool *cancelled,
                          struct source_attempt *attempt, struct err *reterr)
{
    (void)attempt;
    (void)reterr;
    if (query->kind != SOURCE_DOCUMENTS || query->organization_id != 3 || query->page_number != 3)
        return ERR_OK;
    atomic_store(&reached, true);
    while (!atomic_load(cancelled))
        (void)usleep(1000);
    return ERR_OK;
}

// After its first pages a look would find nothing new in it.
static void a_list_in_the_midst_of_its_walk_is_not_looked_at(void **state)
{
    struct fixture *fixture = *state;
    struct source_query first;
    begin(fixture, mixed);
    prove(fixture);
    put(70003, 200 * DAY_US, "Changed", 0);
    put(70018, mixed(18) * DAY_US, "Changed", 0); // seen by who reads on alone
    atomic_store(&reached, false);
    fake_set_hook(hold);
    fixture_ask(fixture, SYNC_TASK_DOCUMENTS);
    struct deadline deadline = deadline_in(20000);
    while (!atomic_load(&reached)) {
        assert_true(deadline_left_ms(deadline) > 0);
        (void)usleep(1000);
    }
    fixture_stop_sync(fixture);
    assert_changed(fixture, "70003");
    fake_set_hook(NULL);
    fake_forget_requests();
    fixture_start_sync(fixture);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    assert_true(fake_request(0, &first));
    assert_int_equal(first.page_number, 3);
    assert_int_equal(fake_request_count(SOURCE_DOCUMENTS), WHOLE - 2 + OTHERS);
    assert_changed(fixture, "70003 70018");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_long_list_that_did_not_change_costs_one_request),
        TEST(what_was_edited_or_added_is_read),
        TEST(what_moved_to_a_folder_is_read),
        TEST(what_was_deleted_is_missed_in_the_count),
        TEST(what_no_look_can_see_is_found_by_the_full_run),
        TEST(an_order_that_is_ignored_is_asked_for_once),
        TEST(a_list_that_lies_in_that_order_is_no_proof),
        TEST(equal_times_are_no_proof),
        TEST(an_upstream_that_changes_its_mind_is_trusted_no_more),
        TEST(a_list_without_its_latest_change_first_is_trusted_no_more),
        TEST(what_changed_at_the_time_of_the_last_change_is_read),
        TEST(edits_that_move_no_time_end_the_trust),
        TEST(a_proof_holds_for_a_day),
        TEST(what_a_look_leaves_alone_settles_nothing),
        TEST(a_list_in_the_midst_of_its_walk_is_not_looked_at),
        TEST(what_the_proof_may_spare_is_not_read_ahead),
        TEST(documents_in_folders_that_null_hides_are_never_left_alone),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
