// What a complete walk did not see is gone upstream; in bulk only when it is seen twice.
#include <string.h>

#include "server/base/log.h"
#include "server/store/organization_sync.h"
#include "server/sync/list_issue.h"
#include "server/sync/plan.h"
#include "server/sync/sync_private.h"

static enum err_code count(const struct walk *walk, struct tx *tx, const struct record_scope *scope,
                           int64_t *ret_total, int64_t *ret_vanished, struct err *reterr)
{
    if (walk->kind == SOURCE_ORGANIZATIONS)
        return organization_sweep_count(tx, scope, ret_total, ret_vanished, reterr);
    return record_sweep_count(tx, scope, ret_total, ret_vanished, reterr);
}

static enum err_code sweep(const struct walk *walk, struct tx *tx, const struct record_scope *scope,
                           int64_t *ret_deleted, struct err *reterr)
{
    if (walk->kind == SOURCE_ORGANIZATIONS)
        return organization_sweep(tx, scope, clock_wall_us(), ret_deleted, reterr);
    return record_sweep(tx, scope, ret_deleted, reterr);
}

// Whether an earlier run held the same deletions back, or more, long enough ago.
static enum err_code seen_before(struct task *task, struct tx *tx, const char *subject,
                                 int64_t vanished, bool *ret_seen, struct err *reterr)
{
    struct run *run = task->run;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 4096);
    struct sync_issue held;
    try_(sync_issue_find_open(tx, run->lease.connection_id, SYNC_ISSUE_DELETION_GUARD, task->kind,
                              subject, &arena, &held, reterr));
    *ret_seen = held.run_id != NULL && strcmp(held.run_id, run->lease.run_id) != 0 &&
                vanished <= held.held_deletion_count &&
                clock_wall_us() - held.create_time_us >= run->sync->deletion_hold_ms * 1000;
    return ERR_OK;
}

static enum err_code hold_rows(const struct task *task, const struct record_scope *scope,
                               struct tx *tx, const char *subject, struct err *reterr)
{
    if (scope->kind == SOURCE_ORGANIZATIONS)
        return organization_sweep_hold(tx, scope, task->kind, subject, reterr);
    return record_sweep_hold(tx, scope, task->kind, subject, reterr);
}

static enum err_code hold(struct task *task, const struct walk *walk,
                          const struct record_scope *scope, struct tx *tx, int64_t vanished,
                          int64_t total, struct sync_issue *ret_guarded, struct err *reterr)
{
    struct sync_issue issue = {
        .kind = SYNC_ISSUE_DELETION_GUARD,
        .message = "More records than usual are gone upstream. Nothing was deleted: a full run at "
                   "least an hour later that finds the same deletes them, or you do",
        .held_deletion_count = vanished,
        .scope_record_count = total,
    };
    bool opened;
    try_(list_issue_open(task, walk, tx, &issue, &opened, reterr));
    if (opened)
        *ret_guarded = issue;
    try_(hold_rows(task, scope, tx, issue.subject, reterr));
    log_event(LOG_WARN, "deletions held back", LOG_STR("run", task->run->lease.run_id),
              LOG_STR("subject", issue.subject), LOG_INT("held", vanished), LOG_INT("of", total));
    return ERR_OK;
}

// What the walk covered, by all its forms of the document filter, and when it was walked to
// confirm.
static enum err_code make_scope(struct task *task, const struct walk *walk,
                                struct record_scope *ret_scope, struct err *reterr)
{
    enum { FILTERS = SOURCE_FOLDER_ID };
    struct run *run = task->run;
    size_t count = (FILTERS + walk->folder_count) * 2;
    const char **scopes = arena_calloc(&run->arena, count, sizeof(*scopes));
    if (scopes == NULL)
        return err_no_memory(reterr);
    *ret_scope = (struct record_scope){
        .connection_id = run->lease.connection_id,
        .kind = (int)walk->kind,
        .type_id = walk->type_id,
        .organization_ids = walk->organizations,
        .organization_count = walk->organization_count,
        .run_id = run->lease.run_id,
        .scopes = scopes,
        .scope_count = count,
    };
    for (size_t i = 0; i < count; i++) {
        size_t form = i / 2 < FILTERS ? i / 2 : FILTERS; // the folders follow
        int64_t folder_id = form < FILTERS ? 0 : walk->folders[i / 2 - FILTERS];
        scopes[i] =
            walk_scope(walk, (enum source_folder_filter)form, folder_id, i % 2 == 1, &run->arena);
        if (scopes[i] == NULL)
            return err_no_memory(reterr);
    }
    return ERR_OK;
}

enum err_code deletion_count(struct task *task, const struct walk *walk, struct tx *tx,
                             int64_t *ret_vanished, struct err *reterr)
{
    struct record_scope scope;
    int64_t total;
    try_(make_scope(task, walk, &scope, reterr));
    return count(walk, tx, &scope, &total, ret_vanished, reterr);
}

enum err_code deletion_apply(struct task *task, const struct walk *walk, struct tx *tx,
                             int64_t *ret_deleted, struct sync_issue *ret_guarded,
                             struct err *reterr)
{
    struct run *run = task->run;
    struct record_scope scope;
    *ret_deleted = 0;
    try_(make_scope(task, walk, &scope, reterr));
    const char *subject = list_subject(walk, &run->arena);
    if (subject == NULL)
        return err_no_memory(reterr);
    int64_t total, vanished;
    try_(count(walk, tx, &scope, &total, &vanished, reterr));
    if (plan_too_many_gone(vanished, total)) {
        bool seen;
        try_(seen_before(task, tx, subject, vanished, &seen, reterr));
        if (!seen)
            return hold(task, walk, &scope, tx, vanished, total, ret_guarded, reterr);
    }
    if (vanished > 0)
        try_(sweep(walk, tx, &scope, ret_deleted, reterr));
    return list_issue_resolve(task, walk, tx, SYNC_ISSUE_DELETION_GUARD, reterr);
}
