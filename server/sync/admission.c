// The budget as those see it who ask upstream outside of runs.
#include "server/sync/sync_private.h"

struct sync_limit sync_get_limit(const struct sync *sync)
{
    return (struct sync_limit){
        .requests = sync->request_limit,
        .sync_requests = sync->request_limit - sync->request_reserve,
        .window_ms = sync->request_window_ms,
        .page_size = sync->page_size,
        .document_page_size = sync->document_page_size,
        .window = sync->window,
    };
}

enum err_code sync_admit_request(struct sync *sync, const char *tenant, const char *connection_id,
                                 int64_t credential_version, struct err *reterr)
{
    struct budget_account *account;
    int64_t wait_ms;
    try_(budget_open(sync->budget, tenant, connection_id, credential_version, &account, reterr));
    try_(budget_admit(account, &wait_ms, reterr));
    if (wait_ms == 0)
        return ERR_OK;
    (void)err_set(reterr, ERR_UPSTREAM_RATE_LIMITED,
                  "all requests that IT Glue allows for now are used up");
    err_retry_after(reterr, wait_ms);
    return ERR_UPSTREAM_RATE_LIMITED;
}

// NULL without memory: then the budget knows less than it could, and upstream's own limit holds.
static struct budget_account *open_account(struct sync *sync, const char *tenant,
                                           const char *connection_id, int64_t credential_version)
{
    struct budget_account *account;
    return budget_open(sync->budget, tenant, connection_id, credential_version, &account, NULL) ==
                   ERR_OK
               ? account
               : NULL;
}

void sync_note_requests(struct sync *sync, const char *tenant, const char *connection_id,
                        int64_t credential_version, int requests)
{
    struct budget_account *account = open_account(sync, tenant, connection_id, credential_version);
    if (account != NULL && requests > 0)
        budget_note(account, requests);
}

void sync_note_attempt(struct sync *sync, const char *tenant, const char *connection_id,
                       int64_t credential_version, const struct source_attempt *attempt)
{
    struct budget_account *account = open_account(sync, tenant, connection_id, credential_version);
    if (account == NULL)
        return;
    if (attempt->request_count > 1)
        budget_note(account, attempt->request_count - 1);
    if (attempt->http_status == 429)
        budget_note_refusal(account, attempt->retry_after_ms);
}
