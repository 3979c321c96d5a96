#include "server/store/password_handoff.h"

// Whoever hands on at the same time waits for the sender's lock, so that the count is of what is
// committed; who revokes the sender does, so that none is on its way then. The tenant's is for who
// ends hand-offs whatever their sender.
#define TENANT_KEY "hashtextextended(format('handoffs %L', $1::text), 0)"
static const struct statement lock_sql = {"password_handoff_lock",
                                          "SELECT pg_advisory_xact_lock_shared(" TENANT_KEY
                                          "), pg_advisory_xact_lock(hashtextextended("
                                          "format('handoff %L %L', $1::text, $2::text), 0))"};
static const struct statement lock_all_sql = {"password_handoff_lock_all",
                                              "SELECT pg_advisory_xact_lock(" TENANT_KEY ")"};
static const struct statement shorten_sql = {
    "password_handoff_shorten",
    "DELETE FROM password_handoff WHERE tenant = $1"
    " AND expire_time > clock_timestamp() + make_interval(secs => $2::bigint)"};
static const struct statement put_sql = {
    "password_handoff_put",
    "WITH over AS ("
    " DELETE FROM password_handoff WHERE tenant = $1 AND expire_time <= clock_timestamp())"
    " INSERT INTO password_handoff (tenant, id, connection_id, company_id, password_id, sender,"
    "  recipient, expire_time)"
    " SELECT $1, gen_random_uuid()::text, $2, $3, $4, $5, $6, clock_timestamp()"
    "  + make_interval(secs => $7::bigint) WHERE (SELECT count(*)"
    "  FROM password_handoff WHERE tenant = $1 AND sender = $5"
    "   AND expire_time > clock_timestamp()) < $8 RETURNING id, expire_time"};

static const struct statement barred_sql = {
    "password_handoff_barred",
    "SELECT EXISTS (SELECT FROM subject_revocation WHERE tenant = $1 AND subject = $2"
    "   AND revoke_time >= $3)"
    "  OR EXISTS (SELECT FROM reveal_freeze WHERE tenant = $1 AND scope = 1 AND scope_id = $2)"
    "  OR coalesce((SELECT revision FROM reveal_policy WHERE tenant = $1), 0) <> $4::bigint"};

#define OPEN                                                                                   \
    " FROM password_handoff WHERE tenant = $1 AND id = $2 AND company_id = $3 AND password_id" \
    " = $4 AND recipient = $5 AND expire_time > clock_timestamp()"
static const struct statement find_sql = {"password_handoff_find", "SELECT" OPEN};
static const struct statement take_sql = {"password_handoff_take",
                                          "DELETE" OPEN " AND connection_id = $6"};
static const struct statement withdraw_sql = {
    "password_handoff_withdraw",
    "DELETE FROM password_handoff WHERE tenant = $1 AND id = $2 AND company_id = $3"
    " AND password_id = $4 AND sender = $5 AND expire_time > clock_timestamp()"
    " RETURNING (SELECT c.display_name FROM company c WHERE c.tenant = $1 AND c.id = $3),"
    "  (SELECT r.display_name FROM record r WHERE r.tenant = $1"
    "    AND r.connection_id = password_handoff.connection_id AND r.kind = 9 AND r.id = $4)"};

enum err_code password_handoff_hold(struct tx *tx, const char *sender, struct err *reterr)
{
    return tx_run(tx, &lock_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(sender)), reterr);
}

enum err_code password_handoff_shorten(struct tx *tx, int most_s, struct err *reterr)
{
    try_(tx_run(tx, &lock_all_sql, ARGS(ARG_TEXT(tx_tenant(tx))), reterr));
    return tx_run(tx, &shorten_sql, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_INT64(most_s)), reterr);
}

enum err_code password_handoff_put(struct tx *tx, const struct password_handoff *handoff,
                                   int64_t ttl_s, struct arena *arena, const char **ret_id,
                                   int64_t *ret_expire_time_us, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    *ret_id = NULL;
    try_(password_handoff_hold(tx, handoff->sender, reterr));
    try_(tx_query(tx, &put_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(handoff->connection_id),
                       ARG_TEXT(handoff->company_id), ARG_INT64(handoff->password_id),
                       ARG_TEXT(handoff->sender), ARG_TEXT(handoff->recipient), ARG_INT64(ttl_s),
                       ARG_INT64(PASSWORD_HANDOFFS_OPEN_MAX)),
                  &rows, reterr));
    if (rows_count(&rows) == 0)
        return ERR_OK;
    *ret_id = rows_text_copy(&rows, 0, 0, arena);
    *ret_expire_time_us = rows_time(&rows, 0, 1);
    return *ret_id == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code password_handoff_barred(struct tx *tx, const char *sender, int64_t issue_time_us,
                                      int64_t policy_revision, bool *ret_barred, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &barred_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(sender), ARG_TIME(issue_time_us),
                       ARG_INT64(policy_revision)),
                  &rows, reterr));
    *ret_barred = rows_bool(&rows, 0, 0);
    return ERR_OK;
}

enum err_code password_handoff_find(struct tx *tx, const struct password_handoff *handoff,
                                    bool *ret_open, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(
        tx_query(tx, &find_sql,
                 ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(handoff->id), ARG_TEXT(handoff->company_id),
                      ARG_INT64(handoff->password_id), ARG_TEXT(handoff->recipient)),
                 &rows, reterr));
    *ret_open = rows_count(&rows) == 1;
    return ERR_OK;
}

enum err_code password_handoff_take(struct tx *tx, const struct password_handoff *handoff,
                                    bool *ret_taken, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &take_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(handoff->id),
                       ARG_TEXT(handoff->company_id), ARG_INT64(handoff->password_id),
                       ARG_TEXT(handoff->recipient), ARG_TEXT(handoff->connection_id)),
                  &rows, reterr));
    *ret_taken = rows_affected(&rows) == 1;
    return ERR_OK;
}

enum err_code password_handoff_withdraw(struct tx *tx, const struct password_handoff *handoff,
                                        struct arena *arena,
                                        struct password_handoff_names *ret_names, bool *ret_open,
                                        struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(
        tx_query(tx, &withdraw_sql,
                 ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(handoff->id), ARG_TEXT(handoff->company_id),
                      ARG_INT64(handoff->password_id), ARG_TEXT(handoff->sender)),
                 &rows, reterr));
    *ret_open = rows_count(&rows) == 1;
    if (!*ret_open)
        return ERR_OK;
    ret_names->company = rows_text_copy(&rows, 0, 0, arena);
    ret_names->password = rows_text_copy(&rows, 0, 1, arena);
    return ret_names->company == NULL || ret_names->password == NULL ? err_no_memory(reterr)
                                                                     : ERR_OK;
}
