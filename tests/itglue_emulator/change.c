#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "moment.h"

const char *change_text(const struct change *change, const char *key)
{
    return json_string_value(json_object_get(change->input, key));
}

int64_t change_id(const struct change *change, const char *key)
{
    const json_t *value = json_object_get(change->input, key);
    char *end;
    return json_is_string(value) ? strtoll(json_string_value(value), &end, 10)
                                 : json_integer_value(value);
}

bool change_flag(const struct change *change, const char *key, bool missing)
{
    const json_t *value = json_object_get(change->input, key);
    return json_is_boolean(value) ? json_is_true(value) : missing;
}

int64_t change_now(const struct change *change)
{
    int64_t wall = moment_wall_ms();
    return wall > change->account->plan.as_of_ms ? wall : change->account->plan.as_of_ms;
}

struct collection *change_collection(const struct change *change, enum collection_id id)
{
    return &change->account->collections[id];
}

struct row *change_row(struct change *change, enum collection_id id)
{
    struct collection *collection = change_collection(change, id);
    const json_t *index = json_object_get(change->input, "index");
    struct row *row = NULL;
    if (!index)
        row = collection_find(collection, change_id(change, "id"));
    else if (json_integer_value(index) >= 0 &&
             (size_t)json_integer_value(index) < collection->count)
        row = collection->rows[json_integer_value(index)];
    if (!row)
        change->problem = "no such row";
    return row;
}

void change_finish(struct change *change, enum collection_id id, struct row *row)
{
    char text[32];
    if (change_flag(change, "touch", true))
        row_touch(row, change_now(change));
    collection_changed(change_collection(change, id));
    snprintf(text, sizeof text, "%" PRId64, row->id);
    json_object_set_new(change->reply, "id", json_string(text));
}

struct row *change_insert(struct change *change, enum collection_id id, const char *name,
                          struct text *attributes)
{
    struct collection *collection = change_collection(change, id);
    int64_t now = change_now(change);
    attr_time(attributes, "created-at", now);
    attr_time(attributes, "updated-at", now);
    text_put(attributes, "}");
    int64_t row_id = collection->count ? collection->rows[collection->count - 1]->id + 3 : 1001;
    struct row *row = row_new(row_id, name, attributes);
    row->created_ms = row->updated_ms = now;
    collection_insert(collection, row);
    return row;
}

void change_count_folder(struct change *change, int64_t folder_id, int64_t by)
{
    struct row *folder = account_find(change->account, COLLECTION_DOCUMENT_FOLDERS, folder_id);
    char *count = folder ? row_scalar(folder, "documents-count") : NULL;
    if (count) {
        char *end, json[32];
        snprintf(json, sizeof json, "%" PRId64, (int64_t)strtoll(count, &end, 10) + by);
        row_edit(folder, "documents-count", json);
        collection_changed(change_collection(change, COLLECTION_DOCUMENT_FOLDERS));
    }
    free(count);
}

/* Everything of a row that stands both in its text and in a member. */
static void set_member(struct change *change, enum collection_id id, struct row *row,
                       const char *key, const json_t *value)
{
    if (strcmp(key, "name") == 0) {
        row_rename(row, json_string_value(value));
    } else if (strcmp(key, "organization-id") == 0) {
        row->organization_id = json_integer_value(value);
        const struct row *owner =
            account_find(change->account, COLLECTION_ORGANIZATIONS, row->organization_id);
        row_edit_string(row, "organization-name", owner ? owner->name : NULL);
    } else if (strcmp(key, "archived") == 0) {
        row->archived = json_is_true(value);
    } else if (strcmp(key, "restricted") == 0) {
        row->restricted = json_is_true(value);
    } else if (strcmp(key, "personal") == 0) {
        row->personal = json_is_true(value);
    } else if (strcmp(key, "vault-id") == 0) {
        row->vaulted = json_is_integer(value);
    } else if (strcmp(key, "password-category-id") == 0) {
        row->parent_id = json_integer_value(value);
        const struct row *category =
            account_find(change->account, COLLECTION_PASSWORD_CATEGORIES, row->parent_id);
        row_edit_string(row, "password-category-name", category ? category->name : NULL);
    } else if (id == COLLECTION_DOCUMENTS && strcmp(key, "document-folder-id") == 0) {
        change_count_folder(change, row->parent_id, -1);
        row->parent_id = json_integer_value(value);
        change_count_folder(change, row->parent_id, 1);
    }
}

void change_set(struct change *change, enum collection_id id, struct row *row, const char *key,
                json_t *value)
{
    char *json = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    row_edit(row, key, json);
    free(json);
    set_member(change, id, row, key, value);
}
