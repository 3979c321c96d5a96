// Sources: the developer reference ("official"), clients that ran against the live service
// ("live"), or client code alone ("code").
#include "server/source/itglue/kind.h"

#define ROW(key, target)                                \
    {                                                   \
        (key), ITGLUE_##target, ITGLUE_INTEGER, NULL, 0 \
    }
#define FLAG(key, target)                               \
    {                                                   \
        (key), ITGLUE_##target, ITGLUE_BOOLEAN, NULL, 0 \
    }
#define TIME(key, target)                            \
    {                                                \
        (key), ITGLUE_##target, ITGLUE_TIME, NULL, 0 \
    }
#define TEXT(key, target)                            \
    {                                                \
        (key), ITGLUE_##target, ITGLUE_TEXT, NULL, 0 \
    }
// A member of the body as it is written, with the comma before it.
#define MEMBER(body_key) ",\"" body_key "\":", sizeof(",\"" body_key "\":") - 1
#define BODY(key, form, body_key)                           \
    {                                                       \
        (key), ITGLUE_BODY, ITGLUE_##form, MEMBER(body_key) \
    }
#define STAMPS TIME("created-at", CREATED), TIME("updated-at", UPDATED)
#define TYPE(name, rows)                \
    {                                   \
        (name), (rows), ARRAY_LEN(rows) \
    }

// There is no psa-id: the PSA's id is the remote-id of an adapters-resource (live).
static const struct itglue_attribute organization[] = {
    TEXT("name", NAME),
    TEXT("resource-url", WEB_URL),
    STAMPS,
    BODY("short-name", TEXT, "short_name"),
    BODY("organization-type-name", TEXT, "type_name"),
    BODY("organization-status-name", TEXT, "status_name"),
    BODY("primary", BOOLEAN, "primary"),
};
static const struct itglue_attribute adapters_resource[] = {
    BODY("remote-id", TEXT, "remote_id"),
};

static const struct itglue_attribute asset_type[] = {
    TEXT("name", NAME),
    STAMPS,
    BODY("description", TEXT, "description"),
    BODY("icon", TEXT, "icon"),
    BODY("enabled", BOOLEAN, "enabled"),
};
static const struct itglue_attribute asset_field[] = {
    ROW("flexible-asset-type-id", PARENT),
    {"name-key", ITGLUE_FIELD_KEY, ITGLUE_TEXT, MEMBER("key")},
    BODY("name", TEXT, "name"),
    BODY("kind", FIELD_KIND, "kind"),
    {"order", ITGLUE_POSITION, ITGLUE_INTEGER, MEMBER("order")},
    BODY("required", BOOLEAN, "required"),
    BODY("use-for-title", BOOLEAN, "use_for_title"),
    BODY("decimals", INTEGER, "decimals"),
    BODY("tag-type", TEXT, "tag_type"),
    BODY("default-value", FIELD_DEFAULT, "default_value"),
};

static const struct itglue_attribute category[] = {
    TEXT("name", NAME),
    STAMPS,
};

#define FOLDER_ROWS                                                                          \
    TEXT("name", NAME), TEXT("resource-url", WEB_URL), ROW("organization-id", ORGANIZATION), \
        ROW("parent-id", FOLDER), FLAG("restricted", RESTRICTED), STAMPS,                    \
        BODY("ancestor-ids", IDS, "ancestor_ids")
static const struct itglue_attribute document_folder[] = {
    FOLDER_ROWS,
    ROW("documents-count", DOCUMENT_COUNT),
};
static const struct itglue_attribute password_folder[] = {FOLDER_ROWS};

// `content` has been seen as an array in lists (live) and as text (code); `sections` is what a
// single document may have instead (unknown).
static const struct itglue_attribute document[] = {
    TEXT("name", NAME),
    TEXT("resource-url", WEB_URL),
    ROW("organization-id", ORGANIZATION),
    ROW("document-folder-id", FOLDER),
    FLAG("restricted", RESTRICTED),
    FLAG("archived", ARCHIVED),
    STAMPS,
    TIME("published-at", PUBLISHED),
    BODY("content", SECTIONS, "sections"),
    {"sections", ITGLUE_SECTIONS_AGAIN, ITGLUE_SECTIONS, NULL, 0},
    BODY("is-uploaded", BOOLEAN, "is_uploaded"),
};

static const struct itglue_attribute asset[] = {
    TEXT("name", NAME),
    TEXT("resource-url", WEB_URL),
    ROW("organization-id", ORGANIZATION),
    ROW("flexible-asset-type-id", TYPE),
    FLAG("restricted", RESTRICTED),
    FLAG("archived", ARCHIVED),
    STAMPS,
    BODY("flexible-asset-type-name", TEXT, "type_name"),
    BODY("traits", TRAITS, "traits"),
};

#define CHECKLIST_REST                                                              \
    BODY("completed-at", TEXT, "completed_at"), BODY("due-date", TEXT, "due_date"), \
        BODY("assignee-id", INTEGER, "assignee_id"), BODY("assignee-name", TEXT, "assignee_name")
#define CHECKLIST_BODY                                                                 \
    BODY("description", TEXT, "description"), BODY("completed", BOOLEAN, "completed"), \
        CHECKLIST_REST
static const struct itglue_attribute checklist[] = {
    TEXT("name", NAME),
    TEXT("resource-url", WEB_URL),
    ROW("organization-id", ORGANIZATION),
    ROW("checklist-template-id", TYPE),
    FLAG("restricted", RESTRICTED),
    FLAG("archived", ARCHIVED),
    STAMPS,
    BODY("description", TEXT, "description"),
    {"completed", ITGLUE_COMPLETED, ITGLUE_BOOLEAN, MEMBER("completed")},
    CHECKLIST_REST,
};
static const struct itglue_attribute task[] = {
    ROW("checklist-id", PARENT),
    BODY("name", TEXT, "name"),
    BODY("description", TEXT, "description"),
    BODY("completed", BOOLEAN, "completed"),
    BODY("completed-at", TEXT, "completed_at"),
    {"position", ITGLUE_POSITION, ITGLUE_INTEGER, MEMBER("position")},
    BODY("assignee-id", INTEGER, "assignee_id"),
    BODY("due-date", TEXT, "due_date"),
};
static const struct itglue_attribute checklist_template[] = {
    TEXT("name", NAME), TEXT("resource-url", WEB_URL), ROW("organization-id", ORGANIZATION), STAMPS,
    CHECKLIST_BODY,
};

// A vault-id makes the value unreadable for every API.
static const struct itglue_attribute password[] = {
    TEXT("name", NAME),
    TEXT("resource-url", WEB_URL),
    ROW("organization-id", ORGANIZATION),
    ROW("password-folder-id", FOLDER),
    ROW("password-category-id", CATEGORY),
    FLAG("restricted", RESTRICTED),
    FLAG("archived", ARCHIVED),
    FLAG("personal", PERSONAL),
    {"vault-id", ITGLUE_VAULT, ITGLUE_ANY, NULL, 0},
    STAMPS,
    TIME("password-updated-at", PASSWORD_UPDATED),
    BODY("username", TEXT, "username"),
    BODY("url", TEXT, "url"),
    BODY("password-category-name", TEXT, "category_name"),
    BODY("resource-type", TEXT, "resource_type"),
    BODY("resource-id", INTEGER, "resource_id"),
    BODY("cached-resource-name", TEXT, "resource_name"),
    BODY("otp-enabled", BOOLEAN, "otp_enabled"),
};

// The sorts are official but for the folders of passwords (code). Folders of documents and
// checklists answer API keys since 2026, tenant by tenant; templates are known from code alone.
static const struct itglue_kind kinds[SOURCE_KIND_COUNT] = {
    [SOURCE_ORGANIZATIONS] = {.type = TYPE("organizations", organization),
                              .type_certain = true,
                              .resource = "organizations",
                              .sort = "id",
                              .include = "adapters-resources", // in this spelling live
                              .relationship = "adapters-resources",
                              .joined_key = "psa_ids",
                              .joined_scalar = true,
                              .joined = TYPE("adapters-resources", adapters_resource)},
    [SOURCE_FLEXIBLE_ASSET_TYPES] = {.type = TYPE("flexible-asset-types", asset_type),
                                     .type_certain = true,
                                     .resource = "flexible_asset_types",
                                     .sort = "id",
                                     .include = "flexible_asset_fields",
                                     .relationship = "flexible-asset-fields",
                                     .joined_key = "fields",
                                     .joined_required = true, // they tell which traits are secret
                                     .joined = TYPE("flexible-asset-fields", asset_field)},
    [SOURCE_PASSWORD_CATEGORIES] = {.type = TYPE("password-categories", category),
                                    .type_certain = true,
                                    .resource = "password_categories",
                                    .sort = "id"},
    [SOURCE_DOCUMENT_FOLDERS] = {.type = TYPE("document-folders", document_folder),
                                 .ownerless = ITGLUE_OWNER_REQUIRED,
                                 .resource = "document_folders",
                                 .nested_only = true,
                                 .sort = "created_at"},
    [SOURCE_DOCUMENTS] = {.type = TYPE("documents", document),
                          .type_certain = true,
                          .ownerless = ITGLUE_OWNER_REQUIRED,
                          .resource = "documents",
                          .nested_only = true},
    [SOURCE_FLEXIBLE_ASSETS] = {.type = TYPE("flexible-assets", asset),
                                .type_certain = true,
                                .ownerless = ITGLUE_OWNER_REQUIRED,
                                .resource = "flexible_assets",
                                .sort = "created_at"},
    [SOURCE_CHECKLISTS] = {.type = TYPE("checklists", checklist),
                           .ownerless = ITGLUE_OWNER_REQUIRED,
                           .resource = "checklists",
                           .sort = "created_at",
                           .newest_sort = "completed,-updated_at",
                           .include = "checklist_tasks",
                           .relationship = "checklist-tasks",
                           .joined_key = "tasks",
                           .joined = TYPE("checklist-tasks", task)},
    [SOURCE_CHECKLIST_TEMPLATES] = {.type = TYPE("checklist-templates", checklist_template),
                                    .resource = "checklist_templates",
                                    .relationship = "checklist-tasks",
                                    .joined_key = "tasks",
                                    .joined = TYPE("checklist-tasks", task)},
    [SOURCE_PASSWORD_FOLDERS] = {.type = TYPE("password-folders", password_folder),
                                 .ownerless = ITGLUE_OWNER_OF_PATH, // attributes unpublished
                                 .resource = "password_folders",
                                 .nested_only = true,
                                 .sort = "created_at"},
    [SOURCE_PASSWORDS] = {.type = TYPE("passwords", password),
                          .type_certain = true,
                          .ownerless = ITGLUE_OWNER_REQUIRED,
                          .resource = "passwords",
                          .sort = "id"},
};

const struct itglue_kind *itglue_kind(enum source_kind kind)
{
    return &kinds[kind];
}
