#include "server/sync/budget.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/base/clock.h"
#include "server/sync/budget_private.h"

enum {
    BLOCKS = 50,         // of a share
    USE_PART = 100,      // of a window: how long a block may be used ...
    USE_LEAST_MS = 100,  // ... but so long at least,
    USE_LEAST_PART = 10, // unless the window is that short
};

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t use_ms(int64_t window_ms)
{
    int64_t least_ms = larger(window_ms / USE_LEAST_PART, 1);
    if (least_ms > USE_LEAST_MS)
        least_ms = USE_LEAST_MS;
    return larger(window_ms / USE_PART, least_ms);
}

enum err_code budget_new(const struct budget_settings *settings, struct budget **ret_budget,
                         struct err *reterr)
{
    struct budget *budget = calloc(1, sizeof(*budget));
    if (budget == NULL)
        return err_no_memory(reterr);
    int64_t reserve = (int64_t)settings->limit * settings->reserve_percent / 100;
    budget->settings = *settings;
    budget->policy = (struct ledger_policy){.limit = settings->limit,
                                            .share = larger(settings->limit - reserve, 1),
                                            .window_us = settings->window_ms * 1000};
    budget->block = (int)larger(budget->policy.share / BLOCKS, 1);
    budget->block_ms = use_ms(settings->window_ms);
    (void)pthread_mutex_init(&budget->lock, NULL);
    (void)pthread_cond_init(&budget->exchanged, NULL);
    pthread_condattr_t steady;
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&budget->wake, &steady);
    (void)pthread_condattr_destroy(&steady);
    *ret_budget = budget;
    return ERR_OK;
}

static void account_free(struct budget_account *account)
{
    free(account->tenant);
    free(account->connection_id);
    free(account);
}

struct budget *budget_free(struct budget *budget)
{
    if (budget == NULL)
        return NULL;
    while (budget->accounts != NULL) {
        struct budget_account *account = budget->accounts;
        budget->accounts = account->next;
        account_free(account);
    }
    (void)pthread_cond_destroy(&budget->wake);
    (void)pthread_cond_destroy(&budget->exchanged);
    (void)pthread_mutex_destroy(&budget->lock);
    free(budget);
    return NULL;
}

static struct budget_account *find(struct budget *budget, const char *tenant,
                                   const char *connection_id)
{
    struct budget_account *account = budget->accounts;
    while (account != NULL && (strcmp(account->tenant, tenant) != 0 ||
                               strcmp(account->connection_id, connection_id) != 0))
        account = account->next;
    return account;
}

static struct budget_account *account_new(struct budget *budget, const char *tenant,
                                          const char *connection_id)
{
    struct budget_account *account = calloc(1, sizeof(*account));
    if (account == NULL)
        return NULL;
    account->budget = budget;
    account->tenant = strdup(tenant);
    account->connection_id = strdup(connection_id);
    if (account->tenant != NULL && account->connection_id != NULL)
        return account;
    account_free(account);
    return NULL;
}

enum err_code budget_open(struct budget *budget, const char *tenant, const char *connection_id,
                          int64_t credential_version, struct budget_account **ret_account,
                          struct err *reterr)
{
    (void)pthread_mutex_lock(&budget->lock);
    struct budget_account *account = find(budget, tenant, connection_id);
    if (account == NULL) {
        account = account_new(budget, tenant, connection_id);
        if (account != NULL) {
            account->next = budget->accounts;
            budget->accounts = account;
        }
    }
    if (account != NULL && account->credential_version < credential_version) {
        if (budget->settings.of_key) {
            account->known = (struct ledger){0};
            account->block_end_ms = 0;
        }
        account->credential_version = credential_version;
    }
    (void)pthread_mutex_unlock(&budget->lock);
    *ret_account = account;
    return account == NULL ? err_no_memory(reterr) : ERR_OK;
}

// The database's time, or a little less, which is on the safe side.
static int64_t guess_us(const struct budget_account *account, int64_t now_ms)
{
    return account->known_us + (now_ms - account->known_ms) * 1000;
}

// Requests that are not in what is known of the row.
static int uncounted(const struct budget_account *account)
{
    return account->news.sync + account->news.other + account->telling;
}

static bool has_block(const struct budget_account *account, int64_t now_ms)
{
    return account->block_left > 0 && now_ms < account->block_end_ms;
}

static int64_t closed_ms(const struct budget_account *account, int64_t now_ms)
{
    int64_t left_us = account->known.closed_until_us - guess_us(account, now_ms);
    return left_us > 0 ? (left_us + 999) / 1000 : 0;
}

static void use_block(struct budget_account *account, int64_t now_ms)
{
    account->block_left--;
    account->news.block_left = account->block_left;
    account->news.block_used++;
    // The clock cuts fractions off.
    account->news.block_used_us =
        account->block_drawn_us + (now_ms - account->block_drawn_ms + 1) * 1000;
}

enum err_code budget_take(struct budget_account *account, int64_t *ret_wait_ms, struct err *reterr)
{
    struct budget *budget = account->budget;
    struct budget_grant grant = {0};
    enum err_code code = ERR_OK;
    (void)pthread_mutex_lock(&budget->lock);
    *ret_wait_ms = closed_ms(account, clock_steady_ms());
    while (code == ERR_OK && *ret_wait_ms == 0 && !has_block(account, clock_steady_ms())) {
        if (account->exchanging) {
            (void)pthread_cond_wait(&budget->exchanged, &budget->lock);
            continue;
        }
        code = budget_tell(account, BUDGET_WANT_BLOCK, &grant, reterr);
        *ret_wait_ms = (grant.wait_us + 999) / 1000;
    }
    if (code == ERR_OK && *ret_wait_ms == 0)
        use_block(account, clock_steady_ms());
    (void)pthread_mutex_unlock(&budget->lock);
    return code;
}

void budget_add(struct budget_account *account, int requests)
{
    (void)pthread_mutex_lock(&account->budget->lock);
    account->news.sync += requests;
    budget_wake(account->budget);
    (void)pthread_mutex_unlock(&account->budget->lock);
}

static void refuse(struct budget_account *account, int64_t retry_after_ms)
{
    account->news.refused = true;
    account->news.retry_after_ms = retry_after_ms;
    account->block_end_ms = 0;
}

int64_t budget_refused(struct budget_account *account, int64_t retry_after_ms)
{
    struct budget *budget = account->budget;
    struct budget_grant grant;
    (void)pthread_mutex_lock(&budget->lock);
    refuse(account, retry_after_ms);
    while (account->exchanging)
        (void)pthread_cond_wait(&budget->exchanged, &budget->lock);
    int64_t now_ms = clock_steady_ms();
    // Without the database it holds here at least, and is told later.
    if (account->news.refused && budget_tell(account, BUDGET_WANT_NOTHING, &grant, NULL) != ERR_OK)
        (void)ledger_refuse(&account->known, &budget->policy, guess_us(account, now_ms),
                            retry_after_ms * 1000, 1);
    int64_t wait_ms = larger(closed_ms(account, clock_steady_ms()), 1);
    (void)pthread_mutex_unlock(&budget->lock);
    return wait_ms;
}

void budget_served(struct budget_account *account)
{
    (void)pthread_mutex_lock(&account->budget->lock);
    if (account->known.refusals > 0) {
        account->known.refusals = 0;
        account->news.served = true;
    }
    (void)pthread_mutex_unlock(&account->budget->lock);
}

enum err_code budget_admit(struct budget_account *account, int64_t *ret_wait_ms, struct err *reterr)
{
    struct budget *budget = account->budget;
    struct budget_grant grant = {0};
    enum err_code code = ERR_OK;
    (void)pthread_mutex_lock(&budget->lock);
    if (ledger_is_tight(&account->known, &budget->policy, guess_us(account, clock_steady_ms()),
                        uncounted(account))) {
        while (account->exchanging)
            (void)pthread_cond_wait(&budget->exchanged, &budget->lock);
        code = budget_tell(account, BUDGET_WANT_ONE, &grant, reterr);
    } else {
        account->news.other++;
        budget_wake(budget);
    }
    *ret_wait_ms = (grant.wait_us + 999) / 1000;
    (void)pthread_mutex_unlock(&budget->lock);
    return code;
}

void budget_note(struct budget_account *account, int requests)
{
    (void)pthread_mutex_lock(&account->budget->lock);
    account->news.other += requests;
    budget_wake(account->budget);
    (void)pthread_mutex_unlock(&account->budget->lock);
}

void budget_note_refusal(struct budget_account *account, int64_t retry_after_ms)
{
    (void)pthread_mutex_lock(&account->budget->lock);
    refuse(account, retry_after_ms);
    budget_wake(account->budget);
    (void)pthread_mutex_unlock(&account->budget->lock);
}

struct budget_use budget_use(struct budget_account *account)
{
    (void)pthread_mutex_lock(&account->budget->lock);
    int64_t now_us = guess_us(account, clock_steady_ms());
    const struct budget_use use = {
        .used =
            (int)ledger_used(&account->known, now_us) + uncounted(account) - account->block_left,
        .foreign = account->known.foreign,
        .foreign_time_us = account->known.foreign_time_us,
    };
    (void)pthread_mutex_unlock(&account->budget->lock);
    return use;
}
