// What is due when, and what is too old, at times that the tests choose.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/sync/schedule.h"

#define MINUTE INT64_C(60000000)
#define HOUR (60 * MINUTE)
enum { ORGANIZATIONS = 1, DOCUMENTS, PASSWORDS, ASSETS, CHECKLISTS };
#define ALL \
    (1u << ORGANIZATIONS | 1u << DOCUMENTS | 1u << PASSWORDS | 1u << ASSETS | 1u << CHECKLISTS)

static struct schedule schedule;
static struct schedule_decision decision;

// Everything is on, was complete at 0, and is due after an hour.
static int setup(void **state)
{
    (void)state;
    schedule = (struct schedule){
        .may_run = true, .judged = true, .full_interval_us = 24 * HOUR, .full_due_us = 24 * HOUR};
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++)
        schedule.tasks[kind] = (struct schedule_task){
            .enabled = true,
            .interval_us = HOUR,
            .objective_us = 135 * MINUTE,
            .due_us = HOUR,
            .complete_us = 1,
            .since_us = 1,
        };
    return 0;
}

// Judges, and takes over what was decided.
static unsigned judge(int64_t now_us, double chance)
{
    schedule_decide(&schedule, now_us, chance, &decision);
    schedule.full_due_us = decision.full_due_us;
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++) {
        struct schedule_task *task = &schedule.tasks[kind];
        task->due_us = decision.due_us[kind];
        task->since_us = decision.since_us[kind];
        if ((decision.breached & 1u << kind) != 0)
            task->breach_us = now_us;
        if ((decision.mended & 1u << kind) != 0)
            task->breach_us = 0;
    }
    return decision.tasks;
}

static void complete(unsigned tasks, int64_t now_us)
{
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++)
        if ((tasks & 1u << kind) != 0)
            schedule.tasks[kind].complete_us = now_us;
}

static void nothing_is_due_before_its_time(void **state)
{
    (void)state;
    assert_int_equal(judge(HOUR / 2, 0), 0);
    assert_int_equal(decision.look_us, HOUR);
    assert_int_equal(judge(HOUR, 0.5), ALL);
    assert_false(decision.full);
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++)
        assert_int_equal(decision.due_us[kind], 2 * HOUR + 3 * MINUTE);
    assert_int_equal(decision.look_us, 2 * HOUR + 3 * MINUTE);
}

// A day by intervals of their own, each look when the one before asked for it.
static void each_type_has_its_interval(void **state)
{
    (void)state;
    int runs[SCHEDULE_KINDS] = {0}, full = 0, looks = 0;
    const int64_t minutes[SCHEDULE_KINDS] = {0, 60, 240, 15, 30, 120};
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++) {
        schedule.tasks[kind].interval_us = schedule.tasks[kind].due_us = minutes[kind] * MINUTE;
        schedule.tasks[kind].objective_us = schedule_objective_s(minutes[kind] * 60, 0) * 1000000;
    }
    for (int64_t now_us = 2; now_us < 24 * HOUR + MINUTE; now_us = decision.look_us) {
        unsigned tasks = judge(now_us, 0);
        complete(tasks, now_us);
        for (int kind = 1; kind < SCHEDULE_KINDS; kind++)
            runs[kind] += (tasks & 1u << kind) != 0;
        full += decision.full;
        assert_int_equal(decision.breached, 0);
        assert_true(decision.look_us > now_us);
        looks++;
    }
    assert_int_equal(full, 1);
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++)
        assert_int_equal(runs[kind], 24 * 60 / minutes[kind]);
    assert_true(looks <= 24 * 60 / 15 + 10);
}

static void a_missed_time_is_made_up_for_once(void **state)
{
    (void)state;
    assert_int_equal(judge(20 * HOUR, 0), ALL);
    assert_int_equal(judge(20 * HOUR + MINUTE, 0), 0);
    assert_int_equal(decision.due_us[DOCUMENTS], 21 * HOUR);
}

static void what_is_nearly_due_comes_along(void **state)
{
    (void)state;
    schedule.tasks[ASSETS].due_us = HOUR + 2 * MINUTE;
    schedule.tasks[CHECKLISTS].due_us = HOUR + 20 * MINUTE;
    assert_int_equal(judge(HOUR, 0), ALL & ~(1u << CHECKLISTS));
    assert_int_equal(decision.look_us, HOUR + 20 * MINUTE);
}

static void once_a_day_everything(void **state)
{
    (void)state;
    schedule.full_due_us = 30 * MINUTE;
    assert_int_equal(judge(30 * MINUTE, 1), ALL);
    assert_true(decision.full);
    assert_int_equal(decision.full_due_us, 30 * MINUTE + 24 * HOUR + 24 * HOUR / 10);
    assert_int_equal(decision.due_us[PASSWORDS], 30 * MINUTE + HOUR + HOUR / 10);
}

static void what_is_off_is_not_run(void **state)
{
    (void)state;
    schedule.tasks[DOCUMENTS].enabled = false;
    schedule.tasks[DOCUMENTS].complete_us = 0;
    assert_int_equal(judge(HOUR, 0), ALL & ~(1u << DOCUMENTS));
    assert_int_equal(judge(10 * HOUR, 0), ALL & ~(1u << DOCUMENTS));
    assert_int_equal(decision.breached, ALL & ~(1u << DOCUMENTS));
    // Turned on, it is not late for what it could not do.
    schedule.tasks[DOCUMENTS].enabled = true;
    (void)judge(10 * HOUR + MINUTE, 0);
    assert_int_equal(decision.breached & 1u << DOCUMENTS, 0);
    (void)judge(13 * HOUR, 0);
    assert_true((decision.breached & 1u << DOCUMENTS) != 0);
}

static void who_cannot_run_waits(void **state)
{
    (void)state;
    schedule.may_run = false;
    assert_int_equal(judge(HOUR, 0), 0);
    assert_int_equal(decision.look_us, HOUR + MINUTE);
    assert_int_equal(decision.due_us[ASSETS], HOUR);
    // What is paused ages all the same.
    (void)judge(3 * HOUR, 0);
    assert_int_equal(decision.breached, ALL);
    schedule.may_run = true;
    assert_int_equal(judge(3 * HOUR + MINUTE, 0), ALL);
}

static void a_breach_is_told_once_and_so_is_its_end(void **state)
{
    (void)state;
    (void)judge(HOUR, 0);
    (void)judge(2 * HOUR, 0);
    assert_int_equal(decision.breached, 0);
    // Looked at in the moment in which it becomes too old.
    assert_int_equal(decision.look_us, 1 + 135 * MINUTE);
    (void)judge(decision.look_us, 0);
    assert_int_equal(decision.breached, ALL);
    (void)judge(decision.look_us, 0);
    assert_int_equal(decision.breached | decision.mended, 0);
    complete(1u << PASSWORDS, 136 * MINUTE);
    (void)judge(137 * MINUTE, 0);
    assert_int_equal(decision.mended, 1u << PASSWORDS);
    (void)judge(138 * MINUTE, 0);
    assert_int_equal(decision.breached | decision.mended, 0);
}

static void a_connection_without_a_key_promises_nothing(void **state)
{
    (void)state;
    schedule.may_run = schedule.judged = false;
    (void)judge(100 * HOUR, 0);
    assert_int_equal(decision.breached, 0);
    // Connected again, its time begins anew.
    schedule.may_run = schedule.judged = true;
    (void)judge(101 * HOUR, 0);
    assert_int_equal(decision.breached, 0);
}

static void never_complete_is_too_old_in_the_end(void **state)
{
    (void)state;
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++)
        schedule.tasks[kind].complete_us = schedule.tasks[kind].since_us = 0;
    (void)judge(2, 0);
    assert_int_equal(decision.breached, 0);
    (void)judge(3 * HOUR, 0);
    assert_int_equal(decision.breached, ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_due_before_its_time, setup),
        cmocka_unit_test_setup(each_type_has_its_interval, setup),
        cmocka_unit_test_setup(a_missed_time_is_made_up_for_once, setup),
        cmocka_unit_test_setup(what_is_nearly_due_comes_along, setup),
        cmocka_unit_test_setup(once_a_day_everything, setup),
        cmocka_unit_test_setup(what_is_off_is_not_run, setup),
        cmocka_unit_test_setup(who_cannot_run_waits, setup),
        cmocka_unit_test_setup(a_breach_is_told_once_and_so_is_its_end, setup),
        cmocka_unit_test_setup(a_connection_without_a_key_promises_nothing, setup),
        cmocka_unit_test_setup(never_complete_is_too_old_in_the_end, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
