// What the parts of the budget share: accounts, and the exchange of one with its row.
#pragma once

#include <pthread.h>

#include "server/sync/budget.h"
#include "server/sync/ledger.h"

// What is to be told to the row.
struct budget_news {
    int64_t credential_version; // of the key that they are of, as of when they were taken
    // Of the block in hand: when it leaves the window as counted, how many of it were not used, and
    // the latest time of the database at which the others were.
    int64_t block_leave_us, block_used_us;
    int block_used, block_left;
    int sync, other; // requests to count
    bool served;     // the row of refusals is over
    bool refused;
    int64_t retry_after_ms;
};

// What is wanted of it.
enum budget_want { BUDGET_WANT_NOTHING, BUDGET_WANT_BLOCK, BUDGET_WANT_ONE };

struct budget_grant {
    int granted;
    int64_t wait_us;  // if nothing was
    int64_t leave_us; // of the block
    int64_t now_us;   // the database's time
    struct ledger ledger;
};

struct budget_account {
    struct budget_account *next;
    struct budget *budget;
    char *tenant, *connection_id;
    // Below: under the budget's lock.
    int64_t credential_version;
    bool exchanging;
    struct budget_news news;
    int telling; // requests that an exchange under way counts
    int block_left;
    int64_t block_end_ms; // steady: not used after
    int64_t block_drawn_ms,
        block_drawn_us;  // steady and the database's, of the same moment or earlier
    struct ledger known; // as of `known_us`, which was at `known_ms` or before
    int64_t known_ms, known_us;
};

struct budget {
    pthread_mutex_t lock;
    pthread_cond_t exchanged; // an account is free for the next exchange
    pthread_cond_t wake;      // the teller: news, stopping
    pthread_t teller;
    bool started, stopping;
    bool gathering; // the teller waits for more news, and need not be told of any
    struct budget_settings settings;
    struct ledger_policy policy;
    int64_t block_ms; // how long a block may be used
    int block;        // its size
    struct budget_account *accounts;
};

// One transaction with the row. Errors: those of the store.
enum err_code budget_exchange(const struct budget_account *account, const struct budget_news *news,
                              enum budget_want want, struct budget_grant *ret_grant,
                              struct err *reterr) _must_check_;
// Tells the account's news and gets what is wanted, one exchange of an account at a time; the lock
// is held before and after, not meanwhile. After an error the news are still to be told.
enum err_code budget_tell(struct budget_account *account, enum budget_want want,
                          struct budget_grant *ret_grant, struct err *reterr) _must_check_;
// Wakes the teller for news, under the lock.
void budget_wake(struct budget *budget);
// The thread; `budget` is a struct budget.
void *budget_teller(void *budget);
