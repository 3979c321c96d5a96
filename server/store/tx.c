#include <stdio.h>
#include <string.h>

#include "server/store/pool.h"

enum {
    // The server's own time-out comes after our cancel: it is for a process that died.
    STATEMENT_TIMEOUT_SLACK_MS = 1000,
    MS_TEXT_BYTES = 24,
};

struct tx {
    struct store *store;
    struct pg *pg;
    struct pg_wait wait;
    bool begun;          // BEGIN is sent
    bool lazy;           // the commit waits for no disk
    bool plans_once;     // statements keep their plan, whatever their arguments
    bool last;           // the next flight takes the COMMIT along
    bool ended;          // it is committed
    bool failed;         // only good for a rollback
    const char *subject; // whose token must not be revoked; NULL: nobody's
    int64_t issue_time_us;
    const char *company_set;       // by which that caller sees; NULL: none
    const struct statement *ahead; // goes before the next; NULL: none
    struct arg ahead_args[TX_AHEAD_ARGS_MAX];
    size_t ahead_arg_count;
    struct rows *ahead_rows; // that it fills; NULL: none
    char constraint[PG_CONSTRAINT_BYTES];
    char tenant[];
};

static const struct statement begin = {"begin", "BEGIN"};
static const struct statement commit = {"commit", "COMMIT"};
static const struct statement rollback = {"rollback", "ROLLBACK"};
static const struct statement set_tenant = {"set_tenant",
                                            "SELECT set_config('docbridge.tenant', $1, true),"
                                            " set_config('statement_timeout', $2, true)"};
static const struct statement set_tenant_and_plan = {
    "set_tenant_and_plan", "SELECT set_config('docbridge.tenant', $1, true),"
                           " set_config('statement_timeout', $2, true),"
                           " set_config('plan_cache_mode', 'force_generic_plan', true)"};
// Behind a pooler the session is not ours, so everything is said for each transaction.
static const struct statement set_all = {
    "set_all", "SELECT set_config('docbridge.tenant', $1, true),"
               " set_config('statement_timeout', $2, true), set_config('role', $3, true),"
               " set_config('lock_timeout', $4, true),"
               " set_config('idle_in_transaction_session_timeout', $5, true),"
               " set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO', true),"
               " set_config('bytea_output', 'hex', true), set_config('jit', 'off', true)"};

static const struct statement set_lazy = {"set_lazy", "SET LOCAL synchronous_commit = off"};

// CASE keeps the order: the look needs the tenant to be set. A planned look costs less than a call
// of PL/pgSQL, so the function is called to fail only.
#define SET_TENANT_AND_CALLER                                             \
    "SELECT CASE WHEN set_config('docbridge.tenant', $1, true) = $1 THEN" \
    "  CASE WHEN EXISTS (SELECT FROM subject_revocation r"                \
    "   WHERE r.tenant = $1 AND r.subject = $3 AND r.revoke_time >= $4)"  \
    "  THEN refuse_revoked($1, $3, $4) END END,"                          \
    " set_config('statement_timeout', $2, true)"
static const struct statement set_tenant_and_caller = {"set_tenant_and_caller",
                                                       SET_TENANT_AND_CALLER};
// Of most callers no set needs to be said: it ends with each transaction.
static const struct statement set_tenant_and_scoped_caller = {
    "set_tenant_and_scoped_caller",
    SET_TENANT_AND_CALLER ", set_config('docbridge.company_set', $5, true)"};
// The look by itself, where the role must be set too before it, and nothing is planned ahead.
static const struct statement set_caller = {
    "set_caller",
    "SELECT refuse_revoked($1, $2, $3), set_config('docbridge.company_set', $4, true)"};

enum err_code store_begin(struct store *store, const char *tenant, struct deadline deadline,
                          const atomic_bool *cancelled, struct tx **ret_tx, struct err *reterr)
{
    size_t len = tenant == NULL ? 0 : strlen(tenant);
    struct tx *tx = calloc(1, sizeof(*tx) + len + 1);
    if (tx == NULL)
        return err_no_memory(reterr);
    if (len > 0)
        memcpy(tx->tenant, tenant, len);
    tx->store = store;
    tx->wait = (struct pg_wait){.deadline = deadline, .cancelled = cancelled};
    enum err_code code = pool_take(store, &tx->wait, &tx->pg, reterr);
    if (code != ERR_OK) {
        free(tx);
        return code;
    }
    *ret_tx = tx;
    return ERR_OK;
}

void tx_set_caller(struct tx *tx, const char *subject, int64_t issue_time_us,
                   const char *company_set)
{
    tx->subject = subject;
    tx->issue_time_us = issue_time_us;
    tx->company_set = company_set;
}

// The texts and arguments of what opens a transaction.
struct opening {
    char timeout[MS_TEXT_BYTES], lock_timeout[MS_TEXT_BYTES], idle_timeout[MS_TEXT_BYTES];
    struct arg settings[5], caller[4];
};

static size_t open_session(const struct tx *tx, struct opening *opening, struct pg_query *queries)
{
    const struct arg settings[] = {ARG_TEXT(tx->tenant), ARG_TEXT(opening->timeout),
                                   ARG_TEXT(tx->subject), ARG_TIME(tx->issue_time_us),
                                   ARG_TEXT(tx->company_set)};
    memcpy(opening->settings, settings, sizeof(settings));
    if (tx->subject == NULL)
        queries[0] = (struct pg_query){tx->plans_once ? &set_tenant_and_plan : &set_tenant,
                                       opening->settings, 2};
    else if (tx->company_set == NULL)
        queries[0] = (struct pg_query){&set_tenant_and_caller, opening->settings, 4};
    else
        queries[0] = (struct pg_query){&set_tenant_and_scoped_caller, opening->settings, 5};
    return 1;
}

static size_t open_pooled(const struct tx *tx, struct opening *opening, struct pg_query *queries)
{
    const char *role = pool_role(tx->store);
    (void)snprintf(opening->lock_timeout, MS_TEXT_BYTES, "%d", PG_LOCK_TIMEOUT_MS);
    (void)snprintf(opening->idle_timeout, MS_TEXT_BYTES, "%d", PG_IDLE_IN_TRANSACTION_MS);
    const struct arg settings[] = {
        ARG_TEXT(tx->tenant), ARG_TEXT(opening->timeout), ARG_TEXT(role == NULL ? "none" : role),
        ARG_TEXT(opening->lock_timeout), ARG_TEXT(opening->idle_timeout)};
    const struct arg caller[] = {ARG_TEXT(tx->tenant), ARG_TEXT(tx->subject),
                                 ARG_TIME(tx->issue_time_us),
                                 ARG_TEXT(tx->company_set == NULL ? "" : tx->company_set)};
    memcpy(opening->settings, settings, sizeof(settings));
    memcpy(opening->caller, caller, sizeof(caller));
    queries[0] = (struct pg_query){&set_all, opening->settings, ARRAY_LEN(settings)};
    queries[1] = (struct pg_query){&set_caller, opening->caller, ARRAY_LEN(caller)};
    return tx->subject == NULL ? 1 : 2;
}

// What goes before the first statement, behind a BEGIN if there will be more than this flight; how
// many `queries` that is.
static size_t open_transaction(const struct tx *tx, bool begins, struct opening *opening,
                               struct pg_query *queries)
{
    size_t count = 0;
    int64_t left = deadline_left_ms(tx->wait.deadline);
    (void)snprintf(opening->timeout, MS_TEXT_BYTES, "%d",
                   left < INT32_MAX - STATEMENT_TIMEOUT_SLACK_MS
                       ? (int)left + STATEMENT_TIMEOUT_SLACK_MS
                       : INT32_MAX);
    if (begins)
        queries[count++] = (struct pg_query){&begin, NULL, 0};
    return count + (pool_unnamed(tx->store) ? open_pooled(tx, opening, queries + count)
                                            : open_session(tx, opening, queries + count));
}

// Sends `statement` (NULL: only the COMMIT) with what must go before it and, if it is the last, the
// COMMIT after it. One flight alone is a transaction without saying so: the statements of a
// pipeline are committed together at its end, or none of them (SET LOCAL alone wants a BEGIN).
static enum err_code fly(struct tx *tx, const struct statement *statement, const struct arg *args,
                         size_t arg_count, PGresult **ret_result, struct err *reterr)
{
    bool ends = tx->last || statement == NULL;
    bool alone = ends && !tx->begun && !tx->lazy;
    if (tx->failed || tx->ended)
        return err_set(reterr, ERR_INTERNAL, "a statement in a failed or ended transaction");
    struct opening opening;
    struct pg_query queries[PG_FLIGHT_MAX];
    size_t count = 0;
    if (!tx->begun)
        count = open_transaction(tx, !alone, &opening, queries);
    struct rows *ahead_rows = tx->ahead == NULL ? NULL : tx->ahead_rows;
    if (tx->ahead != NULL)
        queries[count++] = (struct pg_query){tx->ahead, tx->ahead_args, tx->ahead_arg_count};
    tx->ahead = NULL;
    size_t at = count;
    if (statement != NULL)
        queries[count++] = (struct pg_query){statement, args, arg_count};
    if (ends && tx->lazy)
        queries[count++] = (struct pg_query){&set_lazy, NULL, 0};
    if (ends && !alone)
        queries[count++] = (struct pg_query){&commit, NULL, 0};
    tx->begun = true;
    struct pg_answer answer;
    enum err_code code = pg_fly(tx->pg, queries, count, &tx->wait, &answer, reterr);
    tx->wait.meanwhile = NULL;
    tx->failed = code != ERR_OK;
    tx->ended = ends && code == ERR_OK;
    if (code != ERR_OK) {
        memcpy(tx->constraint, answer.constraint, sizeof(tx->constraint));
        // What the caller must know is that nobody knows whether it is committed.
        if (code == ERR_CANCELLED && ends && tx->pg->broken)
            return pg_unavailable(reterr, "the connection was given up during the commit");
        if (code == ERR_TOKEN_REVOKED)
            return err_set(reterr, code, "the token was revoked");
        return code;
    }
    if (ahead_rows != NULL)
        ahead_rows->_result = steal(answer.results[at - 1]);
    if (statement != NULL && ret_result != NULL)
        *ret_result = steal(answer.results[at]);
    pg_answer_done(&answer);
    return ERR_OK;
}

// Gives the connection back, in a transaction or not.
static void end(struct tx **tx, bool rolls_back)
{
    struct pg *pg = (*tx)->pg;
    if (rolls_back && (*tx)->begun && !pg->broken &&
        PQtransactionStatus(pg->conn) != PQTRANS_IDLE) {
        const struct pg_wait wait = {deadline_in(PG_DRAIN_MS), NULL};
        struct pg_answer answer;
        const struct pg_query query = {&rollback, NULL, 0};
        // If it fails the connection is not idle, which closes it.
        (void)!pg_fly(pg, &query, 1, &wait, &answer, NULL);
        pg_answer_done(&answer);
    }
    pool_give((*tx)->store, pg);
    free(*tx);
    *tx = NULL;
}

void tx_abortp(struct tx **tx)
{
    if (*tx != NULL)
        end(tx, /* rolls_back= */ true);
}

void tx_plan_once(struct tx *tx)
{
    tx->plans_once = true;
}

void tx_meanwhile(struct tx *tx, void (*work)(void *context), void *context)
{
    tx->wait.meanwhile = work;
    tx->wait.context = context;
}

void tx_commit_lazily(struct tx *tx)
{
    tx->lazy = true;
}

void tx_commit_with_next(struct tx *tx)
{
    tx->last = true;
}

void tx_query_ahead(struct tx *tx, const struct statement *statement, const struct arg *args,
                    size_t arg_count, struct rows *ret_rows)
{
    tx->ahead = statement;
    tx->ahead_rows = ret_rows;
    tx->failed |= arg_count > TX_AHEAD_ARGS_MAX;
    tx->ahead_arg_count = tx->failed ? 0 : arg_count;
    memcpy(tx->ahead_args, args, tx->ahead_arg_count * sizeof(args[0]));
}

void tx_run_ahead(struct tx *tx, const struct statement *statement, const struct arg *args,
                  size_t arg_count)
{
    tx_query_ahead(tx, statement, args, arg_count, NULL);
}

enum err_code tx_commit(struct tx **tx, struct err *reterr)
{
    enum err_code code = ERR_OK;
    // With a look to be made, even one without a statement has something to send.
    if (!(*tx)->ended &&
        ((*tx)->failed || (*tx)->begun || (*tx)->subject != NULL || (*tx)->ahead != NULL))
        code = fly(*tx, NULL, NULL, 0, NULL, reterr);
    end(tx, code != ERR_OK);
    return code;
}

enum err_code tx_query(struct tx *tx, const struct statement *statement, const struct arg *args,
                       size_t arg_count, struct rows *ret_rows, struct err *reterr)
{
    PGresult *result = NULL;
    try_(fly(tx, statement, args, arg_count, &result, reterr));
    ret_rows->_result = result;
    return ERR_OK;
}

enum err_code tx_run(struct tx *tx, const struct statement *statement, const struct arg *args,
                     size_t arg_count, struct err *reterr)
{
    return fly(tx, statement, args, arg_count, NULL, reterr);
}

const char *tx_tenant(const struct tx *tx)
{
    return tx->tenant;
}

const char *tx_constraint(const struct tx *tx)
{
    return tx == NULL ? "" : tx->constraint;
}
