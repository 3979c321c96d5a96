// Flexible assets: upstream lists them by type only.
#include <inttypes.h>

#include "server/store/type_sync.h"
#include "server/sync/types.h"
#include "server/sync/walk.h"

enum err_code step_flexible_assets(struct task *task, struct err *reterr)
{
    struct run *run = task->run;
    // Also when the task goes on after a wait: a field may have become a password meanwhile.
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
    const struct type_sync_enabled *unknown = NULL;
    for (size_t i = 0; i < count; i++) {
        // Which traits are secret is not known then.
        if (types[i].known_trait_count == 0) {
            unknown = &types[i];
            continue;
        }
        struct walk walk = {
            .kind = SOURCE_FLEXIBLE_ASSETS,
            .key = types[i].id,
            .type_id = types[i].id,
            // One organization's are fewer pages than the account's.
            .organization_id = task->organization_count == 1 ? task->organizations[0] : 0,
            .secret_traits = types[i].secret_traits,
            .secret_trait_count = types[i].secret_trait_count,
            .known_traits = types[i].known_traits,
            .known_trait_count = types[i].known_trait_count,
            .organizations = task->organizations,
            .organization_count = task->organization_count,
            .parts = 1,
            .last_part = true,
        };
        try_(walk_run(task, &walk, NULL, reterr));
    }
    if (unknown != NULL)
        return err_set(reterr, ERR_UPSTREAM_ANSWER_INVALID,
                       "upstream did not give the fields of flexible asset type %" PRId64,
                       unknown->id);
    return ERR_OK;
}
