// The folders of what lies in folders: whether one of them is restricted decides who sees it.
#include <inttypes.h>

#include "server/store/record.h"
#include "server/sync/cursor.h"
#include "server/sync/list_issue.h"
#include "server/sync/sync_private.h"
#include "server/sync/walk.h"

static struct walk folder_walk(enum source_kind kind, const int64_t *organization_id)
{
    struct walk walk = walk_of_organization(kind, organization_id);
    walk.stage = 1;
    walk.optional = true;
    return walk;
}

// How many lie in folders that are not known, and whether that is to be told: once put aside, it is
// told again by full runs alone.
static enum err_code count_lost(struct task *task, enum source_kind kind, const struct walk *list,
                                int64_t *ret_count, bool *ret_tell, struct err *reterr)
{
    struct run *run = task->run;
    const char *connection_id = run->lease.connection_id;
    bool dismissed = false;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    try_(record_count_lost(tx, connection_id, (int)kind, (int)list->kind, ret_count, reterr));
    if (*ret_count == 0)
        try_(list_issue_resolve(task, list, tx, SYNC_ISSUE_FOLDERS_UNKNOWN, reterr));
    else if (run->row.mode == SYNC_MODE_QUICK)
        try_(sync_issue_dismissed(tx, connection_id, SYNC_ISSUE_FOLDERS_UNKNOWN, task->kind,
                                  walk_collection(list->kind), &dismissed, reterr));
    *ret_tell = *ret_count > 0 && !dismissed;
    return tx_commit(&tx, reterr);
}

// They are hidden, of which readers are told nothing.
static enum err_code tell_lost(struct task *task, enum source_kind kind,
                               enum source_kind folder_kind, struct err *reterr)
{
    const struct walk list = {.kind = folder_kind};
    int64_t count = 0;
    bool tell = false;
    enum err_code code;
    int tries = 0;
    do
        code = count_lost(task, kind, &list, &count, &tell, reterr);
    while (run_try_again(task->run, code, &tries));
    if (code != ERR_OK || !tell)
        return code;
    const char *message =
        arena_printf(&task->run->arena,
                     "%" PRId64 " of the %s are hidden: they lie in folders that upstream does not "
                     "list, and a folder may be restricted",
                     count, walk_collection(kind));
    return message == NULL
               ? err_no_memory(reterr)
               : list_issue_tell(task, &list, SYNC_ISSUE_FOLDERS_UNKNOWN, message, reterr);
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
        const struct record_foldered asked = {
            .connection_id = run->lease.connection_id,
            .kind = (int)kind,
            .folder_kind = (int)folder_kind,
            .organization_ids = task->organizations,
            .organization_count = task->organization_count,
            .unknown_only = run->row.mode == SYNC_MODE_QUICK,
        };
        try_(record_foldered(tx, &asked, &run->arena, &ids, &count, reterr));
    }
    for (size_t i = 0; i < count; i++) {
        struct walk walk = folder_walk(folder_kind, &ids[i]);
        for (size_t k = i; k < count; k++) {
            struct walk next = folder_walk(folder_kind, &ids[k]);
            if (!walk_hint(task, &next))
                break;
        }
        try_(walk_run(task, &walk, NULL, reterr));
    }
    try_(cursor_note_asked(task, folder_kind, ids, count, reterr));
    return tell_lost(task, kind, folder_kind, reterr);
}
