// EstimateSync: what a run would cost, by the plan that runs follow (sync/README.md).
//
// The database says what was stored and what a quick run may leave out; the length of what must be
// read whole is asked of upstream, a request a list. No transaction is open meanwhile.
#include <inttypes.h>
#include <stdio.h>

#include "server/audit/audit.h"
#include "server/base/clock.h"
#include "server/service/begin.h"
#include "server/service/credential.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/sync_estimate_private.h"
#include "server/service/sync_message.h"

HANDLER(estimate_sync, EstimateSyncRequest, EstimateSyncResponse)

enum err_code sync_estimate_handler(struct request *request, const void *in, void *out,
                                    struct err *reterr)
{
    return estimate_sync_handler(request, in, out, reterr);
}

static enum err_code add_task(struct estimate *estimate, int kind,
                              Docbridge__V1__EstimateSyncResponse *out, struct err *reterr)
{
    struct arena *arena = estimate->request->arena;
    struct cost cost;
    try_(sync_estimate_task(estimate, kind, &cost, reterr));
    Docbridge__V1__SyncTaskEstimate *task = arena_alloc(arena, sizeof(*task));
    if (task == NULL)
        return err_no_memory(reterr);
    docbridge__v1__sync_task_estimate__init(task);
    task->kind = (Docbridge__V1__SyncTaskKind)kind;
    task->request_count = (int32_t)cost.requests;
    task->record_count = cost.rows < 0 ? 0 : cost.rows;
    task->measured = cost.measured;
    task->plan = arena_strdup(arena, cost.plan);
    out->tasks[out->n_tasks++] = task;
    out->request_count += (int32_t)cost.requests;
    return task->plan == NULL ? err_no_memory(reterr) : ERR_OK;
}

// The time that a run takes: the windows that it must wait out, and its requests as fast as those
// that were made just now, several at once.
static enum err_code fill_time(const struct estimate *estimate,
                               Docbridge__V1__EstimateSyncResponse *out, struct err *reterr)
{
    const struct sync_limit *limit = &estimate->limit;
    struct arena *arena = estimate->request->arena;
    int64_t left = limit->requests - estimate->used;
    if (left > limit->sync_requests)
        left = limit->sync_requests;
    int64_t windows = plan_windows(out->request_count, left, limit->sync_requests);
    int64_t each_us = estimate->requests == 0 ? 0 : estimate->latency_us / estimate->requests;
    int64_t us = (windows - 1) * limit->window_ms * 1000 +
                 out->request_count * each_us / (limit->window < 1 ? 1 : limit->window);
    out->available_request_count = (int32_t)(left < 0 ? 0 : left);
    out->window_count = (int32_t)windows;
    out->counting_request_count = estimate->requests;
    out->duration = field_duration(arena, us);
    out->end_time = field_time(arena, clock_wall_us() + us);
    return out->duration == NULL || out->end_time == NULL ? err_no_memory(reterr) : ERR_OK;
}

static enum err_code fill_tasks(struct estimate *estimate, unsigned asked,
                                Docbridge__V1__EstimateSyncResponse *out, struct err *reterr)
{
    const struct sync_connection *connection = &estimate->connection;
    const bool on[] = {true, connection->documents_enabled, connection->passwords_enabled,
                       connection->assets_enabled, connection->checklists_enabled};
    out->tasks = arena_calloc(estimate->request->arena, ARRAY_LEN(on) + 1, sizeof(*out->tasks));
    if (out->tasks == NULL)
        return err_no_memory(reterr);
    for (int kind = 1; kind <= (int)ARRAY_LEN(on); kind++)
        if (on[kind - 1] && (asked == 0 || (asked & 1u << kind) != 0))
            try_(add_task(estimate, kind, out, reterr));
    return ERR_OK;
}

// The key was used upstream, which leaves a trace as a test of it does.
static enum err_code tell(const struct estimate *estimate, const char *parent,
                          const Docbridge__V1__EstimateSyncResponse *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    char texts[2][24];
    (void)snprintf(texts[0], sizeof(texts[0]), "%" PRId32, out->counting_request_count);
    (void)snprintf(texts[1], sizeof(texts[1]), "%" PRId32, out->request_count);
    const struct audit_change changes[] = {
        {"counting_request_count", NULL, texts[0]},
        {"estimated_request_count", NULL, texts[1]},
    };
    const struct audit_event event = {
        .type = AUDIT_SYNC,
        .phase = AUDIT_SINGLE,
        .outcome = AUDIT_SUCCEEDED,
        .resource = parent,
        .changes = changes,
        .change_count = ARRAY_LEN(changes),
    };
    try_(request_begin(estimate->request, &tx, reterr));
    try_(audit_append(tx, estimate->request, &event, NULL, reterr));
    return tx_commit(&tx, reterr);
}

static enum err_code estimate_sync(struct request *request,
                                   const Docbridge__V1__EstimateSyncRequest *in,
                                   Docbridge__V1__EstimateSyncResponse *out, struct err *reterr)
{
    struct source *source _cleanup_(source_closep) = NULL;
    struct secret *key _cleanup_(secret_freep) = NULL;
    struct connection *connection;
    enum sync_mode mode;
    struct name name;
    unsigned asked = 0;
    try_(name_parse(in->parent, "connections/{connection}", "parent", request->arena, &name,
                    reterr));
    try_(sync_message_parse_tasks(in->tasks, in->n_tasks, &asked, reterr));
    try_(sync_message_parse_mode(in->mode, &mode, reterr));
    struct estimate estimate = {
        .request = request,
        .connection_id = name.connection,
        .full = mode == SYNC_MODE_FULL,
        .limit = sync_get_limit(request->backend->sync),
    };
    try_(sync_estimate_gather(&estimate, in->parent, reterr));
    try_(credential_open(request, name.connection, in->parent, CONNECTION_FOR_SYNC, &connection,
                         &key, reterr));
    try_(source_open(request->backend->source, (enum source_provider)connection->provider,
                     (enum source_region)connection->region, key, &source, reterr));
    estimate.source = source;
    estimate.credential_version = connection->credential_version;
    try_(fill_tasks(&estimate, asked, out, reterr));
    try_(fill_time(&estimate, out, reterr));
    return tell(&estimate, in->parent, out, reterr);
}
