// Requests against the limit of each credential, shared by all processes: at most so many in any
// window, however many draw.
//
// A row of the database has the count (ledger.h says how). A sync draws a block of requests from it
// and uses them up within a hundredth of a window; what it leaves is given back. All else (reveals,
// tests) is counted here and told to the row within a tenth of a second by a thread, so that it
// costs no round trip; only when the reserve is nearly used up is each such request asked for.
// Thread-safe; no lock is held over a call to the database.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/base/err.h"
#include "server/store/store.h"

struct budget;
struct budget_account;

struct budget_settings {
    struct store *store;
    int limit;
    int64_t window_ms;
    int reserve_percent; // of the limit, not for syncs
    bool of_key;         // another key of a connection begins anew; else all share the account's
};

enum err_code budget_new(const struct budget_settings *settings, struct budget **ret_budget,
                         struct err *reterr) _must_check_;
// Starts the thread that tells the database.
enum err_code budget_start(struct budget *budget, struct err *reterr) _must_check_;
// Tells what is left to tell, and ends the thread.
void budget_stop(struct budget *budget);
struct budget *budget_free(struct budget *budget);

// The account of a credential; lives as long as the budget. Errors: INTERNAL without memory.
enum err_code budget_open(struct budget *budget, const char *tenant, const char *connection_id,
                          int64_t credential_version, struct budget_account **ret_account,
                          struct err *reterr) _must_check_;

// Takes a request of a sync if there is one left and no pause is on: `*ret_wait_ms` is 0. Else it
// is how long to wait before asking again. May ask the database. Errors: those of the store.
enum err_code budget_take(struct budget_account *account, int64_t *ret_wait_ms,
                          struct err *reterr) _must_check_;
// Requests made beyond the ones taken, such as those of a redirect.
void budget_add(struct budget_account *account, int requests);
// Upstream said 429 to a sync: nothing for `retry_after_ms`, or without one (0) for a time that
// doubles with each refusal in a row, in any process. Returns how long that is.
int64_t budget_refused(struct budget_account *account, int64_t retry_after_ms);
// Upstream answered.
void budget_served(struct budget_account *account);

// Takes a request that is not a sync's: `*ret_wait_ms` is 0, unless the whole limit is used up.
// Asks the database only if little of the reserve is left. Errors: those of the store.
enum err_code budget_admit(struct budget_account *account, int64_t *ret_wait_ms,
                           struct err *reterr) _must_check_;
// Requests made that were not taken and are not a sync's. Does not wait.
void budget_note(struct budget_account *account, int requests);
// Upstream said 429 to one of those. Does not wait.
void budget_note_refusal(struct budget_account *account, int64_t retry_after_ms);

// How an account stands, as this process knows it from when it last asked.
struct budget_use {
    int used;
    int64_t foreign, foreign_time_us; // as in struct ledger
};
struct budget_use budget_use(struct budget_account *account);
