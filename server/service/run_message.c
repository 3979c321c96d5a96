#include "server/service/run_message.h"

#include <inttypes.h>

#include "server/service/field.h"
#include "server/sync/plan.h"
#include "server/sync/state.h"
#include "server/sync/sync.h"

// Which organizations a run is about is not for a caller who may see only some companies.
static bool limited(const struct request *request)
{
    return !request->caller->all_companies;
}

static char *organization_name(const struct request *request, const struct sync_run_row *run,
                               int64_t id)
{
    return id == 0 || limited(request)
               ? arena_strdup(request->arena, "")
               : arena_printf(request->arena, "connections/%s/organizations/%" PRId64,
                              run->connection_id, id);
}

static bool fill_task(const struct request *request, const struct sync_run_row *run,
                      const struct sync_task_row *task, Docbridge__V1__SyncTask *out)
{
    struct arena *arena = request->arena;
    docbridge__v1__sync_task__init(out);
    out->kind = (Docbridge__V1__SyncTaskKind)task->kind;
    out->state = (Docbridge__V1__SyncTask__State)task->state;
    out->done_count = task->counts.done;
    out->total_count = task->counts.total;
    out->created_count = task->counts.created;
    out->updated_count = task->counts.updated;
    out->unchanged_count = task->counts.unchanged;
    out->deleted_count = task->counts.deleted;
    out->failed_count = task->counts.failed;
    out->error_reason = arena_strdup(arena, task->error_reason);
    out->error_message = arena_strdup(arena, task->error_message);
    out->organization = organization_name(request, run, task->organization_id);
    return out->error_reason != NULL && out->error_message != NULL && out->organization != NULL;
}

static bool fill_tasks(const struct request *request, const struct sync_run_row *run,
                       Docbridge__V1__SyncRun *out)
{
    struct arena *arena = request->arena;
    Docbridge__V1__SyncTask *items = arena_calloc(arena, run->task_count + 1, sizeof(*items));
    out->tasks = arena_calloc(arena, run->task_count + 1, sizeof(*out->tasks));
    if (items == NULL || out->tasks == NULL)
        return false;
    for (size_t i = 0; i < run->task_count; i++) {
        if (!fill_task(request, run, &run->tasks[i], &items[i]))
            return false;
        out->tasks[out->n_tasks++] = &items[i];
    }
    return true;
}

static bool fill_organizations(const struct request *request, const struct sync_run_row *run,
                               Docbridge__V1__SyncRun *out)
{
    size_t count = limited(request) ? 0 : run->organization_count;
    out->organizations = arena_calloc(request->arena, count + 1, sizeof(*out->organizations));
    if (out->organizations == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        out->organizations[i] = organization_name(request, run, run->organization_ids[i]);
        if (out->organizations[i] == NULL)
            return false;
        out->n_organizations++;
    }
    return true;
}

static int64_t expected_windows(const struct sync_run_row *run, int64_t share)
{
    int64_t done = 0, left = 0;
    for (size_t i = 0; i < run->task_count; i++) {
        const struct sync_task_row *task = &run->tasks[i];
        done += task->counts.done;
        if (!task_is_over((enum task_state)task->state))
            left += task->counts.total - task->counts.done;
    }
    return plan_windows(plan_requests(run->request_count, done, left), share, share);
}

static bool fill_quota(const struct request *request, const struct sync_run_row *run,
                       Docbridge__V1__SyncRun *out)
{
    struct arena *arena = request->arena;
    const struct sync_limit limit = sync_get_limit(request->backend->sync);
    out->quota = arena_alloc(arena, sizeof(*out->quota));
    if (out->quota == NULL)
        return false;
    docbridge__v1__request_quota__init(out->quota);
    out->quota->used = (int32_t)run->quota.used;
    out->quota->limit = limit.requests;
    out->quota->window = field_duration(arena, limit.window_ms * 1000);
    out->quota->resume_time = field_time(arena, run->resume_time_us);
    out->quota->expected_window_count = (int32_t)expected_windows(run, limit.sync_requests);
    out->quota->foreign_count = (int32_t)run->quota.foreign_count;
    out->quota->foreign_time = field_time(arena, run->quota.foreign_time_us);
    return out->quota->window != NULL;
}

static bool fill_actor(struct arena *arena, const struct sync_run_row *run,
                       Docbridge__V1__SyncRun *out)
{
    out->actor = arena_alloc(arena, sizeof(*out->actor));
    if (out->actor == NULL)
        return false;
    docbridge__v1__actor__init(out->actor);
    out->actor->subject = arena_strdup(arena, run->actor_subject);
    out->actor->display_name = arena_strdup(arena, run->actor_display_name);
    out->actor->kind = (Docbridge__V1__Actor__Kind)run->actor_kind;
    return out->actor->subject != NULL && out->actor->display_name != NULL;
}

enum err_code run_message_fill(const struct request *request, const struct sync_run_row *run,
                               Docbridge__V1__SyncRun *out, struct err *reterr)
{
    struct arena *arena = request->arena;
    out->name = arena_printf(arena, "connections/%s/syncRuns/%s", run->connection_id, run->id);
    out->state = (Docbridge__V1__SyncRun__State)run->state;
    out->trigger = (Docbridge__V1__SyncRun__Trigger)run->trigger;
    out->mode = (Docbridge__V1__SyncMode)run->mode;
    out->request_count = run->request_count;
    out->issue_count = run->issue_count;
    out->checkpoint_time = field_time(arena, run->checkpoint_time_us);
    out->create_time = field_time(arena, run->create_time_us);
    out->start_time = field_time(arena, run->start_time_us);
    out->end_time = field_time(arena, run->end_time_us);
    return out->name != NULL && fill_tasks(request, run, out) &&
                   fill_organizations(request, run, out) && fill_quota(request, run, out) &&
                   fill_actor(arena, run, out)
               ? ERR_OK
               : err_no_memory(reterr);
}
