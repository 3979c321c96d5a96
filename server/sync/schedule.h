// When a connection is synced, and when its data is too old: what is due is judged here, from a row
// and the time. No clock, no thread, no database; times are microseconds of the database's clock.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// By docbridge.v1.SyncTaskKind; 0 is not used.
enum { SCHEDULE_KINDS = 6 };

// What a schedule says unless somebody chose otherwise, and what can be chosen at most.
enum {
    SCHEDULE_INTERVAL_S = 3600,
    SCHEDULE_FULL_INTERVAL_S = 24 * 3600,
    SCHEDULE_MOST_S = 30 * 24 * 3600,
};

// What was chosen, or the default for 0.
int64_t schedule_interval_s(int64_t chosen_s);
// How old data may get: as chosen, or the time of two runs and a little more. `interval_s` as
// chosen.
int64_t schedule_objective_s(int64_t interval_s, int64_t chosen_s);

struct schedule_task {
    bool enabled;         // the type is synced at all
    int64_t interval_us;  // between runs
    int64_t objective_us; // how old the data may get
    int64_t due_us;       // the next run
    int64_t complete_us;  // when the data was last seen complete; 0: never
    int64_t since_us;     // since when it is meant to be fresh; 0: it is not
    int64_t breach_us;    // since when it is known to be too old; 0: it is not
};

struct schedule {
    bool may_run; // the connection can be synced now
    bool judged;  // its data is meant to be kept fresh
    int64_t full_interval_us, full_due_us;
    struct schedule_task tasks[SCHEDULE_KINDS];
};

struct schedule_decision {
    unsigned tasks;            // to run now: bits of docbridge.v1.SyncTaskKind; 0: none
    bool full;                 // and everything of them
    unsigned breached, mended; // tasks whose data has become too old, or is so no longer
    // From now on.
    int64_t due_us[SCHEDULE_KINDS], since_us[SCHEDULE_KINDS], full_due_us;
    int64_t look_us; // when to judge again
};

// Judges a schedule. `chance` (0 to 1) lengthens what comes next by up to a tenth, so that many
// connections spread. What is due nearly at the same time is run at once.
void schedule_decide(const struct schedule *schedule, int64_t now_us, double chance,
                     struct schedule_decision *ret_decision);
