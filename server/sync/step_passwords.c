// Passwords without their values, their folders and categories.
#include "server/store/type_sync.h"
#include "server/sync/types.h"
#include "server/sync/walk.h"

static enum err_code refresh_categories(struct task *task, struct err *reterr)
{
    enum err_code code = types_refresh(task->run, SOURCE_PASSWORD_CATEGORIES, reterr);
    // The records carry the name of their category too.
    return code == ERR_UPSTREAM_ACCESS_DENIED ? ERR_OK : code;
}

static enum err_code lacks_categories(struct task *task, bool *ret_lacks, struct err *reterr)
{
    struct run *run = task->run;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    return category_sync_lacks(tx, run->lease.connection_id, SOURCE_PASSWORDS, ret_lacks, reterr);
}

enum err_code step_passwords(struct task *task, struct err *reterr)
{
    bool full = task->run->row.mode == SYNC_MODE_FULL, lacks = false;
    if (full && task->text[0] == '\0')
        try_(refresh_categories(task, reterr));
    try_(step_planned(task, SOURCE_PASSWORDS, reterr));
    // A quick run lists them only where a password has one that is not known.
    if (!full)
        try_(lacks_categories(task, &lacks, reterr));
    if (lacks)
        try_(refresh_categories(task, reterr));
    return step_folders(task, SOURCE_PASSWORDS, SOURCE_PASSWORD_FOLDERS, reterr);
}
