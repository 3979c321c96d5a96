// Passwords without their values, their folders and categories.
#include "server/sync/types.h"
#include "server/sync/walk.h"

enum err_code step_passwords(struct task *task, struct err *reterr)
{
    if (task->text[0] == '\0') {
        enum err_code code = types_refresh(task->run, SOURCE_PASSWORD_CATEGORIES, reterr);
        // The records carry the name of their category too.
        if (code != ERR_UPSTREAM_ACCESS_DENIED)
            try_(code);
    }
    try_(step_planned(task, SOURCE_PASSWORDS, reterr));
    return step_folders(task, SOURCE_PASSWORDS, SOURCE_PASSWORD_FOLDERS, reterr);
}
