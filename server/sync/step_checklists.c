// Checklists with their completion, and the templates they are made from.
#include "server/sync/walk.h"

enum err_code step_checklists(struct task *task, struct err *reterr)
{
    struct run *run = task->run;
    try_(step_planned(task, SOURCE_CHECKLISTS, reterr));
    if (task->organization_count == 0)
        return ERR_OK;
    // Templates belong to the account, 0, or to an organization.
    size_t count = task->organization_count + 1;
    int64_t *owners = arena_calloc(&run->arena, count, sizeof(*owners));
    if (owners == NULL)
        return err_no_memory(reterr);
    for (size_t i = 1; i < count; i++)
        owners[i] = task->organizations[i - 1];
    struct walk walk = {
        .kind = SOURCE_CHECKLIST_TEMPLATES,
        .stage = 1,
        .organizations = owners,
        .organization_count = count,
        .optional = true,
        .parts = 1,
        .last_part = run->row.organization_count == 0,
    };
    return walk_run(task, &walk, NULL, reterr);
}
