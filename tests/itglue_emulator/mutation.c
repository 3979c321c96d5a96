#include "mutation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "moment.h"

struct change { /* one operation on its way */
    struct emulator *emulator;
    struct account *account;
    const json_t *input;
    json_t *reply;
    const char *problem;
};

static const char *text_of(const struct change *change, const char *key)
{
    return json_string_value(json_object_get(change->input, key));
}

static int64_t id_of(const struct change *change, const char *key)
{
    const json_t *value = json_object_get(change->input, key);
    char *end;
    return json_is_string(value) ? strtoll(json_string_value(value), &end, 10)
                                 : json_integer_value(value);
}

static bool flag_of(const struct change *change, const char *key, bool missing)
{
    const json_t *value = json_object_get(change->input, key);
    return json_is_boolean(value) ? json_is_true(value) : missing;
}

static int64_t now_of(const struct change *change)
{
    int64_t wall = moment_wall_ms();
    return wall > change->account->plan.as_of_ms ? wall : change->account->plan.as_of_ms;
}

static struct collection *collection_of(const struct change *change, enum collection_id id)
{
    return &change->account->collections[id];
}

/* The row by "id", or by its "index" in the order of ids. */
static struct row *row_of(struct change *change, enum collection_id id)
{
    struct collection *collection = collection_of(change, id);
    const json_t *index = json_object_get(change->input, "index");
    struct row *row = NULL;
    if (!index)
        row = collection_find(collection, id_of(change, "id"));
    else if (json_integer_value(index) >= 0 &&
             (size_t)json_integer_value(index) < collection->count)
        row = collection->rows[json_integer_value(index)];
    if (!row)
        change->problem = "no such row";
    return row;
}

static void finish(struct change *change, enum collection_id id, struct row *row)
{
    char text[32];
    if (flag_of(change, "touch", true))
        row_touch(row, now_of(change));
    collection_changed(collection_of(change, id));
    snprintf(text, sizeof text, "%" PRId64, row->id);
    json_object_set_new(change->reply, "id", json_string(text));
}

static bool is_owned(int collection)
{
    return collection != COLLECTION_USER_RESOURCE_ACCESSES && collection != COLLECTION_LOGS;
}

/* The new name shows in every row that repeats it; their own dates stay. */
static void rename_organization(struct change *change)
{
    struct row *row = row_of(change, COLLECTION_ORGANIZATIONS);
    const char *name = text_of(change, "name");
    if (!row || !name) {
        change->problem = "rename_organization wants id and name";
        return;
    }
    row_rename(row, name);
    finish(change, COLLECTION_ORGANIZATIONS, row);
    for (int i = 0; i < COLLECTION_COUNT; i++) {
        struct collection *collection = collection_of(change, (enum collection_id)i);
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

static void delete_organization(struct change *change)
{
    const struct row *row = row_of(change, COLLECTION_ORGANIZATIONS);
    if (!row)
        return;
    int64_t id = row->id;
    for (int i = 0; i < COLLECTION_COUNT; i++) {
        if (is_owned(i))
            collection_remove_organization(collection_of(change, (enum collection_id)i), id);
    }
}

static void adjust_folder(struct change *change, int64_t folder_id, int64_t by)
{
    struct row *folder = account_find(change->account, COLLECTION_DOCUMENT_FOLDERS, folder_id);
    char *count = folder ? row_scalar(folder, "documents-count") : NULL;
    if (count) {
        char *end, json[32];
        snprintf(json, sizeof json, "%" PRId64, (int64_t)strtoll(count, &end, 10) + by);
        row_edit(folder, "documents-count", json);
        collection_changed(collection_of(change, COLLECTION_DOCUMENT_FOLDERS));
    }
    free(count);
}

static void remove_row(struct change *change, enum collection_id id, const struct row *row)
{
    if (id == COLLECTION_DOCUMENTS)
        adjust_folder(change, row->parent_id, -1);
    collection_remove(collection_of(change, id), row->id);
}

static void delete_of(struct change *change, enum collection_id id)
{
    const struct row *row = row_of(change, id);
    if (row)
        remove_row(change, id, row);
}

static void delete_row(struct change *change)
{
    enum collection_id id;
    if (collection_find_name(text_of(change, "collection") ? text_of(change, "collection") : "",
                             &id))
        delete_of(change, id);
    else
        change->problem = "delete_row wants a collection";
}

static void delete_document(struct change *change)
{
    delete_of(change, COLLECTION_DOCUMENTS);
}

static void delete_password(struct change *change)
{
    delete_of(change, COLLECTION_PASSWORDS);
}

static void delete_type(struct change *change)
{
    const struct row *row = row_of(change, COLLECTION_FLEXIBLE_ASSET_TYPES);
    if (!row)
        return;
    static const enum collection_id below[] = {COLLECTION_FLEXIBLE_ASSET_FIELDS,
                                               COLLECTION_FLEXIBLE_ASSETS};
    for (size_t i = 0; i < 2; i++) {
        struct collection *collection = collection_of(change, below[i]);
        size_t count;
        struct row **rows = collection_range(collection, ROW_KEY_PARENT, row->id, &count);
        int64_t *ids = memory_get(count, sizeof *ids);
        for (size_t k = 0; k < count; k++)
            ids[k] = rows[k]->id;
        for (size_t k = 0; k < count; k++)
            collection_remove(collection, ids[k]);
        free(ids);
    }
    collection_remove(collection_of(change, COLLECTION_FLEXIBLE_ASSET_TYPES), row->id);
}

static void enable_type(struct change *change)
{
    struct row *row = row_of(change, COLLECTION_FLEXIBLE_ASSET_TYPES);
    if (!row)
        return;
    bool on = strcmp(text_of(change, "op"), "enable_flexible_asset_type") == 0;
    row_edit(row, "enabled", on ? "true" : "false");
    row_edit(row, "show-in-menu", on ? "true" : "false");
    finish(change, COLLECTION_FLEXIBLE_ASSET_TYPES, row);
}

static struct row *insert_open(struct change *change, enum collection_id id, const char *name,
                               struct text *attributes)
{
    struct collection *collection = collection_of(change, id);
    int64_t now = now_of(change);
    attr_time(attributes, "created-at", now);
    attr_time(attributes, "updated-at", now);
    text_put(attributes, "}");
    int64_t row_id = collection->count ? collection->rows[collection->count - 1]->id + 3 : 1001;
    struct row *row = row_new(row_id, name, attributes);
    row->created_ms = row->updated_ms = now;
    collection_insert(collection, row);
    return row;
}

static void add_type(struct change *change)
{
    const char *name = text_of(change, "name") ? text_of(change, "name") : "New type";
    struct text attributes = {0};
    text_put(&attributes, "{");
    attr_text(&attributes, "name", name);
    attr_raw(&attributes, "description", "null");
    attr_text(&attributes, "icon", "cube");
    attr_bool(&attributes, "show-in-menu", true);
    attr_bool(&attributes, "enabled", true);
    finish(change, COLLECTION_FLEXIBLE_ASSET_TYPES,
           insert_open(change, COLLECTION_FLEXIBLE_ASSET_TYPES, name, &attributes));
}

static void insert_organization(struct change *change)
{
    const char *name = text_of(change, "name") ? text_of(change, "name") : "New customer";
    const char *remote_id = text_of(change, "remote_id");
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
    struct row *row = insert_open(change, COLLECTION_ORGANIZATIONS, name, &attributes);
    row->organization_id = row->id;
    finish(change, COLLECTION_ORGANIZATIONS, row);
    if (remote_id) {
        struct text link = {0};
        text_put(&link, "{");
        attr_text(&link, "remote-id", remote_id);
        struct row *linked = insert_open(change, COLLECTION_ADAPTERS_RESOURCES, remote_id, &link);
        linked->parent_id = linked->organization_id = row->id;
    }
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
        adjust_folder(change, row->parent_id, -1);
        row->parent_id = json_integer_value(value);
        adjust_folder(change, row->parent_id, 1);
    }
}

static void set_key(struct change *change, enum collection_id id, struct row *row, const char *key,
                    json_t *value)
{
    char *json = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    row_edit(row, key, json);
    free(json);
    set_member(change, id, row, key, value);
}

static void set_attribute(struct change *change)
{
    enum collection_id id;
    const char *name = text_of(change, "collection"), *key = text_of(change, "key");
    json_t *value = json_object_get(change->input, "value");
    if (!name || !key || !value || !collection_find_name(name, &id)) {
        change->problem = "set_attribute wants collection, id, key and value";
        return;
    }
    struct row *row = row_of(change, id);
    if (row) {
        set_key(change, id, row, key, value);
        finish(change, id, row);
    }
}

static void set_password_id(struct change *change, const char *input, const char *key)
{
    struct row *row = row_of(change, COLLECTION_PASSWORDS);
    if (!row)
        return;
    json_t *value = id_of(change, input) ? json_integer(id_of(change, input)) : json_null();
    set_key(change, COLLECTION_PASSWORDS, row, key, value);
    json_decref(value);
    finish(change, COLLECTION_PASSWORDS, row);
}

static void set_password_category(struct change *change)
{
    set_password_id(change, "category_id", "password-category-id");
}

static void move_password(struct change *change)
{
    if (account_find(change->account, COLLECTION_ORGANIZATIONS, id_of(change, "organization_id")))
        set_password_id(change, "organization_id", "organization-id");
    else
        change->problem = "move_password wants an organization_id that exists";
}

static void set_password_value(struct change *change)
{
    struct row *row = row_of(change, COLLECTION_PASSWORDS);
    if (!row)
        return;
    const char *value = text_of(change, "value");
    char moment[MOMENT_SIZE];
    free(row->secret);
    row->secret = value ? memory_text(value) : NULL;
    row_edit_string(row, "password-updated-at", moment_format(moment, now_of(change)));
    finish(change, COLLECTION_PASSWORDS, row);
}

static void add_password(struct change *change)
{
    const struct row *owner =
        account_find(change->account, COLLECTION_ORGANIZATIONS, id_of(change, "organization_id"));
    const struct row *category =
        account_find(change->account, COLLECTION_PASSWORD_CATEGORIES, id_of(change, "category_id"));
    const char *name = text_of(change, "name") ? text_of(change, "name") : "New password";
    if (!owner) {
        change->problem = "add_password wants an organization_id that exists";
        return;
    }
    struct text attributes = {0};
    text_put(&attributes, "{");
    attr_id(&attributes, "organization-id", owner->id);
    attr_text(&attributes, "organization-name", owner->name);
    attr_raw(&attributes, "resource-url", "null");
    attr_bool(&attributes, "restricted", flag_of(change, "restricted", false));
    attr_bool(&attributes, "my-glue", false);
    attr_text(&attributes, "name", name);
    attr_text(&attributes, "username", text_of(change, "username"));
    attr_text(&attributes, "url", text_of(change, "url"));
    attr_text(&attributes, "notes", text_of(change, "notes"));
    attr_time(&attributes, "password-updated-at", now_of(change));
    attr_raw(&attributes, "resource-id", "null");
    attr_raw(&attributes, "resource-type", "null");
    attr_id(&attributes, "password-category-id", category ? category->id : 0);
    attr_text(&attributes, "password-category-name", category ? category->name : NULL);
    attr_raw(&attributes, "password-folder-id", "null");
    attr_bool(&attributes, "otp-enabled", false);
    attr_raw(&attributes, "vault-id", flag_of(change, "vaulted", false) ? "61" : "null");
    attr_bool(&attributes, "archived", flag_of(change, "archived", false));
    attr_bool(&attributes, "personal", false);
    struct row *row = insert_open(change, COLLECTION_PASSWORDS, name, &attributes);
    row->organization_id = owner->id;
    row->parent_id = category ? category->id : 0;
    row->restricted = flag_of(change, "restricted", false);
    row->archived = flag_of(change, "archived", false);
    row->vaulted = flag_of(change, "vaulted", false);
    row->secret = text_of(change, "value") ? memory_text(text_of(change, "value")) : NULL;
    finish(change, COLLECTION_PASSWORDS, row);
}

static void edit_html(struct row *row, const char *html)
{
    struct span span;
    if (!row_attribute(row->attributes, row->attributes_length, "content", &span))
        return;
    json_t *content = json_loadb(span.start, span.length, JSON_ALLOW_NUL, NULL);
    json_t *section = json_array_get(content, 0);
    json_object_set_new(json_object_get(section, "resource"), "content", json_string(html));
    char *json = json_dumps(content, JSON_COMPACT);
    row_edit(row, "content", json);
    free(json);
    json_decref(content);
}

static void update_document(struct change *change)
{
    struct row *row = row_of(change, COLLECTION_DOCUMENTS);
    if (!row)
        return;
    if (text_of(change, "name"))
        row_rename(row, text_of(change, "name"));
    if (text_of(change, "html"))
        edit_html(row, text_of(change, "html"));
    finish(change, COLLECTION_DOCUMENTS, row);
}

/* A twin of a row under a new id, with members of "attributes" changed: how anything is added. */
static void copy_row(struct change *change)
{
    enum collection_id id;
    const char *name = text_of(change, "collection"), *key;
    const struct row *row = NULL;
    if (name && collection_find_name(name, &id))
        row = row_of(change, id);
    if (!row) {
        change->problem = "copy_row wants collection and id";
        return;
    }
    struct text attributes = {0};
    text_append(&attributes, row->attributes, row->attributes_length);
    struct collection *collection = collection_of(change, id);
    struct row *copy =
        row_new(collection->rows[collection->count - 1]->id + 3, row->name, &attributes);
    copy->organization_id = id == COLLECTION_ORGANIZATIONS ? copy->id : row->organization_id;
    copy->parent_id = row->parent_id;
    copy->created_ms = row->created_ms;
    copy->restricted = row->restricted;
    copy->archived = row->archived;
    copy->vaulted = row->vaulted;
    copy->personal = row->personal;
    copy->long_notes = row->long_notes;
    copy->secret = row->secret ? memory_text(row->secret) : NULL;
    collection_insert(collection, copy);
    if (id == COLLECTION_DOCUMENTS)
        adjust_folder(change, copy->parent_id, 1);
    json_t *value, *changes = json_object_get(change->input, "attributes");
    json_object_foreach(changes, key, value) set_key(change, id, copy, key, value);
    finish(change, id, copy);
}

/* Whether a task's edit moves its checklist is unknown: "bump_checklist" decides. */
static void complete_task(struct change *change)
{
    struct row *task = row_of(change, COLLECTION_CHECKLIST_TASKS);
    char moment[MOMENT_SIZE];
    if (!task)
        return;
    row_edit(task, "completed", "true");
    row_edit_string(task, "completed-at", moment_format(moment, now_of(change)));
    finish(change, COLLECTION_CHECKLIST_TASKS, task);
    struct row *checklist = account_find(change->account, COLLECTION_CHECKLISTS, task->parent_id);
    if (checklist && flag_of(change, "bump_checklist", false)) {
        row_touch(checklist, now_of(change));
        collection_changed(collection_of(change, COLLECTION_CHECKLISTS));
    }
}

/* The key named by "key", or the first one. */
static struct api_key *key_of(struct change *change)
{
    const char *text = text_of(change, "key");
    struct api_key *key =
        text ? emulator_find_key(change->emulator, text) : &change->emulator->keys[0];
    if (!key)
        change->problem = "no such key";
    return key;
}

static void revoke_key(struct change *change)
{
    struct api_key *key = key_of(change);
    if (key)
        key->revoked = strcmp(text_of(change, "op"), "revoke_key") == 0;
}

static void password_access(struct change *change)
{
    struct api_key *key = key_of(change);
    if (key)
        key->password_access = flag_of(change, "on", true);
}

static void add_key(struct change *change)
{
    char made[KEY_SIZE];
    const char *text = text_of(change, "key");
    const char *account = text_of(change, "account");
    bool second = account && strcmp(account, "second") == 0;
    struct emulator *emulator = change->emulator;
    emulator_make_key(emulator->account->plan.seed + 31 * emulator->key_count, made);
    if (text && emulator_find_key(emulator, text)) {
        change->problem = "that key exists";
        return;
    }
    struct api_key *key = emulator_add_key(emulator, text ? text : made,
                                           second ? emulator_second(emulator) : emulator->account,
                                           flag_of(change, "password_access", true));
    if (key)
        json_object_set_new(change->reply, "key", json_string(key->text));
    else
        change->problem = "too many keys, or too long a key";
}

static const struct {
    const char *name;
    void (*run)(struct change *change);
} operations[] = {
    {"rename_organization", rename_organization},
    {"delete_organization", delete_organization},
    {"insert_organization", insert_organization},
    {"update_document", update_document},
    {"delete_document", delete_document},
    {"add_password", add_password},
    {"set_password_value", set_password_value},
    {"set_password_category", set_password_category},
    {"move_password", move_password},
    {"delete_password", delete_password},
    {"add_flexible_asset_type", add_type},
    {"enable_flexible_asset_type", enable_type},
    {"disable_flexible_asset_type", enable_type},
    {"delete_flexible_asset_type", delete_type},
    {"complete_checklist_task", complete_task},
    {"set_attribute", set_attribute},
    {"copy_row", copy_row},
    {"delete_row", delete_row},
    {"revoke_key", revoke_key},
    {"restore_key", revoke_key},
    {"add_key", add_key},
    {"password_access", password_access},
};

static void run_operation(struct change *change)
{
    const char *name = text_of(change, "op");
    change->problem = "unknown op";
    for (size_t i = 0; name && i < sizeof operations / sizeof *operations; i++) {
        if (strcmp(operations[i].name, name) == 0) {
            change->problem = NULL;
            operations[i].run(change);
            return;
        }
    }
}

bool mutation_apply(struct emulator *emulator, struct account *account, const json_t *object,
                    json_t **reply, char *problem, size_t size)
{
    *reply = json_array();
    size_t count = json_is_array(object) ? json_array_size(object) : 1;
    for (size_t i = 0; i < count; i++) {
        struct change change = {.emulator = emulator, .account = account, .reply = json_object()};
        change.input = json_is_array(object) ? json_array_get(object, i) : object;
        run_operation(&change);
        json_array_append_new(*reply, change.reply);
        if (change.problem) {
            snprintf(problem, size, "operation %zu: %s", i, change.problem);
            return false;
        }
    }
    return true;
}
