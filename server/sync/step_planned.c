// Lists that upstream gives for the whole account or for one organization; and folders.
#include "server/store/record.h"
#include "server/sync/plan.h"
#include "server/sync/walk.h"

static struct walk walk_of(enum source_kind kind, const int64_t *organization_id)
{
    return (struct walk){
        .kind = kind,
        .key = *organization_id,
        .organization_id = *organization_id,
        .organizations = organization_id,
        .organization_count = 1,
        .parts = 1,
        .last_part = true,
    };
}

static enum err_code by_organizations(struct task *task, enum source_kind kind, struct err *reterr)
{
    for (size_t i = 0; i < task->organization_count; i++) {
        struct walk walk = walk_of(kind, &task->organizations[i]);
        for (size_t k = i + 1; k < task->organization_count; k++) {
            struct walk next = walk_of(kind, &task->organizations[k]);
            if (!walk_hint(task, &next))
                break;
        }
        try_(walk_run(task, &walk, NULL, reterr));
    }
    return ERR_OK;
}

enum err_code step_planned(struct task *task, enum source_kind kind, struct err *reterr)
{
    bool begun = task->text[0] != '\0';
    // In the second stage the lists are complete, whichever they were.
    if (task->organization_count == 0 || (begun && task->at.stage > 0))
        return ERR_OK;
    enum plan_mode mode = begun ? task->at.mode : plan_begin(task->organization_count);
    if (mode == PLAN_ORGANIZATIONS)
        return by_organizations(task, kind, reterr);
    struct walk walk = {
        .kind = kind,
        .organizations = task->organizations,
        .organization_count = task->organization_count,
        .parts = 1,
        .last_part = true,
        .may_leave = mode == PLAN_UNDECIDED,
    };
    bool left = false;
    try_(walk_run(task, &walk, &left, reterr));
    return left ? by_organizations(task, kind, reterr) : ERR_OK;
}

static struct walk folder_walk(enum source_kind kind, const int64_t *organization_id)
{
    struct walk walk = walk_of(kind, organization_id);
    walk.stage = 1;
    walk.optional = true;
    return walk;
}

enum err_code step_folders(struct task *task, enum source_kind kind, enum source_kind folder_kind,
                           struct err *reterr)
{
    struct run *run = task->run;
    int64_t *ids;
    size_t count;
    {
        struct tx *tx _cleanup_(tx_abortp) = NULL;
        try_(run_begin(run, false, &tx, reterr));
        try_(record_foldered(tx, run->lease.connection_id, (int)kind, task->organizations,
                             task->organization_count, &run->arena, &ids, &count, reterr));
    }
    for (size_t i = 0; i < count; i++) {
        struct walk walk = folder_walk(folder_kind, &ids[i]);
        for (size_t k = i + 1; k < count; k++) {
            struct walk next = folder_walk(folder_kind, &ids[k]);
            if (!walk_hint(task, &next))
                break;
        }
        try_(walk_run(task, &walk, NULL, reterr));
    }
    return ERR_OK;
}
