// Tells the database what was counted here: each account's news, all of a tenth of a second at
// once.
#include "server/base/log.h"
#include "server/sync/budget_private.h"
#include "server/sync/sync_private.h"

enum { GATHER_MS = 100, LOOK_MS = 1000 };

static bool has_news(const struct budget_account *account, int64_t now_ms)
{
    const struct budget_news *news = &account->news;
    bool block_over = news->block_leave_us != 0 && now_ms >= account->block_end_ms;
    return news->sync > 0 || news->other > 0 || news->served || news->refused || block_over;
}

// Takes what is to be told out of the account.
static struct budget_news take_news(struct budget_account *account, enum budget_want want)
{
    struct budget_news news = account->news;
    news.credential_version = account->credential_version;
    account->news = (struct budget_news){0};
    if (want == BUDGET_WANT_BLOCK || clock_steady_ms() >= account->block_end_ms) {
        account->block_left = 0;
    } else {
        account->news.block_leave_us = news.block_leave_us;
        account->news.block_used_us = news.block_used_us;
        account->news.block_used = news.block_used;
        account->news.block_left = news.block_left;
        news.block_leave_us = 0;
    }
    return news;
}

// A block is not told twice, since the first time may have counted: it stays counted as drawn, and
// longest.
static void put_back(struct budget_account *account, const struct budget_news *news)
{
    account->news.sync += news->sync;
    account->news.other += news->other;
    account->news.served |= news->served;
    if (news->refused && !account->news.refused) {
        account->news.refused = true;
        account->news.retry_after_ms = news->retry_after_ms;
    }
}

enum err_code budget_tell(struct budget_account *account, enum budget_want want,
                          struct budget_grant *ret_grant, struct err *reterr)
{
    struct budget *budget = account->budget;
    struct budget_news news = take_news(account, want);
    account->exchanging = true;
    account->telling = news.sync + news.other;
    int64_t before_ms = clock_steady_ms();
    (void)pthread_mutex_unlock(&budget->lock);
    enum err_code code = budget_exchange(account, &news, want, ret_grant, reterr);
    (void)pthread_mutex_lock(&budget->lock);
    account->exchanging = false;
    account->telling = 0;
    (void)pthread_cond_broadcast(&budget->exchanged);
    if (code != ERR_OK) {
        put_back(account, &news);
        return code;
    }
    account->known = ret_grant->ledger;
    account->known_us = ret_grant->now_us;
    account->known_ms = clock_steady_ms();
    if (want == BUDGET_WANT_BLOCK && ret_grant->granted > 0) {
        account->block_left = account->news.block_left = ret_grant->granted;
        account->news.block_leave_us = ret_grant->leave_us;
        account->block_end_ms = before_ms + budget->block_ms;
        account->block_drawn_ms = before_ms;
        account->block_drawn_us = ret_grant->now_us;
    }
    return ERR_OK;
}

// Under the lock. False: some could not be told.
static bool tell_all(struct budget *budget)
{
    bool told = true;
    for (struct budget_account *account = budget->accounts; account != NULL;
         account = account->next) {
        struct budget_grant grant;
        struct err err;
        if (account->exchanging || !has_news(account, clock_steady_ms()))
            continue;
        enum err_code code = budget_tell(account, BUDGET_WANT_NOTHING, &grant, &err);
        if (code == ERR_CONFLICT) // the connection is gone, and its count with it
            account->news = (struct budget_news){0};
        else if (code != ERR_OK)
            told = false;
        // The next would have to wait for the database too.
        if (code == ERR_STORE_UNAVAILABLE || code == ERR_DEADLINE_EXCEEDED)
            return false;
        if (code != ERR_OK && code != ERR_CONFLICT)
            log_event(LOG_WARN, "requests could not be counted yet",
                      LOG_STR("connection", account->connection_id), LOG_ERR(&err));
    }
    return told;
}

static bool any_news(const struct budget *budget)
{
    int64_t now_ms = clock_steady_ms();
    for (const struct budget_account *account = budget->accounts; account != NULL;
         account = account->next)
        if (has_news(account, now_ms))
            return true;
    return false;
}

static void gather(struct budget *budget)
{
    const struct deadline deadline = deadline_in(GATHER_MS);
    budget->gathering = true;
    while (!budget->stopping && deadline_left_ms(deadline) > 0)
        sync_cond_wait(&budget->wake, &budget->lock, deadline_left_ms(deadline));
    budget->gathering = false;
}

void budget_wake(struct budget *budget)
{
    if (!budget->gathering)
        (void)pthread_cond_signal(&budget->wake);
}

void *budget_teller(void *context)
{
    struct budget *budget = context;
    bool told = true;
    (void)pthread_mutex_lock(&budget->lock);
    while (!budget->stopping) {
        if (!told || !any_news(budget))
            sync_cond_wait(&budget->wake, &budget->lock, LOOK_MS);
        gather(budget);
        told = tell_all(budget);
    }
    (void)pthread_mutex_unlock(&budget->lock);
    return NULL;
}

enum err_code budget_start(struct budget *budget, struct err *reterr)
{
    if (pthread_create(&budget->teller, NULL, budget_teller, budget) != 0)
        return err_set(reterr, ERR_INTERNAL, "no thread for the request budget");
    budget->started = true;
    return ERR_OK;
}

void budget_stop(struct budget *budget)
{
    (void)pthread_mutex_lock(&budget->lock);
    budget->stopping = true;
    (void)pthread_cond_signal(&budget->wake);
    (void)pthread_mutex_unlock(&budget->lock);
    if (budget->started)
        (void)pthread_join(budget->teller, NULL);
    budget->started = false;
    (void)pthread_mutex_lock(&budget->lock);
    // Nobody uses what is left of the blocks.
    for (struct budget_account *account = budget->accounts; account != NULL;
         account = account->next)
        account->block_end_ms = 0;
    (void)tell_all(budget);
    (void)pthread_mutex_unlock(&budget->lock);
}
