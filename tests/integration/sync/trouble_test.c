// Runs in trouble: refusals, limits, cancellation, an outage.
#include <string.h>
#include <unistd.h>

#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

// What the hooks below go by; set by each test.
static struct {
    enum source_kind kind;
    enum err_code code;
    int http_status;
    atomic_int times; // so often; then all is well
    int64_t retry_after_ms;
    int heavy_above; // pages of more rows are too heavy
    int from_page;
    atomic_bool reached, go_on;
} plan;

static enum err_code fail_some(const struct source_query *query, const atomic_bool *cancelled,
                               struct source_attempt *attempt, struct err *reterr)
{
    (void)cancelled;
    if (query->kind != plan.kind && plan.kind != SOURCE_KIND_COUNT)
        return ERR_OK;
    if (query->page_number < plan.from_page || atomic_fetch_sub(&plan.times, 1) <= 0)
        return ERR_OK;
    attempt->http_status = plan.http_status;
    attempt->retry_after_ms = plan.retry_after_ms;
    return err_set(reterr, plan.code, "upstream says no");
}

static enum err_code refuse_large(const struct source_query *query, const atomic_bool *cancelled,
                                  struct source_attempt *attempt, struct err *reterr)
{
    (void)cancelled;
    if (query->kind != plan.kind || query->page_size <= plan.heavy_above)
        return ERR_OK;
    attempt->page_too_heavy = true;
    return err_set(reterr, ERR_UPSTREAM_TIMEOUT, "too slow");
}

// Holds a request until the test lets it go or the run is told to stop.
static enum err_code block(const struct source_query *query, const atomic_bool *cancelled,
                           struct source_attempt *attempt, struct err *reterr)
{
    (void)attempt;
    (void)reterr;
    if (query->kind != plan.kind || query->page_number < plan.from_page)
        return ERR_OK;
    atomic_store(&plan.reached, true);
    while (!atomic_load(&plan.go_on) && !atomic_load(cancelled))
        (void)usleep(1000);
    return ERR_OK;
}

static void set_plan(enum source_kind kind, enum err_code code, int http_status, int times)
{
    memset(&plan, 0, sizeof(plan));
    plan.kind = kind;
    plan.code = code;
    plan.http_status = http_status;
    atomic_store(&plan.times, times);
}

static void wait_reached(void)
{
    struct deadline deadline = deadline_in(20000);
    while (!atomic_load(&plan.reached)) {
        assert_true(deadline_left_ms(deadline) > 0);
        (void)usleep(1000);
    }
}

static void one_failing_task_leaves_the_others(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    set_plan(SOURCE_PASSWORDS, ERR_UPSTREAM_ACCESS_DENIED, 401, 1000);
    fake_set_hook(fail_some);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_PARTIAL);
    struct sync_run_row run = fixture_run(fixture);
    assert_int_equal(fixture_task(&run, 3)->state, TASK_FAILED);
    assert_string_equal(fixture_task(&run, 3)->error_reason, "UPSTREAM_ACCESS_DENIED");
    assert_string_equal(fixture_task(&run, 3)->error_message, "upstream says no");
    for (int kind = 1; kind <= 5; kind++)
        if (kind != 3)
            assert_int_equal(fixture_task(&run, kind)->state, TASK_SUCCEEDED);
    assert_sql(fixture, "SELECT state FROM connection", "1");
}

static void a_refused_key_breaks_the_connection(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    set_plan(SOURCE_KIND_COUNT, ERR_UPSTREAM_KEY_REJECTED, 403, 1000);
    fake_set_hook(fail_some);
    fake_set_probe(ERR_UPSTREAM_KEY_REJECTED);
    fake_forget_requests();
    assert_int_equal(fixture_run_all(fixture), RUN_FAILED);
    assert_int_equal(fake_request_count(SOURCE_KIND_COUNT), 1);
    assert_sql(fixture, "SELECT state || problem_reason FROM connection", "2UPSTREAM_KEY_REJECTED");
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9", "8");
    // Told once, by the part that found it.
    assert_sql(fixture,
               "SELECT string_agg(actor_subject || changes, ' ') FROM audit_event WHERE type = 15",
               "docbridge:sync[{\"field\":\"state\",\"old\":\"ACTIVE\",\"new\":\"ERROR\"},"
               "{\"field\":\"problem.reason\",\"old\":null,"
               "\"new\":\"UPSTREAM_KEY_REJECTED\"}]");
}

// A run that is live when a test of the key finds it broken may prove that it works.
static void a_run_that_succeeds_heals_the_connection(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_ask(fixture, 0);
    (void)fixture_sql(fixture, "UPDATE connection SET state = 2, problem_time = now(),"
                               " problem_reason = 'UPSTREAM_KEY_REJECTED'");
    fixture_start_sync(fixture);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT state || problem_reason FROM connection", "1");
    assert_sql(fixture, "SELECT count(*) FROM audit_event WHERE type = 15", "1");
}

static void a_refused_resource_is_not_the_key(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    set_plan(SOURCE_CHECKLISTS, ERR_UPSTREAM_KEY_REJECTED, 403, 1000);
    fake_set_hook(fail_some);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_PARTIAL);
    assert_sql(fixture, "SELECT state || problem_reason FROM connection", "1");
}

static void a_denied_inventory_is_noted(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    set_plan(SOURCE_ORGANIZATIONS, ERR_UPSTREAM_ACCESS_DENIED, 401, 1);
    fake_set_hook(fail_some);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_PARTIAL);
    assert_sql(fixture, "SELECT inventory_denied AND inventory_time IS NULL FROM connection", "t");
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT inventory_denied FROM connection", "f");
}

static void a_missing_optional_list_is_no_failure(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    set_plan(SOURCE_CHECKLIST_TEMPLATES, ERR_UPSTREAM_RECORD_GONE, 404, 1000);
    fake_set_hook(fail_some);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
}

static void what_passes_is_tried_again(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    set_plan(SOURCE_PASSWORDS, ERR_UPSTREAM_ERROR, 502, 3);
    fake_set_hook(fail_some);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    struct sync_run_row run = fixture_run(fixture);
    assert_int_equal(run.request_count, fake_request_count(SOURCE_KIND_COUNT));
}

static void what_does_not_pass_fails_the_task(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    set_plan(SOURCE_PASSWORDS, ERR_UPSTREAM_ERROR, 502, 1000);
    fake_set_hook(fail_some);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_PARTIAL);
    assert_int_equal(fake_request_count(SOURCE_PASSWORDS), 5);
}

static void heavy_pages_become_smaller(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fake_put_many(&(struct fake_record){.kind = SOURCE_FLEXIBLE_ASSETS,
                                        .id = 90000,
                                        .organization_id = 3,
                                        .type_id = 7,
                                        .name = "Asset"},
                  300);
    set_plan(SOURCE_FLEXIBLE_ASSETS, ERR_OK, 0, 0);
    plan.heavy_above = 30;
    fake_set_hook(refuse_large);
    fixture->settings.page_size = 200;
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 5", "306");
    struct sync_run_row run = fixture_run(fixture);
    assert_int_equal(fixture_task(&run, 4)->counts.done, 306);
}

static void a_refused_request_waits(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    set_plan(SOURCE_PASSWORDS, ERR_UPSTREAM_RATE_LIMITED, 429, 1);
    plan.retry_after_ms = 3000; // long enough to be seen waiting
    fake_set_hook(fail_some);
    fixture_start_sync(fixture);
    int64_t began_ms = clock_steady_ms();
    fixture_ask(fixture, 0);
    fixture_wait_for(fixture, "SELECT state || ':' || (resume_time > now()) FROM sync_run",
                     "3:true");
    assert_sql(fixture, "SELECT state FROM sync_task WHERE kind = 3", "4");
    int at_wait = fake_request_count(SOURCE_KIND_COUNT);
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    assert_true(clock_steady_ms() - began_ms >= 3000);
    assert_true(fake_request_count(SOURCE_KIND_COUNT) > at_wait);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9", "8");
    // What was complete is not asked for again.
    assert_int_equal(fake_request_count(SOURCE_ORGANIZATIONS), 1);
}

static void a_type_without_fields_is_not_walked(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fake_put(&(struct fake_record){.kind = SOURCE_FLEXIBLE_ASSET_TYPES,
                                   .id = 7,
                                   .name = "Router",
                                   .body = "{\"enabled\":true,\"fields\":[]}"});
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_PARTIAL);
    struct sync_run_row run = fixture_run(fixture);
    assert_int_equal(fixture_task(&run, 4)->state, TASK_FAILED);
    assert_string_equal(fixture_task(&run, 4)->error_reason, "UPSTREAM_ANSWER_INVALID");
    assert_int_equal(fake_request_count(SOURCE_FLEXIBLE_ASSETS), 0);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 5", "0");
}

static void fields_are_looked_at_again_after_a_wait(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    set_plan(SOURCE_FLEXIBLE_ASSETS, ERR_UPSTREAM_RATE_LIMITED, 429, 1);
    plan.from_page = 2;
    plan.retry_after_ms = 3000;
    fake_set_hook(fail_some);
    fixture->settings.page_size = 3;
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    fixture_wait_for(fixture, "SELECT state FROM sync_run", "3");
    fake_put(&(struct fake_record){
        .kind = SOURCE_FLEXIBLE_ASSET_TYPES,
        .id = 7,
        .name = "Router",
        .body = "{\"enabled\":true,\"fields\":[{\"key\":\"admin\",\"kind\":\"Password\"},"
                "{\"key\":\"ip\",\"kind\":\"Password\"}]}"});
    assert_int_equal(fixture_wait(fixture), RUN_SUCCEEDED);
    struct source_query query, last = {0};
    for (int i = 0; fake_request(i, &query); i++)
        if (query.kind == SOURCE_FLEXIBLE_ASSETS)
            last = query;
    assert_int_equal(last.secret_trait_count, 2);
    assert_int_equal(last.known_trait_count, 2);
}

static atomic_llong request_times[256];
static atomic_int request_times_count;

static enum err_code note_time(const struct source_query *query, const atomic_bool *cancelled,
                               struct source_attempt *attempt, struct err *reterr)
{
    (void)query;
    (void)cancelled;
    (void)attempt;
    (void)reterr;
    int i = atomic_fetch_add(&request_times_count, 1);
    if (i < 256)
        atomic_store(&request_times[i], clock_steady_ms());
    return ERR_OK;
}

static void the_budget_is_kept(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    for (int64_t org = 6; org <= 12; org++)
        fixture_map(fixture, org);
    atomic_store(&request_times_count, 0);
    fake_set_hook(note_time);
    fixture->settings.request_limit = 10;
    fixture->settings.request_window_ms = 400;
    fixture_start_sync(fixture);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    int count = atomic_load(&request_times_count);
    assert_true(count > 20 && count < 256);
    // Never more than the share, 8, in any window. One is taken some time before it is noted, but
    // after the one before was noted: nine are surely not in one window where those two are not.
    for (int i = 9; i < count; i++)
        assert_true(request_times[i] - request_times[i - 9] >= 400);
}

static void nothing_need_be_reserved(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    atomic_store(&request_times_count, 0);
    fake_set_hook(note_time);
    fixture->settings.request_limit = 10;
    fixture->settings.request_window_ms = 60000;
    fixture->settings.reserve_percent = 0;
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    fixture_wait_for(fixture, "SELECT state FROM sync_run", "3");
    assert_int_equal(atomic_load(&request_times_count), 10);
}

static void cancelling_stops_within_a_page(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    set_plan(SOURCE_PASSWORDS, ERR_OK, 0, 0);
    plan.from_page = 2;
    fake_set_hook(block);
    fixture->settings.page_size = 2;
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    wait_reached();
    fixture_cancel(fixture);
    assert_int_equal(fixture_wait(fixture), RUN_CANCELLED);
    struct sync_run_row run = fixture_run(fixture);
    assert_int_equal(fixture_task(&run, 1)->state, TASK_SUCCEEDED);
    assert_int_equal(fixture_task(&run, 2)->state, TASK_CANCELLED);
    assert_int_equal(fixture_task(&run, 3)->state, TASK_CANCELLED);
    assert_int_equal(fixture_task(&run, 3)->counts.done, 2);
    assert_non_null(strstr(fixture_task(&run, 3)->checkpoint, "offset=2"));
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9", "2");
    assert_sql(fixture, "SELECT count(*) FROM sync_lease", "0");
    assert_sql(fixture, "SELECT count(*) FROM audit_event WHERE type = 7", "2");
}

// What is asked of a live run that does something else is done when it is over, or cancelled.
static void a_wish_outlives_the_run(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        set_plan(SOURCE_PASSWORDS, ERR_OK, 0, 0);
        fake_set_hook(block);
        if (fixture->sync == NULL)
            fixture_start_sync(fixture);
        fixture_ask(fixture, SYNC_TASK_PASSWORDS);
        wait_reached();
        char first[SYNC_RUN_ID_BYTES];
        memcpy(first, fixture->run_id, sizeof(first));
        if (cancelled == 0) {
            fixture_ask(fixture, SYNC_TASK_CHECKLISTS);
            fixture_ask(fixture, SYNC_TASK_PASSWORDS);
            assert_string_equal(fixture->run_id, first);
            atomic_store(&plan.go_on, true);
        } else {
            (void)fixture_sql(fixture, "UPDATE sync_run SET state = 4 WHERE state = 2");
            fixture_ask(fixture, SYNC_TASK_CHECKLISTS);
            assert_string_equal(fixture->run_id, first);
            fixture_cancel(fixture);
        }
        assert_int_equal(fixture_wait(fixture), cancelled == 0 ? RUN_SUCCEEDED : RUN_CANCELLED);
        fixture_wait_for(fixture, "SELECT count(*) FROM sync_run WHERE state = 5",
                         cancelled == 0 ? "2" : "3");
        assert_sql(fixture,
                   "SELECT string_agg(kind::text, ' ' ORDER BY kind) FROM sync_task"
                   " WHERE state = 5 AND run_id ="
                   " (SELECT id FROM sync_run ORDER BY create_time DESC LIMIT 1)",
                   "5");
    }
}

static void a_waiting_run_can_be_cancelled(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    set_plan(SOURCE_PASSWORDS, ERR_UPSTREAM_RATE_LIMITED, 429, 1000);
    plan.retry_after_ms = 60000;
    fake_set_hook(fail_some);
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    fixture_wait_for(fixture, "SELECT state FROM sync_run", "3");
    fixture_cancel(fixture);
    assert_int_equal(fixture_wait(fixture), RUN_CANCELLED);
}

static void a_queued_run_can_be_cancelled(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fixture_ask(fixture, 0);
    fixture_cancel(fixture);
    fixture_start_sync(fixture);
    assert_int_equal(fixture_wait(fixture), RUN_CANCELLED);
    assert_int_equal(fake_request_count(SOURCE_KIND_COUNT), 0);
}

static void an_outage_of_the_database_is_survived(void **state)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    set_plan(SOURCE_PASSWORDS, ERR_OK, 0, 0);
    plan.from_page = 2;
    fake_set_hook(block);
    fixture->settings.page_size = 2;
    fixture->settings.lease_ms = 1000;
    fixture_start_sync(fixture);
    fixture_ask(fixture, 0);
    wait_reached();
    (void)fixture_sql(fixture, "CHECKPOINT"); // else the kill may take the run itself along
    test_postgres_kill(fixture->postgres);
    atomic_store(&plan.go_on, true);
    (void)usleep(300000);
    test_postgres_restart(fixture->postgres);
    fixture_wait_for(fixture, "SELECT state FROM sync_run", "5");
    struct sync_run_row run = fixture_run(fixture);
    assert_int_equal(fixture_task(&run, 3)->counts.created, 8);
    assert_int_equal(fixture_task(&run, 3)->counts.done, 8);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9", "8");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_failing_task_leaves_the_others),
        TEST(a_refused_key_breaks_the_connection),
        TEST(a_run_that_succeeds_heals_the_connection),
        TEST(a_refused_resource_is_not_the_key),
        TEST(a_denied_inventory_is_noted),
        TEST(a_missing_optional_list_is_no_failure),
        TEST(what_passes_is_tried_again),
        TEST(what_does_not_pass_fails_the_task),
        TEST(heavy_pages_become_smaller),
        TEST(a_refused_request_waits),
        TEST(a_type_without_fields_is_not_walked),
        TEST(fields_are_looked_at_again_after_a_wait),
        TEST(the_budget_is_kept),
        TEST(nothing_need_be_reserved),
        TEST(cancelling_stops_within_a_page),
        TEST(a_wish_outlives_the_run),
        TEST(a_waiting_run_can_be_cancelled),
        TEST(a_queued_run_can_be_cancelled),
        TEST(an_outage_of_the_database_is_survived),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
