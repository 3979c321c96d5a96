#include "server/sync/list_issue.h"

#include <inttypes.h>

#include "server/base/encoding.h"

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

enum err_code list_issue_open(struct task *task, const struct walk *walk, struct tx *tx,
                              struct sync_issue *issue, bool *ret_opened, struct err *reterr)
{
    struct run *run = task->run;
    char *id = arena_alloc(&run->arena, ENCODING_ID_BYTES);
    issue->subject = list_subject(walk, &run->arena);
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
