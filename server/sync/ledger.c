#include "server/sync/ledger.h"

#include <string.h>

enum {
    STEPS = 100,        // of a window
    WORTH_PART = 20,    // of the share: what is worth waking up for
    TIGHT_PART = 4,     // of the reserve
    UNASKED_PART = 20,  // of the reserve
    BACK_OFF_MOST = 60, // seconds
};
static const int64_t SECOND_US = 1000000;
static const int64_t RETRY_AFTER_MOST_US = 300 * SECOND_US, BACK_OFF_FIRST_US = 2 * SECOND_US;

static int64_t step_us(const struct ledger_policy *policy)
{
    return policy->window_us < STEPS ? 1 : policy->window_us / STEPS;
}

void ledger_forget(struct ledger *ledger, int64_t now_us)
{
    size_t gone = 0;
    while (gone < ledger->count && ledger->entries[gone].leave_us <= now_us)
        gone++;
    ledger->count -= gone;
    (void)memmove(ledger->entries, ledger->entries + gone,
                  ledger->count * sizeof(ledger->entries[0]));
}

// The sums of what is in the window at a time.
static struct ledger_entry sum(const struct ledger *ledger, int64_t now_us)
{
    struct ledger_entry all = {.leave_us = now_us};
    for (size_t i = 0; i < ledger->count; i++) {
        if (ledger->entries[i].leave_us <= now_us)
            continue;
        all.sync += ledger->entries[i].sync;
        all.other += ledger->entries[i].other;
    }
    return all;
}

int64_t ledger_used(const struct ledger *ledger, int64_t now_us)
{
    struct ledger_entry all = sum(ledger, now_us);
    return all.sync + all.other;
}

int64_t ledger_count(struct ledger *ledger, const struct ledger_policy *policy, int64_t time_us,
                     int64_t sync, int64_t other)
{
    int64_t step = step_us(policy);
    int64_t leave_us = (time_us + policy->window_us + 2 * step - 1) / step * step;
    size_t at = ledger->count;
    while (at > 0 && ledger->entries[at - 1].leave_us > leave_us)
        at--;
    if (at > 0 && ledger->entries[at - 1].leave_us == leave_us) {
        at--;
    } else if (ledger->count == LEDGER_ENTRIES_MAX) {
        // Only windows of several lengths fill it: counted too long does no harm.
        at = ledger->count - 1;
        if (ledger->entries[at].leave_us < leave_us)
            ledger->entries[at].leave_us = leave_us;
    } else {
        (void)memmove(ledger->entries + at + 1, ledger->entries + at,
                      (ledger->count - at) * sizeof(ledger->entries[0]));
        ledger->entries[at] = (struct ledger_entry){.leave_us = leave_us};
        ledger->count++;
    }
    ledger->entries[at].sync += sync;
    ledger->entries[at].other += other;
    return ledger->entries[at].leave_us;
}

void ledger_uncount(struct ledger *ledger, int64_t leave_us, int64_t sync)
{
    for (size_t i = 0; i < ledger->count; i++) {
        struct ledger_entry *entry = &ledger->entries[i];
        if (entry->leave_us != leave_us)
            continue;
        entry->sync = entry->sync > sync ? entry->sync - sync : 0;
        if (entry->sync + entry->other == 0) {
            ledger->count--;
            (void)memmove(entry, entry + 1, (ledger->count - i) * sizeof(*entry));
        }
        return;
    }
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t ceiling(const struct ledger_policy *policy)
{
    return policy->limit - (policy->limit - policy->share) / UNASKED_PART;
}

static int64_t room_beside(const struct ledger_policy *policy, const struct ledger_entry *all)
{
    return smaller(policy->share - all->sync, ceiling(policy) - all->sync - all->other);
}

int64_t ledger_room(const struct ledger *ledger, const struct ledger_policy *policy, int64_t now_us,
                    int64_t want, int64_t *ret_wait_us)
{
    struct ledger_entry all = sum(ledger, now_us);
    int64_t room = room_beside(policy, &all);
    int64_t worth = policy->share < WORTH_PART ? 1 : policy->share / WORTH_PART;
    *ret_wait_us = 0;
    if (ledger->closed_until_us > now_us) {
        *ret_wait_us = ledger->closed_until_us - now_us;
        return 0;
    }
    if (room > 0)
        return smaller(room, want);
    for (size_t i = 0; i < ledger->count && room < worth; i++) {
        const struct ledger_entry *entry = &ledger->entries[i];
        if (entry->leave_us <= now_us)
            continue;
        all.sync -= entry->sync;
        all.other -= entry->other;
        room = room_beside(policy, &all);
        *ret_wait_us = entry->leave_us - now_us;
    }
    return 0;
}

int64_t ledger_wait(const struct ledger *ledger, const struct ledger_policy *policy, int64_t now_us)
{
    int64_t used = ledger_used(ledger, now_us);
    for (size_t i = 0; i < ledger->count && used >= ceiling(policy); i++) {
        if (ledger->entries[i].leave_us <= now_us)
            continue;
        used -= ledger->entries[i].sync + ledger->entries[i].other;
        if (used < ceiling(policy))
            return ledger->entries[i].leave_us - now_us;
    }
    return 0;
}

bool ledger_is_tight(const struct ledger *ledger, const struct ledger_policy *policy,
                     int64_t now_us, int64_t uncounted)
{
    int64_t margin = (policy->limit - policy->share) / TIGHT_PART;
    return ledger_used(ledger, now_us) + uncounted >= ceiling(policy) - margin;
}

static int64_t back_off_us(int refusals, double chance)
{
    int64_t most_us = BACK_OFF_MOST * SECOND_US, us = BACK_OFF_FIRST_US;
    for (int i = 0; i < refusals && us < most_us; i++)
        us *= 2;
    us = smaller(us, most_us);
    return us / 2 + (int64_t)((double)us / 2 * chance);
}

int64_t ledger_refuse(struct ledger *ledger, const struct ledger_policy *policy, int64_t now_us,
                      int64_t retry_after_us, double chance)
{
    bool closed = ledger->closed_until_us > now_us;
    int64_t until_us = now_us + smaller(retry_after_us, RETRY_AFTER_MOST_US);
    int64_t used = ledger_used(ledger, now_us);
    // What was under way when it closed says nothing new.
    if (!closed) {
        if (retry_after_us <= 0)
            until_us = now_us + back_off_us(ledger->refusals, chance);
        ledger->refusals++;
        ledger->foreign = used < policy->limit ? policy->limit - used : 0;
        ledger->foreign_time_us = ledger->foreign > 0 ? now_us : 0;
    }
    if (until_us > ledger->closed_until_us)
        ledger->closed_until_us = until_us;
    return ledger->closed_until_us - now_us;
}
