// GetFlexibleAsset: the fields of its type in order, each with the value that the asset has.
#include "server/service/documentation.h"

#include <inttypes.h>
#include <string.h>

#include "server/service/begin.h"
#include "server/service/config.h"
#include "server/service/content.h"
#include "server/service/field.h"
#include "server/service/trait.h"
#include "server/store/config.h"
#include "server/store/tag_sight.h"

PUBLIC_HANDLER(get_flexible_asset, GetFlexibleAssetRequest, FlexibleAsset)

static const struct documentation_kind assets = {
    "companies/{company}/flexibleAssets/{record}",
    DOCBRIDGE__V1__SYNC_TASK_KIND__SYNC_TASK_KIND_FLEXIBLE_ASSETS,
    documentation_get_flexible_asset,
};

enum err_code documentation_fill_asset(struct arena *arena, const char *parent,
                                       const char *connection_id,
                                       const struct documentation_row *row,
                                       Docbridge__V1__FlexibleAsset *asset, struct err *reterr)
{
    docbridge__v1__flexible_asset__init(asset);
    asset->name = arena_printf(arena, "%s/flexibleAssets/%" PRId64, parent, row->id);
    asset->display_name = content_title(arena, row->display_name);
    asset->upstream_uri = arena_strdup(arena, row->web_url);
    asset->flexible_asset_type = arena_printf(arena, "connections/%s/flexibleAssetTypes/%" PRId64,
                                              connection_id, row->type_id);
    asset->flexible_asset_type_display_name = arena_strdup(arena, row->type_display_name);
    asset->create_time = field_time(arena, row->create_time);
    asset->update_time = field_time(arena, row->update_time);
    asset->archived = row->archived;
    if (asset->name == NULL || asset->display_name == NULL || asset->upstream_uri == NULL ||
        asset->flexible_asset_type == NULL || asset->flexible_asset_type_display_name == NULL)
        return err_no_memory(reterr);
    return ERR_OK;
}

// Keys are compared as when traits are read from upstream: case, `-` and `_` do not count.
static bool same_key(const char *one, const char *other)
{
    for (;; one++, other++) {
        char a = *one == '_' ? '-' : *one, b = *other == '_' ? '-' : *other;
        a = (char)(a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a);
        b = (char)(b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b);
        if (a != b)
            return false;
        if (a == '\0')
            return true;
    }
}

static const struct documentation_trait *find_trait(const struct documentation_row *row,
                                                    const char *key)
{
    for (size_t i = 0; i < row->trait_count; i++)
        if (same_key(row->traits[i].key, key))
            return &row->traits[i];
    return NULL;
}

static enum err_code fill_traits(struct content *content,
                                 const struct documentation_reading *reading,
                                 Docbridge__V1__FlexibleAsset *out, struct err *reterr)
{
    struct arena *arena = content->arena;
    const struct config_type stored = {.body = reading->row.type_body, .chosen_fields = "[]"};
    Docbridge__V1__FlexibleAssetType type;
    docbridge__v1__flexible_asset_type__init(&type);
    if (!config_fill_fields(arena, &stored, &type))
        return err_no_memory(reterr);
    out->traits = arena_calloc(arena, type.n_fields + 1, sizeof(*out->traits));
    Docbridge__V1__Trait *all = arena_calloc(arena, type.n_fields + 1, sizeof(*all));
    if (out->traits == NULL || all == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < type.n_fields; i++) {
        const Docbridge__V1__FlexibleAssetType__Field *field = type.fields[i];
        Docbridge__V1__Trait *trait = out->traits[i] = &all[i];
        docbridge__v1__trait__init(trait);
        trait->key = field->key;
        trait->display_name = field->display_name;
        trait->kind = field->kind;
        try_(trait_fill(content, reading->parent, field->tag_type,
                        find_trait(&reading->row, field->key), trait, reterr));
    }
    out->n_traits = type.n_fields;
    out->masked_count = content->secret_count;
    out->content_truncated = content->full;
    return ERR_OK;
}

// The asset was read in a transaction that looked at revocations.
static enum err_code find_tags_shown(const struct request *request,
                                     struct documentation_reading *reading, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    if (!tag_sight_needed(&reading->row))
        return ERR_OK;
    try_(request_begin_outcome(request, request->deadline, request->cancelled, &tx, reterr));
    tx_plan_once(tx);
    tx_commit_with_next(tx);
    try_(tag_sight_get(tx, reading->sight.connection_id, reading->company_id, request->arena,
                       &reading->row, reterr));
    return tx_commit(&tx, reterr);
}

static enum err_code get_flexible_asset(struct request *request,
                                        const Docbridge__V1__GetFlexibleAssetRequest *in,
                                        Docbridge__V1__FlexibleAsset *out, struct err *reterr)
{
    struct documentation_reading reading _cleanup_(documentation_done) = {0};
    struct content content = {.arena = request->arena};
    try_(documentation_open(request, in->name, &assets, &reading, reterr));
    try_(find_tags_shown(request, &reading, reterr));
    try_(documentation_fill_asset(request->arena, reading.parent, reading.sight.connection_id,
                                  &reading.row, out, reterr));
    content.base = content_base(request->arena, reading.row.web_url);
    out->freshness = reading.freshness;
    return fill_traits(&content, &reading, out, reterr);
}
