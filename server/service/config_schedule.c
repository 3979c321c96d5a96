// When a connection is synced, and how old its data may get.
#include "server/service/config.h"

#include <inttypes.h>
#include <string.h>

#include "server/service/begin.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/parent.h"
#include "server/sync/sync.h"
#include "server/sync/timetable.h"

#define STATE(name) DOCBRIDGE__V1__SYNC_SCHEDULE__TASK__STATE__STATE_##name
#define FRESHNESS(name) DOCBRIDGE__V1__SYNC_SCHEDULE__TASK__FRESHNESS__FRESHNESS_##name
#define PATTERN "connections/{connection}/syncSchedule"

enum { FIELDS = 2 * (SCHEDULE_KINDS - 1) + 1, FULL = FIELDS - 1 };

HANDLER(get_sync_schedule, GetSyncScheduleRequest, SyncSchedule)
HANDLER(update_sync_schedule, UpdateSyncScheduleRequest, SyncSchedule)

enum err_code config_get_sync_schedule_handler(struct request *request, const void *in, void *out,
                                               struct err *reterr)
{
    return get_sync_schedule_handler(request, in, out, reterr);
}

enum err_code config_update_sync_schedule_handler(struct request *request, const void *in,
                                                  void *out, struct err *reterr)
{
    return update_sync_schedule_handler(request, in, out, reterr);
}

// What can be chosen: intervals by kind of task, objectives by kind, and the full sync.
static const char *const paths[FIELDS + 1] = {
    "organizations_interval",   "documents_interval",  "passwords_interval",
    "flexible_assets_interval", "checklists_interval", "organizations_objective",
    "documents_objective",      "passwords_objective", "flexible_assets_objective",
    "checklists_objective",     "full_sync_interval",  NULL,
};

// The number of a row that a path is about.
static int64_t *chosen(struct sync_schedule *row, int field)
{
    if (field == FULL)
        return &row->full_interval_s;
    int kind = field % (SCHEDULE_KINDS - 1) + 1;
    return field < SCHEDULE_KINDS - 1 ? &row->tasks[kind].interval_s
                                      : &row->tasks[kind].objective_s;
}

struct view {
    struct sync_connection connection;
    struct sync_schedule row;
    struct schedule schedule;
    int states[SYNC_SCHEDULE_KINDS];
};

static enum err_code load(struct tx *tx, const struct request *request, const char *connection_id,
                          const char *name, bool lock, struct view *ret_view, struct err *reterr)
{
    struct connection *connection;
    bool found;
    try_(parent_connection(tx, request, connection_id, name, &connection, reterr));
    try_(sync_connection_load(tx, connection_id, false, request->arena, &ret_view->connection,
                              reterr));
    try_(
        sync_schedule_get(tx, connection_id, lock, request->arena, &ret_view->row, &found, reterr));
    if (!found)
        return err_not_found(reterr, name);
    timetable_read(&ret_view->row, &ret_view->connection, &ret_view->schedule);
    return sync_schedule_states(tx, connection_id, ret_view->states, reterr);
}

static Docbridge__V1__SyncSchedule__Task__State state_of(const struct view *view, int kind)
{
    static const Docbridge__V1__SyncSchedule__Task__State states[] = {
        [0] = STATE(NEVER),
        [1] = STATE(DISABLED),
        [2] = STATE(QUEUED),
        [3] = STATE(RUNNING),
        [4] = STATE(WAITING_FOR_QUOTA),
        [5] = STATE(DONE),
        [6] = STATE(PARTIAL),
        [7] = STATE(FAILED),
        [8] = STATE(CANCELLED),
    };
    int state = view->states[kind];
    if (!view->schedule.tasks[kind].enabled)
        return STATE(DISABLED);
    if (view->connection.standing.sync_paused)
        return STATE(PAUSED);
    return state >= 0 && state < (int)ARRAY_LEN(states) ? states[state] : STATE(UNSPECIFIED);
}

static bool fill_task(struct arena *arena, const struct view *view, int kind,
                      Docbridge__V1__SyncSchedule__Task *out)
{
    const struct schedule_task *task = &view->schedule.tasks[kind];
    docbridge__v1__sync_schedule__task__init(out);
    out->kind = (Docbridge__V1__SyncTaskKind)kind;
    out->state = state_of(view, kind);
    out->interval = field_duration(arena, task->interval_us);
    out->objective = field_duration(arena, task->objective_us);
    out->complete_time = field_time(arena, task->complete_us);
    if (task->enabled && view->schedule.may_run)
        out->next_run_time = field_time(arena, task->due_us < view->schedule.full_due_us
                                                   ? task->due_us
                                                   : view->schedule.full_due_us);
    if (!task->enabled || !view->schedule.judged)
        return out->interval != NULL && out->objective != NULL;
    out->freshness = task->breach_us == 0 ? FRESHNESS(FRESH) : FRESHNESS(STALE);
    out->stale_time = field_time(arena, task->breach_us);
    return out->interval != NULL && out->objective != NULL;
}

static bool fill_chosen(struct arena *arena, struct sync_schedule *row,
                        Docbridge__V1__SyncSchedule *out)
{
    Google__Protobuf__Duration **const durations[FIELDS] = {
        &out->organizations_interval,   &out->documents_interval,  &out->passwords_interval,
        &out->flexible_assets_interval, &out->checklists_interval, &out->organizations_objective,
        &out->documents_objective,      &out->passwords_objective, &out->flexible_assets_objective,
        &out->checklists_objective,     &out->full_sync_interval,
    };
    for (int i = 0; i < FIELDS; i++) {
        int64_t seconds = *chosen(row, i);
        if (seconds == 0)
            continue;
        *durations[i] = field_duration(arena, seconds * 1000000);
        if (*durations[i] == NULL)
            return false;
    }
    return true;
}

static enum err_code fill(struct arena *arena, const char *name, struct view *view,
                          Docbridge__V1__SyncSchedule *out, struct err *reterr)
{
    Docbridge__V1__SyncSchedule__Task *items = arena_calloc(arena, SCHEDULE_KINDS, sizeof(*items));
    out->tasks = arena_calloc(arena, SCHEDULE_KINDS, sizeof(*out->tasks));
    if (items == NULL || out->tasks == NULL)
        return err_no_memory(reterr);
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++) {
        if (!fill_task(arena, view, kind, &items[kind]))
            return err_no_memory(reterr);
        out->tasks[out->n_tasks++] = &items[kind];
        const Google__Protobuf__Timestamp *next = items[kind].next_run_time;
        if (next != NULL &&
            (out->next_run_time == NULL || next->seconds < out->next_run_time->seconds))
            out->next_run_time = items[kind].next_run_time;
    }
    if (view->schedule.may_run)
        out->next_full_sync_time = field_time(arena, view->schedule.full_due_us);
    out->name = arena_strdup(arena, name);
    out->update_time = field_time(arena, view->row.update_time_us);
    out->etag = field_etag(arena, view->row.revision);
    return out->name != NULL && out->etag != NULL && fill_chosen(arena, &view->row, out)
               ? ERR_OK
               : err_no_memory(reterr);
}

static enum err_code get_sync_schedule(struct request *request,
                                       const Docbridge__V1__GetSyncScheduleRequest *in,
                                       Docbridge__V1__SyncSchedule *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct view view;
    struct name name;
    try_(name_parse(in->name, PATTERN, "name", request->arena, &name, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(load(tx, request, name.connection, in->name, false, &view, reterr));
    return fill(request->arena, in->name, &view, out, reterr);
}

// Reads a duration; unset is 0, which means the default. Errors: INTERVAL_TOO_SHORT with the
// metadata `minimum`, FIELD_INVALID.
static enum err_code parse(const struct request *request, const Google__Protobuf__Duration *in,
                           int field, int64_t *ret_seconds, struct err *reterr)
{
    const char *path = arena_printf(request->arena, "sync_schedule.%s", paths[field]);
    int64_t least_s = sync_get_least_interval_s(request->backend->sync);
    *ret_seconds = in == NULL ? 0 : in->seconds;
    if (path == NULL)
        return err_no_memory(reterr);
    if (in == NULL)
        return ERR_OK;
    if (in->nanos != 0 || in->seconds > SCHEDULE_MOST_S)
        return err_invalid(reterr, path, "must be whole seconds, and 30 days at most");
    if (in->seconds >= least_s)
        return ERR_OK;
    (void)err_set(reterr, ERR_INTERVAL_TOO_SHORT, "%s must be at least %" PRId64 " seconds", path,
                  least_s);
    err_meta(reterr, "field", "%s", path);
    err_meta(reterr, "minimum", "%" PRId64 "s", least_s);
    return ERR_INTERVAL_TOO_SHORT;
}

static enum err_code parse_all(const struct request *request, const Docbridge__V1__SyncSchedule *in,
                               unsigned mask, struct sync_schedule *ret_wanted, struct err *reterr)
{
    const Google__Protobuf__Duration *const durations[FIELDS] = {
        in->organizations_interval,   in->documents_interval,  in->passwords_interval,
        in->flexible_assets_interval, in->checklists_interval, in->organizations_objective,
        in->documents_objective,      in->passwords_objective, in->flexible_assets_objective,
        in->checklists_objective,     in->full_sync_interval,
    };
    *ret_wanted = (struct sync_schedule){0};
    for (int i = 0; i < FIELDS; i++)
        if ((mask & 1u << i) != 0)
            try_(parse(request, durations[i], i, chosen(ret_wanted, i), reterr));
    return ERR_OK;
}

// An objective that no schedule could meet is a mistake.
static enum err_code check_objectives(const struct request *request,
                                      const struct schedule *schedule, struct err *reterr)
{
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++) {
        const struct schedule_task *task = &schedule->tasks[kind];
        if (task->objective_us >= task->interval_us)
            continue;
        const char *path =
            arena_printf(request->arena, "sync_schedule.%s", paths[SCHEDULE_KINDS - 1 + kind - 1]);
        return path == NULL ? err_no_memory(reterr)
                            : err_invalid(reterr, path, "must not be shorter than the interval");
    }
    return ERR_OK;
}

static char *seconds_text(struct arena *arena, int64_t seconds)
{
    return seconds == 0 ? arena_strdup(arena, "default")
                        : arena_printf(arena, "%" PRId64 "s", seconds);
}

// Takes over what is wanted, and makes what comes next as early as that. Returns the changes.
static size_t apply(const struct request *request, unsigned mask, struct sync_schedule *wanted,
                    struct view *view, struct audit_change changes[FIELDS])
{
    size_t count = 0;
    for (int i = 0; i < FIELDS; i++) {
        int64_t *now = chosen(&view->row, i), then = *chosen(wanted, i);
        if ((mask & 1u << i) == 0 || *now == then)
            continue;
        changes[count++] = (struct audit_change){paths[i], seconds_text(request->arena, *now),
                                                 seconds_text(request->arena, then)};
        *now = then;
    }
    timetable_read(&view->row, &view->connection, &view->schedule);
    for (int kind = 1; kind < SCHEDULE_KINDS; kind++) {
        int64_t latest_us = view->row.now_us + view->schedule.tasks[kind].interval_us;
        if (view->row.tasks[kind].due_time_us > latest_us)
            view->row.tasks[kind].due_time_us = latest_us;
    }
    if (view->row.full_due_time_us > view->row.now_us + view->schedule.full_interval_us)
        view->row.full_due_time_us = view->row.now_us + view->schedule.full_interval_us;
    return count;
}

static enum err_code update_sync_schedule(struct request *request,
                                          const Docbridge__V1__UpdateSyncScheduleRequest *in,
                                          Docbridge__V1__SyncSchedule *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    const Docbridge__V1__SyncSchedule *asked = in->sync_schedule;
    struct audit_change changes[FIELDS];
    struct sync_schedule wanted;
    struct view view;
    struct name name;
    unsigned mask;
    if (asked == NULL)
        return err_invalid(reterr, "sync_schedule", "must be set");
    try_(name_parse(asked->name, PATTERN, "sync_schedule.name", request->arena, &name, reterr));
    try_(field_mask(in->update_mask, paths, &mask, reterr));
    try_(parse_all(request, asked, mask, &wanted, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(load(tx, request, name.connection, asked->name, true, &view, reterr));
    try_(field_etag_check(asked->etag, view.row.revision, request->arena, reterr));
    size_t count = apply(request, mask, &wanted, &view, changes);
    try_(check_objectives(request, &view.schedule, reterr));
    if (count > 0) {
        const struct audit_event subject = {.resource = asked->name};
        try_(sync_schedule_choose(tx, name.connection, &view.row, reterr));
        try_(config_audit(tx, request, &subject, changes, count, reterr));
        try_(load(tx, request, name.connection, asked->name, false, &view, reterr));
    }
    try_(tx_commit(&tx, reterr));
    return fill(request->arena, asked->name, &view, out, reterr);
}
