// The keeper: uses keys that nobody else uses, since upstream revokes a key after 90 days without
// use. One thread a process, one request at a time.
//
// A key that was accepted within the last day costs no request. A pause of syncs does not stop the
// keeper: what is paused is to work again. Only an ACTIVE connection has a key worth keeping.
#include "server/audit/connection_move.h"
#include "server/base/log.h"
#include "server/store/keep_alive.h"
#include "server/store/vault_record.h"
#include "server/sync/sync_private.h"

enum {
    TX_MS = 10000,
    PROBE_MS = 15000,
    LOOK_MS = 60000,
    TRIES_A_DAY = 24, // of a key whose probe said nothing of it
    KEEPER_ARENA_BYTES = 1024 * 1024,
};

// A turn of the keeper.
struct turn {
    struct sync *sync;
    struct keep_alive due;
    struct arena arena;
    struct connection *connection;
    struct sealed sealed;
    enum err_code answer; // of the probe
    int64_t next_ms;      // until the connection's next turn
};

static enum err_code begin(const struct turn *turn, struct tx **ret_tx, struct err *reterr)
{
    return store_begin(turn->sync->store, turn->due.tenant, deadline_in(TX_MS), NULL, ret_tx,
                       reterr);
}

// Reads the connection. `*ret_idle` says whether its key is worth a request; if it was used lately,
// the next turn is when that is a day ago.
static enum err_code load(struct turn *turn, bool *ret_idle, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    int64_t day_ms = turn->sync->keep_alive_ms;
    *ret_idle = false;
    try_(begin(turn, &tx, reterr));
    try_(connection_get(tx, turn->due.connection_id, &turn->arena, &turn->connection, reterr));
    const struct connection *connection = turn->connection;
    if (connection == NULL || connection->state != CONNECTION_ACTIVE)
        return ERR_OK;
    int64_t unused_ms = (clock_wall_us() - connection->key_last_success_time_us) / 1000;
    if (unused_ms < day_ms) {
        turn->next_ms = unused_ms < 0 ? day_ms : day_ms - unused_ms;
        return ERR_OK;
    }
    *ret_idle = true;
    return vault_record_get(tx, connection->id, connection->credential_version, &turn->arena,
                            &turn->sealed, reterr);
}

// Until the next turn after an answer.
static int64_t next_ms(const struct sync *sync, struct budget_account *account,
                       enum err_code answer, const struct source_attempt *attempt)
{
    switch (answer) {
    case ERR_OK:
    case ERR_UPSTREAM_KEY_REJECTED:
    case ERR_UPSTREAM_ACCESS_DENIED: // the key is known, and may not list organizations
        return sync->keep_alive_ms;
    case ERR_UPSTREAM_RATE_LIMITED:
        return budget_refused(account, attempt->retry_after_ms);
    case ERR_CANCELLED: // the process ends: it is another's turn now
        return 0;
    default:
        return sync->keep_alive_ms / TRIES_A_DAY;
    }
}

// One request, if the budget has it: `turn->answer` is what came of it.
static enum err_code probe(struct turn *turn, struct err *reterr)
{
    struct sync *sync = turn->sync;
    const struct connection *connection = turn->connection;
    const struct vault_context context = {turn->due.tenant, connection->id, "api-key",
                                          connection->credential_version};
    struct secret *key _cleanup_(secret_freep) = NULL;
    struct source *source _cleanup_(source_closep) = NULL;
    struct budget_account *account;
    struct source_attempt attempt = {0};
    int64_t organizations;
    try_(vault_unseal(sync->vault, &context, &turn->sealed, &key, reterr));
    try_(source_open(&sync->source, (enum source_provider)connection->provider,
                     (enum source_region)connection->region, key, &source, reterr));
    try_(budget_open(sync->budget, turn->due.tenant, connection->id, connection->credential_version,
                     &account, reterr));
    turn->answer = ERR_UPSTREAM_RATE_LIMITED;
    try_(budget_take(account, &turn->next_ms, reterr));
    if (turn->next_ms > 0)
        return ERR_OK;
    turn->answer = source_probe(source, deadline_in(PROBE_MS), &sync->keeper_stop, &organizations,
                                &attempt, reterr);
    if (attempt.request_count > 1)
        budget_add(account, attempt.request_count - 1);
    turn->next_ms = next_ms(sync, account, turn->answer, &attempt);
    return ERR_OK;
}

// What the answer says of the key, which may be nothing. A success leaves no event: it is daily.
static enum err_code record(struct turn *turn, struct tx *tx, struct err *reterr)
{
    struct connection_move move;
    const struct connection_finding finding = {
        .credential_version = turn->connection->credential_version,
        .time_us = clock_wall_us(),
        .event = turn->answer == ERR_OK ? CONNECTION_KEY_WORKED : CONNECTION_KEY_REJECTED,
        .problem_reason = err_reason(ERR_UPSTREAM_KEY_REJECTED),
        .problem_message = "IT Glue refuses the key.",
    };
    if (turn->answer != ERR_OK && turn->answer != ERR_UPSTREAM_KEY_REJECTED)
        return ERR_OK;
    try_(
        connection_record_finding(tx, turn->connection->id, &finding, &turn->arena, &move, reterr));
    return audit_connection_move(tx, NULL, "keeper", &move, reterr);
}

static enum err_code keep(struct turn *turn, struct err *reterr)
{
    bool idle;
    turn->next_ms = turn->sync->keep_alive_ms;
    try_(load(turn, &idle, reterr));
    if (idle)
        try_(probe(turn, reterr));
    if (turn->connection == NULL)
        return ERR_OK;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(begin(turn, &tx, reterr));
    try_(keep_alive_put(tx, turn->due.connection_id, turn->next_ms, reterr));
    try_(idle ? record(turn, tx, reterr) : ERR_OK);
    return tx_commit(&tx, reterr);
}

// Takes a turn. False: none is due, or it went wrong.
static bool take_turn(struct sync *sync)
{
    struct err err = {0};
    struct turn turn = {.sync = sync};
    arena_init(&turn.arena, KEEPER_ARENA_BYTES);
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    enum err_code code =
        store_begin(sync->scheduler_store, "", deadline_in(TX_MS), NULL, &tx, &err);
    if (code == ERR_OK)
        code = keep_alive_take(tx, sync->keep_alive_ms, &turn.arena, &turn.due, &err);
    if (code == ERR_OK)
        code = tx_commit(&tx, &err);
    bool due = code == ERR_OK && turn.due.tenant != NULL;
    if (due)
        code = keep(&turn, &err);
    if (code != ERR_OK)
        log_event(LOG_WARN, "a key could not be kept in use",
                  LOG_STR("connection", due ? turn.due.connection_id : ""), LOG_ERR(&err));
    arena_done(&turn.arena);
    return due && code == ERR_OK;
}

void *keeper_main(void *context)
{
    struct sync *sync = context;
    int64_t look_ms = sync->keep_alive_ms < LOOK_MS ? sync->keep_alive_ms : LOOK_MS;
    while (!atomic_load(&sync->keeper_stop)) {
        if (take_turn(sync))
            continue;
        (void)pthread_mutex_lock(&sync->lock);
        if (!sync->stopping)
            sync_cond_wait(&sync->keeper_wake, &sync->lock, look_ms);
        (void)pthread_mutex_unlock(&sync->lock);
    }
    return NULL;
}
