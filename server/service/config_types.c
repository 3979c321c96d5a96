// Flexible asset types: their switches, and fetching them and the categories anew.
#include "server/service/begin.h"
#include "server/service/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/service/blast_radius_message.h"
#include "server/service/credential.h"
#include "server/service/cursor.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/page.h"
#include "server/service/parent.h"
#include "server/store/config.h"
#include "server/sync/sync.h"

#define STATE(name) DOCBRIDGE__V1__FLEXIBLE_ASSET_TYPE__STATE__STATE_##name

HANDLER(list_flexible_asset_types, ListFlexibleAssetTypesRequest, ListFlexibleAssetTypesResponse)
HANDLER(update_flexible_asset_type, UpdateFlexibleAssetTypeRequest, FlexibleAssetType)
HANDLER(refresh_documentation_types, RefreshDocumentationTypesRequest,
        RefreshDocumentationTypesResponse)

enum err_code config_list_flexible_asset_types_handler(struct request *request, const void *in,
                                                       void *out, struct err *reterr)
{
    return list_flexible_asset_types_handler(request, in, out, reterr);
}

enum err_code config_update_flexible_asset_type_handler(struct request *request, const void *in,
                                                        void *out, struct err *reterr)
{
    return update_flexible_asset_type_handler(request, in, out, reterr);
}

enum err_code config_refresh_documentation_types_handler(struct request *request, const void *in,
                                                         void *out, struct err *reterr)
{
    return refresh_documentation_types_handler(request, in, out, reterr);
}

static Docbridge__V1__FlexibleAssetType__State state_of(const struct config_type *type)
{
    if (type->upstream_state == 3)
        return STATE(REMOVED_UPSTREAM);
    if (type->upstream_state == 2)
        return STATE(DISABLED_UPSTREAM);
    if (!type->chosen)
        return STATE(NEW);
    return type->enabled ? STATE(ENABLED) : STATE(DISABLED);
}

static enum err_code fill(struct arena *arena, const char *connection_id,
                          const struct config_type *type, Docbridge__V1__FlexibleAssetType *out,
                          struct err *reterr)
{
    bool good = config_fill_fields(arena, type, out);
    out->name =
        arena_printf(arena, "connections/%s/flexibleAssetTypes/%" PRId64, connection_id, type->id);
    out->display_name = arena_strdup(arena, type->display_name);
    out->enabled = type->enabled;
    out->state = state_of(type);
    out->discover_time = field_time(arena, type->discover_time_us);
    out->etag = field_etag(arena, type->revision);
    return good && out->name != NULL && out->display_name != NULL && out->etag != NULL
               ? ERR_OK
               : err_no_memory(reterr);
}

static enum err_code
list_flexible_asset_types(struct request *request,
                          const Docbridge__V1__ListFlexibleAssetTypesRequest *in,
                          Docbridge__V1__ListFlexibleAssetTypesResponse *out, struct err *reterr)
{
    const struct page_list list = {"ListFlexibleAssetTypes", in->parent, NULL};
    struct arena *arena = request->arena;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct connection *connection;
    struct config_type *types;
    const char *after_name;
    const char *cursor;
    int64_t after_id;
    struct name name;
    size_t count;
    int size;
    try_(name_parse(in->parent, "connections/{connection}", "parent", arena, &name, reterr));
    try_(page_size(in->page_size, &size, reterr));
    try_(page_open(request, &list, in->page_token, &cursor, reterr));
    try_(cursor_open_number(arena, cursor, &after_id, &after_name, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(parent_connection(tx, request, name.connection, in->parent, &connection, reterr));
    tx_commit_with_next(tx);
    // One more than asked for tells whether there is another page.
    try_(config_list_types(tx, name.connection, after_name, after_id, size + 1, arena, &types,
                           &count, reterr));
    if (count > (size_t)size) {
        const struct config_type *last = &types[size - 1];
        count = (size_t)size;
        try_(cursor_make_number(arena, last->id, last->display_name, &cursor, reterr));
        try_(page_make(request, &list, cursor, &out->next_page_token, reterr));
    }
    Docbridge__V1__FlexibleAssetType *items = arena_calloc(arena, count + 1, sizeof(*items));
    out->flexible_asset_types = arena_calloc(arena, count + 1, sizeof(*out->flexible_asset_types));
    if (items == NULL || out->flexible_asset_types == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        docbridge__v1__flexible_asset_type__init(&items[i]);
        try_(fill(arena, name.connection, &types[i], &items[i], reterr));
        out->flexible_asset_types[out->n_flexible_asset_types++] = &items[i];
    }
    out->refresh_time = field_time(arena, connection->types_refresh_time_us);
    return ERR_OK;
}

static enum err_code
update_flexible_asset_type(struct request *request,
                           const Docbridge__V1__UpdateFlexibleAssetTypeRequest *in,
                           Docbridge__V1__FlexibleAssetType *out, struct err *reterr)
{
    static const char *const allowed[] = {"enabled", NULL};
    const Docbridge__V1__FlexibleAssetType *wanted = in->flexible_asset_type;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct connection *connection;
    struct config_type *type;
    struct name name;
    unsigned mask;
    if (wanted == NULL)
        return err_invalid(reterr, "flexible_asset_type", "must be set");
    try_(name_parse(wanted->name,
                    "connections/{connection}/flexibleAssetTypes/{flexible_asset_type}",
                    "flexible_asset_type.name", request->arena, &name, reterr));
    try_(field_mask(in->update_mask, allowed, &mask, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(parent_connection(tx, request, name.connection, wanted->name, &connection, reterr));
    try_(config_get_type(tx, name.connection, name.flexible_asset_type, true, request->arena, &type,
                         reterr));
    if (type == NULL)
        return err_not_found(reterr, wanted->name);
    try_(field_etag_check(wanted->etag, type->revision, request->arena, reterr));
    const int64_t kind = SIGHT_FLEXIBLE_ASSET;
    struct blast_look before = {.scope = {.connection_id = name.connection,
                                          .kinds = &kind,
                                          .kind_count = 1,
                                          .type_id = type->id,
                                          .started = &kind,
                                          .started_count = wanted->enabled && !type->enabled}};
    if (in->validate_only)
        try_(blast_radius_look(tx, request, &before, reterr));
    // Leaving a new type off is a choice too: it is no longer NEW. So is leaving a type whose
    // fields changed as it is: the change is taken note of.
    if (!type->chosen || type->drifted || type->enabled != wanted->enabled) {
        const struct audit_change change =
            config_bool_change("enabled", type->enabled, wanted->enabled);
        const struct audit_event subject = {.resource = wanted->name,
                                            .resource_display_name = type->display_name};
        try_(config_set_type(tx, name.connection, type->id, wanted->enabled, reterr));
        try_(config_audit(tx, request, &subject, &change, 1, reterr));
        try_(config_get_type(tx, name.connection, type->id, false, request->arena, &type, reterr));
    }
    if (in->validate_only)
        try_(blast_radius_since(tx, request, &before, &out->blast_radius, reterr));
    try_(fill(request->arena, name.connection, type, out, reterr));
    return in->validate_only ? ERR_OK : tx_commit(&tx, reterr);
}

static enum err_code take_snapshot(const struct request *request, const char *connection_id,
                                   struct config_snapshot *ret_snapshot, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(request_begin(request, &tx, reterr));
    return config_snapshot(tx, connection_id, request->arena, ret_snapshot, reterr);
}

static enum err_code fetch(const struct request *request, const struct connection *connection,
                           struct source *source, int64_t *ret_held, struct err *reterr)
{
    struct sync *sync = request->backend->sync;
    const char *tenant = request->caller->tenant, *connection_id = connection->id;
    struct source_attempt attempt;
    int64_t types;
    int64_t categories;
    try_(sync_admit_request(sync, tenant, connection_id, connection->credential_version, reterr));
    enum err_code code =
        sync_refresh_types(request->backend->store, tenant, connection_id, source,
                           request->deadline, request->cancelled, &attempt, &types, reterr);
    sync_note_attempt(sync, tenant, connection_id, connection->credential_version, &attempt);
    try_(code);
    try_(sync_admit_request(sync, tenant, connection_id, connection->credential_version, reterr));
    code = sync_refresh_categories(request->backend->store, tenant, connection_id, source,
                                   request->deadline, request->cancelled, &attempt, &categories,
                                   reterr);
    sync_note_attempt(sync, tenant, connection_id, connection->credential_version, &attempt);
    try_(code);
    *ret_held = types + categories;
    return ERR_OK;
}

// What the refresh brought, told in an event and in the answer.
static enum err_code conclude(const struct request *request, const char *parent,
                              const struct connection *connection,
                              const struct config_snapshot *snapshot,
                              Docbridge__V1__RefreshDocumentationTypesResponse *out,
                              struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct connection *after;
    struct config_news news;
    char texts[3][24];
    try_(request_begin(request, &tx, reterr));
    try_(parent_connection(tx, request, connection->id, parent, &after, reterr));
    try_(config_compare(tx, connection->id, snapshot, &news, reterr));
    const int64_t counts[] = {news.new_types, news.changed_types, news.new_categories};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        (void)snprintf(texts[i], sizeof(texts[i]), "%" PRId64, counts[i]);
    const struct audit_change changes[] = {
        {"new_flexible_asset_type_count", NULL, texts[0]},
        {"changed_flexible_asset_type_count", NULL, texts[1]},
        {"new_password_category_count", NULL, texts[2]},
    };
    const struct audit_event subject = {.resource = parent,
                                        .resource_display_name = connection->display_name};
    try_(config_audit(tx, request, &subject, changes, ARRAY_LEN(changes), reterr));
    out->refresh_time = field_time(request->arena, after->types_refresh_time_us);
    out->new_flexible_asset_type_count = (int32_t)news.new_types;
    out->changed_flexible_asset_type_count = (int32_t)news.changed_types;
    out->new_password_category_count = (int32_t)news.new_categories;
    return tx_commit(&tx, reterr);
}

static enum err_code refresh_documentation_types(
    struct request *request, const Docbridge__V1__RefreshDocumentationTypesRequest *in,
    Docbridge__V1__RefreshDocumentationTypesResponse *out, struct err *reterr)
{
    struct source *source _cleanup_(source_closep) = NULL;
    struct secret *key _cleanup_(secret_freep) = NULL;
    struct config_snapshot snapshot;
    struct connection *connection;
    struct name name;
    try_(name_parse(in->parent, "connections/{connection}", "parent", request->arena, &name,
                    reterr));
    try_(credential_open(request, name.connection, in->parent, CONNECTION_FOR_SYNC, &connection,
                         &key, reterr));
    try_(source_open(request->backend->source, (enum source_provider)connection->provider,
                     (enum source_region)connection->region, key, &source, reterr));
    try_(take_snapshot(request, name.connection, &snapshot, reterr));
    int64_t held;
    try_(fetch(request, connection, source, &held, reterr));
    out->held_removal_count = (int32_t)held;
    return conclude(request, in->parent, connection, &snapshot, out, reterr);
}
