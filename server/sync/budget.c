#include "server/sync/budget.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/clock.h"

enum { BACK_OFF_FIRST_MS = 2000, BACK_OFF_MOST_MS = 60000, RETRY_AFTER_MOST_MS = 300000 };

struct budget_account {
    struct budget_account *next;
    struct budget *budget;
    char *tenant, *connection_id;
    int64_t credential_version;
    int64_t *times; // a ring of the last `limit` requests
    int first, count;
    int64_t closed_until_ms;
    int refusals; // in a row
};

struct budget {
    pthread_mutex_t lock;
    int limit, share;
    int64_t window_ms;
    struct budget_account *accounts;
};

enum err_code budget_new(int limit, int64_t window_ms, int reserve_percent,
                         struct budget **ret_budget, struct err *reterr)
{
    struct budget *budget = calloc(1, sizeof(*budget));
    if (budget == NULL)
        return err_no_memory(reterr);
    (void)pthread_mutex_init(&budget->lock, NULL);
    budget->limit = limit;
    budget->share = limit - (int)((int64_t)limit * reserve_percent / 100);
    if (budget->share < 1)
        budget->share = 1;
    budget->window_ms = window_ms;
    *ret_budget = budget;
    return ERR_OK;
}

static void account_free(struct budget_account *account)
{
    free(account->tenant);
    free(account->connection_id);
    free(account->times);
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

enum err_code budget_open(struct budget *budget, const char *tenant, const char *connection_id,
                          int64_t credential_version, struct budget_account **ret_account,
                          struct err *reterr)
{
    (void)pthread_mutex_lock(&budget->lock);
    struct budget_account *account = find(budget, tenant, connection_id);
    if (account == NULL) {
        account = calloc(1, sizeof(*account));
        if (account != NULL) {
            account->budget = budget;
            account->tenant = strdup(tenant);
            account->connection_id = strdup(connection_id);
            account->credential_version = credential_version;
            account->times = calloc((size_t)budget->limit, sizeof(*account->times));
            if (account->tenant == NULL || account->connection_id == NULL ||
                account->times == NULL) {
                account_free(account);
                account = NULL;
            } else {
                account->next = budget->accounts;
                budget->accounts = account;
            }
        }
    } else if (account->credential_version != credential_version) {
        // Another key has a limit of its own.
        account->credential_version = credential_version;
        account->count = 0;
        account->closed_until_ms = 0;
        account->refusals = 0;
    }
    (void)pthread_mutex_unlock(&budget->lock);
    *ret_account = account;
    return account == NULL ? err_no_memory(reterr) : ERR_OK;
}

static void forget_old(struct budget_account *account, int64_t now_ms)
{
    while (account->count > 0 &&
           account->times[account->first] <= now_ms - account->budget->window_ms) {
        account->first = (account->first + 1) % account->budget->limit;
        account->count--;
    }
}

static void note(struct budget_account *account, int64_t now_ms)
{
    int limit = account->budget->limit;
    if (account->count == limit) {
        account->first = (account->first + 1) % limit;
        account->count--;
    }
    account->times[(account->first + account->count) % limit] = now_ms;
    account->count++;
}

int64_t budget_take(struct budget_account *account)
{
    struct budget *budget = account->budget;
    (void)pthread_mutex_lock(&budget->lock);
    int64_t now_ms = clock_steady_ms(), wait_ms = 0;
    forget_old(account, now_ms);
    if (account->closed_until_ms > now_ms) {
        wait_ms = account->closed_until_ms - now_ms;
    } else if (account->count >= budget->share) {
        // When so many have left the window that one more fits.
        int place = (account->first + account->count - budget->share) % budget->limit;
        wait_ms = account->times[place] + budget->window_ms - now_ms;
    } else {
        note(account, now_ms);
    }
    (void)pthread_mutex_unlock(&budget->lock);
    return wait_ms;
}

void budget_add(struct budget_account *account, int requests)
{
    (void)pthread_mutex_lock(&account->budget->lock);
    for (int i = 0; i < requests; i++)
        note(account, clock_steady_ms());
    (void)pthread_mutex_unlock(&account->budget->lock);
}

int64_t budget_refused(struct budget_account *account, int64_t retry_after_ms)
{
    (void)pthread_mutex_lock(&account->budget->lock);
    int64_t wait_ms = retry_after_ms;
    if (wait_ms > RETRY_AFTER_MOST_MS)
        wait_ms = RETRY_AFTER_MOST_MS;
    if (wait_ms <= 0) {
        wait_ms = BACK_OFF_FIRST_MS;
        for (int i = 0; i < account->refusals && wait_ms < BACK_OFF_MOST_MS; i++)
            wait_ms *= 2;
        if (wait_ms > BACK_OFF_MOST_MS)
            wait_ms = BACK_OFF_MOST_MS;
        // Half of it at random, so that those who share the key do not come back together.
        wait_ms = wait_ms / 2 + (int64_t)randombytes_uniform((uint32_t)wait_ms / 2 + 1);
    }
    account->refusals++;
    account->closed_until_ms = clock_steady_ms() + wait_ms;
    (void)pthread_mutex_unlock(&account->budget->lock);
    return wait_ms;
}

void budget_served(struct budget_account *account)
{
    (void)pthread_mutex_lock(&account->budget->lock);
    account->refusals = 0;
    (void)pthread_mutex_unlock(&account->budget->lock);
}

struct budget_use budget_use(struct budget *budget, const char *tenant, const char *connection_id)
{
    (void)pthread_mutex_lock(&budget->lock);
    struct budget_account *account = find(budget, tenant, connection_id);
    if (account != NULL)
        forget_old(account, clock_steady_ms());
    struct budget_use use = {account == NULL ? 0 : account->count, budget->limit,
                             budget->window_ms};
    (void)pthread_mutex_unlock(&budget->lock);
    return use;
}
