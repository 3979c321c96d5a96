#include "client/progress.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/field.h"
#include "client/text.h"

enum { LINE_MAX_BYTES = 4096, BAR_CELLS = 20 };

void progress_init(struct progress *progress, const char *name)
{
    *progress = (struct progress){0};
    (void)snprintf(progress->name, sizeof(progress->name), "%s", name);
}

static int64_t micros(const Google__Protobuf__Timestamp *time)
{
    if (time == NULL || time->seconds < 0 || time->seconds > INT32_MAX * (int64_t)100)
        return 0;
    return time->seconds * 1000000 + time->nanos / 1000;
}

static struct progress_task *slot(struct progress *progress, Docbridge__V1__SyncTaskKind kind)
{
    for (size_t i = 0; i < progress->task_count; i++)
        if (progress->tasks[i].kind == kind)
            return &progress->tasks[i];
    if (progress->task_count == PROGRESS_TASKS_MAX)
        return NULL;
    struct progress_task *task = &progress->tasks[progress->task_count++];
    *task = (struct progress_task){.kind = kind};
    return task;
}

static void apply_task(struct progress *progress, const Docbridge__V1__SyncTask *event,
                       int64_t now_ms)
{
    struct progress_task *task = slot(progress, event->kind);
    if (task == NULL)
        return;
    bool running = event->state == DOCBRIDGE__V1__SYNC_TASK__STATE__STATE_RUNNING;
    if (running && task->first_ms == 0) {
        task->first_ms = now_ms;
        task->first_done = event->done_count;
    }
    if (running)
        task->latest_ms = now_ms;
    task->state = event->state;
    task->done = event->done_count;
    task->total = event->total_count;
    task->failed = event->failed_count;
    (void)snprintf(task->reason, sizeof(task->reason), "%s", event->error_reason);
}

static void apply_quota(struct progress *progress, const Docbridge__V1__RequestQuota *quota)
{
    if (quota == NULL)
        return;
    progress->used = quota->used;
    progress->limit = quota->limit;
    progress->windows = quota->expected_window_count;
    progress->foreign = quota->foreign_count;
    progress->resume_us = micros(quota->resume_time);
}

static void apply_run(struct progress *progress, const Docbridge__V1__SyncRun *run, int64_t now_ms)
{
    progress->state = run->state;
    for (size_t i = 0; i < run->n_tasks; i++)
        apply_task(progress, run->tasks[i], now_ms);
    progress->requests = run->request_count;
    progress->issues = run->issue_count;
    progress->start_us = micros(run->start_time);
    progress->end_us = micros(run->end_time);
    apply_quota(progress, run->quota);
}

void progress_apply(struct progress *progress, const Docbridge__V1__WatchSyncRunResponse *event,
                    int64_t now_ms)
{
    switch (event->event_case) {
    case DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_SNAPSHOT:
        apply_run(progress, event->snapshot, now_ms);
        break;
    case DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_FINISHED:
        apply_run(progress, event->finished, now_ms);
        progress->finished = true;
        break;
    case DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_TASK:
        apply_task(progress, event->task, now_ms);
        if (event->task->state == DOCBRIDGE__V1__SYNC_TASK__STATE__STATE_RUNNING) {
            progress->state = DOCBRIDGE__V1__SYNC_RUN__STATE__STATE_RUNNING;
            progress->resume_us = 0;
            // The snapshot may have been of a run that was still queued.
            if (progress->start_us == 0)
                progress->start_us = micros(event->time);
        }
        progress->requests = event->request_count;
        apply_quota(progress, event->quota);
        break;
    case DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_QUOTA_WAIT:
        progress->state = DOCBRIDGE__V1__SYNC_RUN__STATE__STATE_WAITING_FOR_QUOTA;
        apply_quota(progress, event->quota_wait);
        break;
    case DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_ISSUE:
        progress->issues++;
        break;
    default:
        break;
    }
}

static const char *run_state(Docbridge__V1__SyncRun__State state)
{
    const char *name = field_enum_name(&docbridge__v1__sync_run__state__descriptor, (int)state);
    return name == NULL || state == 0 ? "UNKNOWN" : name;
}

static const char *task_state(Docbridge__V1__SyncTask__State state)
{
    const char *name = field_enum_name(&docbridge__v1__sync_task__state__descriptor, (int)state);
    return name == NULL || state == 0 ? "UNKNOWN" : name;
}

static void task_name(Docbridge__V1__SyncTaskKind kind, char ret_name[32])
{
    const char *name = field_enum_name(&docbridge__v1__sync_task_kind__descriptor, (int)kind);
    size_t i = 0;
    for (; name != NULL && name[i] != '\0' && i < 31; i++)
        ret_name[i] = name[i] == '_' ? ' ' : (char)tolower((unsigned char)name[i]);
    ret_name[i] = '\0';
}

static void count_line(struct buffer *buffer, const char *label, int64_t count)
{
    if (count != 0)
        buffer_printf(buffer, " %s %" PRId64, label, count);
}

static void line_task(struct buffer *buffer, const Docbridge__V1__SyncTask *task)
{
    char name[32];
    task_name(task->kind, name);
    buffer_printf(buffer, "task %s %s %" PRId64, name, task_state(task->state), task->done_count);
    if (task->total_count > 0)
        buffer_printf(buffer, "/%" PRId64, task->total_count);
    count_line(buffer, "created", task->created_count);
    count_line(buffer, "updated", task->updated_count);
    count_line(buffer, "deleted", task->deleted_count);
    count_line(buffer, "failed", task->failed_count);
    if (task->error_reason[0] != '\0')
        buffer_printf(buffer, " %s", task->error_reason);
    if (task->error_message[0] != '\0')
        buffer_printf(buffer, ": %s", task->error_message);
}

static void line_run(struct buffer *buffer, const char *label, const Docbridge__V1__SyncRun *run)
{
    buffer_printf(buffer, "%s %s requests %d issues %d", label, run_state(run->state),
                  run->request_count, run->issue_count);
    for (size_t i = 0; i < run->n_tasks; i++) {
        buffer_text(buffer, "; ");
        line_task(buffer, run->tasks[i]);
    }
}

void progress_line(struct buffer *buffer, const Docbridge__V1__WatchSyncRunResponse *event)
{
    struct buffer raw _cleanup_(buffer_done);
    buffer_init(&raw, 4 * LINE_MAX_BYTES);
    field_text(&raw, &event->base, "time", FIELD_FULL);
    buffer_printf(&raw, "%s%" PRId64 " ", raw.len > 0 ? " " : "", event->sequence);
    switch (event->event_case) {
    case DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_SNAPSHOT:
        line_run(&raw, "run", event->snapshot);
        break;
    case DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_FINISHED:
        line_run(&raw, "finished", event->finished);
        break;
    case DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_TASK:
        line_task(&raw, event->task);
        buffer_printf(&raw, " requests %d", event->request_count);
        break;
    case DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_QUOTA_WAIT:
        buffer_printf(&raw, "waiting for quota %d/%d", event->quota_wait->used,
                      event->quota_wait->limit);
        if (event->quota_wait->resume_time != NULL)
            buffer_text(&raw, " until ");
        field_text(&raw, &event->quota_wait->base, "resume_time", FIELD_FULL);
        if (event->quota_wait->expected_window_count > 1)
            buffer_printf(&raw, ", %d windows expected", event->quota_wait->expected_window_count);
        if (event->quota_wait->foreign_count > 0)
            buffer_printf(&raw, ", at least %d by another tool with the same key",
                          event->quota_wait->foreign_count);
        break;
    case DOCBRIDGE__V1__WATCH_SYNC_RUN_RESPONSE__EVENT_ISSUE:
        buffer_text(&raw, "issue ");
        field_text(&raw, &event->issue->base, "kind", FIELD_FULL);
        buffer_printf(&raw, " %s: %s", event->issue->subject, event->issue->message);
        break;
    default:
        return;
    }
    if (raw.failed)
        return;
    text_escape(buffer, raw.data, raw.len);
    buffer_text(buffer, "\n");
}

// Appends an escaped line cut to the columns. Control sequences are ours and take no column.
static void put_line(struct buffer *buffer, const struct progress_view *view, const char *color,
                     const char *text)
{
    struct buffer escaped _cleanup_(buffer_done);
    buffer_init(&escaped, 8 * LINE_MAX_BYTES);
    if (!text_escape(&escaped, text, strlen(text)))
        return;
    // One column stays free: a full line would wrap on some terminals. What is cut is ASCII but
    // for names, and a byte too few does no harm.
    size_t most = view->columns > 1 ? (size_t)view->columns - 1 : 0;
    size_t len = escaped.len < most ? escaped.len : most;
    while (len > 0 && len < escaped.len && ((unsigned char)escaped.data[len] & 0xc0) == 0x80)
        len--;
    if (view->color && color != NULL)
        buffer_printf(buffer, "\x1b[%sm", color);
    buffer_append(buffer, len > 0 ? escaped.data : "", len);
    if (view->color && color != NULL)
        buffer_text(buffer, "\x1b[0m");
    buffer_text(buffer, "\n");
}

static void head_line(struct buffer *line, const struct progress *progress,
                      const struct progress_view *view)
{
    const char *slash = strrchr(progress->name, '/');
    buffer_printf(line, "run %s  %s", slash == NULL ? progress->name : slash + 1,
                  run_state(progress->state));
    int64_t until = progress->end_us > 0 ? progress->end_us : view->now_us;
    if (progress->start_us > 0 && until >= progress->start_us) {
        int64_t seconds = (until - progress->start_us) / 1000000;
        buffer_printf(line, "  %02" PRId64 ":%02" PRId64 ":%02" PRId64, seconds / 3600,
                      seconds / 60 % 60, seconds % 60);
    }
    buffer_printf(line, "  requests %" PRId64, progress->requests);
    if (progress->limit > 0)
        buffer_printf(line, "  window %" PRId64 "/%" PRId64, progress->used, progress->limit);
    if (progress->windows > 1 && !progress->finished)
        buffer_printf(line, " of %" PRId64 " windows", progress->windows);
    if (progress->issues > 0)
        buffer_printf(line, "  issues %" PRId64, progress->issues);
}

static void task_line(struct buffer *line, const struct progress_task *task, int cells)
{
    char name[32], counts[48];
    task_name(task->kind, name);
    char bar[BAR_CELLS + 1];
    bool running = task->state == DOCBRIDGE__V1__SYNC_TASK__STATE__STATE_RUNNING;
    // A walk from organization to organization learns its total on the way: while it has all that
    // it knows of, nobody can say how much is left.
    int64_t total = running && task->done >= task->total ? 0 : task->total;
    int64_t filled = total > 0 && task->done > 0 ? task->done * cells / total : 0;
    if (task->state == DOCBRIDGE__V1__SYNC_TASK__STATE__STATE_SUCCEEDED || filled > cells)
        filled = cells;
    memset(bar, '.', (size_t)cells);
    memset(bar, '#', (size_t)filled);
    bar[cells] = '\0';
    if (total > 0)
        (void)snprintf(counts, sizeof(counts), "%" PRId64 "/%" PRId64, task->done, total);
    else
        (void)snprintf(counts, sizeof(counts), "%" PRId64, task->done);
    buffer_printf(line, "  %-16s [%s] %13s ", name, bar, counts);
    if (total > 0 && task->done >= 0 && task->done <= total)
        buffer_printf(line, "%3" PRId64 "%%", task->done * 100 / total);
    else
        buffer_text(line, "    ");
    int64_t ms = task->latest_ms - task->first_ms, records = task->done - task->first_done;
    bool steady = running && ms >= 1000 && records > 0;
    if (steady)
        buffer_printf(line, " %5" PRId64 "/s", records * 1000 / ms);
    if (steady && total > 0) {
        int64_t seconds = (total - task->done) * ms / records / 1000 + 1;
        buffer_printf(line, " %" PRId64 ":%02" PRId64 " left", seconds / 60, seconds % 60);
    } else {
        buffer_printf(line, " %s", task_state(task->state));
    }
    if (task->failed > 0)
        buffer_printf(line, " failed %" PRId64, task->failed);
}

static const char *task_color(Docbridge__V1__SyncTask__State state)
{
    switch (state) {
    case DOCBRIDGE__V1__SYNC_TASK__STATE__STATE_SUCCEEDED:
        return "32";
    case DOCBRIDGE__V1__SYNC_TASK__STATE__STATE_FAILED:
        return "31";
    case DOCBRIDGE__V1__SYNC_TASK__STATE__STATE_PARTIAL:
    case DOCBRIDGE__V1__SYNC_TASK__STATE__STATE_WAITING_FOR_QUOTA:
    case DOCBRIDGE__V1__SYNC_TASK__STATE__STATE_CANCELLED:
        return "33";
    default:
        return NULL;
    }
}

int progress_draw(struct buffer *buffer, const struct progress *progress,
                  const struct progress_view *view)
{
    int lines = 1;
    struct buffer line _cleanup_(buffer_done);
    buffer_init(&line, LINE_MAX_BYTES);
    head_line(&line, progress, view);
    put_line(buffer, view, "1", line.failed ? "" : line.data);
    for (size_t i = 0; i < progress->task_count; i++, lines++) {
        buffer_reset(&line);
        task_line(&line, &progress->tasks[i], view->columns < 70 ? BAR_CELLS / 2 : BAR_CELLS);
        put_line(buffer, view, task_color(progress->tasks[i].state), line.failed ? "" : line.data);
    }
    // Reasons are too long to stand behind the counts of their task.
    for (size_t i = 0; i < progress->task_count; i++) {
        if (progress->tasks[i].reason[0] == '\0')
            continue;
        char name[32];
        task_name(progress->tasks[i].kind, name);
        buffer_reset(&line);
        buffer_printf(&line, "  %s: %s", name, progress->tasks[i].reason);
        put_line(buffer, view, "31", line.failed ? "" : line.data);
        lines++;
    }
    if (progress->resume_us > view->now_us && !progress->finished) {
        buffer_reset(&line);
        buffer_printf(&line, "  waits for quota, goes on in %" PRId64 " s",
                      (progress->resume_us - view->now_us) / 1000000 + 1);
        put_line(buffer, view, "33", line.failed ? "" : line.data);
        lines++;
    }
    if (progress->foreign > 0 && !progress->finished) {
        buffer_reset(&line);
        buffer_printf(&line, "  another tool uses this key's quota: at least %" PRId64 " requests",
                      progress->foreign);
        put_line(buffer, view, "33", line.failed ? "" : line.data);
        lines++;
    }
    if (view->note != NULL) {
        put_line(buffer, view, "36", view->note);
        lines++;
    }
    return lines;
}
