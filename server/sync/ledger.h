// The arithmetic of a credential's request budget: how many requests are within the window, and how
// many more fit. No clock, no thread, no database; times are microseconds of the database's clock.
//
// What is counted leaves the window a hundredth of it late, since requests may overtake each other
// on their way, and in steps of a hundredth, so that a ledger stays small.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEDGER_ENTRIES_MAX = 256 };

struct ledger_entry {
    int64_t leave_us;    // when these requests leave the window
    int64_t sync, other; // of syncs; of all else
};

struct ledger {
    struct ledger_entry entries[LEDGER_ENTRIES_MAX]; // by leave_us
    size_t count;
    int64_t closed_until_us; // upstream asked for a pause
    int refusals;            // in a row
    int64_t foreign;         // requests that others must have made, when upstream last refused
    int64_t foreign_time_us; // 0: never
};

// At most `limit` requests in any window; `share` of them are for syncs, the rest is a reserve.
struct ledger_policy {
    int64_t limit, share;
    int64_t window_us;
};

// Forgets what has left the window.
void ledger_forget(struct ledger *ledger, int64_t now_us);
// Requests of both kinds within the window at a time.
int64_t ledger_used(const struct ledger *ledger, int64_t now_us);
// Counts requests that were made at `time_us` at the latest. Returns when they leave the window.
int64_t ledger_count(struct ledger *ledger, const struct ledger_policy *policy, int64_t time_us,
                     int64_t sync, int64_t other);
// Takes back requests of a sync that leave at `leave_us`, as ledger_count() said.
void ledger_uncount(struct ledger *ledger, int64_t leave_us, int64_t sync);

// How many requests a sync may make now, at most `want`, which the caller then counts. 0: none;
// `*ret_wait_us` is then when it is worth asking again.
int64_t ledger_room(const struct ledger *ledger, const struct ledger_policy *policy, int64_t now_us,
                    int64_t want, int64_t *ret_wait_us);
// Microseconds until a request that is not a sync's fits; 0: it fits now. A pause that upstream
// asked for does not stop it. A twentieth of the reserve is left for those that processes make
// before they can tell each other.
int64_t ledger_wait(const struct ledger *ledger, const struct ledger_policy *policy,
                    int64_t now_us);
// Whether less than a quarter of the reserve is left, so that each request is to be asked for.
bool ledger_is_tight(const struct ledger *ledger, const struct ledger_policy *policy,
                     int64_t now_us, int64_t uncounted);

// Upstream refused a request: closes for what it asked for, at most five minutes, or without a word
// (0) for a time that doubles with each refusal in a row; `chance` (0 to 1) spreads those who share
// a key. Notes how many requests others must have made. Returns how long it is closed.
int64_t ledger_refuse(struct ledger *ledger, const struct ledger_policy *policy, int64_t now_us,
                      int64_t retry_after_us, double chance);
