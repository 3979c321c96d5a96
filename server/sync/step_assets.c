// Flexible assets: upstream lists them by type only.
#include "server/store/type_sync.h"
#include "server/sync/types.h"
#include "server/sync/walk.h"

enum err_code step_flexible_assets(struct task *task, struct err *reterr)
{
    struct run *run = task->run;
    if (task->text[0] == '\0')
        try_(types_refresh(run, SOURCE_FLEXIBLE_ASSET_TYPES, reterr));
    if (task->organization_count == 0)
        return ERR_OK;
    struct type_sync_enabled *types;
    size_t count;
    {
        struct tx *tx _cleanup_(tx_abortp) = NULL;
        try_(run_begin(run, false, &tx, reterr));
        try_(type_sync_load_enabled(tx, run->lease.connection_id, &run->arena, &types, &count,
                                    reterr));
    }
    for (size_t i = 0; i < count; i++) {
        struct walk walk = {
            .kind = SOURCE_FLEXIBLE_ASSETS,
            .key = types[i].id,
            .type_id = types[i].id,
            // One organization's are fewer pages than the account's.
            .organization_id = task->organization_count == 1 ? task->organizations[0] : 0,
            .secret_traits = types[i].secret_traits,
            .secret_trait_count = types[i].secret_trait_count,
            .organizations = task->organizations,
            .organization_count = task->organization_count,
            .parts = 1,
            .last_part = true,
        };
        try_(walk_run(task, &walk, NULL, reterr));
    }
    return ERR_OK;
}
