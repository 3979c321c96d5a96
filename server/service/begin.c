#include "server/service/begin.h"

enum err_code request_begin(const struct request *request, struct tx **ret_tx, struct err *reterr)
{
    const struct principal *caller = request->caller;
    try_(store_begin(request->backend->store, caller->tenant, request->deadline, request->cancelled,
                     ret_tx, reterr));
    tx_refuse_revoked(*ret_tx, caller->subject, caller->issue_time_us);
    return ERR_OK;
}

enum err_code request_check(const struct request *request, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(request_begin(request, &tx, reterr));
    return tx_commit(&tx, reterr);
}

enum err_code request_begin_outcome(const struct request *request, struct deadline deadline,
                                    const atomic_bool *cancelled, struct tx **ret_tx,
                                    struct err *reterr)
{
    return store_begin(request->backend->store, request->caller->tenant, deadline, cancelled,
                       ret_tx, reterr);
}

enum err_code request_begin_of(const struct request *request, const char *tenant,
                               struct deadline deadline, struct tx **ret_tx, struct err *reterr)
{
    return store_begin(request->backend->store, tenant, deadline, request->cancelled, ret_tx,
                       reterr);
}

enum err_code request_begin_janitor(const struct request *request, struct tx **ret_tx,
                                    struct err *reterr)
{
    return store_begin(request->backend->janitor_store, NULL, request->deadline, request->cancelled,
                       ret_tx, reterr);
}
