#include "server/store/revocation.h"

// A row that somebody else is at is left to be dropped another time.
static const struct statement put_sql = {
    "revocation_put",
    "WITH dropped AS ("
    " DELETE FROM subject_revocation WHERE tenant = $1 AND subject IN ("
    "  SELECT subject FROM subject_revocation"
    "   WHERE tenant = $1 AND subject <> $2 AND revoke_time < $4"
    "   FOR UPDATE SKIP LOCKED))"
    " INSERT INTO subject_revocation AS r (tenant, subject, revoke_time) VALUES ($1, $2, $3)"
    " ON CONFLICT (tenant, subject)"
    "  DO UPDATE SET revoke_time = greatest(r.revoke_time, excluded.revoke_time)"
    " RETURNING revoke_time"};

enum err_code revocation_put(struct tx *tx, const char *subject, int64_t time_us,
                             int64_t *ret_time_us, struct err *reterr)
{
    struct rows rows _cleanup_(rows_done) = {0};
    try_(tx_query(tx, &put_sql,
                  ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXT(subject), ARG_TIME(time_us),
                       ARG_TIME(time_us - REVOCATION_KEPT_S * INT64_C(1000000))),
                  &rows, reterr));
    *ret_time_us = rows_time(&rows, 0, 0);
    return ERR_OK;
}
