// SyncService: runs are started, read and stopped here; watching them is in sync_watch.c.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/encoding.h"
#include "server/service/begin.h"
#include "server/service/field.h"
#include "server/service/filter.h"
#include "server/service/name.h"
#include "server/service/page.h"
#include "server/service/parent.h"
#include "server/service/run_message.h"
#include "server/service/services.h"
#include "server/service/sync_message.h"
#include "server/store/connection.h"
#include "server/store/sync_connection.h"
#include "server/store/sync_issue.h"
#include "server/store/sync_run.h"
#include "server/sync/sync.h"

HANDLER(run_sync, RunSyncRequest, SyncRun)
HANDLER(get_sync_run, GetSyncRunRequest, SyncRun)
HANDLER(list_sync_runs, ListSyncRunsRequest, ListSyncRunsResponse)
HANDLER(cancel_sync_run, CancelSyncRunRequest, SyncRun)
HANDLER(list_sync_issues, ListSyncIssuesRequest, ListSyncIssuesResponse)

static const struct method methods[] = {
    UNARY(RunSync, run_sync, LANE_STORE),
    UNARY(GetSyncRun, get_sync_run, LANE_STORE),
    UNARY(ListSyncRuns, list_sync_runs, LANE_STORE),
    UNARY(CancelSyncRun, cancel_sync_run, LANE_STORE),
    STREAM(WatchSyncRun, sync_watch_handler, LANE_STORE),
    UNARY(EstimateSync, sync_estimate, LANE_UPSTREAM),
    UNARY(ListSyncIssues, list_sync_issues, LANE_STORE),
    UNARY(ResolveSyncIssue, sync_resolve, LANE_STORE),
};

const struct service sync_service = {
    &docbridge__v1__sync_service__descriptor,
    methods,
    ARRAY_LEN(methods),
};

// A sync that names no organizations is of all companies.
static enum err_code check_sight(const struct request *request, const struct sync_request *asked,
                                 struct err *reterr)
{
    if (asked->organization_count > 0 || request->caller->all_companies)
        return ERR_OK;
    (void)err_set(reterr, ERR_ALL_COMPANIES_REQUIRED,
                  "a sync that names no organizations concerns all companies, and the token some");
    err_meta(reterr, "rpc", "docbridge.v1.SyncService/RunSync");
    return ERR_ALL_COMPANIES_REQUIRED;
}

// Errors: RESOURCE_NOT_FOUND if the tenant has no such connection.
static enum err_code check_connection(struct tx *tx, const struct request *request, const char *id,
                                      const char *name, struct err *reterr)
{
    struct connection *connection;
    return parent_connection(tx, request, id, name, &connection, reterr);
}

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

// The organizations of the request, sorted, each once.
static enum err_code parse_organizations(struct request *request,
                                         const Docbridge__V1__RunSyncRequest *in,
                                         const char *connection_id, struct sync_request *asked,
                                         struct err *reterr)
{
    int64_t *ids = arena_calloc(request->arena, in->n_organizations + 1, sizeof(*ids));
    if (ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < in->n_organizations; i++) {
        struct name name;
        try_(name_parse(in->organizations[i],
                        "connections/{connection}/organizations/{organization}", "organizations",
                        request->arena, &name, reterr));
        if (strcmp(name.connection, connection_id) != 0)
            return err_invalid(reterr, "organizations", "must be of the connection in `parent`");
        ids[i] = name.organization;
    }
    qsort(ids, in->n_organizations, sizeof(*ids), compare_ids);
    for (size_t i = 0; i < in->n_organizations; i++)
        if (asked->organization_count == 0 || ids[asked->organization_count - 1] != ids[i])
            ids[asked->organization_count++] = ids[i];
    asked->organization_ids = ids;
    return ERR_OK;
}

enum err_code sync_message_parse_tasks(const Docbridge__V1__SyncTaskKind *tasks, size_t count,
                                       unsigned *ret_tasks, struct err *reterr)
{
    for (size_t i = 0; i < count; i++) {
        if ((int)tasks[i] < 1 || (int)tasks[i] > SYNC_TASK_KINDS)
            return err_invalid(reterr, "tasks", "must name kinds of tasks");
        *ret_tasks |= 1u << tasks[i];
    }
    return ERR_OK;
}

// Only mapped organizations have content to fetch; the first other one is named. One of a company
// out of sight is as if it were not there.
static enum err_code check_mapped(struct tx *tx, const struct request *request,
                                  const struct sync_request *asked, struct err *reterr)
{
    int64_t *mapped;
    size_t count;
    if (asked->organization_count == 0)
        return ERR_OK;
    const struct principal *caller = request->caller;
    if (caller->all_companies)
        try_(sync_connection_mapped(tx, asked->connection_id, asked->organization_ids,
                                    asked->organization_count, request->arena, &mapped, &count,
                                    reterr));
    else
        try_(sync_connection_mapped_of(
            tx, asked->connection_id, asked->organization_ids, asked->organization_count,
            caller->companies, caller->company_count, request->arena, &mapped, &count, reterr));
    for (size_t i = 0; i < asked->organization_count; i++) {
        if (i < count && mapped[i] == asked->organization_ids[i])
            continue;
        char name[300];
        (void)snprintf(name, sizeof(name), "connections/%s/organizations/%" PRId64,
                       asked->connection_id, asked->organization_ids[i]);
        return err_not_found(reterr, name);
    }
    return ERR_OK;
}

static enum err_code answer_run(struct tx *tx, const struct request *request,
                                const char *connection_id, const char *run_id,
                                Docbridge__V1__SyncRun *out, struct err *reterr)
{
    struct sync_run_row run;
    try_(sync_run_load(tx, connection_id, run_id, request->arena, &run, reterr));
    return run_message_fill(request, &run, out, reterr);
}

enum err_code sync_message_parse_mode(Docbridge__V1__SyncMode in, enum sync_mode *ret_mode,
                                      struct err *reterr)
{
    switch (in) {
    case DOCBRIDGE__V1__SYNC_MODE__SYNC_MODE_UNSPECIFIED:
    case DOCBRIDGE__V1__SYNC_MODE__SYNC_MODE_QUICK:
        *ret_mode = SYNC_MODE_QUICK;
        return ERR_OK;
    case DOCBRIDGE__V1__SYNC_MODE__SYNC_MODE_FULL:
        *ret_mode = SYNC_MODE_FULL;
        return ERR_OK;
    default:
        return err_invalid(reterr, "mode", "must be SYNC_MODE_QUICK or SYNC_MODE_FULL");
    }
}

static enum err_code run_sync(struct request *request, const Docbridge__V1__RunSyncRequest *in,
                              Docbridge__V1__SyncRun *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct name name;
    char run_id[SYNC_RUN_ID_BYTES];
    bool joined;
    struct sync_request asked = {
        .trigger = SYNC_TRIGGER_MANUAL,
        .request_id = in->request_id[0] == '\0' ? NULL : in->request_id,
    };
    try_(name_parse(in->parent, "connections/{connection}", "parent", request->arena, &name,
                    reterr));
    if (in->request_id[0] != '\0')
        try_(field_text(in->request_id, "request_id", 64, reterr));
    try_(sync_message_parse_tasks(in->tasks, in->n_tasks, &asked.tasks, reterr));
    try_(parse_organizations(request, in, name.connection, &asked, reterr));
    try_(check_sight(request, &asked, reterr));
    asked.connection_id = name.connection;
    try_(sync_message_parse_mode(in->mode, &asked.mode, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(check_connection(tx, request, name.connection, in->parent, reterr));
    try_(check_mapped(tx, request, &asked, reterr));
    try_(sync_request_run(tx, request, &asked, run_id, &joined, reterr));
    try_(answer_run(tx, request, name.connection, run_id, out, reterr));
    try_(tx_commit(&tx, reterr));
    sync_wake(request->backend->sync);
    return ERR_OK;
}

static enum err_code parse_run(const struct request *request, const char *text,
                               struct name *ret_name, struct err *reterr)
{
    return name_parse(text, "connections/{connection}/syncRuns/{sync_run}", "name", request->arena,
                      ret_name, reterr);
}

static enum err_code get_sync_run(struct request *request,
                                  const Docbridge__V1__GetSyncRunRequest *in,
                                  Docbridge__V1__SyncRun *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct name name;
    try_(parse_run(request, in->name, &name, reterr));
    try_(request_begin(request, &tx, reterr));
    return answer_run(tx, request, name.connection, name.sync_run, out, reterr);
}

static enum err_code cancel_sync_run(struct request *request,
                                     const Docbridge__V1__CancelSyncRunRequest *in,
                                     Docbridge__V1__SyncRun *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct name name;
    bool live;
    try_(parse_run(request, in->name, &name, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(sync_cancel_run(tx, request, name.connection, name.sync_run, &live, reterr));
    try_(answer_run(tx, request, name.connection, name.sync_run, out, reterr));
    try_(tx_commit(&tx, reterr));
    if (live)
        sync_stop_run(request->backend->sync, request->caller->tenant, name.connection,
                      name.sync_run);
    return ERR_OK;
}

// The place of a row in a list by time: "<microseconds> <id>".
static enum err_code open_cursor(const struct request *request, const struct page_list *list,
                                 const char *token, int64_t *ret_time_us, const char **ret_id,
                                 struct err *reterr)
{
    const char *cursor;
    try_(page_open(request, list, token, &cursor, reterr));
    size_t len = strcspn(cursor, " ");
    *ret_time_us = 0;
    *ret_id = "";
    if (cursor[0] == '\0')
        return ERR_OK;
    if (cursor[len] != ' ' || !encoding_int64(cursor, len, ret_time_us))
        return err_set(reterr, ERR_PAGE_TOKEN_INVALID, "the page token is malformed");
    *ret_id = cursor + len + 1;
    return ERR_OK;
}

static enum err_code make_cursor(const struct request *request, const struct page_list *list,
                                 int64_t time_us, const char *id, char **ret_token,
                                 struct err *reterr)
{
    const char *cursor = arena_printf(request->arena, "%" PRId64 " %s", time_us, id);
    return cursor == NULL ? err_no_memory(reterr)
                          : page_make(request, list, cursor, ret_token, reterr);
}

static enum err_code fill_runs(const struct request *request, struct sync_run_row *runs,
                               size_t count, Docbridge__V1__ListSyncRunsResponse *out,
                               struct err *reterr)
{
    Docbridge__V1__SyncRun *items = arena_calloc(request->arena, count + 1, sizeof(*items));
    out->sync_runs = arena_calloc(request->arena, count + 1, sizeof(*out->sync_runs));
    if (items == NULL || out->sync_runs == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        docbridge__v1__sync_run__init(&items[i]);
        try_(run_message_fill(request, &runs[i], &items[i], reterr));
        out->sync_runs[out->n_sync_runs++] = &items[i];
    }
    return ERR_OK;
}

static enum err_code list_sync_runs(struct request *request,
                                    const Docbridge__V1__ListSyncRunsRequest *in,
                                    Docbridge__V1__ListSyncRunsResponse *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct page_list list = {"ListSyncRuns", in->parent, ""};
    struct name name;
    struct sync_run_row *runs;
    int64_t before_us;
    const char *before_id;
    size_t count;
    int size;
    try_(name_parse(in->parent, "connections/{connection}", "parent", request->arena, &name,
                    reterr));
    try_(page_size(in->page_size, &size, reterr));
    try_(open_cursor(request, &list, in->page_token, &before_us, &before_id, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(check_connection(tx, request, name.connection, in->parent, reterr));
    try_(sync_run_list(tx, name.connection, before_us, before_id, size + 1, request->arena, &runs,
                       &count, reterr));
    if (count > (size_t)size) {
        count = (size_t)size;
        try_(make_cursor(request, &list, runs[count - 1].create_time_us, runs[count - 1].id,
                         &out->next_page_token, reterr));
    }
    return fill_runs(request, runs, count, out, reterr);
}

static enum err_code parse_issue_filter(const struct request *request, const char *filter,
                                        struct sync_issue_list *list, struct err *reterr)
{
    const char *state, *run;
    const struct filter_field fields[] = {
        {"state", FILTER_EQUALS, &state},
        {"sync_run", FILTER_EQUALS, &run},
    };
    try_(filter_parse(filter, fields, ARRAY_LEN(fields), request->arena, reterr));
    if (state != NULL)
        try_(filter_enum("state", state, &docbridge__v1__sync_issue__state__descriptor, "STATE_",
                         &list->state, reterr));
    if (run == NULL)
        return ERR_OK;
    struct name name;
    try_(name_parse(run, "connections/{connection}/syncRuns/{sync_run}", "filter", request->arena,
                    &name, reterr));
    if (strcmp(name.connection, list->connection_id) != 0)
        return err_invalid(reterr, "filter", "sync_run must be of the connection in `parent`");
    list->run_id = name.sync_run;
    return ERR_OK;
}

static enum err_code fill_issues(const struct request *request, const char *connection_id,
                                 const struct sync_issue *issues, size_t count,
                                 Docbridge__V1__ListSyncIssuesResponse *out, struct err *reterr)
{
    Docbridge__V1__SyncIssue *items = arena_calloc(request->arena, count + 1, sizeof(*items));
    out->sync_issues = arena_calloc(request->arena, count + 1, sizeof(*out->sync_issues));
    if (items == NULL || out->sync_issues == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        docbridge__v1__sync_issue__init(&items[i]);
        if (!sync_message_issue(request->arena, connection_id, &issues[i], &items[i]))
            return err_no_memory(reterr);
        out->sync_issues[out->n_sync_issues++] = &items[i];
    }
    return ERR_OK;
}

static enum err_code list_sync_issues(struct request *request,
                                      const Docbridge__V1__ListSyncIssuesRequest *in,
                                      Docbridge__V1__ListSyncIssuesResponse *out,
                                      struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct page_list page = {"ListSyncIssues", in->parent, in->filter};
    struct name name;
    struct sync_issue *issues;
    size_t count;
    int size;
    try_(name_parse(in->parent, "connections/{connection}", "parent", request->arena, &name,
                    reterr));
    struct sync_issue_list list = {.connection_id = name.connection};
    try_(parse_issue_filter(request, in->filter, &list, reterr));
    try_(page_size(in->page_size, &size, reterr));
    try_(
        open_cursor(request, &page, in->page_token, &list.before_time_us, &list.before_id, reterr));
    list.limit = size + 1;
    try_(request_begin(request, &tx, reterr));
    try_(check_connection(tx, request, name.connection, in->parent, reterr));
    try_(sync_issue_list(tx, &list, request->arena, &issues, &count, reterr));
    if (count > (size_t)size) {
        count = (size_t)size;
        try_(make_cursor(request, &page, issues[count - 1].create_time_us, issues[count - 1].id,
                         &out->next_page_token, reterr));
    }
    return fill_issues(request, name.connection, issues, count, out, reterr);
}
