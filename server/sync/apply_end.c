// The end of a walk to the database: it begins again, or is over.
#include "server/store/sync_page.h"
#include "server/sync/list_issue.h"
#include "server/sync/sync_private.h"

static enum err_code restart_once(struct task *task, const struct walk *walk,
                                  const struct checkpoint *to, struct err *reterr)
{
    struct run *run = task->run;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1024);
    char *scope = walk_scope(walk, walk->folder_filter, walk->folder_id, false, &arena);
    if (scope == NULL)
        return err_no_memory(reterr);
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    if (!to->confirm)
        try_(sync_page_forget(tx, run->lease.connection_id, run->lease.run_id, (int)walk->kind,
                              scope, reterr));
    return walk_step(task, &tx, walk, &(struct sync_counts){0}, to, reterr);
}

enum err_code apply_restart(struct task *task, const struct walk *walk, const struct checkpoint *to,
                            struct err *reterr)
{
    enum err_code code;
    int tries = 0;
    do
        code = restart_once(task, walk, to, reterr);
    while (run_try_again(task->run, code, &tries));
    return code;
}

static enum err_code count_once(struct task *task, const struct walk *walk, int64_t *ret_vanished,
                                struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(task->run, false, &tx, reterr));
    return deletion_count(task, walk, tx, ret_vanished, reterr);
}

enum err_code apply_would_delete(struct task *task, const struct walk *walk, bool *ret_would,
                                 struct err *reterr)
{
    int64_t vanished = 0;
    enum err_code code;
    int tries = 0;
    do
        code = count_once(task, walk, &vanished, reterr);
    while (run_try_again(task->run, code, &tries));
    *ret_would = vanished > 0;
    return code;
}

static enum err_code look_for_repeats(struct task *task, const struct walk *walk, bool *ret_repeats,
                                      struct err *reterr)
{
    struct run *run = task->run;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1024);
    const char *scope =
        walk_scope(walk, walk->folder_filter, walk->folder_id, task->at.confirm, &arena);
    if (scope == NULL)
        return err_no_memory(reterr);
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    return sync_page_repeats(tx, run->lease.connection_id, run->lease.run_id, (int)walk->kind,
                             scope, ret_repeats, reterr);
}

enum err_code apply_repeats(struct task *task, const struct walk *walk, bool *ret_repeats,
                            struct err *reterr)
{
    enum err_code code;
    int tries = 0;
    *ret_repeats = false;
    do
        code = look_for_repeats(task, walk, ret_repeats, reterr);
    while (run_try_again(task->run, code, &tries));
    return code;
}

static enum err_code end_once(struct task *task, const struct walk *walk,
                              const struct checkpoint *to, enum walk_end how, struct err *reterr)
{
    struct run *run = task->run;
    struct sync_counts add = {0};
    struct sync_issue guarded = {0}, incomplete = {0};
    bool opened = false;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    if (how == WALK_SURE && walk->last_part && task->sure_parts == walk->parts)
        try_(deletion_apply(task, walk, tx, &add.deleted, &guarded, reterr));
    if (how == WALK_UNSURE)
        try_(list_issue_open_incomplete(task, walk, tx, &incomplete, &opened, reterr));
    try_(walk_step(task, &tx, walk, &add, to, reterr));
    run_publish(run);
    if (guarded.id != NULL)
        feed_issue(run->sync->feed, run->feed, &guarded);
    if (opened)
        feed_issue(run->sync->feed, run->feed, &incomplete);
    return ERR_OK;
}

enum err_code apply_end(struct task *task, const struct walk *walk, const struct checkpoint *to,
                        enum walk_end how, struct err *reterr)
{
    if (how == WALK_SURE)
        task->sure_parts++;
    enum err_code code;
    int tries = 0;
    do
        code = end_once(task, walk, to, how, reterr);
    while (run_try_again(task->run, code, &tries));
    return code;
}
