// Reading ahead: several requests of a run at once, with the effect of one after the other.
#include <string.h>
#include <unistd.h>

#include "server/sync/state.h"
#include "tests/integration/sync/fixture.h"

enum { PASSWORDS = 95, PAGE = 10, PAGES_MAX = 20, LEAST_MS = 20, MEETING_MS = 3000 };

// What the hook below does; set by each test.
static struct {
    enum source_kind kind;
    atomic_int in_flight, most;
    atomic_int meet;     // a request takes until so many were in flight at once, or very long
    atomic_int failures; // of pages after the first
    atomic_bool hold;    // until the run is told to stop
    atomic_bool held;
    atomic_int wasteful; // requests by threads that keep what they free
} plan;

static _Thread_local bool keeps_nothing;

// In place of jemalloc's, which tests are not linked with.
int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len);
int mallctl(const char *name, void *old, size_t *old_len, void *new, size_t new_len)
{
    (void)old;
    (void)old_len;
    if (strcmp(name, "thread.tcache.enabled") == 0 && new_len == sizeof(bool))
        keeps_nothing = !*(bool *)new;
    return 0;
}

static enum err_code slowly(const struct source_query *query, const atomic_bool *cancelled,
                            struct source_attempt *attempt, struct err *reterr)
{
    atomic_fetch_add(&plan.wasteful, keeps_nothing ? 0 : 1);
    if (query->kind != plan.kind)
        return ERR_OK;
    int now = atomic_fetch_add(&plan.in_flight, 1) + 1;
    for (int most = atomic_load(&plan.most); now > most;)
        if (atomic_compare_exchange_weak(&plan.most, &most, now))
            break;
    int ms = 0;
    while (
        (ms < LEAST_MS || (atomic_load(&plan.most) < atomic_load(&plan.meet) && ms < MEETING_MS)) &&
        !atomic_load(cancelled)) {
        (void)usleep(1000);
        ms++;
    }
    if (atomic_load(&plan.hold) && query->page_number > 1) {
        atomic_store(&plan.held, true);
        while (!atomic_load(cancelled))
            (void)usleep(1000);
    }
    (void)atomic_fetch_sub(&plan.in_flight, 1);
    if (query->page_number == 1 || atomic_fetch_sub(&plan.failures, 1) <= 0)
        return ERR_OK;
    attempt->http_status = 503;
    return err_set(reterr, ERR_UPSTREAM_ERROR, "upstream says no");
}

static struct fixture *begin(void **state, int window, int failures)
{
    struct fixture *fixture = *state;
    fixture_seed(fixture);
    fake_put_many(
        &(struct fake_record){
            .kind = SOURCE_PASSWORDS, .id = 7000, .organization_id = 3, .name = "Many"},
        PASSWORDS);
    plan.kind = SOURCE_PASSWORDS;
    atomic_store(&plan.in_flight, 0);
    atomic_store(&plan.most, 0);
    atomic_store(&plan.meet, 0);
    atomic_store(&plan.failures, failures);
    atomic_store(&plan.hold, false);
    atomic_store(&plan.held, false);
    atomic_store(&plan.wasteful, 0);
    fake_set_hook(slowly);
    fixture->settings.window = window;
    fixture->settings.page_size = PAGE;
    fixture_close(fixture);
    fixture_open(fixture);
    fixture_start_sync(fixture);
    fake_forget_requests();
    return fixture;
}

static void pages_are_read_at_once_and_none_twice(void **state)
{
    struct fixture *fixture = begin(state, 4, 0);
    atomic_store(&plan.meet, 2);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_in_range(atomic_load(&plan.most), 2, 4);
    int asked[PAGES_MAX] = {0}, last = 0;
    struct source_query query;
    for (int n = 0; fake_request(n, &query); n++) {
        if (query.kind != SOURCE_PASSWORDS || query.organization_id != 3)
            continue;
        assert_in_range(query.page_number, 1, PAGES_MAX - 1);
        asked[query.page_number]++;
        last = query.page_number > last ? query.page_number : last;
    }
    assert_true(last >= PASSWORDS / PAGE);
    for (int page = 1; page <= last; page++)
        assert_int_equal(asked[page], 1);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9 AND id >= 7000", "95");
}

// Documents are listed an organization at a time.
static void lists_that_follow_are_read_at_once(void **state)
{
    struct fixture *fixture = begin(state, 4, 0);
    for (int64_t id = 6; id <= 12; id++)
        fixture_map(fixture, id);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    fake_forget_requests();
    plan.kind = SOURCE_DOCUMENTS;
    atomic_store(&plan.most, 0);
    atomic_store(&plan.meet, 4);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(atomic_load(&plan.most), 4);
    assert_int_equal(fake_request_count(SOURCE_DOCUMENTS), 9);
}

static void a_window_of_one_reads_one_after_the_other(void **state)
{
    struct fixture *fixture = begin(state, 1, 0);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(atomic_load(&plan.most), 1);
}

static void a_run_keeps_nothing_of_what_it_frees(void **state)
{
    struct fixture *fixture = begin(state, 1, 0);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(atomic_load(&plan.wasteful), 0);
}

static void nor_do_its_readers(void **state)
{
    struct fixture *fixture = begin(state, 4, 0);
    atomic_store(&plan.meet, 2);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_in_range(atomic_load(&plan.most), 2, 4);
    assert_int_equal(atomic_load(&plan.wasteful), 0);
}

static void what_failed_ahead_is_tried_again(void **state)
{
    struct fixture *fixture = begin(state, 4, 3);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9 AND id >= 7000", "95");
}

// Of large records there is one at a time in memory, however many lists are read at once.
static void what_is_large_is_read_once_more_and_alone(void **state)
{
    struct fixture *fixture = begin(state, 4, 0);
    fake_put(&(struct fake_record){.kind = SOURCE_PASSWORDS,
                                   .id = 7000 + PASSWORDS - 1,
                                   .organization_id = 3,
                                   .name = "Large",
                                   .large = true});
    atomic_store(&plan.meet, 2);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_sql(fixture, "SELECT count(*) FROM record WHERE kind = 9 AND display_name = 'Large'",
               "1");
    assert_sql(fixture, "SELECT count(*) FROM sync_issue", "0");
    int last_page = (PASSWORDS - 1) / PAGE + 1, asked = 0;
    struct source_query query;
    for (int n = 0; fake_request(n, &query); n++)
        asked += query.kind == SOURCE_PASSWORDS && query.organization_id == 3 &&
                 query.page_number == last_page;
    assert_int_equal(asked, 2);
    assert_int_equal(fixture_run(fixture).request_count, fake_request_count(SOURCE_KIND_COUNT));
}

static void requests_ahead_are_counted(void **state)
{
    struct fixture *fixture = begin(state, 4, 2);
    assert_int_equal(fixture_run_all(fixture), RUN_SUCCEEDED);
    assert_int_equal(fixture_run(fixture).request_count, fake_request_count(SOURCE_KIND_COUNT));
}

static void the_budget_is_kept(void **state)
{
    struct fixture *fixture = *state;
    fixture->settings.request_limit = 8;
    fixture->settings.request_window_ms = 600000;
    fixture->settings.reserve_percent = 0;
    (void)begin(state, 4, 0);
    fixture_ask(fixture, SYNC_TASK_PASSWORDS);
    fixture_wait_for(fixture, "SELECT state FROM sync_run ORDER BY create_time DESC LIMIT 1", "3");
    assert_in_range(fake_request_count(SOURCE_KIND_COUNT), 1, 8);
}

static void a_cancelled_run_leaves_no_reader(void **state)
{
    struct fixture *fixture = begin(state, 4, 0);
    atomic_store(&plan.hold, true);
    fixture_ask(fixture, SYNC_TASK_PASSWORDS);
    struct deadline deadline = deadline_in(20000);
    while (!atomic_load(&plan.held)) {
        assert_true(deadline_left_ms(deadline) > 0);
        (void)usleep(1000);
    }
    fixture_cancel(fixture);
    assert_int_equal(fixture_wait(fixture), RUN_CANCELLED);
    fixture_stop_sync(fixture);
    assert_int_equal(atomic_load(&plan.in_flight), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_are_read_at_once_and_none_twice),
        TEST(lists_that_follow_are_read_at_once),
        TEST(a_window_of_one_reads_one_after_the_other),
        TEST(a_run_keeps_nothing_of_what_it_frees),
        TEST(nor_do_its_readers),
        TEST(what_failed_ahead_is_tried_again),
        TEST(what_is_large_is_read_once_more_and_alone),
        TEST(requests_ahead_are_counted),
        TEST(the_budget_is_kept),
        TEST(a_cancelled_run_leaves_no_reader),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
