// Steps 3 and 4: what is synced, and which passwords may be seen.
#include <stdlib.h>
#include <string.h>

#include "client/mask.h"
#include "client/output.h"
#include "client/wizard.h"
#include "docbridge/v1/company.pb-c.h"
#include "docbridge/v1/config.pb-c.h"

#define CONFIGS (&docbridge__v1__config_service__descriptor)
#define LEVEL(name) DOCBRIDGE__V1__COMPANY_PASSWORD_ACCESS__LEVEL__LEVEL_##name

typedef Docbridge__V1__CompanyPasswordAccess Access;

enum { PAGE_MAX = 1000, BATCH_MAX = 100, COMPANIES_MAX = 20000 };

// --- Step 3

// The types with their numbers and how they stand.
static void print_types(struct wizard *wizard,
                        const Docbridge__V1__ListFlexibleAssetTypesResponse *list)
{
    ask_say(&wizard->asker, "Flexible asset types:");
    for (size_t i = 0; i < list->n_flexible_asset_types; i++) {
        const Docbridge__V1__FlexibleAssetType *type = list->flexible_asset_types[i];
        ask_say(&wizard->asker, "  %3zu  %s%s", i + 1, type->display_name,
                type->enabled ? "  (on)" : "");
    }
}

static int switch_type(struct wizard *wizard, char *name, bool enabled)
{
    Docbridge__V1__UpdateFlexibleAssetTypeRequest request =
        DOCBRIDGE__V1__UPDATE_FLEXIBLE_ASSET_TYPE_REQUEST__INIT;
    Docbridge__V1__FlexibleAssetType type = DOCBRIDGE__V1__FLEXIBLE_ASSET_TYPE__INIT;
    const ProtobufCMessage *answer;
    struct mask mask;
    mask_init(&mask);
    mask_add(&mask, "enabled");
    type.name = name;
    type.enabled = enabled;
    request.flexible_asset_type = &type;
    request.update_mask = &mask.message;
    return wizard_call(wizard, CONFIGS, "UpdateFlexibleAssetType", &request.base, &answer);
}

static int choose_types(struct wizard *wizard)
{
    Docbridge__V1__ListFlexibleAssetTypesRequest request =
        DOCBRIDGE__V1__LIST_FLEXIBLE_ASSET_TYPES_REQUEST__INIT;
    const ProtobufCMessage *answer;
    const char *text;
    request.parent = wizard_text(wizard->connection);
    request.page_size = PAGE_MAX;
    int class = wizard_call(wizard, CONFIGS, "ListFlexibleAssetTypes", &request.base, &answer);
    if (class != EXIT_OK)
        return class;
    const Docbridge__V1__ListFlexibleAssetTypesResponse *list = (const void *)answer;
    size_t count = list->n_flexible_asset_types;
    bool *chosen = arena_calloc(&wizard->session->arena, count + 1, sizeof(*chosen));
    if (chosen == NULL)
        return session_no_memory(wizard->session);
    if (count == 0)
        return EXIT_OK;
    print_types(wizard, list);
    for (;;) {
        class = ask_text(&wizard->asker, "types", "--types all|none|keep|1,3-5",
                         "Which to sync: numbers such as 1,3-5, all, none, or keep", "keep", &text);
        if (class != EXIT_OK || strcmp(text, "keep") == 0)
            return class;
        if (ask_choose(text, count, chosen))
            break;
        if (parse_has(wizard->session->arguments, "types"))
            return session_usage(wizard->session,
                                 "--types: %s is none of 1 to %zu, all, none, keep", text, count);
        ask_say(&wizard->asker, "numbers from 1 to %zu", count);
    }
    for (size_t i = 0; class == EXIT_OK && i < count; i++)
        if (list->flexible_asset_types[i]->enabled != chosen[i])
            class = switch_type(wizard, list->flexible_asset_types[i]->name, chosen[i]);
    return class;
}

int wizard_documentation(struct wizard *wizard)
{
    Docbridge__V1__RefreshDocumentationTypesRequest refresh =
        DOCBRIDGE__V1__REFRESH_DOCUMENTATION_TYPES_REQUEST__INIT;
    Docbridge__V1__GetDocumentationConfigRequest get =
        DOCBRIDGE__V1__GET_DOCUMENTATION_CONFIG_REQUEST__INIT;
    Docbridge__V1__UpdateDocumentationConfigRequest update =
        DOCBRIDGE__V1__UPDATE_DOCUMENTATION_CONFIG_REQUEST__INIT;
    Docbridge__V1__DocumentationConfig config = DOCBRIDGE__V1__DOCUMENTATION_CONFIG__INIT;
    const ProtobufCMessage *answer;
    struct mask mask;
    bool documents = false, checklists = false;
    ask_heading(&wizard->asker, "Step 3 of 4: Choose what is synced (optional)");
    refresh.parent = wizard_text(wizard->connection);
    int class = wizard_call(wizard, CONFIGS, "RefreshDocumentationTypes", &refresh.base, &answer);
    // What was known of the types can be chosen from all the same.
    if (class != EXIT_OK && class != EXIT_UPSTREAM && class != EXIT_QUOTA)
        return class;
    get.name = wizard_name(wizard, "/documentationConfig");
    class = wizard_call(wizard, CONFIGS, "GetDocumentationConfig", &get.base, &answer);
    if (class != EXIT_OK)
        return class;
    const Docbridge__V1__DocumentationConfig *now = (const void *)answer;
    class = ask_yes(&wizard->asker, "documents", "Documents?", now->documents_enabled, &documents);
    if (class == EXIT_OK)
        class = ask_yes(&wizard->asker, "checklists", "Checklists and their templates?",
                        now->checklists_enabled, &checklists);
    if (class != EXIT_OK)
        return class;
    mask_init(&mask);
    mask_add(&mask, "documents_enabled");
    mask_add(&mask, "checklists_enabled");
    config.name = get.name;
    config.documents_enabled = documents;
    config.checklists_enabled = checklists;
    update.documentation_config = &config;
    update.update_mask = &mask.message;
    if (documents != (bool)now->documents_enabled || checklists != (bool)now->checklists_enabled)
        class = wizard_call(wizard, CONFIGS, "UpdateDocumentationConfig", &update.base, &answer);
    return class == EXIT_OK ? choose_types(wizard) : class;
}

// --- Step 4

// The companies that have an organization.
static int list_companies(struct wizard *wizard, Docbridge__V1__Company ***ret_companies,
                          size_t *ret_count)
{
    Docbridge__V1__ListCompaniesRequest request = DOCBRIDGE__V1__LIST_COMPANIES_REQUEST__INIT;
    struct session *session = wizard->session;
    Docbridge__V1__Company **companies =
        arena_calloc(&session->arena, COMPANIES_MAX, sizeof(Docbridge__V1__Company *));
    size_t count = 0;
    if (companies == NULL)
        return session_no_memory(session);
    request.filter = wizard_text("mapped = true");
    request.page_size = PAGE_MAX;
    for (;;) {
        const ProtobufCMessage *answer;
        int class = wizard_call(wizard, &docbridge__v1__company_service__descriptor,
                                "ListCompanies", &request.base, &answer);
        if (class != EXIT_OK)
            return class;
        const Docbridge__V1__ListCompaniesResponse *page = (const void *)answer;
        for (size_t i = 0; i < page->n_companies && count < COMPANIES_MAX; i++)
            companies[count++] = page->companies[i];
        if (page->next_page_token[0] == '\0' || count == COMPANIES_MAX)
            break;
        request.page_token = page->next_page_token;
    }
    *ret_companies = companies;
    *ret_count = count;
    return EXIT_OK;
}

static int list_categories(struct wizard *wizard,
                           const Docbridge__V1__ListPasswordCategoriesResponse **ret_list)
{
    Docbridge__V1__ListPasswordCategoriesRequest request =
        DOCBRIDGE__V1__LIST_PASSWORD_CATEGORIES_REQUEST__INIT;
    const ProtobufCMessage *answer;
    request.parent = wizard_text(wizard->connection);
    request.page_size = PAGE_MAX;
    int class = wizard_call(wizard, CONFIGS, "ListPasswordCategories", &request.base, &answer);
    *ret_list = class == EXIT_OK ? (const void *)answer : NULL;
    return class;
}

// The categories that are chosen, for `access`.
static int ask_categories(struct wizard *wizard,
                          const Docbridge__V1__ListPasswordCategoriesResponse *list, Access *access)
{
    size_t count = list->n_password_categories;
    bool *chosen = arena_calloc(&wizard->session->arena, count + 1, sizeof(*chosen));
    char **names = arena_calloc(&wizard->session->arena, count + 1, sizeof(*names));
    const char *text;
    if (chosen == NULL || names == NULL)
        return session_no_memory(wizard->session);
    for (size_t i = 0; i < count; i++)
        ask_say(&wizard->asker, "  %3zu  %s", i + 1, list->password_categories[i]->display_name);
    for (;;) {
        int class = ask_text(&wizard->asker, "categories", "--categories all|none|1,3-5",
                             "Categories that may be seen: numbers such as 1,3-5, all or none",
                             "none", &text);
        if (class != EXIT_OK)
            return class;
        if (ask_choose(text, count, chosen))
            break;
        if (parse_has(wizard->session->arguments, "categories"))
            return session_usage(wizard->session, "--categories: %s is none of 1 to %zu, all, none",
                                 text, count);
        ask_say(&wizard->asker, "numbers from 1 to %zu", count);
    }
    access->password_categories = names;
    for (size_t i = 0; i < count; i++)
        if (chosen[i])
            names[access->n_password_categories++] = list->password_categories[i]->name;
    bool uncategorized = false;
    int class = ask_yes(&wizard->asker, "uncategorized", "And those without a category?", false,
                        &uncategorized);
    access->include_uncategorized = uncategorized;
    return class;
}

// How much may be seen of `whose`. `*ret_each`: that is said for each company.
static int ask_access(struct wizard *wizard, const char *option, const char *whose,
                      const Docbridge__V1__ListPasswordCategoriesResponse *categories,
                      Access *access, bool *ret_each)
{
    const char *choices =
        ret_each == NULL ? "none, selected or all" : "none, selected, all or each";
    char *label = arena_printf(&wizard->session->arena, "Passwords of %s: %s", whose, choices);
    if (label == NULL)
        return session_no_memory(wizard->session);
    for (;;) {
        const char *text;
        int class =
            ask_text(&wizard->asker, option, "--level none|selected|all", label, "none", &text);
        if (class != EXIT_OK)
            return class;
        if (ret_each != NULL)
            *ret_each = strcmp(text, "each") == 0;
        if (strcmp(text, "none") == 0)
            access->level = LEVEL(NO_ACCESS);
        else if (strcmp(text, "all") == 0)
            access->level = LEVEL(ALL_CATEGORIES);
        else if (strcmp(text, "selected") == 0)
            access->level = LEVEL(SELECTED_CATEGORIES);
        else if (ret_each == NULL || !*ret_each) {
            ask_say(&wizard->asker, "%s, please", choices);
            continue;
        }
        return access->level == LEVEL(SELECTED_CATEGORIES)
                   ? ask_categories(wizard, categories, access)
                   : EXIT_OK;
    }
}

// Gives `access` to companies, a hundred a call.
static int give(struct wizard *wizard, const Access *access,
                Docbridge__V1__Company *const *companies, size_t count)
{
    struct mask mask;
    mask_init(&mask);
    mask_add(&mask, "level");
    if (access->level == LEVEL(SELECTED_CATEGORIES)) {
        mask_add(&mask, "password_categories");
        mask_add(&mask, "include_uncategorized");
    }
    for (size_t from = 0; from < count; from += BATCH_MAX) {
        Docbridge__V1__BatchUpdateCompanyPasswordAccessRequest batch =
            DOCBRIDGE__V1__BATCH_UPDATE_COMPANY_PASSWORD_ACCESS_REQUEST__INIT;
        Docbridge__V1__UpdateCompanyPasswordAccessRequest requests[BATCH_MAX], *list[BATCH_MAX];
        Access accesses[BATCH_MAX];
        const ProtobufCMessage *answer;
        batch.requests = list;
        for (size_t i = from; i < count && i < from + BATCH_MAX; i++) {
            size_t k = batch.n_requests++;
            accesses[k] = *access;
            accesses[k].name =
                arena_printf(&wizard->session->arena, "%s/passwordAccess", companies[i]->name);
            docbridge__v1__update_company_password_access_request__init(&requests[k]);
            requests[k].company_password_access = &accesses[k];
            requests[k].update_mask = &mask.message;
            list[k] = &requests[k];
            if (accesses[k].name == NULL)
                return session_no_memory(wizard->session);
        }
        int class =
            wizard_call(wizard, CONFIGS, "BatchUpdateCompanyPasswordAccess", &batch.base, &answer);
        if (class != EXIT_OK)
            return class;
    }
    return EXIT_OK;
}

static int give_levels(struct wizard *wizard)
{
    const Docbridge__V1__ListPasswordCategoriesResponse *categories = NULL;
    Docbridge__V1__Company **companies = NULL;
    size_t count = 0;
    Access access = DOCBRIDGE__V1__COMPANY_PASSWORD_ACCESS__INIT;
    bool each = false;
    char whose[64];
    int class = list_companies(wizard, &companies, &count);
    if (class == EXIT_OK)
        class = list_categories(wizard, &categories);
    if (class != EXIT_OK || count == 0)
        return class;
    (void)snprintf(whose, sizeof(whose), "the %zu mapped companies", count);
    class = ask_access(wizard, "level", whose, categories, &access, &each);
    if (class != EXIT_OK || !each)
        return class == EXIT_OK ? give(wizard, &access, companies, count) : class;
    for (size_t i = 0; class == EXIT_OK && i < count; i++) {
        docbridge__v1__company_password_access__init(&access);
        class = ask_access(wizard, NULL, companies[i]->display_name, categories, &access, NULL);
        if (class == EXIT_OK)
            class = give(wizard, &access, &companies[i], 1);
    }
    return class;
}

int wizard_passwords(struct wizard *wizard)
{
    static const char *const options[] = {"level", "categories", "uncategorized", NULL};
    Docbridge__V1__GetPasswordConfigRequest get = DOCBRIDGE__V1__GET_PASSWORD_CONFIG_REQUEST__INIT;
    Docbridge__V1__UpdatePasswordConfigRequest update =
        DOCBRIDGE__V1__UPDATE_PASSWORD_CONFIG_REQUEST__INIT;
    Docbridge__V1__PasswordConfig config = DOCBRIDGE__V1__PASSWORD_CONFIG__INIT;
    const ProtobufCMessage *answer;
    struct mask mask;
    bool sharing = false, levels = true;
    ask_heading(&wizard->asker, "Step 4 of 4: Passwords (optional)");
    ask_say(&wizard->asker, "Values are fetched at the moment somebody sees one and never stored.");
    get.name = wizard_name(wizard, "/passwordConfig");
    int class = wizard_call(wizard, CONFIGS, "GetPasswordConfig", &get.base, &answer);
    if (class != EXIT_OK)
        return class;
    const Docbridge__V1__PasswordConfig *now = (const void *)answer;
    bool before = now->password_sharing_enabled;
    class = ask_yes(&wizard->asker, "sharing", "Share passwords?", before, &sharing);
    if (class == EXIT_OK && sharing != before) {
        mask_init(&mask);
        mask_add(&mask, "password_sharing_enabled");
        config.name = get.name;
        config.password_sharing_enabled = sharing;
        update.password_config = &config;
        update.update_mask = &mask.message;
        class = wizard_call(wizard, CONFIGS, "UpdatePasswordConfig", &update.base, &answer);
    }
    // Whoever comes again keeps the levels unless told otherwise.
    if (class == EXIT_OK && sharing && before && !wizard_given(wizard, options))
        class = wizard->asker.terminal == NULL
                    ? (levels = false, EXIT_OK)
                    : ask_yes(&wizard->asker, NULL, "Change what may be seen of which company?",
                              false, &levels);
    return class == EXIT_OK && sharing && levels ? give_levels(wizard) : class;
}
