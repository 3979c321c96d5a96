// Which documentation of a company is hidden from its readers.
#include "server/service/config.h"

#include <stdio.h>
#include <string.h>

#include "server/service/begin.h"
#include "server/service/blast_radius_message.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/store/company.h"
#include "server/store/documentation_access.h"

enum { TYPES_MAX = 500 };
enum { MASK_DOCUMENTS = 1 << 0, MASK_CHECKLISTS = 1 << 1, MASK_TYPES = 1 << 2 };

HANDLER(get_company_documentation_access, GetCompanyDocumentationAccessRequest,
        CompanyDocumentationAccess)
HANDLER(update_company_documentation_access, UpdateCompanyDocumentationAccessRequest,
        CompanyDocumentationAccess)

enum err_code config_get_company_documentation_access_handler(struct request *request,
                                                              const void *in, void *out,
                                                              struct err *reterr)
{
    return get_company_documentation_access_handler(request, in, out, reterr);
}

enum err_code config_update_company_documentation_access_handler(struct request *request,
                                                                 const void *in, void *out,
                                                                 struct err *reterr)
{
    return update_company_documentation_access_handler(request, in, out, reterr);
}

static enum err_code fill(struct arena *arena, const char *name,
                          const struct documentation_access *access,
                          Docbridge__V1__CompanyDocumentationAccess *out, struct err *reterr)
{
    out->name = arena_strdup(arena, name);
    out->documents_hidden = access->documents_hidden;
    out->checklists_hidden = access->checklists_hidden;
    out->update_time = field_time(arena, access->update_time_us);
    out->etag = field_etag(arena, access->revision);
    out->hidden_flexible_asset_types =
        arena_calloc(arena, access->type_count + 1, sizeof(*out->hidden_flexible_asset_types));
    if (out->name == NULL || out->etag == NULL || out->hidden_flexible_asset_types == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < access->type_count; i++) {
        out->hidden_flexible_asset_types[i] = arena_strdup(arena, access->types[i]);
        if (out->hidden_flexible_asset_types[i] == NULL)
            return err_no_memory(reterr);
        out->n_hidden_flexible_asset_types++;
    }
    return ERR_OK;
}

static enum err_code
get_company_documentation_access(struct request *request,
                                 const Docbridge__V1__GetCompanyDocumentationAccessRequest *in,
                                 Docbridge__V1__CompanyDocumentationAccess *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct documentation_access access;
    struct company *company;
    struct name name;
    try_(name_parse(in->name, "companies/{company}/documentationAccess", "name", request->arena,
                    &name, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(request_check_sight(tx, request, name.company, in->name, reterr));
    try_(company_get(tx, name.company, request->arena, &company, reterr));
    if (company == NULL)
        return err_not_found(reterr, in->name);
    tx_commit_with_next(tx);
    try_(documentation_access_get(tx, name.company, request->arena, &access, reterr));
    return fill(request->arena, in->name, &access, out, reterr);
}

// Types that are to be hidden, as the store takes them.
struct types {
    char *const *names;
    const char **connection_ids;
    int64_t *ids;
    size_t count;
};

static enum err_code parse_types(struct arena *arena,
                                 const Docbridge__V1__CompanyDocumentationAccess *access,
                                 struct types *types, struct err *reterr)
{
    static const char list[] = "company_documentation_access.hidden_flexible_asset_types";
    types->names = access->hidden_flexible_asset_types;
    types->count = access->n_hidden_flexible_asset_types;
    if (types->count > TYPES_MAX)
        return err_invalid(reterr, list, "must have at most %d items", TYPES_MAX);
    types->connection_ids = arena_calloc(arena, types->count + 1, sizeof(*types->connection_ids));
    types->ids = arena_calloc(arena, types->count + 1, sizeof(*types->ids));
    if (types->connection_ids == NULL || types->ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < types->count; i++) {
        char field[96];
        struct name name;
        (void)snprintf(field, sizeof(field), "%s[%zu]", list, i);
        try_(name_parse(types->names[i],
                        "connections/{connection}/flexibleAssetTypes/{flexible_asset_type}", field,
                        arena, &name, reterr));
        types->connection_ids[i] = name.connection;
        types->ids[i] = name.flexible_asset_type;
    }
    return ERR_OK;
}

static enum err_code audit(struct tx *tx, const struct request *request, const char *name,
                           const char *company_id, const char *company_name,
                           const struct documentation_access *old,
                           const struct documentation_access *new, struct err *reterr)
{
    struct audit_change changes[3];
    size_t count = 0;
    const char *before = config_join(request->arena, old->types, old->type_count);
    const char *after = config_join(request->arena, new->types, new->type_count);
    if (before == NULL || after == NULL)
        return err_no_memory(reterr);
    if (old->documents_hidden != new->documents_hidden)
        changes[count++] =
            config_bool_change("documents_hidden", old->documents_hidden, new->documents_hidden);
    if (old->checklists_hidden != new->checklists_hidden)
        changes[count++] =
            config_bool_change("checklists_hidden", old->checklists_hidden, new->checklists_hidden);
    if (strcmp(before, after) != 0)
        changes[count++] = (struct audit_change){"hidden_flexible_asset_types", before, after};
    const struct audit_event subject = {.resource = name,
                                        .resource_display_name = company_name,
                                        .company_id = company_id,
                                        .company_display_name = company_name};
    return config_audit(tx, request, &subject, changes, count, reterr);
}

static enum err_code update_company_documentation_access(
    struct request *request, const Docbridge__V1__UpdateCompanyDocumentationAccessRequest *in,
    Docbridge__V1__CompanyDocumentationAccess *out, struct err *reterr)
{
    static const int64_t hideable[] = {SIGHT_DOCUMENT, SIGHT_FLEXIBLE_ASSET, SIGHT_CHECKLIST};
    static const char *const allowed[] = {"documents_hidden", "checklists_hidden",
                                          "hidden_flexible_asset_types", NULL};
    const Docbridge__V1__CompanyDocumentationAccess *access = in->company_documentation_access;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct documentation_access old;
    struct documentation_access new;
    struct types types = {0};
    struct name name;
    const char *company_name;
    unsigned mask;
    size_t unknown;
    if (access == NULL)
        return err_invalid(reterr, "company_documentation_access", "must be set");
    try_(name_parse(access->name, "companies/{company}/documentationAccess",
                    "company_documentation_access.name", request->arena, &name, reterr));
    try_(field_mask(in->update_mask, allowed, &mask, reterr));
    try_(parse_types(request->arena, access, &types, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(request_check_sight(tx, request, name.company, access->name, reterr));
    try_(company_lock(tx, name.company, request->arena, &company_name, reterr));
    if (company_name == NULL)
        return err_not_found(reterr, access->name);
    try_(documentation_access_get(tx, name.company, request->arena, &old, reterr));
    try_(field_etag_check(access->etag, old.revision, request->arena, reterr));
    const char *const company = name.company;
    struct blast_look before = {.scope = {.connection_id = "",
                                          .company_ids = &company,
                                          .company_count = 1,
                                          .kinds = hideable,
                                          .kind_count = ARRAY_LEN(hideable)}};
    if (in->validate_only)
        try_(blast_radius_look(tx, request, &before, reterr));
    new = old;
    if (mask & MASK_DOCUMENTS)
        new.documents_hidden = access->documents_hidden;
    if (mask & MASK_CHECKLISTS)
        new.checklists_hidden = access->checklists_hidden;
    try_(documentation_access_set(tx, name.company, &new, clock_wall_us(), reterr));
    if (mask & MASK_TYPES) {
        try_(documentation_access_set_types(tx, name.company, types.connection_ids, types.ids,
                                            types.count, &unknown, reterr));
        if (unknown < types.count)
            return err_not_found(reterr, types.names[unknown]);
    }
    try_(documentation_access_get(tx, name.company, request->arena, &new, reterr));
    try_(audit(tx, request, access->name, name.company, company_name, &old, &new, reterr));
    if (in->validate_only)
        try_(blast_radius_since(tx, request, &before, &out->blast_radius, reterr));
    try_(fill(request->arena, access->name, &new, out, reterr));
    return in->validate_only ? ERR_OK : tx_commit(&tx, reterr);
}
