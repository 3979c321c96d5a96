#include "server/source/itglue/reveal.h"

#include <string.h>
#include <strings.h>

#include "server/base/encoding.h"
#include "server/base/utf8.h"
#include "server/source/itglue/text.h"

enum { DEPTH_MAX = 64 };

enum {
    KEY_NONE,
    KEY_DATA,
    KEY_ATTRIBUTES,
    KEY_ID,
    KEY_PASSWORD,
    KEY_ORGANIZATION,
    KEY_CATEGORY,
    KEY_FOLDER,
    KEY_RESTRICTED,
    KEY_ARCHIVED,
    KEY_PERSONAL,
    KEY_VAULT,
    KEY_UPDATED,
};

static const struct {
    const char *name;
    int key;
} attribute_keys[] = {
    {"password", KEY_PASSWORD},
    {"organization-id", KEY_ORGANIZATION},
    {"password-category-id", KEY_CATEGORY},
    {"password-folder-id", KEY_FOLDER},
    {"restricted", KEY_RESTRICTED},
    {"archived", KEY_ARCHIVED},
    {"personal", KEY_PERSONAL},
    {"vault-id", KEY_VAULT},
    {"password-updated-at", KEY_UPDATED},
};

static int on_start(struct itglue_reveal *reveal, bool is_map)
{
    if (++reveal->depth > DEPTH_MAX || (reveal->depth == 1 && !is_map))
        return 0;
    itglue_authorized_start(&reveal->authorized, reveal->depth);
    bool inside = reveal->attributes_depth != 0 && reveal->depth == reveal->attributes_depth + 1;
    if (inside && reveal->key == KEY_VAULT)
        reveal->password.vaulted = true;
    else if (inside && reveal->key != KEY_NONE)
        return 0; // a value that matters is no scalar
    if (is_map && reveal->depth == 2 && reveal->key == KEY_DATA)
        reveal->data_depth = 2;
    else if (is_map && reveal->depth == 3 && reveal->data_depth == 2 &&
             reveal->key == KEY_ATTRIBUTES)
        reveal->attributes_depth = 3;
    reveal->key = KEY_NONE;
    return 1;
}

static int on_end(struct itglue_reveal *reveal)
{
    itglue_authorized_end(&reveal->authorized, reveal->depth);
    if (reveal->depth == reveal->attributes_depth)
        reveal->attributes_depth = 0;
    if (reveal->depth == reveal->data_depth)
        reveal->data_depth = 0;
    reveal->depth--;
    reveal->key = KEY_NONE;
    return 1;
}

static int on_start_map(void *context)
{
    return on_start(context, true);
}

static int on_start_array(void *context)
{
    return on_start(context, false);
}

static int on_end_container(void *context)
{
    return on_end(context);
}

static int on_key(void *context, const unsigned char *bytes, size_t len)
{
    struct itglue_reveal *reveal = context;
    const char *key = (const char *)bytes;
    itglue_authorized_key(&reveal->authorized, reveal->depth, key, len);
    reveal->key = KEY_NONE;
    if (reveal->depth == 1 && itglue_text_key_is(key, len, "data"))
        reveal->key = KEY_DATA;
    if (reveal->depth == 2 && reveal->data_depth == 2) {
        if (itglue_text_key_is(key, len, "id"))
            reveal->key = KEY_ID;
        if (itglue_text_key_is(key, len, "attributes"))
            reveal->key = KEY_ATTRIBUTES;
    }
    for (size_t i = 0; i < ARRAY_LEN(attribute_keys) && reveal->depth == reveal->attributes_depth;
         i++) {
        if (itglue_text_key_is(key, len, attribute_keys[i].name))
            reveal->key = attribute_keys[i].key;
    }
    return 1;
}

static bool set_id(int64_t *id, const struct itglue_scalar *scalar)
{
    *id = itglue_scalar_id(scalar);
    return *id != 0 || scalar->type == ITGLUE_NULL;
}

static bool set_flag(bool *flag, const struct itglue_scalar *scalar)
{
    bool text = scalar->type == ITGLUE_STRING || scalar->type == ITGLUE_NUMBER;
    bool yes = text && ((scalar->len == 1 && scalar->text[0] == '1') ||
                        (scalar->len == 4 && strncasecmp(scalar->text, "true", 4) == 0));
    bool no = text && ((scalar->len == 1 && scalar->text[0] == '0') ||
                       (scalar->len == 5 && strncasecmp(scalar->text, "false", 5) == 0));
    *flag = scalar->type == ITGLUE_TRUE || yes;
    return !text || yes || no;
}

// Replaces the value: of a member that comes twice the last one counts.
static bool set_value(struct itglue_reveal *reveal, const struct itglue_scalar *scalar)
{
    struct source_password *password = &reveal->password;
    password->value = secret_free(password->value);
    if (scalar->type == ITGLUE_NULL)
        return true;
    if (scalar->type == ITGLUE_TRUE || scalar->type == ITGLUE_FALSE)
        return false;
    // A value that is no text cannot be handed on, and one mended would be another value; so would
    // one that is cut at a NUL.
    if (!utf8_valid(scalar->text, scalar->len) || memchr(scalar->text, '\0', scalar->len) != NULL)
        return false;
    password->value = secret_copy(scalar->text, scalar->len);
    return password->value != NULL;
}

static bool set_time(int64_t *time_us, const struct itglue_scalar *scalar)
{
    char text[40];
    *time_us = 0;
    if (scalar->type == ITGLUE_STRING && scalar->len < sizeof(text)) {
        memcpy(text, scalar->text, scalar->len);
        text[scalar->len] = '\0';
        *time_us = itglue_text_time_us(text, scalar->len);
    }
    return true;
}

static int on_scalar(struct itglue_reveal *reveal, const struct itglue_scalar *scalar)
{
    struct source_password *password = &reveal->password;
    int key = reveal->key;
    reveal->key = KEY_NONE;
    itglue_authorized_scalar(&reveal->authorized, reveal->depth, scalar);
    switch (key) {
    case KEY_ID:
        return set_id(&password->id, scalar);
    case KEY_PASSWORD:
        return set_value(reveal, scalar);
    case KEY_ORGANIZATION:
        return set_id(&password->organization_id, scalar);
    case KEY_CATEGORY:
        return set_id(&password->category_id, scalar);
    case KEY_FOLDER:
        return set_id(&password->folder_id, scalar);
    case KEY_RESTRICTED:
        return set_flag(&password->restricted, scalar);
    case KEY_ARCHIVED:
        return set_flag(&password->archived, scalar);
    case KEY_PERSONAL:
        return set_flag(&password->personal, scalar);
    case KEY_VAULT:
        password->vaulted = scalar->type != ITGLUE_NULL;
        return 1;
    case KEY_UPDATED:
        return set_time(&password->password_update_time_us, scalar);
    default:
        return 1;
    }
}

static int on_null(void *context)
{
    return on_scalar(context, &(struct itglue_scalar){.type = ITGLUE_NULL});
}

static int on_boolean(void *context, int flag)
{
    return on_scalar(context, &(struct itglue_scalar){.type = flag ? ITGLUE_TRUE : ITGLUE_FALSE});
}

static int on_number(void *context, const char *text, size_t len)
{
    return on_scalar(context, &(struct itglue_scalar){ITGLUE_NUMBER, text, len});
}

static int on_string(void *context, const unsigned char *text, size_t len)
{
    return on_scalar(context, &(struct itglue_scalar){ITGLUE_STRING, (const char *)text, len});
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end_container,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end_container,
};

bool itglue_reveal_init(struct itglue_reveal *reveal, const char *email)
{
    *reveal = (struct itglue_reveal){.authorized = {.email = email}};
    if (!itglue_guard_init(&reveal->guard))
        return false;
    reveal->yajl = yajl_alloc(&callbacks, &reveal->guard.funcs, reveal);
    // Only the value must be UTF-8, which is checked where it is taken.
    return reveal->yajl != NULL && yajl_config(reveal->yajl, yajl_dont_validate_strings, 1);
}

void itglue_reveal_done(struct itglue_reveal *reveal)
{
    reveal->password.value = secret_free(reveal->password.value);
    if (reveal->yajl != NULL)
        yajl_free(reveal->yajl);
    reveal->yajl = NULL;
    itglue_guard_done(&reveal->guard);
}

bool itglue_reveal_feed(struct itglue_reveal *reveal, const char *bytes, size_t len)
{
    if (!reveal->malformed)
        reveal->malformed =
            yajl_parse(reveal->yajl, (const unsigned char *)bytes, len) != yajl_status_ok;
    return !reveal->malformed;
}

enum err_code itglue_reveal_finish(struct itglue_reveal *reveal, int64_t password_id,
                                   struct source_password *ret_password, struct err *reterr)
{
    if (reveal->malformed || yajl_complete_parse(reveal->yajl) != yajl_status_ok)
        return err_set(reterr, ERR_UPSTREAM_ANSWER_INVALID, "the answer is no password record");
    if (reveal->password.id != password_id || reveal->password.organization_id == 0)
        return err_set(reterr, ERR_UPSTREAM_ANSWER_INVALID,
                       "the answer is not the record that was asked for");
    reveal->password.user_authorized = itglue_authorized_found(&reveal->authorized);
    *ret_password = reveal->password;
    reveal->password.value = NULL;
    return ERR_OK;
}
