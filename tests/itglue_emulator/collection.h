/*
 * The collections of an account: arrays of rows in the order of their ids, with two lazily built
 * orders beside them (by organization, by parent). Every change raises `version`, which is what the
 * lazy orders and the cache of selections compare. Callers hold the emulator's lock.
 */
#ifndef ITGLUE_EMULATOR_COLLECTION_H
#define ITGLUE_EMULATOR_COLLECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "row.h"

#define COLLECTIONS(X)                                                            \
    X(ORGANIZATIONS, "organizations", "organizations")                            \
    X(ORGANIZATION_TYPES, "organization_types", "organization-types")             \
    X(ORGANIZATION_STATUSES, "organization_statuses", "organization-statuses")    \
    X(ADAPTERS_RESOURCES, "adapters_resources", "adapters-resources")             \
    X(FLEXIBLE_ASSET_TYPES, "flexible_asset_types", "flexible-asset-types")       \
    X(FLEXIBLE_ASSET_FIELDS, "flexible_asset_fields", "flexible-asset-fields")    \
    X(FLEXIBLE_ASSETS, "flexible_assets", "flexible-assets")                      \
    X(DOCUMENTS, "documents", "documents")                                        \
    X(DOCUMENT_SECTIONS, "document_sections", "document-sections")                \
    X(DOCUMENT_FOLDERS, "document_folders", "document-folders")                   \
    X(DOCUMENT_IMAGES, "document_images", "document-images")                      \
    X(CHECKLISTS, "checklists", "checklists")                                     \
    X(CHECKLIST_TASKS, "checklist_tasks", "checklist-tasks")                      \
    X(CHECKLIST_TEMPLATES, "checklist_templates", "checklist-templates")          \
    X(PASSWORDS, "passwords", "passwords")                                        \
    X(PASSWORD_CATEGORIES, "password_categories", "password-categories")          \
    X(PASSWORD_FOLDERS, "password_folders", "password-folders")                   \
    X(USERS, "users", "users")                                                    \
    X(GROUPS, "groups", "groups")                                                 \
    X(USER_RESOURCE_ACCESSES, "user_resource_accesses", "user-resource-accesses") \
    X(LOGS, "logs", "logs")

enum collection_id {
#define X(id, name, type) COLLECTION_##id,
    COLLECTIONS(X)
#undef X
        COLLECTION_COUNT
};

enum row_key { ROW_KEY_ORGANIZATION, ROW_KEY_PARENT, ROW_KEY_COUNT };

struct row_order {
    struct row **rows;
    uint64_t version;
};

struct collection {
    struct row **rows;
    size_t count;
    size_t capacity;
    uint64_t version; /* starts at 1, so that an order never built is out of date */
    struct row_order orders[ROW_KEY_COUNT];
};

/* "flexible_assets", as in paths; its JSON:API type "flexible-assets". */
const char *collection_name(enum collection_id id);
const char *collection_type(enum collection_id id);
bool collection_find_name(const char *name, enum collection_id *id);

void collection_init(struct collection *collection);
void collection_done(struct collection *collection);
/* Takes the row. */
void collection_insert(struct collection *collection, struct row *row);
struct row *collection_find(const struct collection *collection, int64_t id);
void collection_remove(struct collection *collection, int64_t id);
void collection_remove_organization(struct collection *collection, int64_t organization_id);
void collection_changed(struct collection *collection);
/* The rows whose key is `value`, in the order of their ids; valid until the next change. */
struct row **collection_range(struct collection *collection, enum row_key key, int64_t value,
                              size_t *count);

#endif
