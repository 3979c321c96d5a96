// What is deleted, and what is not.
#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

static const char PASSWORDS[] = "SELECT count(*) FROM record WHERE kind = 9";

static int64_t deleted(struct fixture *fixture, int kind)
{
    struct sync_run_row run = fixture_run(fixture);
    return run.tasks[kind - 1].counts.deleted;
}

static void what_vanished_is_deleted(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fake_remove(SOURCE_PASSWORDS, 3001);
    fake_remove(SOURCE_DOCUMENTS, 5900);
    fake_remove(SOURCE_FLEXIBLE_ASSETS, 3000);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(deleted(fixture, 2), 1);
    assert_int_equal(deleted(fixture, 3), 1);
    assert_int_equal(deleted(fixture, 4), 1);
    assert_sql(fixture, PASSWORDS, "7");
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 4", "11");
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 5", "5");
}

static void many_at_once_are_held(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    struct fake_record many = {
        .kind = SOURCE_PASSWORDS, .id = 90000, .organization_id = 3, .name = "Many"};
    fake_put_many(&many, 20);
    fixture->settings.deletion_hold_ms = 3600000;
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    for (int64_t id = 90000; id < 90020; id++)
        fake_remove(SOURCE_PASSWORDS, id);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
        assert_int_equal(deleted(fixture, 3), 0);
        assert_sql(fixture, PASSWORDS, "28");
    }
    assert_sql(fixture,
               "SELECT kind || ':' || state || ':' || subject || ':' ||"
               " held_deletion_count || ':' || scope_record_count FROM sync_issue",
               "2:1:passwords:20:28");
    assert_sql(
        fixture,
        "SELECT held_kind || ':' || cardinality(held_ids) || ':' || (held_ids @> '{90000,90019}')"
        " FROM sync_issue",
        "9:20:true");
    (void)fixture_sql(fixture,
                      "UPDATE sync_issue SET create_time = create_time - interval '61 min'");
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(deleted(fixture, 3), 20);
    assert_sql(fixture, PASSWORDS, "8");
    assert_sql(fixture, "SELECT state || ':' || cardinality(held_ids) FROM sync_issue", "2:0");
}

static void more_than_was_held_is_held_anew(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    struct fake_record many = {
        .kind = SOURCE_PASSWORDS, .id = 90000, .organization_id = 3, .name = "Many"};
    fake_put_many(&many, 30);
    fixture->settings.deletion_hold_ms = 3600000;
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    for (int64_t id = 90000; id < 90012; id++)
        fake_remove(SOURCE_PASSWORDS, id);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    (void)fixture_sql(fixture,
                      "UPDATE sync_issue SET create_time = create_time - interval '61 min'");
    for (int64_t id = 90012; id < 90030; id++)
        fake_remove(SOURCE_PASSWORDS, id);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(deleted(fixture, 3), 0);
    assert_sql(fixture, PASSWORDS, "38");
    assert_sql(fixture,
               "SELECT held_deletion_count || ':' || (create_time > now() - interval '1 min')"
               " || ':' || (run_id = (SELECT id FROM sync_run ORDER BY create_time DESC LIMIT 1))"
               " FROM sync_issue",
               "30:true:true");
    (void)fixture_sql(fixture,
                      "UPDATE sync_issue SET create_time = create_time - interval '61 min'");
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(deleted(fixture, 3), 30);
}

static void what_comes_back_settles_the_guard(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    struct fake_record many = {
        .kind = SOURCE_PASSWORDS, .id = 90000, .organization_id = 3, .name = "Many"};
    fake_put_many(&many, 20);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    for (int64_t id = 90000; id < 90020; id++)
        fake_remove(SOURCE_PASSWORDS, id);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT state FROM sync_issue", "1");
    fake_put_many(&many, 20);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT state FROM sync_issue", "2");
    assert_sql(fixture, PASSWORDS, "28");
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

static void a_partial_walk_deletes_nothing(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture->settings.page_size = 2;
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fake_remove(SOURCE_PASSWORDS, 3000);
    fake_set_hook(fail_second_page);
    assert_int_equal(fixture_run_all(fixture), RUN_PARTIAL);
    assert_sql(fixture, PASSWORDS, "8");
}

static atomic_bool removed;

// A row before the cursor goes while the second page is fetched: the third row slips to page 1.
static enum err_code remove_while_walking(const struct source_query *query,
                                          const atomic_bool *cancelled,
                                          struct source_attempt *attempt, struct err *reterr)
{
    (void)cancelled;
    (void)attempt;
    (void)reterr;
    if (query->kind == SOURCE_PASSWORDS && query->organization_id == 3 && query->page_number == 2 &&
        !atomic_exchange(&removed, true))
        fake_remove(SOURCE_PASSWORDS, 3000);
    return ERR_OK;
}

static void a_moving_list_is_walked_again(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture->settings.page_size = 2;
    atomic_store(&removed, false);
    fake_set_hook(remove_while_walking);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture,
               "SELECT string_agg(id::text, ' ' ORDER BY id) FROM record WHERE kind = 9"
               " AND organization_id = 3",
               "3001 3002 3003");
    struct sync_run_row run = fixture_run(fixture);
    const struct sync_counts *counts = &run.tasks[2].counts;
    assert_int_equal(counts->done, counts->created + counts->updated + counts->unchanged);
    assert_int_equal(counts->deleted, 1);
}

// The count stays, but the third row slips to page 1.
static enum err_code exchange_while_walking(const struct source_query *query,
                                            const atomic_bool *cancelled,
                                            struct source_attempt *attempt, struct err *reterr)
{
    (void)cancelled;
    (void)attempt;
    (void)reterr;
    if (query->kind == SOURCE_PASSWORDS && query->organization_id == 3 && query->page_number == 2 &&
        !atomic_exchange(&removed, true)) {
        fake_remove(SOURCE_PASSWORDS, 3000);
        fake_put(&(struct fake_record){
            .kind = SOURCE_PASSWORDS, .id = 3900, .organization_id = 3, .name = "New"});
    }
    return ERR_OK;
}

static const char OF_3[] = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM record"
                           " WHERE kind = 9 AND organization_id = 3";

static void only_what_two_walks_missed_is_deleted(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture->settings.page_size = 2;
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    atomic_store(&removed, false);
    fake_set_hook(exchange_while_walking);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, OF_3, "3000 3001 3002 3003 3900");
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, OF_3, "3001 3002 3003 3900");
}

static void a_row_without_an_id_may_be_any(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    struct fake_record record = {.kind = SOURCE_PASSWORDS,
                                 .id = 3001,
                                 .organization_id = 3,
                                 .name = "Password 3001",
                                 .bad = true,
                                 .nameless = true};
    fake_put(&record);
    fake_forget_requests();
    assert_int_equal(fixture_run_all(fixture), RUN_PARTIAL);
    assert_sql(fixture, PASSWORDS, "8");
    assert_int_equal(fake_request_count(SOURCE_PASSWORDS), 1);
}

static void a_list_without_an_end_is_left(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture->settings.page_size = 2;
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    // The same page twice, in two walks, of two organizations.
    fake_set_stuck(SOURCE_PASSWORDS);
    fake_forget_requests();
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_in_range(fake_request_count(SOURCE_PASSWORDS), 8, 9);
    assert_sql(fixture, PASSWORDS, "8");
    // Rows of others, whose ids are not kept: twice the total and ten pages.
    fake_set_stuck(SOURCE_FLEXIBLE_ASSETS);
    fake_forget_requests();
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(fake_request_count(SOURCE_FLEXIBLE_ASSETS), (2 * 36 + 10 * 2) / 2 + 1);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 5", "6");
}

static void a_fault_of_all_lists_is_told_in_few_issues(void **state)
{
    static const char open[] = "SELECT count(*) || ',' || count(DISTINCT subject) || ',' ||"
                               " count(*) FILTER (WHERE subject = 'documents') FROM sync_issue"
                               " WHERE kind = 5 AND state = 1";
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    for (int64_t id = 100; id < 124; id++) {
        fixture_map(fixture, id);
        fake_put(&(struct fake_record){.kind = SOURCE_DOCUMENTS, .id = id, .organization_id = id});
        fake_put(&(struct fake_record){.kind = SOURCE_ORGANIZATIONS, .id = id, .name = "Org"});
    }
    fixture_start_sync(fixture);
    fake_set_stuck(SOURCE_DOCUMENTS);
    // 26 lists that do not agree: twenty of them, and one issue for the rest.
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, open, "21,21,1");
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, open, "21,21,1");
    fake_set_stuck(SOURCE_KIND_COUNT);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, open, "0,0,0");
}

static void many_organizations_do_not_vanish_at_once(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    for (int64_t id = 1; id <= 11; id++)
        fake_remove(SOURCE_ORGANIZATIONS, id);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT count(*) FROM organization WHERE gone", "0");
    assert_sql(fixture,
               "SELECT subject || ':' || held_kind || ':' || cardinality(held_ids) FROM sync_issue",
               "organizations:0:11");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_vanished_is_deleted),
        TEST(many_at_once_are_held),
        TEST(more_than_was_held_is_held_anew),
        TEST(what_comes_back_settles_the_guard),
        TEST(a_partial_walk_deletes_nothing),
        TEST(only_what_two_walks_missed_is_deleted),
        TEST(a_row_without_an_id_may_be_any),
        TEST(a_list_without_an_end_is_left),
        TEST(a_moving_list_is_walked_again),
        TEST(many_organizations_do_not_vanish_at_once),
        TEST(a_fault_of_all_lists_is_told_in_few_issues),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
