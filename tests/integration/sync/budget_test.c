// The request budget that several processes share: budgets of their own over one database.
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "server/store/request_budget.h"
#include "server/sync/budget.h"
#include "server/sync/budget_private.h"
#include "tests/integration/sync/fixture.h"

enum { PROCESSES = 4, LIMIT = 100, WINDOW_MS = 700, MOST = 4096 };

struct process {
    struct budget *budget;
    struct budget_account *account;
};

static struct process start_process(struct fixture *fixture, int limit, int64_t window_ms)
{
    const struct budget_settings settings = {
        .store = fixture->store, .limit = limit, .window_ms = window_ms, .reserve_percent = 20};
    struct process process;
    struct err err;
    assert_int_equal(budget_new(&settings, &process.budget, &err), ERR_OK);
    assert_int_equal(budget_start(process.budget, &err), ERR_OK);
    assert_int_equal(budget_open(process.budget, "t1", "c1", 1, &process.account, &err), ERR_OK);
    return process;
}

static void stop_process(struct process *process)
{
    budget_stop(process->budget);
    process->budget = budget_free(process->budget);
}

static int64_t take(struct process *process)
{
    int64_t wait_ms;
    struct err err;
    assert_int_equal(budget_take(process->account, &wait_ms, &err), ERR_OK);
    return wait_ms;
}

static int64_t admit(struct process *process)
{
    int64_t wait_ms;
    struct err err;
    assert_int_equal(budget_admit(process->account, &wait_ms, &err), ERR_OK);
    return wait_ms;
}

// Requests as an upstream would see them: some time between these two.
static atomic_llong begins_us[MOST], ends_us[MOST];
static atomic_bool of_sync[MOST];
static atomic_int made;
static atomic_bool over;

static void make(bool sync, int64_t begin_us)
{
    int at = atomic_fetch_add(&made, 1);
    if (at >= MOST)
        return;
    atomic_store(&of_sync[at], sync);
    atomic_store(&begins_us[at], begin_us);
    atomic_store(&ends_us[at], clock_wall_us());
}

static void *work(void *context)
{
    struct process *process = context;
    while (!atomic_load(&over)) {
        int64_t begin_us = clock_wall_us(), wait_ms = take(process);
        if (wait_ms == 0)
            make(true, begin_us);
        else
            (void)usleep((useconds_t)(wait_ms < 20 ? wait_ms : 20) * 1000);
    }
    return NULL;
}

static void wait_until_told(struct budget_account *account)
{
    struct budget *budget = account->budget;
    (void)pthread_mutex_lock(&budget->lock);
    while (account->news.other > 0 || account->exchanging)
        (void)pthread_cond_wait(&budget->exchanged, &budget->lock);
    (void)pthread_mutex_unlock(&budget->lock);
}

static void wait_until_taken(struct budget_account *account)
{
    struct deadline deadline = deadline_in(60000);
    bool taken = false;
    while (!taken && deadline_left_ms(deadline) > 0) {
        (void)usleep(1000);
        (void)pthread_mutex_lock(&account->budget->lock);
        taken = account->exchanging;
        (void)pthread_mutex_unlock(&account->budget->lock);
    }
    assert_true(taken);
}

// What is not told yet nobody else can count, and for one there is room: it waits for each to be
// told, however long whoever tells it stands still.
static void *reveal(void *context)
{
    struct process *process = context;
    while (!atomic_load(&over)) {
        int64_t begin_us = clock_wall_us();
        if (admit(process) == 0)
            make(false, begin_us);
        wait_until_told(process->account);
        (void)usleep(40000);
    }
    return NULL;
}

// No window of any placing has more than `most`: of what was surely made within it, however long a
// thread stood still on the way.
static void assert_windows(bool syncs_only, int most)
{
    int all = atomic_load(&made);
    for (int i = 0; i < all; i++) {
        int64_t begin_us = atomic_load(&begins_us[i]);
        int64_t end_us = begin_us + (int64_t)WINDOW_MS * 1000;
        int count = 0;
        for (int k = 0; k < all; k++)
            count += (!syncs_only || atomic_load(&of_sync[k])) &&
                     atomic_load(&begins_us[k]) >= begin_us && atomic_load(&ends_us[k]) < end_us;
        assert_in_range(count, 0, most);
    }
}

static void every_window_holds_whoever_draws(void **state)
{
    struct fixture *fixture = *state;
    struct process processes[PROCESSES];
    pthread_t workers[PROCESSES], revealer;
    atomic_store(&made, 0);
    atomic_store(&over, false);
    for (int i = 0; i < PROCESSES; i++)
        processes[i] = start_process(fixture, LIMIT, WINDOW_MS);
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal(pthread_create(&workers[i], NULL, work, &processes[i]), 0);
    assert_int_equal(pthread_create(&revealer, NULL, reveal, &processes[0]), 0);
    (void)usleep(4 * WINDOW_MS * 1000);
    atomic_store(&over, true);
    for (int i = 0; i < PROCESSES; i++)
        (void)pthread_join(workers[i], NULL);
    (void)pthread_join(revealer, NULL);
    for (int i = 0; i < PROCESSES; i++)
        stop_process(&processes[i]);
    assert_true(atomic_load(&made) > LIMIT * 8 / 10 && atomic_load(&made) < MOST);
    assert_windows(true, LIMIT * 8 / 10);
    assert_windows(false, LIMIT);
}

#define SYNC_SUM "SELECT (SELECT sum(s) FROM unnest(sync_counts) AS s) FROM request_budget"
#define OTHER_SUM "SELECT (SELECT sum(s) FROM unnest(other_counts) AS s) FROM request_budget"

static void a_block_that_is_left_is_given_back(void **state)
{
    struct fixture *fixture = *state;
    struct process process = start_process(fixture, 1000, 20000);
    assert_int_equal(take(&process), 0);
    assert_int_equal(budget_use(process.account).used, 1);
    fixture_wait_for(fixture, "SELECT sync_counts FROM request_budget", "{1}");
    stop_process(&process);
    // Nor is it lost when the process ends; of such a window it may be kept for half a minute.
    process = start_process(fixture, 1000, 3000000);
    assert_int_equal(take(&process), 0);
    assert_sql(fixture, SYNC_SUM, "17");
    stop_process(&process);
    assert_sql(fixture, SYNC_SUM, "2");
}

static void reveals_are_told_without_being_waited_for(void **state)
{
    struct fixture *fixture = *state;
    struct process process = start_process(fixture, 100, 300000);
    struct request_budget row;
    struct tx *tx = NULL;
    struct err err;
    int64_t now_us;
    // Whoever has the row: nobody waits for him.
    assert_int_equal(store_begin(fixture->store, "t1", deadline_in(9000), NULL, &tx, &err), ERR_OK);
    assert_int_equal(request_budget_lock(tx, "c1", 1, &fixture->arena, &row, &now_us, &err),
                     ERR_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(admit(&process), 0);
    budget_note(process.account, 2);
    assert_int_equal(budget_use(process.account).used, 5);
    // Nor are they forgotten on their way to it.
    wait_until_taken(process.account);
    assert_int_equal(budget_use(process.account).used, 5);
    tx_abortp(&tx);
    fixture_wait_for(fixture, OTHER_SUM, "5");
    stop_process(&process);
}

static void a_sync_leaves_the_reserve(void **state)
{
    struct fixture *fixture = *state;
    struct process process = start_process(fixture, 100, 300000);
    struct process other = start_process(fixture, 100, 300000);
    int64_t wait_ms = 0;
    for (int i = 0; i < 80; i++)
        assert_int_equal(take(i % 2 ? &process : &other), 0);
    wait_ms = take(&process);
    assert_true(wait_ms > 200000 && wait_ms < 320000);
    for (int i = 0; i < 19; i++)
        assert_int_equal(admit(&process), 0);
    // Then all is used up, for whoever asks.
    fixture_wait_for(fixture, OTHER_SUM, "19");
    assert_true(admit(&process) > 200000);
    stop_process(&process);
    stop_process(&other);
}

static void a_refusal_closes_it_for_all(void **state)
{
    struct fixture *fixture = *state;
    struct process process = start_process(fixture, 100, 300000);
    struct process other = start_process(fixture, 100, 300000);
    assert_int_equal(take(&process), 0);
    int64_t wait_ms = budget_refused(process.account, 70000);
    assert_true(wait_ms > 60000 && wait_ms <= 70000);
    wait_ms = take(&other);
    assert_true(wait_ms > 60000 && wait_ms <= 70000);
    // What is not a sync's goes on.
    assert_int_equal(admit(&other), 0);
    assert_int_equal(budget_use(other.account).foreign, 99);
    assert_sql(fixture, "SELECT refusal_count || ' ' || foreign_count FROM request_budget", "1 99");
    // A success ends the row of refusals.
    (void)fixture_sql(fixture, "UPDATE request_budget SET closed_until = NULL");
    stop_process(&process);
    process = start_process(fixture, 100, 300000);
    assert_int_equal(take(&process), 0);
    budget_served(process.account);
    fixture_wait_for(fixture, "SELECT refusal_count FROM request_budget", "0");
    stop_process(&process);
    stop_process(&other);
}

static void a_refused_reveal_closes_it_for_syncs(void **state)
{
    struct fixture *fixture = *state;
    struct process process = start_process(fixture, 100, 300000);
    assert_int_equal(admit(&process), 0);
    budget_note_refusal(process.account, 90000);
    fixture_wait_for(fixture,
                     "SELECT closed_until > now() + interval '60 seconds'"
                     " FROM request_budget",
                     "t");
    assert_true(take(&process) > 60000);
    assert_int_equal(admit(&process), 0);
    stop_process(&process);
}

static void another_key_begins_anew_only_where_keys_count(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    for (int of_key = 0; of_key < 2; of_key++) {
        const struct budget_settings settings = {.store = fixture->store,
                                                 .limit = 10,
                                                 .window_ms = 300000,
                                                 .reserve_percent = 20,
                                                 .of_key = of_key == 1};
        struct process process;
        (void)fixture_sql(fixture, "DELETE FROM request_budget");
        assert_int_equal(budget_new(&settings, &process.budget, &err), ERR_OK);
        assert_int_equal(budget_open(process.budget, "t1", "c1", 1, &process.account, &err),
                         ERR_OK);
        for (int i = 0; i < 8; i++)
            assert_int_equal(take(&process), 0);
        assert_true(take(&process) > 0);
        assert_int_equal(budget_open(process.budget, "t1", "c1", 2, &process.account, &err),
                         ERR_OK);
        assert_int_equal(take(&process) == 0, of_key == 1);
        stop_process(&process);
    }
}

static void it_goes_with_the_connection(void **state)
{
    struct fixture *fixture = *state;
    struct process process = start_process(fixture, 100, 300000);
    struct err err;
    int64_t wait_ms;
    assert_int_equal(take(&process), 0);
    budget_note(process.account, 1);
    (void)fixture_sql(fixture, "DELETE FROM vault_record; DELETE FROM connection");
    assert_sql(fixture, "SELECT count(*) FROM request_budget", "0");
    // Who still has a block uses it up, and gets no more.
    enum err_code code = ERR_OK;
    for (int i = 0; i < 3 && code == ERR_OK; i++)
        code = budget_take(process.account, &wait_ms, &err);
    assert_int_equal(code, ERR_CONFLICT);
    stop_process(&process);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_window_holds_whoever_draws),
        TEST(a_block_that_is_left_is_given_back),
        TEST(reveals_are_told_without_being_waited_for),
        TEST(a_sync_leaves_the_reserve),
        TEST(a_refusal_closes_it_for_all),
        TEST(a_refused_reveal_closes_it_for_syncs),
        TEST(another_key_begins_anew_only_where_keys_count),
        TEST(it_goes_with_the_connection),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
