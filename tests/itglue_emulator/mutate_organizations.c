/* Changes of organizations and of flexible asset types. */
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "memory.h"

static bool is_owned(int collection)
{
    return collection != COLLECTION_USER_RESOURCE_ACCESSES && collection != COLLECTION_LOGS;
}

/* The new name shows in every row that repeats it; their own dates stay. */
void mutate_rename_organization(struct change *change)
{
    struct row *row = change_row(change, COLLECTION_ORGANIZATIONS);
    const char *name = change_text(change, "name");
    if (!row || !name) {
        change->problem = "rename_organization wants id and name";
        return;
    }
    row_rename(row, name);
    change_finish(change, COLLECTION_ORGANIZATIONS, row);
    for (int i = 0; i < COLLECTION_COUNT; i++) {
        struct collection *collection = change_collection(change, (enum collection_id)i);
        if (i == COLLECTION_ORGANIZATIONS || !is_owned(i))
            continue;
        size_t count;
        struct row **rows = collection_range(collection, ROW_KEY_ORGANIZATION, row->id, &count);
        struct span old;
        for (size_t k = 0; k < count; k++) {
            if (row_attribute(rows[k]->attributes, rows[k]->attributes_length, "organization-name",
                              &old))
                row_edit_string(rows[k], "organization-name", name);
        }
        collection_changed(collection);
    }
}

void mutate_delete_organization(struct change *change)
{
    const struct row *row = change_row(change, COLLECTION_ORGANIZATIONS);
    if (!row)
        return;
    int64_t id = row->id;
    for (int i = 0; i < COLLECTION_COUNT; i++) {
        if (is_owned(i))
            collection_remove_organization(change_collection(change, (enum collection_id)i), id);
    }
}

void mutate_insert_organization(struct change *change)
{
    const char *name = change_text(change, "name") ? change_text(change, "name") : "New customer";
    const char *remote_id = change_text(change, "remote_id");
    struct text attributes = {0};
    text_put(&attributes, "{");
    attr_text(&attributes, "name", name);
    static const char *const absent[] = {
        "alert",       "description", "organization-type-id",   "organization-type-name",
        "quick-notes", "short-name",  "organization-status-id", "organization-status-name",
        "parent-id",   "ancestor-ids"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        attr_raw(&attributes, absent[i], "null");
    attr_bool(&attributes, "primary", false);
    attr_text(&attributes, "logo", "");
    struct row *row = change_insert(change, COLLECTION_ORGANIZATIONS, name, &attributes);
    row->organization_id = row->id;
    change_finish(change, COLLECTION_ORGANIZATIONS, row);
    if (remote_id) {
        struct text link = {0};
        text_put(&link, "{");
        attr_text(&link, "remote-id", remote_id);
        struct row *linked = change_insert(change, COLLECTION_ADAPTERS_RESOURCES, remote_id, &link);
        linked->parent_id = linked->organization_id = row->id;
    }
}

void mutate_add_type(struct change *change)
{
    const char *name = change_text(change, "name") ? change_text(change, "name") : "New type";
    struct text attributes = {0};
    text_put(&attributes, "{");
    attr_text(&attributes, "name", name);
    attr_raw(&attributes, "description", "null");
    attr_text(&attributes, "icon", "cube");
    attr_bool(&attributes, "show-in-menu", true);
    attr_bool(&attributes, "enabled", true);
    change_finish(change, COLLECTION_FLEXIBLE_ASSET_TYPES,
                  change_insert(change, COLLECTION_FLEXIBLE_ASSET_TYPES, name, &attributes));
}

void mutate_enable_type(struct change *change)
{
    struct row *row = change_row(change, COLLECTION_FLEXIBLE_ASSET_TYPES);
    if (!row)
        return;
    bool on = strcmp(change_text(change, "op"), "enable_flexible_asset_type") == 0;
    row_edit(row, "enabled", on ? "true" : "false");
    row_edit(row, "show-in-menu", on ? "true" : "false");
    change_finish(change, COLLECTION_FLEXIBLE_ASSET_TYPES, row);
}

void mutate_delete_type(struct change *change)
{
    const struct row *row = change_row(change, COLLECTION_FLEXIBLE_ASSET_TYPES);
    if (!row)
        return;
    static const enum collection_id below[] = {COLLECTION_FLEXIBLE_ASSET_FIELDS,
                                               COLLECTION_FLEXIBLE_ASSETS};
    for (size_t i = 0; i < 2; i++) {
        struct collection *collection = change_collection(change, below[i]);
        size_t count;
        struct row **rows = collection_range(collection, ROW_KEY_PARENT, row->id, &count);
        int64_t *ids = memory_get(count, sizeof *ids);
        for (size_t k = 0; k < count; k++)
            ids[k] = rows[k]->id;
        for (size_t k = 0; k < count; k++)
            collection_remove(collection, ids[k]);
        free(ids);
    }
    collection_remove(change_collection(change, COLLECTION_FLEXIBLE_ASSET_TYPES), row->id);
}
