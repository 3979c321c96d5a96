// The bounded queue of a lane: order, shares of callers, refusal, steps that are never refused, the
// end.
#include "server/rpc/lane.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { JOBS = 10 };

struct work {
    struct owner owner;
    struct lane_job job;
    struct lane *lane;
    int again; // times the job queues itself
    int order;
};

static atomic_int ran, released, next_order;

static void release(struct owner *owner)
{
    (void)owner;
    atomic_fetch_add(&released, 1);
}

static void run(struct lane_job *job)
{
    struct work *work = (struct work *)job->owner;
    atomic_fetch_add(&ran, 1);
    work->order = atomic_fetch_add(&next_order, 1);
    if (work->again-- > 0)
        lane_push_step(work->lane, job);
}

static void prepare(struct work works[JOBS], struct lane *lane)
{
    ran = released = next_order = 0;
    for (size_t i = 0; i < JOBS; i++) {
        works[i] = (struct work){.lane = lane};
        owner_init(&works[i].owner, release);
        works[i].job = (struct lane_job){.run = run, .owner = &works[i].owner};
        works[i].job.caller = (uint32_t)i;
    }
}

static void refuses_when_full(void **state)
{
    (void)state;
    struct lane lane;
    struct work works[JOBS];
    lane_init(&lane, JOBS - 2);
    prepare(works, &lane);
    for (size_t i = 0; i < JOBS - 2; i++) {
        assert_false(lane_is_full(&lane));
        assert_true(lane_push(&lane, &works[i].job));
    }
    assert_true(lane_is_full(&lane));
    assert_false(lane_push(&lane, &works[JOBS - 2].job));
    assert_int_equal(works[JOBS - 2].owner.refs, 1);
    lane_push_step(&lane, &works[JOBS - 1].job);
    struct err err;
    assert_int_equal(lane_start(&lane, "test", 1, SCHED_OTHER, &err), ERR_OK);
    // What is queued runs before the lane ends, in order.
    lane_stop(&lane);
    assert_int_equal(ran, JOBS - 1);
    for (int i = 0; i < JOBS - 2; i++)
        assert_int_equal(works[i].order, i);
    assert_int_equal(works[JOBS - 1].order, JOBS - 2);
    for (size_t i = 0; i < JOBS; i++) {
        assert_int_equal(works[i].owner.refs, 1);
        owner_unref(&works[i].owner);
    }
    assert_int_equal(released, JOBS);
    lane_done(&lane);
}

static void callers_take_turns(void **state)
{
    (void)state;
    static const uint32_t callers[JOBS] = {1, 1, 1, 1, 2, 2, 1, 3, 1, 3};
    static const int orders[JOBS] = {0, 3, 6, 7, 1, 4, 8, 2, 9, 5};
    struct lane lane;
    struct work works[JOBS];
    struct err err;
    lane_init(&lane, JOBS * 2);
    prepare(works, &lane);
    for (size_t i = 0; i < JOBS; i++) {
        works[i].job.caller = callers[i];
        // Steps take their turns with the rest.
        if (i % 2 == 0)
            assert_true(lane_push(&lane, &works[i].job));
        else
            lane_push_step(&lane, &works[i].job);
    }
    assert_int_equal(lane_start(&lane, "test", 1, SCHED_OTHER, &err), ERR_OK);
    lane_stop(&lane);
    for (size_t i = 0; i < JOBS; i++)
        assert_int_equal(works[i].order, orders[i]);
    lane_done(&lane);
}

static void a_caller_leaves_room_in_the_queue(void **state)
{
    (void)state;
    static const struct {
        uint32_t caller;
        bool room;
    } pushes[JOBS] = {{1, true}, {1, true}, {1, true},  {1, true}, {1, false},
                      {2, true}, {2, true}, {2, false}, {3, true}, {4, true}};
    struct lane lane;
    struct work works[JOBS];
    struct err err;
    lane_init(&lane, JOBS - 2);
    prepare(works, &lane);
    for (size_t i = 0; i < JOBS; i++) {
        works[i].job.caller = pushes[i].caller;
        assert_int_equal(lane_push(&lane, &works[i].job), pushes[i].room);
    }
    assert_true(lane_is_full(&lane));
    assert_int_equal(lane_start(&lane, "test", 1, SCHED_OTHER, &err), ERR_OK);
    lane_stop(&lane);
    // Who has been served has room again.
    for (size_t i = 0; i < 4; i++)
        assert_true(lane_push(&lane, &works[i].job));
    lane_done(&lane);
}

static atomic_int held;
static atomic_bool let_go;

static void hold(struct lane_job *job)
{
    (void)job;
    atomic_fetch_add(&held, 1);
    while (!let_go)
        usleep(100);
}

static void wait_for(const atomic_int *number, int wanted)
{
    while (atomic_load(number) < wanted)
        usleep(100);
}

static void a_caller_leaves_a_thread(void **state)
{
    (void)state;
    struct lane lane;
    struct work works[JOBS];
    struct err err;
    lane_init(&lane, JOBS * 2);
    prepare(works, &lane);
    held = 0;
    let_go = false;
    assert_int_equal(lane_start(&lane, "test", 4, SCHED_OTHER, &err), ERR_OK);
    for (size_t i = 0; i < 6; i++) {
        works[i].job.run = hold;
        works[i].job.caller = 1;
        assert_true(lane_push(&lane, &works[i].job));
    }
    wait_for(&held, 3);
    // Whoever comes runs at once, though three of the other's wait.
    works[6].job.caller = 2;
    assert_true(lane_push(&lane, &works[6].job));
    wait_for(&ran, 1);
    assert_int_equal(held, 3);
    let_go = true;
    wait_for(&held, 6);
    lane_stop(&lane);
    lane_done(&lane);
}

static void jobs_queue_themselves_again(void **state)
{
    (void)state;
    struct lane lane;
    struct work works[JOBS];
    struct err err;
    lane_init(&lane, JOBS);
    prepare(works, &lane);
    assert_int_equal(lane_start(&lane, "test", 4, SCHED_OTHER, &err), ERR_OK);
    for (size_t i = 0; i < JOBS; i++) {
        works[i].again = 99;
        assert_true(lane_push(&lane, &works[i].job));
        owner_unref(&works[i].owner);
    }
    while (released < JOBS)
        usleep(1000);
    assert_int_equal(ran, JOBS * 100);
    lane_stop(&lane);
    lane_done(&lane);
}

static atomic_int missing;

static void meet(struct lane_job *job)
{
    (void)job;
    atomic_fetch_sub(&missing, 1);
    while (missing > 0)
        sched_yield();
}

// As many callers as threads have a job each that waits for those of all others, among short ones.
static void assert_all_meet(struct lane *lane, int threads, int round)
{
    struct work works[JOBS];
    prepare(works, lane);
    missing = threads;
    for (int i = 0; i < JOBS; i++) {
        int place = (i + round) % JOBS;
        works[i].job.caller = (uint32_t)(place % threads);
        if (place < threads)
            works[i].job.run = meet;
        lane_push_step(lane, &works[i].job);
        owner_unref(&works[i].owner);
    }
    while (released < JOBS)
        sched_yield();
}

static void nobody_waits_while_a_thread_is_free(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        struct lane lane;
        struct err err;
        lane_init(&lane, 1);
        assert_int_equal(lane_start(&lane, "test", (size_t)threads, SCHED_OTHER, &err), ERR_OK);
        for (int round = 0; round < 2000; round++)
            assert_all_meet(&lane, threads, round);
        lane_stop(&lane);
        lane_done(&lane);
    }
}

static atomic_int policy;

static void tell_policy(struct lane_job *job)
{
    (void)job;
    policy = sched_getscheduler(0);
}

static void assert_policy(int wanted)
{
    struct lane lane;
    struct work works[JOBS];
    struct err err;
    lane_init(&lane, 1);
    prepare(works, &lane);
    works[0].job.run = tell_policy;
    assert_int_equal(lane_start(&lane, "test", 1, wanted, &err), ERR_OK);
    assert_true(lane_push(&lane, &works[0].job));
    lane_stop(&lane);
    assert_int_equal(policy, wanted);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
    lane_done(&lane);
}

static void threads_are_scheduled_as_wanted(void **state)
{
    (void)state;
    assert_policy(SCHED_BATCH);
    assert_policy(SCHED_OTHER);
}

static void ends_without_work(void **state)
{
    (void)state;
    struct lane lane;
    struct err err;
    lane_init(&lane, 1);
    assert_int_equal(lane_start(&lane, "test", 3, SCHED_OTHER, &err), ERR_OK);
    lane_stop(&lane);
    lane_stop(&lane);
    lane_done(&lane);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_when_full),
        cmocka_unit_test(callers_take_turns),
        cmocka_unit_test(a_caller_leaves_room_in_the_queue),
        cmocka_unit_test(a_caller_leaves_a_thread),
        cmocka_unit_test(jobs_queue_themselves_again),
        cmocka_unit_test(nobody_waits_while_a_thread_is_free),
        cmocka_unit_test(threads_are_scheduled_as_wanted),
        cmocka_unit_test(ends_without_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
