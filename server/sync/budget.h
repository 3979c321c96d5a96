// Requests against the limit of each credential: at most so many in any window.
//
// Exact: remembers when each of the last requests was made. The sync may use the limit without the
// reserve, which belongs to reveals and tests. Thread-safe; one lock, taken last.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/err.h"

struct budget;
struct budget_account;

enum err_code budget_new(int limit, int64_t window_ms, int reserve_percent,
                         struct budget **ret_budget, struct err *reterr) _must_check_;
struct budget *budget_free(struct budget *budget);

// The account of a credential; lives as long as the budget. Errors: INTERNAL without memory.
enum err_code budget_open(struct budget *budget, const char *tenant, const char *connection_id,
                          int64_t credential_version, struct budget_account **ret_account,
                          struct err *reterr) _must_check_;
// Takes a request if there is one left and no wait is on. Else returns how many milliseconds to
// wait before asking again; 0: taken.
int64_t budget_take(struct budget_account *account);
// Requests made beyond the ones taken, such as those of a redirect.
void budget_add(struct budget_account *account, int requests);
// Upstream said 429: nothing for `retry_after_ms`, or without one (0) for a time that doubles with
// each refusal in a row. Returns how long that is.
int64_t budget_refused(struct budget_account *account, int64_t retry_after_ms);
void budget_served(struct budget_account *account);

struct budget_use {
    int used, limit;
    int64_t window_ms;
};
// How a credential's account stands; one that was never opened has used nothing.
struct budget_use budget_use(struct budget *budget, const char *tenant, const char *connection_id);
