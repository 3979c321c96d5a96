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
#include "server/service/parent.h"
#include "server/service/sync_message.h"
#include "server/store/record.h"
#include "server/store/sync_connection.h"
#include "server/store/sync_cursor.h"
#include "server/store/sync_estimate.h"
#include "server/store/type_sync.h"
#include "server/sync/plan.h"
#include "server/sync/sync.h"

HANDLER(estimate_sync, EstimateSyncRequest, EstimateSyncResponse)

enum err_code sync_estimate_handler(struct request *request, const void *in, void *out,
                                    struct err *reterr)
{
    return estimate_sync_handler(request, in, out, reterr);
}

// All that an estimate rests on.
struct estimate {
    const struct request *request;
    const char *connection_id;
    bool full;
    struct sync_limit limit;
    struct sync_connection connection;
    int64_t *organizations; // mapped
    size_t organization_count;
    int64_t inventory_count;
    struct type_sync_enabled *types;
    size_t type_count;
    bool *type_changes;        // of each type: only what changed is read
    struct plan_glance glance; // at these all at once
    bool organization_changes, password_changes, checklist_changes;
    int64_t open_checklists; // as stored
    bool psa_probes;         // the kind of PSA is going to be looked for
    struct sync_estimate documents, passwords, checklists; // as stored
    int64_t used;
    // Upstream.
    struct source *source;
    int64_t credential_version;
    int requests;
    int64_t latency_us; // of all requests
};

static enum err_code load_cursor(struct tx *tx, struct estimate *estimate, enum source_kind kind,
                                 int64_t type_id, bool *ret_changes, struct sync_cursor *ret_cursor,
                                 struct err *reterr)
{
    struct sync_cursor *cursor = ret_cursor;
    size_t count = kind == SOURCE_ORGANIZATIONS ? 0 : estimate->organization_count;
    *ret_changes = false;
    *ret_cursor = (struct sync_cursor){.total_count = -1};
    if (estimate->full)
        return ERR_OK;
    try_(sync_cursor_load(tx, estimate->connection_id, (int)kind, type_id, estimate->organizations,
                          count, estimate->request->arena, cursor, reterr));
    *ret_changes = cursor->covers && cursor->distrust_time_us == 0;
    return ERR_OK;
}

static enum err_code load_stored(struct tx *tx, const struct estimate *estimate,
                                 enum source_kind kind, int page_size,
                                 struct sync_estimate *ret_stored, struct err *reterr)
{
    return sync_estimate_load(tx, estimate->connection_id, (int)kind, estimate->organizations,
                              estimate->organization_count, page_size, ret_stored, reterr);
}

static enum err_code load(struct estimate *estimate, const char *parent, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct arena *arena = estimate->request->arena;
    const char *id = estimate->connection_id;
    struct connection *connection;
    try_(request_begin(estimate->request, &tx, reterr));
    try_(parent_connection(tx, estimate->request, id, parent, &connection, reterr));
    try_(sync_connection_load(tx, id, false, arena, &estimate->connection, reterr));
    try_(sync_connection_mapped(tx, id, NULL, 0, arena, &estimate->organizations,
                                &estimate->organization_count, reterr));
    try_(sync_connection_inventory(tx, id, &estimate->inventory_count, reterr));
    try_(type_sync_load_enabled(tx, id, arena, &estimate->types, &estimate->type_count, reterr));
    estimate->type_changes =
        arena_calloc(arena, estimate->type_count + 1, sizeof(*estimate->type_changes));
    if (estimate->type_changes == NULL)
        return err_no_memory(reterr);
    struct sync_cursor cursor;
    for (size_t i = 0; i < estimate->type_count; i++) {
        try_(load_cursor(tx, estimate, SOURCE_FLEXIBLE_ASSETS, estimate->types[i].id,
                         &estimate->type_changes[i], &cursor, reterr));
        if (estimate->type_changes[i])
            (void)plan_glance_add(&estimate->glance, cursor.total_count);
    }
    bool ignored;
    try_(load_cursor(tx, estimate, SOURCE_FLEXIBLE_ASSETS, 0, &ignored, &cursor, reterr));
    if (cursor.distrust_time_us != 0 || estimate->organization_count < 2)
        estimate->glance = (struct plan_glance){0};
    try_(load_cursor(tx, estimate, SOURCE_ORGANIZATIONS, 0, &estimate->organization_changes,
                     &cursor, reterr));
    try_(load_cursor(tx, estimate, SOURCE_PASSWORDS, 0, &estimate->password_changes, &cursor,
                     reterr));
    try_(load_cursor(tx, estimate, SOURCE_CHECKLISTS, 0, &estimate->checklist_changes, &cursor,
                     reterr));
    const struct record_open open = {id, NULL, SOURCE_CHECKLISTS, estimate->organizations,
                                     estimate->organization_count};
    try_(record_count_open(tx, &open, &estimate->open_checklists, reterr));
    struct sync_psa_witness witness;
    try_(sync_connection_psa_witness(tx, id, arena, &witness, reterr));
    estimate->psa_probes = witness.organization_id != 0;
    const struct sync_limit *limit = &estimate->limit;
    try_(load_stored(tx, estimate, SOURCE_DOCUMENTS, limit->document_page_size,
                     &estimate->documents, reterr));
    try_(load_stored(tx, estimate, SOURCE_PASSWORDS, limit->page_size, &estimate->passwords,
                     reterr));
    try_(load_stored(tx, estimate, SOURCE_CHECKLISTS, limit->page_size, &estimate->checklists,
                     reterr));
    return sync_estimate_used(tx, id, &estimate->used, reterr);
}

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

// How long the list of an organization (0: of the account) is. A list that upstream does not give
// to the key, or without its length, is -1.
static enum err_code count_list_of(struct estimate *estimate, enum source_kind kind,
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

// Of the account, or of the only organization.
static enum err_code count_list(struct estimate *estimate, enum source_kind kind, int64_t type_id,
                                int64_t *ret_rows, struct err *reterr)
{
    bool only = estimate->organization_count == 1 && kind != SOURCE_ORGANIZATIONS;
    return count_list_of(estimate, kind, type_id, only ? estimate->organizations[0] : 0, ret_rows,
                         reterr);
}

// What one task takes.
struct cost {
    int64_t requests, rows;
    bool measured;
    const char *plan;
};

static enum err_code of_organizations(struct estimate *estimate, struct cost *cost,
                                      struct err *reterr)
{
    if (estimate->organization_changes) {
        *cost =
            (struct cost){1, 0, true, "What changed since the last run, from the account's list"};
    } else {
        try_(count_list(estimate, SOURCE_ORGANIZATIONS, 0, &cost->rows, reterr));
        cost->requests = plan_pages(cost->rows, estimate->limit.page_size);
        cost->measured = cost->rows >= 0;
        cost->plan = "The account's list, whole";
    }
    if (!estimate->psa_probes)
        return ERR_OK;
    cost->requests += SYNC_PSA_PROBES;
    cost->plan = arena_printf(estimate->request->arena,
                              "%s; and one organization under each kind of PSA", cost->plan);
    return cost->plan == NULL ? err_no_memory(reterr) : ERR_OK;
}

// A list that runs read by the account or by organizations, whichever takes fewer pages.
static enum err_code of_planned(struct estimate *estimate, enum source_kind kind, bool changes,
                                const struct sync_estimate *stored, struct cost *cost,
                                struct err *reterr)
{
    if (estimate->organization_count == 0) {
        *cost = (struct cost){0, 0, true, "No organization is mapped"};
        return ERR_OK;
    }
    if (changes) {
        *cost =
            (struct cost){1, 0, true, "What changed since the last run, from the account's list"};
        return ERR_OK;
    }
    try_(count_list(estimate, kind, 0, &cost->rows, reterr));
    int64_t pages = plan_pages(cost->rows, estimate->limit.page_size);
    cost->measured = cost->rows >= 0;
    if (estimate->organization_count == 1) {
        cost->requests = pages;
        cost->plan = "The list of the one organization, whole";
    } else if (plan_choose(cost->rows, estimate->limit.page_size, estimate->organization_count,
                           estimate->inventory_count) == PLAN_ACCOUNT) {
        cost->requests = pages;
        cost->plan =
            "The account's list, whole, which has fewer pages than those of organizations together";
    } else {
        // And the first page of the account's, which tells.
        cost->requests = stored->page_count + 1;
        cost->rows = stored->record_count;
        cost->measured = false;
        cost->plan = "The list of each mapped organization, whole";
    }
    return ERR_OK;
}

static enum err_code of_passwords(struct estimate *estimate, struct cost *cost, struct err *reterr)
{
    try_(of_planned(estimate, SOURCE_PASSWORDS, estimate->password_changes, &estimate->passwords,
                    cost, reterr));
    // Categories are listed again by full runs, and where there is one that is not known.
    if (estimate->full || !estimate->password_changes)
        cost->requests++;
    if (!estimate->full)
        return ERR_OK;
    cost->requests += estimate->passwords.foldered_count;
    if (estimate->passwords.record_count > 0 || cost->rows <= 0)
        return ERR_OK;
    // Nobody knows yet whose passwords lie in folders.
    cost->requests += cost->rows < (int64_t)estimate->organization_count
                          ? cost->rows
                          : (int64_t)estimate->organization_count;
    cost->measured = false;
    cost->plan = arena_printf(estimate->request->arena,
                              "%s; then, at most, the folders of each organization", cost->plan);
    return cost->plan == NULL ? err_no_memory(reterr) : ERR_OK;
}

static enum err_code of_checklists(struct estimate *estimate, struct cost *cost, struct err *reterr)
{
    try_(of_planned(estimate, SOURCE_CHECKLISTS, estimate->checklist_changes, &estimate->checklists,
                    cost, reterr));
    if (estimate->checklist_changes && estimate->organization_count > 0) {
        // Up to the page with the first completed one, if there is one.
        int64_t open = estimate->open_checklists;
        bool all = open == estimate->checklists.record_count;
        cost->rows = open;
        cost->requests = plan_pages(all ? open : open + 1, estimate->limit.page_size);
        cost->plan = "Those that are not completed, and what changed of the others since the last "
                     "run, from the account's list";
    }
    cost->requests += estimate->organization_count > 0; // templates
    return ERR_OK;
}

static enum err_code of_assets(struct estimate *estimate, struct cost *cost, struct err *reterr)
{
    size_t changes = 0;
    *cost = (struct cost){.requests = 1, .measured = true}; // types
    for (size_t i = 0; i < estimate->type_count && estimate->organization_count > 0; i++) {
        int64_t rows = 0;
        changes += estimate->type_changes[i];
        if (!estimate->type_changes[i])
            try_(
                count_list(estimate, SOURCE_FLEXIBLE_ASSETS, estimate->types[i].id, &rows, reterr));
        cost->requests += plan_pages(rows, estimate->limit.page_size);
        cost->rows += rows > 0 ? rows : 0;
        cost->measured = cost->measured && rows >= 0;
    }
    // One request finds that none of these changed.
    if (plan_glance_pays(&estimate->glance))
        cost->requests -= (int64_t)estimate->glance.lists - 1;
    cost->plan = arena_printf(estimate->request->arena,
                              "The types; then a list for each of %zu enabled types, of %zu only "
                              "what changed since the last run",
                              estimate->type_count, changes);
    return cost->plan == NULL ? err_no_memory(reterr) : ERR_OK;
}

static int64_t document_pages(const struct estimate *estimate)
{
    const struct sync_estimate *stored = &estimate->documents;
    switch (estimate->connection.folder_filter) {
    case PLAN_FOLDERS_UNION:
        return stored->root_page_count + stored->foldered_page_count;
    case PLAN_FOLDERS_EACH: // the folders are listed before
        return stored->root_page_count + stored->folder_page_count +
               (int64_t)estimate->organization_count;
    default:
        return stored->page_count;
    }
}

// Before any document is stored: each organization is asked how many it has, unless there are too
// many. Which of them lie in folders, and by which form of the filter they are shown, is not known.
static enum err_code count_first_documents(struct estimate *estimate, struct cost *cost,
                                           struct err *reterr)
{
    int64_t requests = 0;
    for (size_t i = 0; i < estimate->organization_count; i++) {
        int64_t rows;
        try_(count_list_of(estimate, SOURCE_DOCUMENTS, 0, estimate->organizations[i], &rows,
                           reterr));
        requests += plan_pages(rows, estimate->limit.document_page_size);
        cost->rows += rows > 0 ? rows : 0;
        requests += estimate->full && rows > 0; // its folders
    }
    cost->requests += requests - estimate->documents.page_count;
    cost->plan = arena_printf(estimate->request->arena,
                              "The list of each of %zu mapped organizations, whole, each counted "
                              "now%s; more if the filter document_folder_id=null hides documents",
                              estimate->organization_count,
                              estimate->full ? "; then, at most, the folders of each" : "");
    return cost->plan == NULL ? err_no_memory(reterr) : ERR_OK;
}

static enum err_code of_documents(struct estimate *estimate, struct cost *cost, struct err *reterr)
{
    enum { COUNTED_MAX = 100 }; // requests that an estimate may take for it
    const struct sync_estimate *stored = &estimate->documents;
    bool unknown = estimate->connection.folder_filter == PLAN_FOLDERS_UNKNOWN;
    *cost = (struct cost){
        .requests = document_pages(estimate) +
                    (unknown && estimate->organization_count > 0 ? 2 : 0) +
                    (estimate->full ? stored->foldered_count : 0),
        .rows = stored->record_count,
        .measured = estimate->organization_count == 0,
        .plan = arena_printf(estimate->request->arena,
                             "The list of each of %zu mapped organizations, whole%s; of %" PRId64
                             " it is known how long it was",
                             estimate->organization_count,
                             estimate->connection.folder_filter == PLAN_FOLDERS_EACH
                                 ? ", and of each of their folders"
                                 : "",
                             stored->organization_count),
    };
    if (cost->plan == NULL)
        return err_no_memory(reterr);
    bool first = stored->record_count == 0 && unknown && estimate->organization_count > 0;
    return first && estimate->organization_count <= COUNTED_MAX
               ? count_first_documents(estimate, cost, reterr)
               : ERR_OK;
}

static enum err_code add_task(struct estimate *estimate, int kind,
                              Docbridge__V1__EstimateSyncResponse *out, struct err *reterr)
{
    static enum err_code (*const costs[])(struct estimate *, struct cost *, struct err *) = {
        of_organizations, of_documents, of_passwords, of_assets, of_checklists,
    };
    struct arena *arena = estimate->request->arena;
    struct cost cost = {0};
    try_(costs[kind - 1](estimate, &cost, reterr));
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
    try_(load(&estimate, in->parent, reterr));
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
