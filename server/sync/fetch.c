// Fetching with the budget and with retries.
#include "server/sync/run.h"

#include <sodium.h>

#include "server/sync/sync_private.h"

enum { TRIES_MAX = 5, SHORT_WAIT_MS = 2000 };

bool run_may_take(struct run *run)
{
    int64_t wait_ms;
    struct err err;
    return budget_take(run->account, &wait_ms, &err) == ERR_OK && wait_ms == 0;
}

enum err_code run_take(struct run *run, struct err *reterr)
{
    for (;;) {
        int64_t wait_ms;
        try_(budget_take(run->account, &wait_ms, reterr));
        if (wait_ms == 0)
            return ERR_OK;
        if (wait_ms > SHORT_WAIT_MS) {
            run->wait_ms = wait_ms;
            return err_set(reterr, ERR_UPSTREAM_RATE_LIMITED, "the request budget is used up");
        }
        if (!run_sleep(run, wait_ms))
            return run_stopped(run, reterr);
    }
}

void run_count(struct run *run, const struct source_attempt *attempt)
{
    run->requests += attempt->request_count;
    if (attempt->request_count > 1)
        budget_add(run->account, attempt->request_count - 1);
}

static bool passes_by_itself(enum err_code code)
{
    return code == ERR_UPSTREAM_ERROR || code == ERR_UPSTREAM_TIMEOUT ||
           code == ERR_UPSTREAM_UNREACHABLE || code == ERR_UPSTREAM_ANSWER_INVALID;
}

// Doubles from half a second, half of it at random.
static int64_t pause_ms(const struct sync *sync, int tries)
{
    int64_t ms = (int64_t)sync->retry_ms << tries;
    return ms / 2 + (int64_t)randombytes_uniform((uint32_t)ms / 2 + 1);
}

// Takes the page if it was read ahead, but not one with a record too large for a reader: that costs
// a request more. `*ret_code` and `reterr` say how that ended.
static bool take_ahead(struct run *run, struct fetch *fetch, struct source_attempt *ret_attempt,
                       enum err_code *ret_code, struct err *reterr)
{
    struct ahead_result result;
    if (!ahead_take(run->ahead, fetch->query, fetch->page, &result))
        return false;
    if (result.code == ERR_OK && page_has_large(fetch->page)) {
        run_count(run, &result.attempt);
        return false;
    }
    fetch->answer = result.answer;
    *ret_attempt = result.attempt;
    *ret_code = result.code;
    if (result.code != ERR_OK && reterr != NULL)
        *reterr = result.err;
    return true;
}

// Asks upstream, when the budget has a request. `*ret_code` says how that ended.
static enum err_code ask(struct run *run, struct fetch *fetch, struct source_attempt *ret_attempt,
                         enum err_code *ret_code, struct err *reterr)
{
    try_(run_give_way(run, reterr));
    try_(run_take(run, reterr));
    ahead_make_room(run->ahead);
    page_reset(fetch->page);
    struct source_sink sink = page_sink(fetch->page);
    fetch->answer = (struct source_page){.total_count = -1};
    *ret_code = source_fetch_page(run->source, fetch->query, &sink, deadline_in(RUN_FETCH_MS),
                                  &run->stop, &fetch->answer, ret_attempt, reterr);
    return ERR_OK;
}

enum err_code run_fetch(struct run *run, struct fetch *fetch, struct err *reterr)
{
    for (int tries = 0;; tries++) {
        struct source_attempt attempt = {0};
        enum err_code code;
        try_(tries == 0 && take_ahead(run, fetch, &attempt, &code, reterr)
                 ? ERR_OK
                 : ask(run, fetch, &attempt, &code, reterr));
        run_count(run, &attempt);
        fetch->http_status = attempt.http_status;
        if (code == ERR_OK)
            budget_served(run->account);
        if (atomic_load(&run->stop))
            return run_stopped(run, reterr);
        if (code == ERR_UPSTREAM_RATE_LIMITED) {
            run->wait_ms = budget_refused(run->account, attempt.retry_after_ms);
            return code;
        }
        fetch->too_heavy = attempt.page_too_heavy || fetch->page->overflow;
        if (code == ERR_OK || fetch->once || fetch->too_heavy || !passes_by_itself(code) ||
            tries + 1 == TRIES_MAX)
            return code;
        if (!run_sleep(run, attempt.retry_after_ms > 0 && attempt.retry_after_ms < SHORT_WAIT_MS
                                ? attempt.retry_after_ms
                                : pause_ms(run->sync, tries)))
            return run_stopped(run, reterr);
    }
}
