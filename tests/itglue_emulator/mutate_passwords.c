/* Changes of passwords. */
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "memory.h"
#include "moment.h"

static void set_password_id(struct change *change, const char *input, const char *key)
{
    struct row *row = change_row(change, COLLECTION_PASSWORDS);
    if (!row)
        return;
    json_t *value = change_id(change, input) ? json_integer(change_id(change, input)) : json_null();
    change_set(change, COLLECTION_PASSWORDS, row, key, value);
    json_decref(value);
    change_finish(change, COLLECTION_PASSWORDS, row);
}

void mutate_set_password_category(struct change *change)
{
    set_password_id(change, "category_id", "password-category-id");
}

void mutate_move_password(struct change *change)
{
    if (account_find(change->account, COLLECTION_ORGANIZATIONS,
                     change_id(change, "organization_id")))
        set_password_id(change, "organization_id", "organization-id");
    else
        change->problem = "move_password wants an organization_id that exists";
}

void mutate_set_password_value(struct change *change)
{
    struct row *row = change_row(change, COLLECTION_PASSWORDS);
    if (!row)
        return;
    const char *value = change_text(change, "value");
    char moment[MOMENT_SIZE];
    free(row->secret);
    row->secret = value ? memory_text(value) : NULL;
    row_edit_string(row, "password-updated-at", moment_format(moment, change_now(change)));
    change_finish(change, COLLECTION_PASSWORDS, row);
}

void mutate_add_password(struct change *change)
{
    const struct row *owner = account_find(change->account, COLLECTION_ORGANIZATIONS,
                                           change_id(change, "organization_id"));
    const struct row *category = account_find(change->account, COLLECTION_PASSWORD_CATEGORIES,
                                              change_id(change, "category_id"));
    const char *name = change_text(change, "name") ? change_text(change, "name") : "New password";
    if (!owner) {
        change->problem = "add_password wants an organization_id that exists";
        return;
    }
    struct text attributes = {0};
    text_put(&attributes, "{");
    attr_id(&attributes, "organization-id", owner->id);
    attr_text(&attributes, "organization-name", owner->name);
    attr_raw(&attributes, "resource-url", "null");
    attr_bool(&attributes, "restricted", change_flag(change, "restricted", false));
    attr_bool(&attributes, "my-glue", false);
    attr_text(&attributes, "name", name);
    attr_text(&attributes, "username", change_text(change, "username"));
    attr_text(&attributes, "url", change_text(change, "url"));
    attr_text(&attributes, "notes", change_text(change, "notes"));
    attr_time(&attributes, "password-updated-at", change_now(change));
    attr_raw(&attributes, "resource-id", "null");
    attr_raw(&attributes, "resource-type", "null");
    attr_id(&attributes, "password-category-id", category ? category->id : 0);
    attr_text(&attributes, "password-category-name", category ? category->name : NULL);
    attr_raw(&attributes, "password-folder-id", "null");
    attr_bool(&attributes, "otp-enabled", false);
    attr_raw(&attributes, "vault-id", change_flag(change, "vaulted", false) ? "61" : "null");
    attr_bool(&attributes, "archived", change_flag(change, "archived", false));
    attr_bool(&attributes, "personal", false);
    struct row *row = change_insert(change, COLLECTION_PASSWORDS, name, &attributes);
    row->organization_id = owner->id;
    row->parent_id = category ? category->id : 0;
    row->restricted = change_flag(change, "restricted", false);
    row->archived = change_flag(change, "archived", false);
    row->vaulted = change_flag(change, "vaulted", false);
    row->secret = change_text(change, "value") ? memory_text(change_text(change, "value")) : NULL;
    change_finish(change, COLLECTION_PASSWORDS, row);
}
