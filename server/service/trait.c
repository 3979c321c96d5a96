#include "server/service/trait.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/base/embedded_secret.h"
#include "server/service/documentation.h"

#define KIND(name) DOCBRIDGE__V1__FLEXIBLE_ASSET_TYPE__FIELD__KIND__KIND_##name
#define VALUE(name) DOCBRIDGE__V1__TRAIT__VALUE_##name

enum { ITEMS_MAX = 1000, NUMBER_MAX = 64 };

typedef Docbridge__V1__Trait Trait;

static void decref(json_t **json)
{
    json_decref(*json);
}

// A scalar as text; anything else as JSON.
static enum err_code text_of(struct content *content, const json_t *value, char **ret_text,
                             struct err *reterr)
{
    if (json_is_string(value))
        return content_text(content, json_string_value(value), json_string_length(value), ret_text,
                            reterr);
    if (value == NULL || json_is_null(value))
        return content_text(content, NULL, 0, ret_text, reterr);
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    if (text == NULL)
        return err_no_memory(reterr);
    enum err_code code = content_text(content, text, strlen(text), ret_text, reterr);
    free(text);
    return code;
}

// A number of JSON, with nothing around it.
static bool is_number(const char *text, size_t len)
{
    size_t at = 0, digits;
    if (len == 0 || len > NUMBER_MAX)
        return false;
    at += text[at] == '-' ? 1 : 0;
    digits = strspn(text + at, "0123456789");
    if (digits == 0)
        return false;
    at += digits;
    if (text[at] == '.') {
        digits = strspn(text + at + 1, "0123456789");
        at += 1 + digits;
        if (digits == 0)
            return false;
    }
    if (at < len && (text[at] == 'e' || text[at] == 'E')) {
        at += text[at + 1] == '+' || text[at + 1] == '-' ? 2 : 1;
        digits = strspn(text + at, "0123456789");
        at += digits;
        if (digits == 0)
            return false;
    }
    return at == len;
}

static bool read_checked(const json_t *value, bool *ret_checked)
{
    static const char *const yes[] = {"yes", "true", "1"}, *const no[] = {"no", "false", "0"};
    *ret_checked = json_is_true(value);
    if (json_is_boolean(value))
        return true;
    if (json_is_integer(value)) {
        *ret_checked = json_integer_value(value) == 1;
        return json_integer_value(value) == 0 || *ret_checked;
    }
    const char *text = json_string_value(value);
    for (size_t i = 0; text != NULL && i < ARRAY_LEN(yes); i++) {
        *ret_checked = strcasecmp(text, yes[i]) == 0;
        if (*ret_checked || strcasecmp(text, no[i]) == 0)
            return true;
    }
    return false;
}

static bool known_tag_key(const char *key)
{
    static const char *const known[] = {"id", "name", "resource-url"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strcmp(known[i], key) == 0)
            return true;
    return false;
}

static enum err_code fill_tag(struct content *content, json_t *value, bool shown,
                              Docbridge__V1__Trait__Tag *tag, struct err *reterr)
{
    const char *key;
    json_t *member;
    const bool labelled = content->labelled;
    docbridge__v1__trait__tag__init(tag);
    try_(text_of(content, json_object_get(value, "id"), &tag->upstream_id, reterr));
    if (!shown)
        return ERR_OK;
    try_(text_of(content, json_object_get(value, "name"), &tag->display_name, reterr));
    try_(text_of(content, json_object_get(value, "resource-url"), &tag->upstream_uri, reterr));
    size_t most = json_object_size(value) < ITEMS_MAX ? json_object_size(value) : ITEMS_MAX;
    tag->attributes = arena_calloc(content->arena, most + 1, sizeof(*tag->attributes));
    Docbridge__V1__Trait__TagAttribute *all = arena_calloc(content->arena, most + 1, sizeof(*all));
    if (tag->attributes == NULL || all == NULL)
        return err_no_memory(reterr);
    json_object_foreach(value, key, member)
    {
        if (known_tag_key(key) || json_is_null(member) || tag->n_attributes == most)
            continue;
        Docbridge__V1__Trait__TagAttribute *attribute = &all[tag->n_attributes];
        docbridge__v1__trait__tag_attribute__init(attribute);
        try_(content_text(content, key, strlen(key), &attribute->key, reterr));
        content->labelled = labelled || embedded_secret_is_label(key, strlen(key));
        try_(text_of(content, member, &attribute->value, reterr));
        content->labelled = labelled;
        tag->attributes[tag->n_attributes++] = attribute;
    }
    return ERR_OK;
}

static enum err_code fill_tags(struct content *content, const json_t *value, const char *shown,
                               Trait *trait, struct err *reterr)
{
    const json_t *values = json_object_get(value, "values");
    size_t count = json_array_size(values) < ITEMS_MAX ? json_array_size(values) : ITEMS_MAX;
    Docbridge__V1__Trait__TagList *list = arena_alloc(content->arena, sizeof(*list));
    Docbridge__V1__Trait__Tag *all = arena_calloc(content->arena, count + 1, sizeof(*all));
    if (list == NULL || all == NULL)
        return err_no_memory(reterr);
    docbridge__v1__trait__tag_list__init(list);
    list->tags = arena_calloc(content->arena, count + 1, sizeof(*list->tags));
    if (list->tags == NULL)
        return err_no_memory(reterr);
    try_(text_of(content, json_object_get(value, "type"), &list->upstream_type, reterr));
    for (size_t i = 0; i < count; i++) {
        bool told = *shown == 't';
        shown += *shown != '\0';
        list->tags[list->n_tags++] = &all[i];
        try_(fill_tag(content, json_array_get(values, i), told, &all[i], reterr));
    }
    trait->tags = list;
    trait->value_case = VALUE(TAGS);
    return ERR_OK;
}

// One file, or a list of them.
static enum err_code fill_uploads(struct content *content, const json_t *value, Trait *trait,
                                  struct err *reterr)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    count = count < ITEMS_MAX ? count : ITEMS_MAX;
    Docbridge__V1__Trait__UploadList *list = arena_alloc(content->arena, sizeof(*list));
    Docbridge__V1__Trait__Upload *all = arena_calloc(content->arena, count + 1, sizeof(*all));
    if (list == NULL || all == NULL)
        return err_no_memory(reterr);
    docbridge__v1__trait__upload_list__init(list);
    list->uploads = arena_calloc(content->arena, count + 1, sizeof(*list->uploads));
    if (list->uploads == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        const json_t *file = json_is_array(value) ? json_array_get(value, i) : value;
        Docbridge__V1__Trait__Upload *upload = list->uploads[list->n_uploads++] = &all[i];
        docbridge__v1__trait__upload__init(upload);
        try_(text_of(content, json_object_get(file, "name"), &upload->display_name, reterr));
        try_(text_of(content, json_object_get(file, "url"), &upload->upstream_uri, reterr));
    }
    trait->uploads = list;
    trait->value_case = VALUE(UPLOADS);
    return ERR_OK;
}

// Only ids come as far as here (source.h): each is a password's name, judged when it is used.
static enum err_code fill_passwords(struct content *content, const char *parent,
                                    const json_t *value, Trait *trait, struct err *reterr)
{
    const json_t *values = json_object_get(value, "values");
    size_t count = json_array_size(values) < ITEMS_MAX ? json_array_size(values) : ITEMS_MAX;
    Docbridge__V1__Trait__PasswordReferenceList *list = arena_alloc(content->arena, sizeof(*list));
    Docbridge__V1__Trait__PasswordReference *all =
        arena_calloc(content->arena, count + 1, sizeof(*all));
    if (list == NULL || all == NULL)
        return err_no_memory(reterr);
    docbridge__v1__trait__password_reference_list__init(list);
    list->passwords = arena_calloc(content->arena, count + 1, sizeof(*list->passwords));
    if (list->passwords == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        json_int_t id = json_integer_value(json_object_get(json_array_get(values, i), "id"));
        if (id <= 0)
            continue;
        Docbridge__V1__Trait__PasswordReference *reference = &all[list->n_passwords];
        docbridge__v1__trait__password_reference__init(reference);
        reference->name =
            arena_printf(content->arena, "%s/passwords/%" PRId64, parent, (int64_t)id);
        if (reference->name == NULL)
            return err_no_memory(reterr);
        list->passwords[list->n_passwords++] = reference;
    }
    trait->passwords = list;
    trait->value_case = VALUE(PASSWORDS);
    return ERR_OK;
}

static enum err_code fill_number(struct content *content, const char *text, size_t len,
                                 Trait *trait, struct err *reterr)
{
    trait->decimal = arena_strndup(content->arena, text, len);
    trait->value_case = VALUE(DECIMAL);
    return trait->decimal == NULL ? err_no_memory(reterr) : ERR_OK;
}

static bool all_objects(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_object(json_array_get(list, i)))
            return false;
    return json_is_array(list);
}

// A shape that fits the kind is taken; `*ret_taken` is false for another one.
static enum err_code fill_by_kind(struct content *content, const json_t *value, Trait *trait,
                                  bool *ret_taken, struct err *reterr)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    *ret_taken = true;
    switch ((int)trait->kind) {
    case KIND(TEXT):
    case KIND(SELECT):
        if (text == NULL)
            break;
        trait->value_case = VALUE(TEXT);
        return content_text(content, text, len, &trait->text, reterr);
    case KIND(TEXTBOX):
        if (text == NULL)
            break;
        trait->value_case = VALUE(SANITIZED_HTML);
        return content_html(content, text, len, &trait->sanitized_html, reterr);
    case KIND(NUMBER):
    case KIND(PERCENT):
        if (text == NULL || !is_number(text, len))
            break;
        return fill_number(content, text, len, trait, reterr);
    case KIND(CHECKBOX): {
        bool checked;
        if (!read_checked(value, &checked))
            break;
        trait->checked = checked;
        trait->value_case = VALUE(CHECKED);
        return ERR_OK;
    }
    case KIND(DATE):
        trait->date = documentation_date(content->arena, text);
        if (trait->date == NULL)
            break;
        trait->value_case = VALUE(DATE);
        return ERR_OK;
    case KIND(UPLOAD):
        if (!json_is_object(value) && !all_objects(value))
            break;
        return fill_uploads(content, value, trait, reterr);
    default:
        break;
    }
    *ret_taken = false;
    return ERR_OK;
}

// Whether the field is called like a password, but holds a text.
static bool is_labelled(const Trait *trait)
{
    bool text =
        trait->kind == KIND(TEXT) || trait->kind == KIND(TEXTBOX) || trait->kind == KIND(SELECT);
    return text && embedded_secret_is_label(trait->display_name, strlen(trait->display_name));
}

// Whether tags of this kind are passwords. What upstream says of those is shown by ListPasswords
// alone, to whom its gates let through.
static bool is_of_passwords(const char *tag_type)
{
    return tag_type != NULL && strcasecmp(tag_type, "passwords") == 0;
}

enum err_code trait_fill(struct content *content, const char *parent, const char *tag_type,
                         const struct documentation_trait *stored, Trait *trait, struct err *reterr)
{
    bool number = trait->kind == KIND(NUMBER) || trait->kind == KIND(PERCENT);
    bool taken = false;
    json_t *value _cleanup_(decref) = NULL;
    content->labelled = is_labelled(trait);
    // A number is taken as it is written: no type here holds all of them.
    if (number && stored != NULL && is_number(stored->value, stored->value_len))
        return fill_number(content, stored->value, stored->value_len, trait, reterr);
    if (stored != NULL)
        value = json_loadb(stored->value, stored->value_len, JSON_DECODE_ANY, NULL);
    // The value says it too, where the field was of another kind of tags when it was read.
    if (trait->kind == KIND(PASSWORD) || is_of_passwords(tag_type) ||
        is_of_passwords(json_string_value(json_object_get(value, "type"))))
        return fill_passwords(content, parent, value, trait, reterr);
    if (stored == NULL || json_is_null(value) ||
        (json_is_string(value) && json_string_length(value) == 0))
        return ERR_OK;
    // Tags too where the field is of another kind by now: whole they would show what is hidden.
    if (json_is_array(json_object_get(value, "values")))
        return fill_tags(content, value, stored->tags_shown, trait, reterr);
    if (value != NULL)
        try_(fill_by_kind(content, value, trait, &taken, reterr));
    if (taken)
        return ERR_OK;
    trait->value_case = VALUE(UNRECOGNIZED_JSON);
    // Where in it the value of a label stands is not known.
    if (content->labelled) {
        content->secret_count++;
        return content_text(content, EMBEDDED_SECRET_MASK, sizeof(EMBEDDED_SECRET_MASK) - 1,
                            &trait->unrecognized_json, reterr);
    }
    return content_text(content, stored->value, stored->value_len, &trait->unrecognized_json,
                        reterr);
}
