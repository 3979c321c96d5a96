// What an estimate asks of upstream.
#include "server/service/sync_estimate_private.h"

static bool ignore_record(void *context, const struct source_record *record)
{
    (void)context;
    (void)record;
    return true;
}

static bool ignore_quarantine(void *context, const struct source_quarantine *quarantine)
{
    (void)context;
    (void)quarantine;
    return true;
}

enum err_code sync_estimate_count_of(struct estimate *estimate, enum source_kind kind,
                                     int64_t type_id, int64_t organization_id, int64_t *ret_rows,
                                     struct err *reterr)
{
    static const struct source_sink sink = {ignore_record, ignore_quarantine, NULL};
    const struct request *request = estimate->request;
    const char *tenant = request->caller->tenant;
    struct sync *sync = request->backend->sync;
    struct source_page page = {.total_count = -1};
    struct source_attempt attempt = {0};
    const struct source_query query = {
        .kind = kind,
        .type_id = type_id,
        .organization_id = organization_id,
        .page_number = 1,
        .page_size = 1,
    };
    *ret_rows = -1;
    try_(sync_admit_request(sync, tenant, estimate->connection_id, estimate->credential_version,
                            reterr));
    enum err_code code = source_fetch_page(estimate->source, &query, &sink, request->deadline,
                                           request->cancelled, &page, &attempt, reterr);
    sync_note_attempt(sync, tenant, estimate->connection_id, estimate->credential_version,
                      &attempt);
    estimate->requests += attempt.request_count;
    estimate->latency_us += attempt.latency_us;
    if (code == ERR_UPSTREAM_ACCESS_DENIED || code == ERR_UPSTREAM_RECORD_GONE)
        return ERR_OK;
    try_(code);
    *ret_rows = page.total_count;
    return ERR_OK;
}

enum err_code sync_estimate_count(struct estimate *estimate, enum source_kind kind, int64_t type_id,
                                  int64_t *ret_rows, struct err *reterr)
{
    bool only = estimate->organization_count == 1 && kind != SOURCE_ORGANIZATIONS;
    return sync_estimate_count_of(estimate, kind, type_id, only ? estimate->organizations[0] : 0,
                                  ret_rows, reterr);
}
