#include "mutation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "memory.h"
#include "moment.h"

static void remove_row(struct change *change, enum collection_id id, const struct row *row)
{
    if (id == COLLECTION_DOCUMENTS)
        change_count_folder(change, row->parent_id, -1);
    collection_remove(change_collection(change, id), row->id);
}

static void delete_of(struct change *change, enum collection_id id)
{
    const struct row *row = change_row(change, id);
    if (row)
        remove_row(change, id, row);
}

static void delete_row(struct change *change)
{
    enum collection_id id;
    if (collection_find_name(
            change_text(change, "collection") ? change_text(change, "collection") : "", &id))
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

static void set_attribute(struct change *change)
{
    enum collection_id id;
    const char *name = change_text(change, "collection"), *key = change_text(change, "key");
    json_t *value = json_object_get(change->input, "value");
    if (!name || !key || !value || !collection_find_name(name, &id)) {
        change->problem = "set_attribute wants collection, id, key and value";
        return;
    }
    struct row *row = change_row(change, id);
    if (row) {
        change_set(change, id, row, key, value);
        change_finish(change, id, row);
    }
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
    struct row *row = change_row(change, COLLECTION_DOCUMENTS);
    if (!row)
        return;
    if (change_text(change, "name"))
        row_rename(row, change_text(change, "name"));
    if (change_text(change, "html"))
        edit_html(row, change_text(change, "html"));
    change_finish(change, COLLECTION_DOCUMENTS, row);
}

/* A twin of a row under a new id, with members of "attributes" changed: how anything is added. */
static void copy_row(struct change *change)
{
    enum collection_id id;
    const char *name = change_text(change, "collection"), *key;
    const struct row *row = NULL;
    if (name && collection_find_name(name, &id))
        row = change_row(change, id);
    if (!row) {
        change->problem = "copy_row wants collection and id";
        return;
    }
    struct text attributes = {0};
    text_append(&attributes, row->attributes, row->attributes_length);
    struct collection *collection = change_collection(change, id);
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
        change_count_folder(change, copy->parent_id, 1);
    json_t *value, *changes = json_object_get(change->input, "attributes");
    json_object_foreach(changes, key, value)
    {
        change_set(change, id, copy, key, value);
    }
    change_finish(change, id, copy);
}

/* Whether a task's edit moves its checklist is unknown: "bump_checklist" decides. */
static void complete_task(struct change *change)
{
    struct row *task = change_row(change, COLLECTION_CHECKLIST_TASKS);
    char moment[MOMENT_SIZE];
    if (!task)
        return;
    row_edit(task, "completed", "true");
    row_edit_string(task, "completed-at", moment_format(moment, change_now(change)));
    change_finish(change, COLLECTION_CHECKLIST_TASKS, task);
    struct row *checklist = account_find(change->account, COLLECTION_CHECKLISTS, task->parent_id);
    if (checklist && change_flag(change, "bump_checklist", false)) {
        row_touch(checklist, change_now(change));
        collection_changed(change_collection(change, COLLECTION_CHECKLISTS));
    }
}

/* The key named by "key", or the first one. */
static struct api_key *key_of(struct change *change)
{
    const char *text = change_text(change, "key");
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
        key->revoked = strcmp(change_text(change, "op"), "revoke_key") == 0;
}

static void password_access(struct change *change)
{
    struct api_key *key = key_of(change);
    if (key)
        key->password_access = change_flag(change, "on", true);
}

static void add_key(struct change *change)
{
    char made[KEY_SIZE];
    const char *text = change_text(change, "key");
    const char *account = change_text(change, "account");
    bool second = account && strcmp(account, "second") == 0;
    struct emulator *emulator = change->emulator;
    emulator_make_key(emulator->account->plan.seed + 31 * emulator->key_count, made);
    if (text && emulator_find_key(emulator, text)) {
        change->problem = "that key exists";
        return;
    }
    struct api_key *key = emulator_add_key(emulator, text ? text : made,
                                           second ? emulator_second(emulator) : emulator->account,
                                           change_flag(change, "password_access", true));
    if (key)
        json_object_set_new(change->reply, "key", json_string(key->text));
    else
        change->problem = "too many keys, or too long a key";
}

static const struct {
    const char *name;
    void (*run)(struct change *change);
} operations[] = {
    {"rename_organization", mutate_rename_organization},
    {"delete_organization", mutate_delete_organization},
    {"insert_organization", mutate_insert_organization},
    {"update_document", update_document},
    {"delete_document", delete_document},
    {"add_password", mutate_add_password},
    {"set_password_value", mutate_set_password_value},
    {"set_password_category", mutate_set_password_category},
    {"move_password", mutate_move_password},
    {"delete_password", delete_password},
    {"add_flexible_asset_type", mutate_add_type},
    {"enable_flexible_asset_type", mutate_enable_type},
    {"disable_flexible_asset_type", mutate_enable_type},
    {"delete_flexible_asset_type", mutate_delete_type},
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
    const char *name = change_text(change, "op");
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
