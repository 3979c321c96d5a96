#include "server/sync/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/encoding.h"
#include "server/base/log.h"
#include "server/sync/sync_private.h"
#include "server/sync/walk.h"

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

// The records that an earlier run, or an earlier page, set aside.
static enum err_code load_quarantined(struct task *task, struct tx *tx, struct err *reterr)
{
    struct run *run = task->run;
    const char *const *subjects;
    size_t count;
    try_(sync_issue_open_subjects(tx, run->lease.connection_id, SYNC_ISSUE_QUARANTINED, task->kind,
                                  &run->arena, &subjects, &count, reterr));
    task->quarantined = arena_calloc(&run->arena, count + 1, sizeof(*task->quarantined));
    if (task->quarantined == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        const char *id = strrchr(subjects[i], '/');
        if (id != NULL &&
            encoding_int64(id + 1, strlen(id + 1), &task->quarantined[task->quarantined_count]))
            task->quarantined_count++;
    }
    qsort(task->quarantined, task->quarantined_count, sizeof(*task->quarantined), compare_ids);
    return ERR_OK;
}

static enum err_code begin(struct task *task, struct err *reterr)
{
    struct run *run = task->run;
    struct sync_task_row *row = run_task(run, task->kind);
    enum task_state to;
    if (!task_transition((enum task_state)row->state, TASK_BEGUN, &to))
        return err_set(reterr, ERR_INTERNAL, "a task in state %d cannot begin", row->state);
    if (row->checkpoint[0] != '\0') {
        if (!checkpoint_parse(row->checkpoint, &task->at))
            return err_set(reterr, ERR_INTERNAL, "a checkpoint cannot be read");
        // As it is, and not as this version would write it.
        (void)snprintf(task->text, sizeof(task->text), "%s", row->checkpoint);
        if (task->at.page_size < run->sync->page_size)
            log_event(LOG_DEBUG, "a task goes on", LOG_STR("checkpoint", task->text));
    }
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    try_(load_quarantined(task, tx, reterr));
    int64_t *organizations;
    try_(sync_connection_mapped(tx, run->lease.connection_id, run->row.organization_ids,
                                run->row.organization_count, &run->arena, &organizations,
                                &task->organization_count, reterr));
    task->organizations = organizations;
    try_(sync_connection_inventory(tx, run->lease.connection_id, &task->inventory_count, reterr));
    try_(sync_task_move(tx, run->lease.connection_id, run->lease.run_id, task->kind, (int)to,
                        reterr));
    try_(tx_commit(&tx, reterr));
    row->state = (int)to;
    run_publish(run);
    return ERR_OK;
}

static enum err_code settle_once(struct task *task, struct err *reterr)
{
    struct run *run = task->run;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    try_(sync_issue_resolve_unmet(tx, run->lease.connection_id, task->kind, run->lease.run_id,
                                  clock_wall_us(), reterr));
    return tx_commit(&tx, reterr);
}

// The trouble of earlier runs that is no more. Only a task that saw everything can tell.
static enum err_code settle(struct task *task, struct err *reterr)
{
    if (task->at.unsure || task->run->row.organization_count > 0)
        return ERR_OK;
    enum err_code code;
    int tries = 0;
    do
        code = settle_once(task, reterr);
    while (run_try_again(task->run, code, &tries));
    return code;
}

enum err_code task_run(struct run *run, int kind, struct err *reterr)
{
    static enum err_code (*const steps[])(struct task *, struct err *) = {
        step_organizations, step_documents, step_passwords, step_flexible_assets, step_checklists,
    };
    struct task task = {.run = run, .kind = kind};
    enum err_code code;
    int tries = 0;
    try_(run_give_way(run, reterr));
    run->stepped = false;
    do {
        task.quarantined_count = 0;
        code = begin(&task, reterr);
    } while (run_try_again(run, code, &tries));
    try_(code);
    code = steps[kind - 1](&task, reterr);
    ahead_forget(run->ahead, NULL);
    try_(code);
    return settle(&task, reterr);
}

static enum err_code note_freshness(struct run *run, struct tx *tx, int kind, struct err *reterr)
{
    static const int64_t all = 0;
    bool limited = run->row.organization_count > 0 && kind != 1;
    return sync_freshness_put(tx, run->lease.connection_id, kind,
                              limited ? run->row.organization_ids : &all,
                              limited ? run->row.organization_count : 1, clock_wall_us(), reterr);
}

static enum err_code end_once(struct run *run, struct sync_task_row *row, enum task_state to,
                              const char *reason, const char *message, struct err *reterr)
{
    bool complete = to == TASK_SUCCEEDED || to == TASK_PARTIAL;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    const struct sync_task_end end = {
        .connection_id = run->lease.connection_id,
        .run_id = run->lease.run_id,
        .kind = row->kind,
        .state = (int)to,
        .error_reason = reason,
        .error_message = message,
        .checkpoint = run->checkpoints[row->kind - 1],
        .complete = complete,
    };
    bool ended;
    try_(sync_task_end(tx, &end, &ended, reterr));
    if (!ended)
        return run_go_back(run, reterr);
    if (complete)
        try_(note_freshness(run, tx, row->kind, reterr));
    try_(tx_commit(&tx, reterr));
    row->state = (int)to;
    row->error_reason = reason == NULL ? "" : reason;
    row->error_message = message == NULL ? "" : message;
    if (complete) {
        row->counts.total = row->counts.done;
        row->organization_id = 0;
    }
    run_publish(run);
    return ERR_OK;
}

enum err_code task_end(struct run *run, int kind, enum err_code code, const struct err *why,
                       struct err *reterr)
{
    struct sync_task_row *row = run_task(run, kind);
    enum task_event event = TASK_DONE;
    const char *reason = NULL, *message = NULL;
    if (code != ERR_OK) {
        event = TASK_BROKEN;
        reason = err_reason(code);
        message = err_status(code) == STATUS_INTERNAL || code == ERR_CONFLICT
                      ? "Something went wrong inside docbridge; its log has the details"
                      : arena_strdup(&run->arena, why->text);
        log_event(LOG_WARN, "a task failed", LOG_STR("run", run->lease.run_id),
                  LOG_INT("task", kind), LOG_ERR(why));
    } else if (row->counts.failed > 0) {
        event = TASK_DONE_WITH_LOSSES;
    }
    enum task_state to;
    if (!task_transition((enum task_state)row->state, event, &to))
        return err_set(reterr, ERR_INTERNAL, "a task in state %d cannot meet event %d", row->state,
                       (int)event);
    int tries = 0;
    enum err_code ended;
    do
        ended = end_once(run, row, to, reason, message, reterr);
    while (run_try_again(run, ended, &tries));
    return ended;
}
