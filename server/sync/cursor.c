#include "server/sync/cursor.h"

#include <string.h>

#include "server/base/log.h"
#include "server/store/sync_cursor.h"
#include "server/sync/list_issue.h"
#include "server/sync/plan.h"
#include "server/sync/sync_private.h"

// The list of organizations is of all, mapped or not.
static size_t count_organizations(const struct task *task, enum source_kind kind)
{
    return kind == SOURCE_ORGANIZATIONS ? 0 : task->organization_count;
}

static enum err_code load(struct task *task, enum source_kind kind, int64_t type_id,
                          struct sync_cursor *ret_cursor, bool *ret_trusted, struct err *reterr)
{
    struct run *run = task->run;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    try_(sync_cursor_load(tx, run->lease.connection_id, (int)kind, type_id, task->organizations,
                          count_organizations(task, kind), &run->arena, ret_cursor, reterr));
    *ret_trusted = plan_trusts(ret_cursor->distrust_time_us, clock_wall_us());
    return ERR_OK;
}

enum err_code cursor_since(struct task *task, enum source_kind kind, int64_t type_id,
                           const char *basis, struct cursor_point *ret_point, struct err *reterr)
{
    struct sync_cursor cursor;
    bool trusted;
    *ret_point = (struct cursor_point){.total_count = -1};
    if (task->run->row.mode == SYNC_MODE_FULL)
        return ERR_OK;
    try_(load(task, kind, type_id, &cursor, &trusted, reterr));
    if (!cursor.covers || !trusted || strcmp(cursor.basis, basis) != 0)
        return ERR_OK;
    ret_point->since_us = plan_since(cursor.update_time_us);
    ret_point->total_count = cursor.total_count;
    return ERR_OK;
}

enum err_code cursor_trusts(struct task *task, enum source_kind kind, int64_t type_id,
                            bool *ret_trusted, struct err *reterr)
{
    struct sync_cursor cursor;
    return load(task, kind, type_id, &cursor, ret_trusted, reterr);
}

enum err_code cursor_avoid(struct task *task, enum source_kind kind, int64_t type_id,
                           struct err *reterr)
{
    struct run *run = task->run;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    try_(sync_cursor_distrust(tx, run->lease.connection_id, (int)kind, type_id, clock_wall_us(),
                              reterr));
    return tx_commit(&tx, reterr);
}

enum err_code cursor_order(struct task *task, enum source_kind kind, int64_t *ret_order_time_us,
                           bool *ret_trusted, struct err *reterr)
{
    struct sync_cursor cursor;
    try_(load(task, kind, 0, &cursor, ret_trusted, reterr));
    *ret_order_time_us = *ret_trusted ? cursor.order_time_us : 0;
    return ERR_OK;
}

enum err_code cursor_prove_order(struct task *task, enum source_kind kind, struct err *reterr)
{
    struct run *run = task->run;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    try_(sync_cursor_prove_order(tx, run->lease.connection_id, (int)kind, clock_wall_us(), reterr));
    return tx_commit(&tx, reterr);
}

static enum err_code advance_once(struct task *task, const struct walk *walk, struct err *reterr)
{
    struct run *run = task->run;
    const struct sync_cursor_step step = {
        .connection_id = run->lease.connection_id,
        .run_id = run->lease.run_id,
        .kind = (int)walk->kind,
        .type_id = walk->type_id,
        .organization_ids = task->organizations,
        .organization_count = count_organizations(task, walk->kind),
        .limited = run->row.organization_count > 0,
        .update_time_us = task->at.newest_us,
        // Of one organization alone it says nothing of the list.
        .total_count = walk->filtered ? -1 : task->at.total,
        .basis = walk->basis == NULL ? "" : walk->basis,
    };
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    try_(sync_cursor_put(tx, &step, reterr));
    if ((walk->since_us != 0 || walk->filtered) && !task->filters_ignored)
        try_(list_issue_resolve(task, walk, tx, SYNC_ISSUE_ORDER_IGNORED, reterr));
    return tx_commit(&tx, reterr);
}

enum err_code cursor_advance(struct task *task, const struct walk *walk, struct err *reterr)
{
    if (task->at.newest_us <= 0)
        return ERR_OK;
    enum err_code code;
    int tries = 0;
    do
        code = advance_once(task, walk, reterr);
    while (run_try_again(task->run, code, &tries));
    return code;
}

static enum err_code distrust_once(struct task *task, const struct walk *walk, struct err *reterr)
{
    struct run *run = task->run;
    struct sync_issue issue = {
        .kind = SYNC_ISSUE_ORDER_IGNORED,
        .message = "Upstream does not list what changed last first, although it was asked to. The "
                   "list is fetched whole at each run, which takes more requests",
    };
    bool opened;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    try_(sync_cursor_distrust(tx, run->lease.connection_id, (int)walk->kind, walk->type_id,
                              clock_wall_us(), reterr));
    try_(list_issue_open(task, walk, tx, &issue, &opened, reterr));
    try_(tx_commit(&tx, reterr));
    log_event(LOG_WARN, "upstream ignores the order it is asked for",
              LOG_STR("connection", run->lease.connection_id), LOG_STR("subject", issue.subject));
    if (opened)
        feed_issue(run->sync->feed, run->feed, &issue);
    return ERR_OK;
}

enum err_code cursor_distrust(struct task *task, const struct walk *walk, struct err *reterr)
{
    enum err_code code;
    int tries = 0;
    do
        code = distrust_once(task, walk, reterr);
    while (run_try_again(task->run, code, &tries));
    return code;
}

static enum err_code note_asked_once(struct task *task, const struct sync_cursor_step *step,
                                     struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(task->run, false, &tx, reterr));
    try_(sync_cursor_put(tx, step, reterr));
    return tx_commit(&tx, reterr);
}

enum err_code cursor_note_asked(struct task *task, enum source_kind folder_kind, const int64_t *ids,
                                size_t count, struct err *reterr)
{
    struct run *run = task->run;
    // A full run of all organizations asks for all that have any: who is not among them now begins
    // anew.
    bool all = run->row.mode == SYNC_MODE_FULL && run->row.organization_count == 0;
    const struct sync_cursor_step step = {
        .connection_id = run->lease.connection_id,
        .run_id = run->lease.run_id,
        .kind = (int)folder_kind,
        .organization_ids = ids,
        .organization_count = count,
        .limited = !all,
        .update_time_us = clock_wall_us(),
        .total_count = -1,
        .basis = "",
    };
    enum err_code code;
    int tries = 0;
    if (count == 0 && !all)
        return ERR_OK;
    do
        code = note_asked_once(task, &step, reterr);
    while (run_try_again(run, code, &tries));
    return code;
}
