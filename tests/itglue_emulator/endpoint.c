#include "endpoint.h"

#include <string.h>

static const struct filter_rule organization_filters[] = {
    {"[id]", FILTER_ID, NULL, false},
    {"[name]", FILTER_NAME, NULL, false},
    {"[organization_type_id]", FILTER_ATTRIBUTE, "organization-type-id", false},
    {"[organization_status_id]", FILTER_ATTRIBUTE, "organization-status-id", false},
    {"[created_at]", FILTER_CREATED, NULL, false},
    {"[updated_at]", FILTER_UPDATED, NULL, false},
    {"[my_glue_account_id]", FILTER_ATTRIBUTE, "my-glue-account-id", false},
    {"[psa_id]", FILTER_PSA, NULL, false},
    {"[primary]", FILTER_BOOL, "primary", false},
    {"[exclude][id]", FILTER_ID, NULL, true},
    {"[exclude][name]", FILTER_NAME, NULL, true},
    {"[exclude][organization_type_id]", FILTER_ATTRIBUTE, "organization-type-id", true},
    {"[exclude][organization_status_id]", FILTER_ATTRIBUTE, "organization-status-id", true},
    {0}};
static const char *const organization_sorts[] = {"name",
                                                 "id",
                                                 "updated_at",
                                                 "organization_status_name",
                                                 "organization_type_name",
                                                 "created_at",
                                                 "short_name",
                                                 "my_glue_account_id",
                                                 NULL};
static const struct include_rule organization_includes[] = {
    {"adapters_resources", INCLUDE_CHILDREN, COLLECTION_ADAPTERS_RESOURCES, false},
    {"attachments", INCLUDE_NOTHING, 0, false},
    {"rmm_companies", INCLUDE_NOTHING, 0, false},
    {0}};

static const struct filter_rule name_filters[] = {{"[name]", FILTER_NAME, NULL, false}, {0}};
static const struct filter_rule id_filters[] = {{"[id]", FILTER_ID, NULL, false}, {0}};
static const struct filter_rule no_filters[] = {{0}};
static const char *const common_sorts[] = {"name", "id", "created_at", "updated_at", NULL};
static const char *const date_sorts[] = {"created_at", "updated_at", NULL};
static const char *const no_sorts[] = {NULL};
static const struct include_rule no_includes[] = {{0}};

static const struct filter_rule type_filters[] = {{"[id]", FILTER_ID, NULL, false},
                                                  {"[name]", FILTER_NAME, NULL, false},
                                                  {"[icon]", FILTER_ATTRIBUTE, "icon", false},
                                                  {"[enabled]", FILTER_BOOL, "enabled", false},
                                                  {0}};
static const struct include_rule type_includes[] = {
    {"flexible_asset_fields", INCLUDE_CHILDREN, COLLECTION_FLEXIBLE_ASSET_FIELDS, false}, {0}};
static const struct include_rule field_includes[] = {
    {"remote_asset_field", INCLUDE_NOTHING, 0, false}, {0}};

static const struct filter_rule asset_filters[] = {
    {"[flexible_asset_type_id]", FILTER_PARENT, NULL, false},
    {"[organization_id]", FILTER_ORGANIZATION, NULL, false},
    {"[name]", FILTER_NAME, NULL, false},
    {0}};
static const char *const asset_sorts[] = {"name", "created_at", "updated_at", NULL};
static const struct include_rule asset_includes[] = {
    {"adapters_resources", INCLUDE_NOTHING, 0, false},
    {"distinct_remote_assets", INCLUDE_NOTHING, 0, false},
    {"attachments", INCLUDE_NOTHING, 0, false},
    {"passwords", INCLUDE_NOTHING, 0, false},
    {"user_resource_accesses", INCLUDE_CHILDREN, COLLECTION_USER_RESOURCE_ACCESSES, false},
    {"group_resource_accesses", INCLUDE_NOTHING, 0, false},
    {"authorized_users", INCLUDE_AUTHORIZED_USERS, COLLECTION_USERS, true},
    {"recent_versions", INCLUDE_NOTHING, 0, true},
    {"related_items", INCLUDE_NOTHING, 0, true},
    {0}};

/* filter[name] is ignored here, as seen live. */
static const struct filter_rule document_filters[] = {
    {"[id]", FILTER_ID, NULL, false}, {"[organization_id]", FILTER_ORGANIZATION, NULL, false}, {0}};
static const struct include_rule document_includes[] = {
    {"attachments", INCLUDE_NOTHING, 0, false}, {"related_items", INCLUDE_NOTHING, 0, false}, {0}};

static const struct filter_rule section_filters[] = {
    {"[id]", FILTER_ID, NULL, false},
    {"[resource_type]", FILTER_ATTRIBUTE, "resource-type", false},
    {0}};
static const char *const section_sorts[] = {"sort", "id", "created_at", "updated_at", NULL};

static const struct filter_rule folder_filters[] = {
    {"[id]", FILTER_ID, NULL, false},
    {"[parent_id]", FILTER_PARENT, NULL, false},
    {"[organization_id]", FILTER_ORGANIZATION, NULL, false},
    {0}};
static const char *const folder_sorts[] = {"name", "created_at", "updated_at", NULL};
static const struct include_rule folder_includes[] = {
    {"user_resource_accesses", INCLUDE_CHILDREN, COLLECTION_USER_RESOURCE_ACCESSES, false},
    {"group_resource_accesses", INCLUDE_NOTHING, 0, false},
    {"authorized_users", INCLUDE_AUTHORIZED_USERS, COLLECTION_USERS, false},
    {"ancestors", INCLUDE_NOTHING, 0, false},
    {0}};

/* completed, assignee_id and checklist_template_id are sent by a client but listed nowhere. */
static const struct filter_rule checklist_filters[] = {
    {"[id]", FILTER_ID, NULL, false}, {"[organization_id]", FILTER_ORGANIZATION, NULL, false}, {0}};
static const char *const checklist_sorts[] = {"completed", "created_at", "updated_at", NULL};
static const struct include_rule checklist_includes[] = {
    {"checklist_tasks", INCLUDE_CHILDREN, COLLECTION_CHECKLIST_TASKS, false},
    {"attachments", INCLUDE_NOTHING, 0, false},
    {"user_resource_accesses", INCLUDE_CHILDREN, COLLECTION_USER_RESOURCE_ACCESSES, false},
    {"group_resource_accesses", INCLUDE_NOTHING, 0, false},
    {"authorized_users", INCLUDE_AUTHORIZED_USERS, COLLECTION_USERS, true},
    {"recent_versions", INCLUDE_NOTHING, 0, true},
    {"related_items", INCLUDE_NOTHING, 0, true},
    {0}};

static const struct filter_rule password_filters[] = {
    {"[id]", FILTER_ID, NULL, false},
    {"[name]", FILTER_NAME, NULL, false},
    {"[organization_id]", FILTER_ORGANIZATION, NULL, false},
    {"[password_category_id]", FILTER_PARENT, NULL, false},
    {"[url]", FILTER_ATTRIBUTE, "url", false},
    {"[cached_resource_name]", FILTER_ATTRIBUTE, "cached-resource-name", false},
    {"[archived]", FILTER_BOOL, "archived", false},
    {0}};
static const char *const password_sorts[] = {"name",       "username",   "url", "id",
                                             "created_at", "updated_at", NULL};
static const struct include_rule password_includes[] = {
    {"network_glue_networks", INCLUDE_NOTHING, 0, false},
    {"attachments", INCLUDE_NOTHING, 0, false},
    {"rotatable_password", INCLUDE_NOTHING, 0, false},
    {"updater", INCLUDE_NOTHING, 0, false},
    {"shared_links", INCLUDE_NOTHING, 0, false},
    {"active_shared_links", INCLUDE_NOTHING, 0, false},
    {"user_resource_accesses", INCLUDE_CHILDREN, COLLECTION_USER_RESOURCE_ACCESSES, false},
    {"group_resource_accesses", INCLUDE_NOTHING, 0, false},
    {"authorized_users", INCLUDE_AUTHORIZED_USERS, COLLECTION_USERS, true},
    {"recent_versions", INCLUDE_NOTHING, 0, true},
    {"related_items", INCLUDE_NOTHING, 0, true},
    {0}};

static const struct filter_rule user_filters[] = {
    {"[id]", FILTER_ID, NULL, false},
    {"[name]", FILTER_NAME, NULL, false},
    {"[email]", FILTER_ATTRIBUTE, "email", false},
    {"[role_name]", FILTER_ATTRIBUTE, "role-name", false},
    {0}};
static const struct include_rule group_includes[] = {
    {"users", INCLUDE_NOTHING, 0, false},
    {"organizations", INCLUDE_NOTHING, 0, false},
    {"resource_type_restrictions", INCLUDE_NOTHING, 0, false},
    {"my_glue_account", INCLUDE_NOTHING, 0, false},
    {0}};
static const struct filter_rule log_filters[] = {{"[created_at]", FILTER_CREATED, NULL, false},
                                                 {0}};
static const char *const log_sorts[] = {"created_at", NULL};

#define EVERYWHERE (ROUTE_INDEX | ROUTE_NESTED | ROUTE_SHOW)
#define ACCOUNT_WIDE (ROUTE_INDEX | ROUTE_SHOW)

static const struct endpoint endpoints[] = {
    {COLLECTION_ORGANIZATIONS, ACCOUNT_WIDE, NULL, organization_filters, organization_sorts,
     organization_includes},
    {COLLECTION_ORGANIZATION_TYPES, ACCOUNT_WIDE, NULL, name_filters, common_sorts, no_includes},
    {COLLECTION_ORGANIZATION_STATUSES, ACCOUNT_WIDE, NULL, name_filters, common_sorts, no_includes},
    {COLLECTION_FLEXIBLE_ASSET_TYPES, ACCOUNT_WIDE, NULL, type_filters, common_sorts,
     type_includes},
    {COLLECTION_FLEXIBLE_ASSET_FIELDS, ROUTE_BELOW_TYPE | ROUTE_SHOW, NULL, id_filters, date_sorts,
     field_includes},
    {COLLECTION_FLEXIBLE_ASSETS, EVERYWHERE, NULL, asset_filters, asset_sorts, asset_includes},
    {COLLECTION_DOCUMENTS, EVERYWHERE, "2026-01", document_filters, no_sorts, document_includes},
    {COLLECTION_DOCUMENT_FOLDERS, EVERYWHERE, "2026-07", folder_filters, folder_sorts,
     folder_includes},
    {COLLECTION_DOCUMENT_IMAGES, ROUTE_SHOW, "2026-01", no_filters, no_sorts, no_includes},
    {COLLECTION_CHECKLISTS, EVERYWHERE, "2026-02", checklist_filters, checklist_sorts,
     checklist_includes},
    {COLLECTION_CHECKLIST_TEMPLATES, EVERYWHERE, "2026-02", no_filters, common_sorts, no_includes},
    {COLLECTION_PASSWORDS, EVERYWHERE, NULL, password_filters, password_sorts, password_includes},
    {COLLECTION_PASSWORD_CATEGORIES, ACCOUNT_WIDE, NULL, name_filters, common_sorts, no_includes},
    {COLLECTION_PASSWORD_FOLDERS, ROUTE_NESTED | ROUTE_SHOW, "2026-02", id_filters, date_sorts,
     folder_includes},
    {COLLECTION_USERS, ACCOUNT_WIDE, NULL, user_filters, common_sorts, no_includes},
    {COLLECTION_GROUPS, ACCOUNT_WIDE, NULL, name_filters, common_sorts, group_includes},
    {COLLECTION_LOGS, ROUTE_INDEX, NULL, log_filters, log_sorts, no_includes},
};

const struct endpoint *endpoint_find(const char *name)
{
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        if (strcmp(collection_name(endpoints[i].collection), name) == 0)
            return &endpoints[i];
    }
    return NULL;
}

const struct endpoint *endpoint_sections(void)
{
    static const struct endpoint sections = {
        COLLECTION_DOCUMENT_SECTIONS, 0, "2026-01", section_filters, section_sorts, no_includes};
    return &sections;
}
