// Password categories, and which of them a company's readers may see.
#include "server/service/begin.h"
#include "server/service/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/service/blast_radius_message.h"
#include "server/service/cursor.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/page.h"
#include "server/service/parent.h"
#include "server/service/word.h"
#include "server/store/company.h"
#include "server/store/config.h"
#include "server/store/connection.h"

#define LEVEL(name) DOCBRIDGE__V1__COMPANY_PASSWORD_ACCESS__LEVEL__LEVEL_##name
#define STATE(name) DOCBRIDGE__V1__PASSWORD_CATEGORY__STATE__STATE_##name

enum { BATCH_MAX = 100, CATEGORIES_MAX = 500 };
enum { MASK_LEVEL = 1 << 0, MASK_CATEGORIES = 1 << 1, MASK_UNCATEGORIZED = 1 << 2 };

HANDLER(list_password_categories, ListPasswordCategoriesRequest, ListPasswordCategoriesResponse)
HANDLER(get_company_password_access, GetCompanyPasswordAccessRequest, CompanyPasswordAccess)
HANDLER(update_company_password_access, UpdateCompanyPasswordAccessRequest, CompanyPasswordAccess)
HANDLER(batch_update_company_password_access, BatchUpdateCompanyPasswordAccessRequest,
        BatchUpdateCompanyPasswordAccessResponse)

enum err_code config_list_password_categories_handler(struct request *request, const void *in,
                                                      void *out, struct err *reterr)
{
    return list_password_categories_handler(request, in, out, reterr);
}

enum err_code config_get_company_password_access_handler(struct request *request, const void *in,
                                                         void *out, struct err *reterr)
{
    return get_company_password_access_handler(request, in, out, reterr);
}

enum err_code config_update_company_password_access_handler(struct request *request, const void *in,
                                                            void *out, struct err *reterr)
{
    return update_company_password_access_handler(request, in, out, reterr);
}

enum err_code config_batch_update_company_password_access_handler(struct request *request,
                                                                  const void *in, void *out,
                                                                  struct err *reterr)
{
    return batch_update_company_password_access_handler(request, in, out, reterr);
}

static enum err_code fill_categories(struct arena *arena, const char *connection_id,
                                     const struct config_category *categories, size_t count,
                                     Docbridge__V1__ListPasswordCategoriesResponse *out,
                                     struct err *reterr)
{
    Docbridge__V1__PasswordCategory *items = arena_calloc(arena, count + 1, sizeof(*items));
    out->password_categories = arena_calloc(arena, count + 1, sizeof(*out->password_categories));
    if (items == NULL || out->password_categories == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        const struct config_category *category = &categories[i];
        docbridge__v1__password_category__init(&items[i]);
        items[i].name = arena_printf(arena, "connections/%s/passwordCategories/%" PRId64,
                                     connection_id, category->id);
        items[i].display_name = arena_strdup(arena, category->display_name);
        items[i].state = category->gone    ? STATE(REMOVED_UPSTREAM)
                         : category->fresh ? STATE(NEW)
                                           : STATE(ACTIVE);
        items[i].password_count = (int32_t)category->password_count;
        items[i].discover_time = field_time(arena, category->discover_time_us);
        if (items[i].name == NULL || items[i].display_name == NULL)
            return err_no_memory(reterr);
        out->password_categories[out->n_password_categories++] = &items[i];
    }
    return ERR_OK;
}

static enum err_code
list_password_categories(struct request *request,
                         const Docbridge__V1__ListPasswordCategoriesRequest *in,
                         Docbridge__V1__ListPasswordCategoriesResponse *out, struct err *reterr)
{
    const struct page_list list = {"ListPasswordCategories", in->parent, NULL};
    struct arena *arena = request->arena;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct config_category *categories;
    struct connection *connection;
    const char *after_name;
    const char *cursor;
    int64_t after_id;
    int64_t uncategorized;
    struct name name;
    size_t count;
    int size;
    try_(name_parse(in->parent, "connections/{connection}", "parent", arena, &name, reterr));
    try_(page_size(in->page_size, &size, reterr));
    try_(page_open(request, &list, in->page_token, &cursor, reterr));
    try_(cursor_open_number(arena, cursor, &after_id, &after_name, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(parent_connection(tx, request, name.connection, in->parent, &connection, reterr));
    // One more than asked for tells whether there is another page.
    try_(config_list_categories(tx, name.connection, request->caller, after_name, after_id,
                                size + 1, arena, &categories, &count, &uncategorized, reterr));
    if (count > (size_t)size) {
        const struct config_category *last = &categories[size - 1];
        count = (size_t)size;
        try_(cursor_make_number(arena, last->id, last->display_name, &cursor, reterr));
        try_(page_make(request, &list, cursor, &out->next_page_token, reterr));
    }
    out->uncategorized_password_count = (int32_t)uncategorized;
    return fill_categories(arena, name.connection, categories, count, out, reterr);
}

static enum err_code fill_access(struct arena *arena, const char *name,
                                 const struct config_access *access,
                                 Docbridge__V1__CompanyPasswordAccess *out, struct err *reterr)
{
    out->name = arena_strdup(arena, name);
    out->level = (Docbridge__V1__CompanyPasswordAccess__Level)access->level;
    out->include_uncategorized = access->include_uncategorized;
    out->update_time = field_time(arena, access->update_time_us);
    out->etag = field_etag(arena, access->revision);
    out->password_categories =
        arena_calloc(arena, access->category_count + 1, sizeof(*out->password_categories));
    if (out->name == NULL || out->etag == NULL || out->password_categories == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < access->category_count; i++) {
        out->password_categories[i] = arena_strdup(arena, access->categories[i]);
        if (out->password_categories[i] == NULL)
            return err_no_memory(reterr);
        out->n_password_categories++;
    }
    return ERR_OK;
}

static enum err_code
get_company_password_access(struct request *request,
                            const Docbridge__V1__GetCompanyPasswordAccessRequest *in,
                            Docbridge__V1__CompanyPasswordAccess *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct config_access access;
    struct company *company;
    struct name name;
    try_(name_parse(in->name, "companies/{company}/passwordAccess", "name", request->arena, &name,
                    reterr));
    try_(request_begin(request, &tx, reterr));
    try_(request_check_sight(tx, request, name.company, in->name, reterr));
    try_(company_get(tx, name.company, request->arena, &company, reterr));
    if (company == NULL)
        return err_not_found(reterr, in->name);
    try_(config_get_access(tx, name.company, request->arena, &access, reterr));
    return fill_access(request->arena, in->name, &access, out, reterr);
}

// What is to stand, in place of what the mask names.
struct wanted {
    int level;
    bool include_uncategorized;
    char **names; // of categories, as written
    struct config_category_id *ids;
    size_t count;
};

static enum err_code parse_categories(struct arena *arena, char *const *names, size_t count,
                                      struct wanted *wanted, struct err *reterr)
{
    if (count > CATEGORIES_MAX)
        return err_invalid(reterr, "company_password_access.password_categories",
                           "must have at most %d items", CATEGORIES_MAX);
    wanted->names = arena_calloc(arena, count + 1, sizeof(*wanted->names));
    wanted->ids = arena_calloc(arena, count + 1, sizeof(*wanted->ids));
    wanted->count = count;
    if (wanted->names == NULL || wanted->ids == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        char field[80];
        struct name name;
        (void)snprintf(field, sizeof(field), "company_password_access.password_categories[%zu]", i);
        try_(name_parse(names[i], "connections/{connection}/passwordCategories/{password_category}",
                        field, arena, &name, reterr));
        wanted->names[i] = names[i];
        wanted->ids[i] = (struct config_category_id){name.connection, name.password_category};
    }
    return ERR_OK;
}

// What stood, but for what the mask names. What is stored fits its own pattern.
static enum err_code merge(struct arena *arena, const Docbridge__V1__CompanyPasswordAccess *in,
                           unsigned mask, const struct config_access *old, struct wanted *wanted,
                           struct err *reterr)
{
    wanted->level = mask & MASK_LEVEL ? (int)in->level : old->level;
    wanted->include_uncategorized =
        mask & MASK_UNCATEGORIZED ? in->include_uncategorized : old->include_uncategorized;
    if (mask & MASK_CATEGORIES)
        return parse_categories(arena, in->password_categories, in->n_password_categories, wanted,
                                reterr);
    char **names = arena_calloc(arena, old->category_count + 1, sizeof(*names));
    if (names == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < old->category_count; i++) {
        names[i] = arena_strdup(arena, old->categories[i]);
        if (names[i] == NULL)
            return err_no_memory(reterr);
    }
    return parse_categories(arena, names, old->category_count, wanted, reterr);
}

// A change of one company's access on its way.
struct update {
    const Docbridge__V1__CompanyPasswordAccess *access;
    struct name name;
    unsigned mask;
    const char *company_name;
    struct config_access old, new;
};

// What can be said without the database.
static enum err_code check(const struct request *request,
                           const Docbridge__V1__UpdateCompanyPasswordAccessRequest *in,
                           struct update *update, struct err *reterr)
{
    static const char *const allowed[] = {"level", "password_categories", "include_uncategorized",
                                          NULL};
    const Docbridge__V1__CompanyPasswordAccess *access = in->company_password_access;
    if (access == NULL)
        return err_invalid(reterr, "company_password_access", "must be set");
    update->access = access;
    try_(name_parse(access->name, "companies/{company}/passwordAccess",
                    "company_password_access.name", request->arena, &update->name, reterr));
    try_(field_mask(in->update_mask, allowed, &update->mask, reterr));
    if ((update->mask & MASK_LEVEL) &&
        (access->level < LEVEL(NO_ACCESS) || access->level > LEVEL(ALL_CATEGORIES)))
        return err_invalid(reterr, "company_password_access.level", "must be set");
    return ERR_OK;
}

// Saving what stands already is a choice too: categories seen since are no longer NEW.
static enum err_code apply(struct tx *tx, const struct request *request, struct update *update,
                           struct err *reterr)
{
    const char *company = update->name.company;
    struct arena *arena = request->arena;
    struct wanted wanted;
    size_t unknown;
    try_(request_check_sight(tx, request, company, update->access->name, reterr));
    try_(company_lock(tx, company, arena, &update->company_name, reterr));
    if (update->company_name == NULL)
        return err_not_found(reterr, update->access->name);
    try_(config_get_access(tx, company, arena, &update->old, reterr));
    enum err_code code =
        field_etag_check(update->access->etag, update->old.revision, arena, reterr);
    if (code == ERR_ETAG_MISMATCH)
        err_meta(reterr, "resource", "%s", update->access->name);
    try_(code);
    try_(merge(arena, update->access, update->mask, &update->old, &wanted, reterr));
    try_(config_set_access(tx, company, wanted.level, wanted.include_uncategorized, wanted.ids,
                           wanted.count, update->old.revision, clock_wall_us(), &unknown, reterr));
    if (unknown < wanted.count)
        return err_not_found(reterr, wanted.names[unknown]);
    return config_get_access(tx, company, arena, &update->new, reterr);
}

// The event of what changed.
static enum err_code audit_access(struct tx *tx, const struct request *request,
                                  const struct update *update, struct err *reterr)
{
    const ProtobufCEnumDescriptor *level =
        &docbridge__v1__company_password_access__level__descriptor;
    const struct config_access *old = &update->old;
    const struct config_access *new = &update->new;
    struct audit_change changes[3];
    size_t count = 0;
    const char *before = config_join(request->arena, old->categories, old->category_count);
    const char *after = config_join(request->arena, new->categories, new->category_count);
    if (before == NULL || after == NULL)
        return err_no_memory(reterr);
    if (old->level != new->level)
        changes[count++] = (struct audit_change){"level", word_of(level, "LEVEL_", old->level),
                                                 word_of(level, "LEVEL_", new->level)};
    if (strcmp(before, after) != 0)
        changes[count++] = (struct audit_change){"password_categories", before, after};
    if (old->include_uncategorized != new->include_uncategorized)
        changes[count++] = config_bool_change("include_uncategorized", old->include_uncategorized,
                                              new->include_uncategorized);
    const struct audit_event subject = {.resource = update->access->name,
                                        .resource_display_name = update->company_name,
                                        .company_id = update->name.company,
                                        .company_display_name = update->company_name};
    return config_audit(tx, request, &subject, changes, count, reterr);
}

static const int64_t passwords_kind = SIGHT_PASSWORD;

// What is looked at when the access of companies changes.
static struct sight_scope scope_of(const char *const *company_ids, size_t count)
{
    return (struct sight_scope){.connection_id = "",
                                .company_ids = company_ids,
                                .company_count = count,
                                .kinds = &passwords_kind,
                                .kind_count = 1};
}

static enum err_code
update_company_password_access(struct request *request,
                               const Docbridge__V1__UpdateCompanyPasswordAccessRequest *in,
                               Docbridge__V1__CompanyPasswordAccess *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct update update;
    try_(check(request, in, &update, reterr));
    const char *const company = update.name.company;
    struct blast_look before = {.scope = scope_of(&company, 1)};
    try_(request_begin(request, &tx, reterr));
    if (in->validate_only)
        try_(blast_radius_look(tx, request, &before, reterr));
    try_(apply(tx, request, &update, reterr));
    try_(audit_access(tx, request, &update, reterr));
    if (in->validate_only)
        try_(blast_radius_since(tx, request, &before, &out->blast_radius, reterr));
    try_(fill_access(request->arena, update.access->name, &update.new, out, reterr));
    return in->validate_only ? ERR_OK : tx_commit(&tx, reterr);
}

// The field at fault, of the item that it is in.
static enum err_code say_which(size_t item, struct err *reterr)
{
    const struct err cause = *reterr;
    char field[ERR_META_VALUE_BYTES + 32];
    (void)snprintf(field, sizeof(field), "requests[%zu].%s", item, cause.field);
    return err_invalid(reterr, field, "%s", cause.text + strlen(cause.field) + sizeof(": ") - 1);
}

static int by_company(const void *a, const void *b)
{
    return strcmp((*(struct update *const *)a)->name.company,
                  (*(struct update *const *)b)->name.company);
}

// All that can be said without the database, and the order in which companies are locked: that of
// their ids, so that two batches never wait for each other in a circle.
static enum err_code check_batch(const struct request *request,
                                 const Docbridge__V1__BatchUpdateCompanyPasswordAccessRequest *in,
                                 struct update **ret_updates, struct update ***ret_sorted,
                                 struct err *reterr)
{
    size_t count = in->n_requests;
    if (count == 0 || count > BATCH_MAX)
        return err_invalid(reterr, "requests", "must have 1 to %d items", BATCH_MAX);
    struct update *updates = arena_calloc(request->arena, count, sizeof(*updates));
    struct update **sorted = arena_calloc(request->arena, count, sizeof(*sorted));
    if (updates == NULL || sorted == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        enum err_code code = check(request, in->requests[i], &updates[i], reterr);
        if (code == ERR_FIELD_INVALID && reterr != NULL)
            return say_which(i, reterr);
        try_(code);
        if (in->requests[i]->validate_only)
            return err_invalid(reterr, "requests.validate_only", "is the batch's alone");
        sorted[i] = &updates[i];
    }
    qsort(sorted, count, sizeof(struct update *), by_company);
    for (size_t i = 1; i < count; i++)
        if (by_company(&sorted[i - 1], &sorted[i]) == 0)
            return err_invalid(reterr, "requests", "has %s twice", sorted[i]->access->name);
    *ret_updates = updates;
    *ret_sorted = sorted;
    return ERR_OK;
}

static enum err_code batch_update_company_password_access(
    struct request *request, const Docbridge__V1__BatchUpdateCompanyPasswordAccessRequest *in,
    Docbridge__V1__BatchUpdateCompanyPasswordAccessResponse *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct update *updates = NULL;
    struct update **sorted = NULL;
    size_t count = in->n_requests;
    try_(check_batch(request, in, &updates, &sorted, reterr));
    Docbridge__V1__CompanyPasswordAccess *items =
        arena_calloc(request->arena, count, sizeof(*items));
    out->company_password_accesses =
        arena_calloc(request->arena, count, sizeof(*out->company_password_accesses));
    const char **companies = arena_calloc(request->arena, count, sizeof(*companies));
    if (items == NULL || out->company_password_accesses == NULL || companies == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        companies[i] = updates[i].name.company;
    struct blast_look before = {.scope = scope_of(companies, count)};
    try_(request_begin(request, &tx, reterr));
    if (in->validate_only)
        try_(blast_radius_look(tx, request, &before, reterr));
    for (size_t i = 0; i < count; i++)
        try_(apply(tx, request, sorted[i], reterr));
    for (size_t i = 0; i < count; i++) {
        docbridge__v1__company_password_access__init(&items[i]);
        try_(fill_access(request->arena, updates[i].access->name, &updates[i].new, &items[i],
                         reterr));
        out->company_password_accesses[out->n_company_password_accesses++] = &items[i];
        try_(audit_access(tx, request, &updates[i], reterr));
    }
    if (!in->validate_only)
        return tx_commit(&tx, reterr);
    return blast_radius_since(tx, request, &before, &out->blast_radius, reterr);
}
