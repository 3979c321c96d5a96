// ConfigService: what a connection syncs and shares. Its table; the rest is in config_types.c and
// config_passwords.c.
#include "server/service/config.h"

#include <stddef.h>

#include "server/base/buffer.h"
#include "server/service/begin.h"
#include "server/service/blast_radius_message.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/parent.h"
#include "server/service/services.h"
#include "server/store/config.h"

HANDLER(get_documentation_config, GetDocumentationConfigRequest, DocumentationConfig)
HANDLER(update_documentation_config, UpdateDocumentationConfigRequest, DocumentationConfig)
HANDLER(get_password_config, GetPasswordConfigRequest, PasswordConfig)
HANDLER(update_password_config, UpdatePasswordConfigRequest, PasswordConfig)

#define ELSEWHERE(Name, handler, Lane)                                                 \
    {                                                                                  \
        .name = #Name, .kind = METHOD_UNARY, .lane = (Lane), .unary = config_##handler \
    }

static const struct method methods[] = {
    UNARY(GetDocumentationConfig, get_documentation_config, LANE_STORE),
    UNARY(UpdateDocumentationConfig, update_documentation_config, LANE_STORE),
    ELSEWHERE(ListFlexibleAssetTypes, list_flexible_asset_types_handler, LANE_STORE),
    ELSEWHERE(UpdateFlexibleAssetType, update_flexible_asset_type_handler, LANE_STORE),
    ELSEWHERE(RefreshDocumentationTypes, refresh_documentation_types_handler, LANE_UPSTREAM),
    ELSEWHERE(GetSyncSchedule, get_sync_schedule_handler, LANE_STORE),
    ELSEWHERE(UpdateSyncSchedule, update_sync_schedule_handler, LANE_STORE),
    UNARY(GetPasswordConfig, get_password_config, LANE_STORE),
    UNARY(UpdatePasswordConfig, update_password_config, LANE_STORE),
    ELSEWHERE(ListPasswordCategories, list_password_categories_handler, LANE_STORE),
    ELSEWHERE(GetCompanyPasswordAccess, get_company_password_access_handler, LANE_STORE),
    ELSEWHERE(UpdateCompanyPasswordAccess, update_company_password_access_handler, LANE_STORE),
    ELSEWHERE(GetCompanyDocumentationAccess, get_company_documentation_access_handler, LANE_STORE),
    ELSEWHERE(UpdateCompanyDocumentationAccess, update_company_documentation_access_handler,
              LANE_STORE),
    ELSEWHERE(BatchUpdateCompanyPasswordAccess, batch_update_company_password_access_handler,
              LANE_STORE),
};

const struct service config_service = {
    &docbridge__v1__config_service__descriptor,
    methods,
    ARRAY_LEN(methods),
};

enum { JOINED_MAX_BYTES = 128 * 1024 };

// What can be changed, in the order of the bits of a mask.
static const struct {
    const char *field;
    size_t offset; // of a bool in struct config
} switches[] = {
    {"documents_enabled", offsetof(struct config, documents_enabled)},
    {"checklists_enabled", offsetof(struct config, checklists_enabled)},
    {"password_sharing_enabled", offsetof(struct config, password_sharing_enabled)},
    {"restricted_shown", offsetof(struct config, restricted_shown)},
    {"unpublished_shown", offsetof(struct config, unpublished_shown)},
    {"archived_shown", offsetof(struct config, archived_shown)},
};
enum { PASSWORD_SHARING = 1 << 2 };

struct audit_change config_bool_change(const char *field, bool old_value, bool new_value)
{
    return (struct audit_change){field, old_value ? "true" : "false", new_value ? "true" : "false"};
}

char *config_join(struct arena *arena, const char *const *names, size_t count)
{
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, JOINED_MAX_BYTES);
    for (size_t i = 0; i < count; i++)
        (void)buffer_printf(&text, "%s%s", i == 0 ? "" : ", ", names[i]);
    return text.failed ? NULL : arena_strndup(arena, text.data == NULL ? "" : text.data, text.len);
}

enum err_code config_audit(struct tx *tx, const struct request *request,
                           const struct audit_event *subject, const struct audit_change *changes,
                           size_t change_count, struct err *reterr)
{
    struct audit_event event = *subject;
    event.type = AUDIT_CONFIG;
    event.phase = AUDIT_SINGLE;
    event.outcome = AUDIT_SUCCEEDED;
    event.changes = changes;
    event.change_count = change_count;
    return audit_append(tx, request, &event, NULL, reterr);
}

static enum err_code load(struct tx *tx, const struct request *request, const char *connection_id,
                          const char *name, bool lock, struct config *ret_config,
                          struct err *reterr)
{
    struct connection *connection;
    bool found;
    try_(parent_connection(tx, request, connection_id, name, &connection, reterr));
    try_(config_get(tx, connection_id, lock, ret_config, &found, reterr));
    return found ? ERR_OK : err_not_found(reterr, name);
}

static enum err_code fill_documentation(struct arena *arena, const char *name,
                                        const struct config *config,
                                        Docbridge__V1__DocumentationConfig *out, struct err *reterr)
{
    out->name = arena_strdup(arena, name);
    out->documents_enabled = config->documents_enabled;
    out->checklists_enabled = config->checklists_enabled;
    out->password_sharing_enabled = config->password_sharing_enabled;
    out->restricted_shown = config->restricted_shown;
    out->unpublished_shown = config->unpublished_shown;
    out->archived_shown = config->archived_shown;
    out->enabled_flexible_asset_type_count = (int32_t)config->enabled_type_count;
    out->update_time = field_time(arena, config->update_time_us);
    out->etag = field_etag(arena, config->revision);
    return out->name == NULL || out->etag == NULL ? err_no_memory(reterr) : ERR_OK;
}

static enum err_code fill_password(struct arena *arena, const char *name,
                                   const struct config *config, Docbridge__V1__PasswordConfig *out,
                                   struct err *reterr)
{
    out->name = arena_strdup(arena, name);
    out->password_sharing_enabled = config->password_sharing_enabled;
    out->update_time = field_time(arena, config->update_time_us);
    out->etag = field_etag(arena, config->revision);
    return out->name == NULL || out->etag == NULL ? err_no_memory(reterr) : ERR_OK;
}

// What an update asks for: the switches of `mask` as in `wanted`.
struct change {
    const char *name; // of the settings, as the client wrote it
    const char *connection_id;
    const char *etag;
    unsigned mask;
    struct config wanted;
    bool validate_only;
};

// The kinds of records that begin to be synced.
static size_t started(const struct config *old, const struct config *new, int64_t ret_kinds[3])
{
    size_t count = 0;
    if (new->documents_enabled && !old->documents_enabled)
        ret_kinds[count++] = SIGHT_DOCUMENT;
    if (new->checklists_enabled && !old->checklists_enabled)
        ret_kinds[count++] = SIGHT_CHECKLIST;
    if (new->password_sharing_enabled && !old->password_sharing_enabled)
        ret_kinds[count++] = SIGHT_PASSWORD;
    return count;
}

// Writes the settings and says what that shows and hides.
static enum err_code set_and_measure(struct tx *tx, const struct request *request,
                                     const char *connection_id, const struct config *old,
                                     const struct config *new, Docbridge__V1__BlastRadius **ret,
                                     struct err *reterr)
{
    static const int64_t kinds[] = {SIGHT_DOCUMENT, SIGHT_FLEXIBLE_ASSET, SIGHT_CHECKLIST,
                                    SIGHT_PASSWORD};
    // Of passwords nothing changes but with their switch: there is no need to count them.
    const bool passwords = old->password_sharing_enabled != new->password_sharing_enabled;
    int64_t fresh[3];
    struct blast_look before = {.scope = {.connection_id = connection_id,
                                          .kinds = kinds,
                                          .kind_count = ARRAY_LEN(kinds) - !passwords,
                                          .started = fresh,
                                          .started_count = started(old, new, fresh)}};
    try_(blast_radius_look(tx, request, &before, reterr));
    try_(config_set(tx, connection_id, new, clock_wall_us(), reterr));
    return blast_radius_since(tx, request, &before, ret, reterr);
}

// Brings the one row of settings to what is wanted, whichever of its two resources was named. What
// is so already is neither written nor told.
static enum err_code update(const struct request *request, const struct change *change,
                            struct config *ret_config, Docbridge__V1__BlastRadius **ret_radius,
                            struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct config old;
    struct audit_change changes[ARRAY_LEN(switches)];
    size_t count = 0;
    try_(request_begin(request, &tx, reterr));
    try_(load(tx, request, change->connection_id, change->name, true, &old, reterr));
    try_(field_etag_check(change->etag, old.revision, request->arena, reterr));
    struct config new = old;
    for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
        const bool *wanted = (const bool *)((const char *)&change->wanted + switches[i].offset);
        bool *value = (bool *)((char *)&new + switches[i].offset);
        if ((change->mask & 1u << i) == 0 || *value == *wanted)
            continue;
        changes[count++] = config_bool_change(switches[i].field, *value, *wanted);
        *value = *wanted;
    }
    if (change->validate_only) {
        try_(set_and_measure(tx, request, change->connection_id, &old, &new, ret_radius, reterr));
    } else if (count > 0) {
        const struct audit_event subject = {.resource = change->name};
        try_(config_set(tx, change->connection_id, &new, clock_wall_us(), reterr));
        try_(config_audit(tx, request, &subject, changes, count, reterr));
    }
    try_(load(tx, request, change->connection_id, change->name, false, ret_config, reterr));
    return change->validate_only ? ERR_OK : tx_commit(&tx, reterr);
}

static enum err_code
get_documentation_config(struct request *request,
                         const Docbridge__V1__GetDocumentationConfigRequest *in,
                         Docbridge__V1__DocumentationConfig *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct config config;
    struct name name;
    try_(name_parse(in->name, "connections/{connection}/documentationConfig", "name",
                    request->arena, &name, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(load(tx, request, name.connection, in->name, false, &config, reterr));
    return fill_documentation(request->arena, in->name, &config, out, reterr);
}

static enum err_code
update_documentation_config(struct request *request,
                            const Docbridge__V1__UpdateDocumentationConfigRequest *in,
                            Docbridge__V1__DocumentationConfig *out, struct err *reterr)
{
    const char *allowed[ARRAY_LEN(switches) + 1] = {NULL};
    const Docbridge__V1__DocumentationConfig *wanted = in->documentation_config;
    struct config config;
    struct name name;
    unsigned mask;
    if (wanted == NULL)
        return err_invalid(reterr, "documentation_config", "must be set");
    try_(name_parse(wanted->name, "connections/{connection}/documentationConfig",
                    "documentation_config.name", request->arena, &name, reterr));
    for (size_t i = 0; i < ARRAY_LEN(switches); i++)
        allowed[i] = switches[i].field;
    try_(field_mask(in->update_mask, allowed, &mask, reterr));
    const struct change change = {
        .name = wanted->name,
        .connection_id = name.connection,
        .etag = wanted->etag,
        .mask = mask,
        .validate_only = in->validate_only,
        .wanted = {.documents_enabled = wanted->documents_enabled,
                   .checklists_enabled = wanted->checklists_enabled,
                   .password_sharing_enabled = wanted->password_sharing_enabled,
                   .restricted_shown = wanted->restricted_shown,
                   .unpublished_shown = wanted->unpublished_shown,
                   .archived_shown = wanted->archived_shown},
    };
    try_(update(request, &change, &config, &out->blast_radius, reterr));
    return fill_documentation(request->arena, wanted->name, &config, out, reterr);
}

static enum err_code get_password_config(struct request *request,
                                         const Docbridge__V1__GetPasswordConfigRequest *in,
                                         Docbridge__V1__PasswordConfig *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct config config;
    struct name name;
    try_(name_parse(in->name, "connections/{connection}/passwordConfig", "name", request->arena,
                    &name, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(load(tx, request, name.connection, in->name, false, &config, reterr));
    return fill_password(request->arena, in->name, &config, out, reterr);
}

static enum err_code update_password_config(struct request *request,
                                            const Docbridge__V1__UpdatePasswordConfigRequest *in,
                                            Docbridge__V1__PasswordConfig *out, struct err *reterr)
{
    static const char *const allowed[] = {"password_sharing_enabled", NULL};
    const Docbridge__V1__PasswordConfig *wanted = in->password_config;
    struct config config;
    struct name name;
    unsigned mask;
    if (wanted == NULL)
        return err_invalid(reterr, "password_config", "must be set");
    try_(name_parse(wanted->name, "connections/{connection}/passwordConfig", "password_config.name",
                    request->arena, &name, reterr));
    try_(field_mask(in->update_mask, allowed, &mask, reterr));
    const struct change change = {
        .name = wanted->name,
        .connection_id = name.connection,
        .etag = wanted->etag,
        .mask = PASSWORD_SHARING,
        .wanted = {.password_sharing_enabled = wanted->password_sharing_enabled},
        .validate_only = in->validate_only,
    };
    try_(update(request, &change, &config, &out->blast_radius, reterr));
    return fill_password(request->arena, wanted->name, &config, out, reterr);
}
