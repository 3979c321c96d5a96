#include "server/sync/list_issue.h"

#include <inttypes.h>
#include <string.h>

#include "server/base/encoding.h"
#include "server/base/log.h"
#include "server/sync/sync_private.h"

char *list_subject(const struct walk *walk, struct arena *arena)
{
    const char *collection = walk_collection(walk->kind);
    if (walk->type_id != 0)
        return arena_printf(arena, "flexibleAssetTypes/%" PRId64 "/%s", walk->type_id, collection);
    if (walk->organization_id != 0)
        return arena_printf(arena, "organizations/%" PRId64 "/%s", walk->organization_id,
                            collection);
    return arena_printf(arena, "%s", collection);
}

// Opens one about `issue->subject`; NULL: there was no memory for it.
static enum err_code open_about(struct task *task, struct tx *tx, struct sync_issue *issue,
                                bool *ret_opened, struct err *reterr)
{
    struct run *run = task->run;
    char *id = arena_alloc(&run->arena, ENCODING_ID_BYTES);
    if (id == NULL || issue->subject == NULL)
        return err_no_memory(reterr);
    encoding_random_id(id);
    issue->id = id;
    issue->state = SYNC_ISSUE_OPEN;
    issue->run_id = run->lease.run_id;
    issue->task_kind = task->kind;
    issue->create_time_us = clock_wall_us();
    issue->revision = 1;
    return sync_issue_open(tx, run->lease.connection_id, issue, ret_opened, reterr);
}

enum err_code list_issue_open(struct task *task, const struct walk *walk, struct tx *tx,
                              struct sync_issue *issue, bool *ret_opened, struct err *reterr)
{
    issue->subject = list_subject(walk, &task->run->arena);
    return open_about(task, tx, issue, ret_opened, reterr);
}

enum err_code list_issue_open_incomplete(struct task *task, const struct walk *walk, struct tx *tx,
                                         struct sync_issue *ret_issue, bool *ret_opened,
                                         struct err *reterr)
{
    struct run *run = task->run;
    struct arena arena _cleanup_(arena_done);
    const char *const *subjects;
    size_t count, others = 0;
    arena_init(&arena, 256 * 1024);
    *ret_issue = (struct sync_issue){
        .kind = SYNC_ISSUE_LIST_INCOMPLETE,
        .message = "Upstream counts other records than it gave, twice. What is missing comes with "
                   "a later run; until a list agrees, nothing of it is deleted",
        .subject = list_subject(walk, &run->arena),
    };
    try_(sync_issue_open_subjects(tx, run->lease.connection_id, SYNC_ISSUE_LIST_INCOMPLETE,
                                  task->kind, &arena, &subjects, &count, reterr));
    for (size_t i = 0; i < count && ret_issue->subject != NULL; i++)
        others += strcmp(subjects[i], ret_issue->subject) != 0;
    if (others == count && count >= LIST_ISSUES_MAX) {
        ret_issue->subject = walk_collection(walk->kind);
        ret_issue->message =
            "Of more lists than are told one by one upstream counts other records than it gave, "
            "twice. What is missing comes with a later run; until a list agrees, nothing of it is "
            "deleted";
    }
    return open_about(task, tx, ret_issue, ret_opened, reterr);
}

static enum err_code tell_once(struct task *task, const struct walk *walk,
                               enum sync_issue_kind kind, const char *message, struct err *reterr)
{
    struct run *run = task->run;
    struct sync_issue issue = {.kind = kind, .message = message};
    bool opened;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    try_(list_issue_open(task, walk, tx, &issue, &opened, reterr));
    try_(tx_commit(&tx, reterr));
    log_event(LOG_WARN, "a list is not as it was asked for", LOG_STR("subject", issue.subject),
              LOG_INT("kind", kind));
    if (opened)
        feed_issue(run->sync->feed, run->feed, &issue);
    return ERR_OK;
}

enum err_code list_issue_tell(struct task *task, const struct walk *walk, enum sync_issue_kind kind,
                              const char *message, struct err *reterr)
{
    enum err_code code;
    int tries = 0;
    do
        code = tell_once(task, walk, kind, message, reterr);
    while (run_try_again(task->run, code, &tries));
    return code;
}

enum err_code list_issue_resolve(struct task *task, const struct walk *walk, struct tx *tx,
                                 enum sync_issue_kind kind, struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 4096);
    const char *subject = list_subject(walk, &arena);
    if (subject == NULL)
        return err_no_memory(reterr);
    return sync_issue_resolve(tx, task->run->lease.connection_id, kind, task->kind, &subject, 1,
                              clock_wall_us(), reterr);
}
