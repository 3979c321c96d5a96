#include "server/store/statistics.h"

#include "server/base/log.h"

enum { TX_MS = 60000 };

static enum err_code make_first(struct store *store, const char *tenant, struct err *reterr)
{
    static const struct statement statement = {"statistics_make_first",
                                               "SELECT make_first_statistics()"};
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(store_begin(store, tenant, deadline_in(TX_MS), NULL, &tx, reterr));
    tx_commit_with_next(tx);
    try_(tx_run(tx, &statement, NULL, 0, reterr));
    return tx_commit(&tx, reterr);
}

void statistics_make_first(struct store *store, const char *tenant)
{
    struct err err;
    if (make_first(store, tenant, &err) != ERR_OK)
        log_event(LOG_WARN, "tables could not be counted", LOG_ERR(&err));
}
