#include "server/service/begin.h"

#include "server/store/company_set.h"

enum err_code request_begin(const struct request *request, struct tx **ret_tx, struct err *reterr)
{
    const struct principal *caller = request->caller;
    try_(store_begin(request->backend->store, caller->tenant, request->deadline, request->cancelled,
                     ret_tx, reterr));
    tx_set_caller(*ret_tx, caller->subject, caller->issue_time_us, caller->company_set);
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

enum err_code request_first_hidden(struct tx *tx, const struct request *request,
                                   const char *const *company_ids, size_t count, size_t *ret_place,
                                   struct err *reterr)
{
    const struct principal *caller = request->caller;
    *ret_place = 0;
    while (*ret_place < count && principal_sees_company(caller, company_ids[*ret_place]))
        ++*ret_place;
    if (*ret_place == count || caller->company_set == NULL)
        return ERR_OK;
    return company_set_lacks(tx, caller->company_set, company_ids, count, ret_place, reterr);
}

enum err_code request_check_sight(struct tx *tx, const struct request *request,
                                  const char *company_id, const char *name, struct err *reterr)
{
    size_t place;
    try_(request_first_hidden(tx, request, &company_id, 1, &place, reterr));
    return place == 1 ? ERR_OK : err_not_found(reterr, name);
}
