#include "server/store/gate_change.h"

enum err_code gate_change_find(struct tx *tx, const char *const *snapshots, size_t count,
                               bool *ret_changed, struct err *reterr)
{
    static const struct statement statement = {"gate_change_find", "SELECT" GATE_CHANGED("$2")};
    struct rows rows _cleanup_(rows_done) = {NULL};
    try_(tx_query(tx, &statement, ARGS(ARG_TEXT(tx_tenant(tx)), ARG_TEXTS(snapshots, count)), &rows,
                  reterr));
    *ret_changed = rows_bool(&rows, 0, 0);
    return ERR_OK;
}

enum err_code gate_change_purge(struct tx *tx, struct err *reterr)
{
    static const struct statement statement = {
        "gate_change_purge",
        "DELETE FROM gate_change WHERE change_time < now() - interval '1 hour'"};
    return tx_run(tx, &statement, NULL, 0, reterr);
}
