// The budget's row: what an account has to tell goes in, what it wants comes out.
#include <sodium.h>

#include "server/store/request_budget.h"
#include "server/sync/budget_private.h"

enum { TX_MS = 10000, ROW_ARENA_BYTES = 256 * 1024 };

static void from_row(const struct request_budget *row, struct ledger *ledger)
{
    *ledger = (struct ledger){
        .count = row->count < LEDGER_ENTRIES_MAX ? row->count : LEDGER_ENTRIES_MAX,
        .closed_until_us = row->closed_until_us,
        .refusals = row->refusal_count,
        .foreign = row->foreign_count,
        .foreign_time_us = row->foreign_time_us,
    };
    for (size_t i = 0; i < ledger->count; i++)
        ledger->entries[i] = (struct ledger_entry){row->leave_times_us[i], row->sync_counts[i],
                                                   row->other_counts[i]};
}

// A process may not know the newest key yet: what it tells counts with it, and the version stays.
static enum err_code to_row(struct tx *tx, const struct budget_account *account, int64_t version,
                            const struct ledger *ledger, struct err *reterr)
{
    int64_t leave_us[LEDGER_ENTRIES_MAX], sync[LEDGER_ENTRIES_MAX], other[LEDGER_ENTRIES_MAX];
    for (size_t i = 0; i < ledger->count; i++) {
        leave_us[i] = ledger->entries[i].leave_us;
        sync[i] = ledger->entries[i].sync;
        other[i] = ledger->entries[i].other;
    }
    const struct request_budget row = {
        .credential_version = version,
        .leave_times_us = leave_us,
        .sync_counts = sync,
        .other_counts = other,
        .count = ledger->count,
        .closed_until_us = ledger->closed_until_us,
        .refusal_count = ledger->refusals,
        .foreign_count = ledger->foreign,
        .foreign_time_us = ledger->foreign_time_us,
    };
    return request_budget_put(tx, account->connection_id, &row, reterr);
}

static double chance(void)
{
    return (double)randombytes_uniform(1001) / 1000;
}

static void tell(struct ledger *ledger, const struct ledger_policy *policy,
                 const struct budget_news *news, int64_t now_us)
{
    if (news->block_leave_us != 0) {
        ledger_uncount(ledger, news->block_leave_us, news->block_used + news->block_left);
        if (news->block_used > 0)
            (void)ledger_count(ledger, policy, news->block_used_us, news->block_used, 0);
    }
    if (news->sync > 0 || news->other > 0)
        (void)ledger_count(ledger, policy, now_us, news->sync, news->other);
    if (news->served)
        ledger->refusals = 0;
    if (news->refused)
        (void)ledger_refuse(ledger, policy, now_us, news->retry_after_ms * 1000, chance());
}

static void want(struct ledger *ledger, const struct budget *budget, enum budget_want want,
                 struct budget_grant *grant)
{
    const struct ledger_policy *policy = &budget->policy;
    int64_t now_us = grant->now_us;
    if (want == BUDGET_WANT_BLOCK) {
        grant->granted = (int)ledger_room(ledger, policy, now_us, budget->block, &grant->wait_us);
        if (grant->granted > 0)
            grant->leave_us =
                ledger_count(ledger, policy, now_us + budget->block_ms * 1000, grant->granted, 0);
    } else if (want == BUDGET_WANT_ONE) {
        grant->wait_us = ledger_wait(ledger, policy, now_us);
        grant->granted = grant->wait_us == 0;
        if (grant->granted > 0)
            (void)ledger_count(ledger, policy, now_us, 0, 1);
    }
}

enum err_code budget_exchange(const struct budget_account *account, const struct budget_news *news,
                              enum budget_want wanted, struct budget_grant *ret_grant,
                              struct err *reterr)
{
    const struct budget *budget = account->budget;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct arena arena _cleanup_(arena_done);
    struct request_budget row;
    arena_init(&arena, ROW_ARENA_BYTES);
    *ret_grant = (struct budget_grant){0};
    try_(store_begin(budget->settings.store, account->tenant, deadline_in(TX_MS), NULL, &tx,
                     reterr));
    try_(request_budget_lock(tx, account->connection_id, news->credential_version, &arena, &row,
                             &ret_grant->now_us, reterr));
    struct ledger *ledger = &ret_grant->ledger;
    from_row(&row, ledger);
    if (row.credential_version < news->credential_version) {
        row.credential_version = news->credential_version;
        if (budget->settings.of_key)
            *ledger = (struct ledger){0};
    }
    ledger_forget(ledger, ret_grant->now_us);
    tell(ledger, &budget->policy, news, ret_grant->now_us);
    want(ledger, budget, wanted, ret_grant);
    tx_commit_with_next(tx);
    try_(to_row(tx, account, row.credential_version, ledger, reterr));
    return tx_commit(&tx, reterr);
}
