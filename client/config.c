#include <string.h>

#include "client/blast_radius.h"
#include "client/group.h"
#include "client/mask.h"
#include "client/output.h"
#include "client/session.h"
#include "docbridge/v1/config.pb-c.h"

enum { NAMES_MAX = 500, BATCH_MAX = 100 };

// A switch of the command line as a field of an update; left alone if it was not given.
static void mask_switch(struct mask *mask, const struct session *session, const char *flag,
                        const char *path, protobuf_c_boolean *ret_value)
{
    if (!parse_has(session->arguments, flag))
        return;
    *ret_value = parse_on(session->arguments, flag);
    mask_add(mask, path);
}

static int call_and_print(struct session *session, const ProtobufCMessage *request)
{
    const ProtobufCMessage *answer;
    int class = session_call_own(session, request, &answer);
    if (class != EXIT_OK)
        return class;
    blast_radius_note(session, answer);
    return output_message(session, answer);
}

int config_documentation_set_run(struct session *session)
{
    Docbridge__V1__UpdateDocumentationConfigRequest request =
        DOCBRIDGE__V1__UPDATE_DOCUMENTATION_CONFIG_REQUEST__INIT;
    Docbridge__V1__DocumentationConfig config = DOCBRIDGE__V1__DOCUMENTATION_CONFIG__INIT;
    struct mask mask;
    mask_init(&mask);
    mask_switch(&mask, session, "documents", "documents_enabled", &config.documents_enabled);
    mask_switch(&mask, session, "checklists", "checklists_enabled", &config.checklists_enabled);
    mask_switch(&mask, session, "restricted", "restricted_shown", &config.restricted_shown);
    mask_switch(&mask, session, "unpublished", "unpublished_shown", &config.unpublished_shown);
    mask_switch(&mask, session, "archived", "archived_shown", &config.archived_shown);
    if (mask.message.n_paths == 0)
        return session_usage(session, "give --documents, --checklists, --restricted, "
                                      "--unpublished or --archived, each on|off");
    const char *name;
    int class = session_name(session, "connections/{connection}/documentationConfig", NULL, &name);
    if (class != EXIT_OK)
        return class;
    field_set_text(&config.base, "name", name);
    mask_set_etag(session, &config.base);
    request.documentation_config = &config;
    request.update_mask = &mask.message;
    request.validate_only = parse_has(session->arguments, "dry-run");
    return call_and_print(session, &request.base);
}

int config_passwords_set_run(struct session *session)
{
    Docbridge__V1__UpdatePasswordConfigRequest request =
        DOCBRIDGE__V1__UPDATE_PASSWORD_CONFIG_REQUEST__INIT;
    Docbridge__V1__PasswordConfig config = DOCBRIDGE__V1__PASSWORD_CONFIG__INIT;
    struct mask mask;
    mask_init(&mask);
    mask_switch(&mask, session, "sharing", "password_sharing_enabled",
                &config.password_sharing_enabled);
    const char *name;
    int class = session_name(session, "connections/{connection}/passwordConfig", NULL, &name);
    if (class != EXIT_OK)
        return class;
    field_set_text(&config.base, "name", name);
    mask_set_etag(session, &config.base);
    request.password_config = &config;
    request.update_mask = &mask.message;
    request.validate_only = parse_has(session->arguments, "dry-run");
    return call_and_print(session, &request.base);
}

static int switch_type(struct session *session, bool enabled)
{
    Docbridge__V1__UpdateFlexibleAssetTypeRequest request =
        DOCBRIDGE__V1__UPDATE_FLEXIBLE_ASSET_TYPE_REQUEST__INIT;
    Docbridge__V1__FlexibleAssetType type = DOCBRIDGE__V1__FLEXIBLE_ASSET_TYPE__INIT;
    struct mask mask;
    mask_init(&mask);
    mask_add(&mask, "enabled");
    const char *name;
    int class = session_argument(
        session, 0, "connections/{connection}/flexibleAssetTypes/{flexible_asset_type}", &name);
    if (class != EXIT_OK)
        return class;
    field_set_text(&type.base, "name", name);
    mask_set_etag(session, &type.base);
    type.enabled = enabled;
    request.flexible_asset_type = &type;
    request.update_mask = &mask.message;
    request.validate_only = parse_has(session->arguments, "dry-run");
    return call_and_print(session, &request.base);
}

int config_type_enable_run(struct session *session)
{
    return switch_type(session, true);
}

int config_type_disable_run(struct session *session)
{
    return switch_type(session, false);
}

int config_types_refresh_run(struct session *session)
{
    Docbridge__V1__RefreshDocumentationTypesRequest request =
        DOCBRIDGE__V1__REFRESH_DOCUMENTATION_TYPES_REQUEST__INIT;
    const char *parent;
    int class = session_connection(session, &parent);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "parent", parent);
    const ProtobufCMessage *answer;
    class = session_call_own(session, &request.base, &answer);
    if (class != EXIT_OK)
        return class;
    const Docbridge__V1__RefreshDocumentationTypesResponse *response = (const void *)answer;
    if (response->held_removal_count > 0)
        session_note(session,
                     "IT Glue listed none: %d types and categories stay as they were; see what the "
                     "key may read: docbridge connection test",
                     response->held_removal_count);
    return output_message(session, answer);
}

// The names that an option gives, expanded by `pattern`; each may hold several, joined by commas.
static int read_names(struct session *session, const char *flag, const char *pattern,
                      char ***ret_names, size_t *ret_count)
{
    char **names = arena_calloc(&session->arena, NAMES_MAX, sizeof(*names));
    size_t count = 0;
    if (names == NULL)
        return session_no_memory(session);
    const char *value;
    for (size_t i = 0; (value = parse_each(session->arguments, flag, i)) != NULL; i++) {
        char *at = arena_strdup(&session->arena, value);
        for (char *next; at != NULL; at = next) {
            next = strchr(at, ',');
            if (next != NULL)
                *next++ = '\0';
            if (count == NAMES_MAX)
                return session_usage(session, "--%s: more than %d", flag, NAMES_MAX);
            const char *name;
            int class = session_name(session, pattern, at, &name);
            if (class != EXIT_OK)
                return class;
            names[count++] = (char *)(uintptr_t)name;
        }
    }
    *ret_names = names;
    *ret_count = count;
    return EXIT_OK;
}

static Docbridge__V1__CompanyPasswordAccess__Level level_of(const char *word)
{
    if (strcmp(word, "none") == 0)
        return DOCBRIDGE__V1__COMPANY_PASSWORD_ACCESS__LEVEL__LEVEL_NO_ACCESS;
    if (strcmp(word, "selected") == 0)
        return DOCBRIDGE__V1__COMPANY_PASSWORD_ACCESS__LEVEL__LEVEL_SELECTED_CATEGORIES;
    return DOCBRIDGE__V1__COMPANY_PASSWORD_ACCESS__LEVEL__LEVEL_ALL_CATEGORIES;
}

// Reads the level, the categories and the switch; `mask` names what was given.
static int read_access(struct session *session, struct mask *mask,
                       Docbridge__V1__CompanyPasswordAccess *access)
{
    const struct arguments *arguments = session->arguments;
    bool some = parse_has(arguments, "category"), none = parse_has(arguments, "no-categories");
    if (some && none)
        return session_usage(session, "--category and --no-categories exclude each other");
    mask_init(mask);
    mask_add(mask, "level");
    access->level = level_of(parse_text(arguments, "level"));
    if (some || none)
        mask_add(mask, "password_categories");
    mask_switch(mask, session, "uncategorized", "include_uncategorized",
                &access->include_uncategorized);
    return some ? read_names(session, "category",
                             "connections/{connection}/passwordCategories/{password_category}",
                             &access->password_categories, &access->n_password_categories)
                : EXIT_OK;
}

int config_access_set_run(struct session *session)
{
    Docbridge__V1__UpdateCompanyPasswordAccessRequest request =
        DOCBRIDGE__V1__UPDATE_COMPANY_PASSWORD_ACCESS_REQUEST__INIT;
    Docbridge__V1__CompanyPasswordAccess access = DOCBRIDGE__V1__COMPANY_PASSWORD_ACCESS__INIT;
    struct mask mask;
    const char *name;
    int class = session_argument(session, 0, "companies/{company}/passwordAccess", &name);
    if (class == EXIT_OK)
        class = read_access(session, &mask, &access);
    if (class != EXIT_OK)
        return class;
    field_set_text(&access.base, "name", name);
    mask_set_etag(session, &access.base);
    request.company_password_access = &access;
    request.update_mask = &mask.message;
    request.validate_only = parse_has(session->arguments, "dry-run");
    return call_and_print(session, &request.base);
}

// One request a company, which differ in the name alone.
static int fill_batch(struct session *session, const struct mask *mask,
                      const Docbridge__V1__CompanyPasswordAccess *access,
                      Docbridge__V1__BatchUpdateCompanyPasswordAccessRequest *batch)
{
    const char *value;
    batch->requests = arena_calloc(&session->arena, BATCH_MAX, sizeof(*batch->requests));
    Docbridge__V1__UpdateCompanyPasswordAccessRequest *requests =
        arena_calloc(&session->arena, BATCH_MAX, sizeof(*requests));
    Docbridge__V1__CompanyPasswordAccess *accesses =
        arena_calloc(&session->arena, BATCH_MAX, sizeof(*accesses));
    if (batch->requests == NULL || requests == NULL || accesses == NULL)
        return session_no_memory(session);
    for (size_t i = 0; (value = parse_each(session->arguments, "company", i)) != NULL; i++) {
        const char *name;
        if (i == BATCH_MAX)
            return session_usage(session, "more than %d companies", BATCH_MAX);
        int class = session_name(session, "companies/{company}/passwordAccess", value, &name);
        if (class != EXIT_OK)
            return class;
        accesses[i] = *access;
        field_set_text(&accesses[i].base, "name", name);
        docbridge__v1__update_company_password_access_request__init(&requests[i]);
        requests[i].company_password_access = &accesses[i];
        requests[i].update_mask = (Google__Protobuf__FieldMask *)(uintptr_t)&mask->message;
        batch->requests[batch->n_requests++] = &requests[i];
    }
    return EXIT_OK;
}

int config_access_set_many_run(struct session *session)
{
    Docbridge__V1__BatchUpdateCompanyPasswordAccessRequest batch =
        DOCBRIDGE__V1__BATCH_UPDATE_COMPANY_PASSWORD_ACCESS_REQUEST__INIT;
    Docbridge__V1__CompanyPasswordAccess access = DOCBRIDGE__V1__COMPANY_PASSWORD_ACCESS__INIT;
    const ProtobufCMessage *answer;
    struct mask mask;
    batch.validate_only = parse_has(session->arguments, "dry-run");
    int class = output_check_columns(session, session->command->columns,
                                     &docbridge__v1__company_password_access__descriptor);
    if (class == EXIT_OK)
        class = read_access(session, &mask, &access);
    if (class == EXIT_OK)
        class = fill_batch(session, &mask, &access, &batch);
    if (class == EXIT_OK)
        class = session_call_own(session, &batch.base, &answer);
    if (class == EXIT_OK)
        blast_radius_note(session, answer);
    return class == EXIT_OK ? output_items(session, answer, "company_password_accesses",
                                           session->command->columns)
                            : class;
}

int config_hidden_set_run(struct session *session)
{
    Docbridge__V1__UpdateCompanyDocumentationAccessRequest request =
        DOCBRIDGE__V1__UPDATE_COMPANY_DOCUMENTATION_ACCESS_REQUEST__INIT;
    Docbridge__V1__CompanyDocumentationAccess access =
        DOCBRIDGE__V1__COMPANY_DOCUMENTATION_ACCESS__INIT;
    bool some = parse_has(session->arguments, "type");
    bool none = parse_has(session->arguments, "no-types");
    struct mask mask;
    const char *name;
    mask_init(&mask);
    mask_switch(&mask, session, "documents", "documents_hidden", &access.documents_hidden);
    mask_switch(&mask, session, "checklists", "checklists_hidden", &access.checklists_hidden);
    if (some || none)
        mask_add(&mask, "hidden_flexible_asset_types");
    if (some && none)
        return session_usage(session, "--type and --no-types exclude each other");
    if (mask.message.n_paths == 0)
        return session_usage(session, "give --documents on|off, --checklists on|off, --type TYPE "
                                      "or --no-types");
    int class = session_argument(session, 0, "companies/{company}/documentationAccess", &name);
    if (class == EXIT_OK && some)
        class = read_names(
            session, "type", "connections/{connection}/flexibleAssetTypes/{flexible_asset_type}",
            &access.hidden_flexible_asset_types, &access.n_hidden_flexible_asset_types);
    if (class != EXIT_OK)
        return class;
    field_set_text(&access.base, "name", name);
    mask_set_etag(session, &access.base);
    request.company_documentation_access = &access;
    request.update_mask = &mask.message;
    request.validate_only = parse_has(session->arguments, "dry-run");
    return call_and_print(session, &request.base);
}
