// Lists that upstream gives for the whole account or for one organization.
#include "server/store/record.h"
#include "server/sync/cursor.h"
#include "server/sync/plan.h"
#include "server/sync/walk.h"

// `peeked`: the account's first page was seen just before.
static enum err_code by_organizations(struct task *task, enum source_kind kind, bool peeked,
                                      struct err *reterr)
{
    for (size_t i = 0; i < task->organization_count; i++) {
        struct walk walk = walk_of_organization(kind, &task->organizations[i]);
        walk.begins_pass = i == 0 && !peeked;
        walk.ends_pass = i + 1 == task->organization_count;
        for (size_t k = i; k < task->organization_count; k++) {
            struct walk next = walk_of_organization(kind, &task->organizations[k]);
            if (!walk_hint(task, &next))
                break;
        }
        try_(walk_run(task, &walk, NULL, reterr));
    }
    return ERR_OK;
}

// What changed, from the account's list or that of the only organization. `*ret_left`: the list
// must be read whole.
static enum err_code changes(struct task *task, enum source_kind kind, int64_t since_us,
                             bool *ret_left, struct err *reterr)
{
    int64_t only = task->organization_count == 1 ? task->organizations[0] : 0;
    struct walk walk = {
        .kind = kind,
        .key = only,
        .organization_id = only,
        .organizations = task->organizations,
        .organization_count = task->organization_count,
        .parts = 1,
        .last_part = true,
        .may_leave = only == 0,
        .since_us = since_us,
        .begins_pass = true,
        .ends_pass = true,
    };
    return walk_run(task, &walk, ret_left, reterr);
}

static enum err_code whole(struct task *task, enum source_kind kind, struct err *reterr)
{
    bool begun = task->text[0] != '\0' && task->at.since_us == 0;
    enum plan_mode mode = begun ? task->at.mode : plan_begin(task->organization_count);
    if (mode == PLAN_ORGANIZATIONS)
        return by_organizations(task, kind, false, reterr);
    struct walk walk = {
        .kind = kind,
        .organizations = task->organizations,
        .organization_count = task->organization_count,
        .parts = 1,
        .last_part = true,
        .may_leave = mode == PLAN_UNDECIDED,
        .begins_pass = true,
        .ends_pass = true,
    };
    bool left = false;
    try_(walk_run(task, &walk, &left, reterr));
    return left ? by_organizations(task, kind, true, reterr) : ERR_OK;
}

// Whether the walk of changes met every checklist that is stored as not completed: upstream may not
// move its time when one of its tasks is done, so that all of them are read.
static enum err_code met_open(struct task *task, bool *ret_met, struct err *reterr)
{
    struct run *run = task->run;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    const struct record_open asked = {
        .connection_id = run->lease.connection_id,
        .run_id = run->lease.run_id,
        .kind = SOURCE_CHECKLISTS,
        .organization_ids = task->organizations,
        .organization_count = task->organization_count,
    };
    int64_t unmet;
    try_(record_count_open(tx, &asked, &unmet, reterr));
    *ret_met = unmet == 0;
    return ERR_OK;
}

enum err_code step_planned(struct task *task, enum source_kind kind, struct err *reterr)
{
    // In the second stage the lists are complete, whichever they were.
    if (task->organization_count == 0 || (task->text[0] != '\0' && task->at.stage > 0))
        return ERR_OK;
    // What has begun to be read whole goes on so.
    if (task->text[0] != '\0' && task->at.since_us == 0)
        return whole(task, kind, reterr);
    struct cursor_point point;
    try_(cursor_since(task, kind, 0, "", &point, reterr));
    bool left = point.since_us == 0, met = true;
    if (!left)
        try_(changes(task, kind, point.since_us, &left, reterr));
    if (!left && kind == SOURCE_CHECKLISTS)
        try_(met_open(task, &met, reterr));
    if (!left && met)
        return ERR_OK;
    if (!met)
        return whole(task, kind, reterr);
    // Too much changed: organization by organization, from when that was seen.
    if (point.since_us != 0 && task->at.newest_us > 0)
        return by_organizations(task, kind, true, reterr);
    return whole(task, kind, reterr);
}
