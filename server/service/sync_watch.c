// WatchSyncRun: what the feed tells, as messages.
#include <stdlib.h>
#include <string.h>

#include "server/service/begin.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/page.h"
#include "server/service/run_message.h"
#include "server/service/sync_message.h"
#include "server/sync/sync.h"

// A stream looks for a revocation of its token before a message, at most so often.
enum { CHECK_MS = 1000 };

struct state {
    struct sync_watch *watch;
    char *name; // of the run
    int64_t check_at_ms;
};

bool sync_message_issue(struct arena *arena, const char *connection_id,
                        const struct sync_issue *issue, Docbridge__V1__SyncIssue *out)
{
    out->name = arena_printf(arena, "connections/%s/syncIssues/%s", connection_id, issue->id);
    out->kind = (Docbridge__V1__SyncIssue__Kind)issue->kind;
    out->state = (Docbridge__V1__SyncIssue__State)issue->state;
    out->sync_run = arena_printf(arena, "connections/%s/syncRuns/%s", connection_id, issue->run_id);
    out->task = (Docbridge__V1__SyncTaskKind)issue->task_kind;
    out->subject = arena_strdup(arena, issue->subject);
    out->message = arena_strdup(arena, issue->message);
    out->held_deletion_count = issue->held_deletion_count;
    out->scope_record_count = issue->scope_record_count;
    out->create_time = field_time(arena, issue->create_time_us);
    out->resolve_time = field_time(arena, issue->resolve_time_us);
    out->etag = field_etag(arena, issue->revision);
    return out->name != NULL && out->sync_run != NULL && out->subject != NULL &&
           out->message != NULL && out->etag != NULL;
}

static void watch_close(void *context)
{
    struct state *state = context;
    sync_watch_close(state->watch);
    free(state->name);
    free(state);
}

// A token belongs to the caller and the run, as that of a page to its list.
static struct page_list token_list(const char *name)
{
    return (struct page_list){"WatchSyncRun", name, ""};
}

static enum err_code watch_open(struct request *request, const void *message,
                                const struct stream_waker *waker, void **ret_state,
                                struct err *reterr)
{
    const Docbridge__V1__WatchSyncRunRequest *in = message;
    struct page_list list = token_list(in->name);
    struct name name;
    const char *cursor;
    try_(name_parse(in->name, "connections/{connection}/syncRuns/{sync_run}", "name",
                    request->arena, &name, reterr));
    try_(page_resume(request, &list, in->resume_token, &cursor, reterr));
    try_(request_check(request, reterr));
    struct state *state = calloc(1, sizeof(*state));
    if (state == NULL)
        return err_no_memory(reterr);
    state->check_at_ms = clock_steady_ms() + CHECK_MS;
    state->name = strdup(in->name);
    enum err_code code =
        state->name == NULL
            ? err_no_memory(reterr)
            : sync_watch_open(request->backend->sync, request->caller->tenant, name.connection,
                              name.sync_run, waker, &state->watch, reterr);
    if (code == ERR_OK && cursor[0] != '\0' && !sync_watch_resume(state->watch, cursor)) {
        code = err_set(reterr, ERR_PAGE_TOKEN_INVALID, "the resume token is malformed");
        err_field(reterr, "resume_token");
    }
    if (code != ERR_OK) {
        watch_close(state);
        return code;
    }
    *ret_state = state;
    return ERR_OK;
}

static enum err_code fill_heartbeat(struct arena *arena, Docbridge__V1__WatchSyncRunResponse *out,
                                    struct err *reterr)
{
    out->heartbeat = arena_alloc(arena, sizeof(*out->heartbeat));
    if (out->heartbeat == NULL)
        return err_no_memory(reterr);
    docbridge__v1__watch_sync_run_response__heartbeat__init(out->heartbeat);
    out->event_case = DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_HEARTBEAT;
    return ERR_OK;
}

static enum err_code fill_issue(struct arena *arena, const struct sync_event *event,
                                Docbridge__V1__WatchSyncRunResponse *out, struct err *reterr)
{
    out->issue = arena_alloc(arena, sizeof(*out->issue));
    if (out->issue == NULL)
        return err_no_memory(reterr);
    docbridge__v1__sync_issue__init(out->issue);
    out->event_case = DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_ISSUE;
    return sync_message_issue(arena, event->run->connection_id, event->issue, out->issue)
               ? ERR_OK
               : err_no_memory(reterr);
}

// Everything else is the run or a part of it.
static enum err_code fill_run(const struct request *request, const struct sync_event *event,
                              Docbridge__V1__WatchSyncRunResponse *out, struct err *reterr)
{
    Docbridge__V1__SyncRun *run = arena_alloc(request->arena, sizeof(*run));
    if (run == NULL)
        return err_no_memory(reterr);
    docbridge__v1__sync_run__init(run);
    try_(run_message_fill(request, event->run, run, reterr));
    if (event->kind == SYNC_EVENT_SNAPSHOT) {
        out->event_case = DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_SNAPSHOT;
        out->snapshot = run;
    } else if (event->kind == SYNC_EVENT_FINISHED) {
        out->event_case = DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_FINISHED;
        out->finished = run;
    } else if (event->kind == SYNC_EVENT_QUOTA_WAIT) {
        out->event_case = DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_QUOTA_WAIT;
        out->quota_wait = run->quota;
    } else {
        out->event_case = DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_TASK;
        out->task = run->tasks[event->task - event->run->tasks];
        out->request_count = run->request_count;
        out->quota = run->quota;
    }
    return ERR_OK;
}

static enum err_code fill(const struct request *request, struct state *state,
                          const struct sync_event *event, Docbridge__V1__WatchSyncRunResponse *out,
                          struct err *reterr)
{
    struct page_list list = token_list(state->name);
    char cursor[SYNC_CURSOR_BYTES];
    out->sequence = event->sequence;
    out->time = field_time(request->arena, event->time_us);
    sync_watch_cursor(state->watch, cursor);
    try_(page_make(request, &list, cursor, &out->resume_token, reterr));
    if (event->kind == SYNC_EVENT_HEARTBEAT)
        return fill_heartbeat(request->arena, out, reterr);
    if (event->kind == SYNC_EVENT_ISSUE)
        return fill_issue(request->arena, event, out, reterr);
    return fill_run(request, event, out, reterr);
}

static enum err_code check_again(const struct request *request, struct state *state,
                                 struct err *reterr)
{
    if (clock_steady_ms() < state->check_at_ms)
        return ERR_OK;
    state->check_at_ms = clock_steady_ms() + CHECK_MS;
    return request_check(request, reterr);
}

static enum err_code watch_next(struct request *request, void *context, struct arena *arena,
                                void *out, enum stream_step *ret_step, struct err *reterr)
{
    struct state *state = context;
    struct sync_event event;
    // An issue may name what is of a company out of sight.
    do
        try_(sync_watch_next(state->watch, arena, &event, reterr));
    while (event.kind == SYNC_EVENT_ISSUE && !request->caller->all_companies);
    *ret_step = event.kind == SYNC_EVENT_NONE  ? STREAM_IDLE
                : event.kind == SYNC_EVENT_END ? STREAM_END
                                               : STREAM_MESSAGE;
    if (*ret_step != STREAM_MESSAGE)
        return ERR_OK;
    try_(check_again(request, state, reterr));
    // The message lives in the arena of this step, not in that of the call.
    struct request step = *request;
    step.arena = arena;
    return fill(&step, state, &event, out, reterr);
}

const struct stream_handler sync_watch_handler = {watch_open, watch_next, watch_close};
