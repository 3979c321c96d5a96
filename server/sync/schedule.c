#include "server/sync/schedule.h"

// While nothing can be run, or something is too old, it is looked at so often.
static const int64_t LOOK_US = 60 * INT64_C(1000000), LOOK_LEAST_US = 100000;
enum { SPREAD_PART = 10, NEAR_PART = 20, MARGIN_PART = 4 };

int64_t schedule_interval_s(int64_t chosen_s)
{
    return chosen_s == 0 ? SCHEDULE_INTERVAL_S : chosen_s;
}

int64_t schedule_objective_s(int64_t interval_s, int64_t chosen_s)
{
    interval_s = schedule_interval_s(interval_s);
    return chosen_s == 0 ? 2 * interval_s + interval_s / MARGIN_PART : chosen_s;
}

static int64_t next_us(int64_t now_us, int64_t interval_us, double chance)
{
    int64_t spread_us = interval_us / SPREAD_PART;
    return now_us + interval_us + (int64_t)((double)spread_us * chance);
}

// When the data is too old, unless a run completes it before.
static int64_t breach_us(const struct schedule_task *task, int64_t since_us)
{
    return (task->complete_us > since_us ? task->complete_us : since_us) + task->objective_us;
}

static bool is_judged(const struct schedule *schedule, const struct schedule_task *task)
{
    return schedule->judged && task->enabled;
}

static void judge_age(const struct schedule *schedule, int64_t now_us,
                      struct schedule_decision *decision)
{
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++) {
        const struct schedule_task *task = &schedule->tasks[kind];
        bool judged = is_judged(schedule, task);
        decision->since_us[kind] = !judged ? 0 : task->since_us == 0 ? now_us : task->since_us;
        // What is not meant to be fresh now is told of when it is again.
        if (!schedule->judged)
            continue;
        bool old = judged && breach_us(task, decision->since_us[kind]) <= now_us;
        if (old && task->breach_us == 0)
            decision->breached |= 1u << kind;
        if (!old && task->breach_us != 0)
            decision->mended |= 1u << kind;
    }
}

// The tasks to run: those that are due, and with them those that nearly are.
static unsigned find_due(const struct schedule *schedule, int64_t now_us, bool full)
{
    unsigned due = 0, near = 0;
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++) {
        const struct schedule_task *task = &schedule->tasks[kind];
        if (!task->enabled)
            continue;
        if (task->due_us <= now_us)
            due |= 1u << kind;
        if (full || task->due_us <= now_us + task->interval_us / NEAR_PART)
            near |= 1u << kind;
    }
    return due != 0 || full ? near : 0;
}

static void set_earlier(int64_t *time_us, int64_t other_us)
{
    if (other_us < *time_us)
        *time_us = other_us;
}

static int64_t find_look(const struct schedule *schedule, const struct schedule_decision *decision,
                         int64_t now_us)
{
    int64_t look_us = schedule->may_run ? decision->full_due_us : now_us + LOOK_US;
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++) {
        const struct schedule_task *task = &schedule->tasks[kind];
        if (task->enabled && schedule->may_run)
            set_earlier(&look_us, decision->due_us[kind]);
        if (!is_judged(schedule, task))
            continue;
        int64_t old_us = breach_us(task, decision->since_us[kind]);
        set_earlier(&look_us, old_us > now_us ? old_us : now_us + LOOK_US);
    }
    return look_us < now_us + LOOK_LEAST_US ? now_us + LOOK_LEAST_US : look_us;
}

void schedule_decide(const struct schedule *schedule, int64_t now_us, double chance,
                     struct schedule_decision *ret_decision)
{
    struct schedule_decision decision = {.full_due_us = schedule->full_due_us};
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++)
        decision.due_us[kind] = schedule->tasks[kind].due_us;
    judge_age(schedule, now_us, &decision);
    if (schedule->may_run) {
        decision.full = schedule->full_due_us <= now_us;
        decision.tasks = find_due(schedule, now_us, decision.full);
        if (decision.full)
            decision.full_due_us = next_us(now_us, schedule->full_interval_us, chance);
    }
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++) {
        const struct schedule_task *task = &schedule->tasks[kind];
        // What is off has no run to be late for.
        if ((decision.tasks & 1u << kind) != 0 || (!task->enabled && task->due_us <= now_us))
            decision.due_us[kind] = next_us(now_us, task->interval_us, chance);
    }
    decision.look_us = find_look(schedule, &decision, now_us);
    *ret_decision = decision;
}
