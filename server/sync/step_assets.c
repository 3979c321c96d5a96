// Flexible assets: upstream lists them by type only.
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "server/store/type_sync.h"
#include "server/sync/cursor.h"
#include "server/sync/glance.h"
#include "server/sync/types.h"
#include "server/sync/walk.h"

// The fields that a type's assets are read by, as text.
static char *make_basis(const struct type_sync_enabled *type, struct arena *arena)
{
    unsigned char hash[16];
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    for (size_t i = 0; i < type->known_trait_count; i++)
        (void)crypto_generichash_update(&state, (const unsigned char *)type->known_traits[i],
                                        strlen(type->known_traits[i]) + 1);
    (void)crypto_generichash_update(&state, (const unsigned char *)"", 1);
    for (size_t i = 0; i < type->secret_trait_count; i++)
        (void)crypto_generichash_update(&state, (const unsigned char *)type->secret_traits[i],
                                        strlen(type->secret_traits[i]) + 1);
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    char *text = arena_alloc(arena, 2 * sizeof(hash) + 1);
    return text == NULL ? NULL : sodium_bin2hex(text, 2 * sizeof(hash) + 1, hash, sizeof(hash));
}

static enum err_code walk_type(struct task *task, const struct type_sync_enabled *type,
                               const char *basis, struct err *reterr)
{
    // One organization's are fewer pages than the account's.
    int64_t only = task->organization_count == 1 ? task->organizations[0] : 0;
    struct walk walk = {
        .kind = SOURCE_FLEXIBLE_ASSETS,
        .key = type->id,
        .type_id = type->id,
        .organization_id = only,
        .filtered = only != 0,
        .secret_traits = type->secret_traits,
        .secret_trait_count = type->secret_trait_count,
        .known_traits = type->known_traits,
        .known_trait_count = type->known_trait_count,
        .organizations = task->organizations,
        .organization_count = task->organization_count,
        .parts = 1,
        .last_part = true,
        .begins_pass = true,
        .ends_pass = true,
        .basis = basis,
    };
    if (walk.filtered && !task->filters_ignored)
        try_(walk_changes_or_all(task, &walk, reterr));
    if (walk.filtered && !task->filters_ignored)
        return ERR_OK;
    walk.organization_id = 0;
    walk.filtered = false;
    return walk_changes_or_all(task, &walk, reterr);
}

// Which types need not be asked for one by one. Not when the task goes on in the midst of them, nor
// of one organization, whose lists are its own.
static enum err_code glance(struct task *task, const struct type_sync_enabled *types,
                            const char *const *bases, size_t count, struct glance_list *lists,
                            struct err *reterr)
{
    if (task->text[0] != '\0' || task->organization_count < 2)
        return ERR_OK;
    for (size_t i = 0; i < count; i++) {
        struct cursor_point point = {0};
        if (types[i].known_trait_count > 0)
            try_(cursor_since(task, SOURCE_FLEXIBLE_ASSETS, types[i].id, bases[i], &point, reterr));
        lists[i] = (struct glance_list){types[i].id, point.since_us, point.total_count, false};
    }
    try_(glance_types(task, lists, count, reterr));
    // What is not read again settles no issue.
    for (size_t i = 0; i < count; i++)
        task->at.unsure = task->at.unsure || lists[i].unchanged;
    return ERR_OK;
}

static enum err_code walk_types(struct task *task, const struct type_sync_enabled *types,
                                size_t count, struct err *reterr)
{
    struct arena *arena = &task->run->arena;
    struct glance_list *lists = arena_calloc(arena, count + 1, sizeof(*lists));
    const char **bases = arena_calloc(arena, count + 1, sizeof(*bases));
    if (lists == NULL || bases == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        if ((bases[i] = make_basis(&types[i], arena)) == NULL)
            return err_no_memory(reterr);
    try_(glance(task, types, bases, count, lists, reterr));
    const struct type_sync_enabled *unknown = NULL;
    for (size_t i = 0; i < count; i++) {
        // Which traits are secret is not known then.
        if (types[i].known_trait_count == 0)
            unknown = &types[i];
        else if (!lists[i].unchanged)
            try_(walk_type(task, &types[i], bases[i], reterr));
    }
    if (unknown != NULL)
        return err_set(reterr, ERR_UPSTREAM_ANSWER_INVALID,
                       "upstream did not give the fields of flexible asset type %" PRId64,
                       unknown->id);
    return ERR_OK;
}

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
    return walk_types(task, types, count, reterr);
}
