// The fields of a flexible asset type, and how they differ from those that somebody chose by.
#include "server/service/config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/config.h"

#define KIND(name) DOCBRIDGE__V1__FLEXIBLE_ASSET_TYPE__FIELD__KIND__KIND_##name
#define CHANGE(name) DOCBRIDGE__V1__FLEXIBLE_ASSET_TYPE__FIELD_CHANGE__KIND__KIND_##name

enum { CHOICES_MAX = 1000 };

// Upstream's words, such as "Textbox" or "Percent".
static Docbridge__V1__FlexibleAssetType__Field__Kind kind_of(const char *word)
{
    static const struct {
        const char *word;
        Docbridge__V1__FlexibleAssetType__Field__Kind kind;
    } kinds[] = {
        {"Text", KIND(TEXT)},         {"Textbox", KIND(TEXTBOX)}, {"Select", KIND(SELECT)},
        {"Number", KIND(NUMBER)},     {"Percent", KIND(PERCENT)}, {"Checkbox", KIND(CHECKBOX)},
        {"Date", KIND(DATE)},         {"Tag", KIND(TAG)},         {"Upload", KIND(UPLOAD)},
        {"Password", KIND(PASSWORD)}, {"Header", KIND(HEADER)},
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].word, word) == 0)
            return kinds[i].kind;
    return KIND(UNSPECIFIED);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

// The choices of a list stand in its default value, a line each.
static bool fill_choices(struct arena *arena, const char *lines,
                         Docbridge__V1__FlexibleAssetType__Field *out)
{
    size_t count = 1;
    for (const char *c = lines; *c != '\0'; c++)
        count += *c == '\n';
    count = count < CHOICES_MAX ? count : CHOICES_MAX;
    out->choices = arena_calloc(arena, count, sizeof(*out->choices));
    if (out->choices == NULL)
        return false;
    while (*lines != '\0' && out->n_choices < count) {
        size_t len = strcspn(lines, "\r\n");
        if (len > 0) {
            out->choices[out->n_choices] = arena_strndup(arena, lines, len);
            if (out->choices[out->n_choices++] == NULL)
                return false;
        }
        lines += len;
        lines += strspn(lines, "\r\n");
    }
    return true;
}

static bool fill_field(struct arena *arena, const json_t *field,
                       Docbridge__V1__FlexibleAssetType__Field *out)
{
    docbridge__v1__flexible_asset_type__field__init(out);
    out->key = arena_strdup(arena, text_of(field, "key"));
    out->display_name = arena_strdup(arena, text_of(field, "name"));
    out->kind = kind_of(text_of(field, "kind"));
    out->required = json_is_true(json_object_get(field, "required"));
    out->used_for_title = json_is_true(json_object_get(field, "use_for_title"));
    out->decimal_places = (int32_t)json_integer_value(json_object_get(field, "decimals"));
    out->tag_type = arena_strdup(arena, text_of(field, "tag_type"));
    return out->key != NULL && out->display_name != NULL && out->tag_type != NULL &&
           (out->kind != KIND(SELECT) || fill_choices(arena, text_of(field, "default_value"), out));
}

static int compare_order(const void *a, const void *b)
{
    json_int_t x = json_integer_value(json_object_get(*(const json_t *const *)a, "order"));
    json_int_t y = json_integer_value(json_object_get(*(const json_t *const *)b, "order"));
    return (x > y) - (x < y);
}

static bool fill_body(struct arena *arena, const json_t *body,
                      Docbridge__V1__FlexibleAssetType *out)
{
    const json_t *fields = json_object_get(body, "fields");
    size_t count = json_array_size(fields);
    const json_t **sorted = arena_calloc(arena, count + 1, sizeof(*sorted));
    Docbridge__V1__FlexibleAssetType__Field *items = arena_calloc(arena, count + 1, sizeof(*items));
    out->description = arena_strdup(arena, text_of(body, "description"));
    out->icon = arena_strdup(arena, text_of(body, "icon"));
    out->fields = arena_calloc(arena, count + 1, sizeof(*out->fields));
    if (sorted == NULL || items == NULL || out->description == NULL || out->icon == NULL ||
        out->fields == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        sorted[i] = json_array_get(fields, i);
    qsort(sorted, count, sizeof(*sorted), compare_order);
    for (size_t i = 0; i < count; i++) {
        if (!fill_field(arena, sorted[i], &items[i]))
            return false;
        out->fields[out->n_fields++] = &items[i];
    }
    return true;
}

static const json_t *find_field(const json_t *fields, const char *key)
{
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *field = json_array_get(fields, i);
        if (strcmp(text_of(field, "key"), key) == 0)
            return field;
    }
    return NULL;
}

// What became of a field; either is NULL where there is none. UNSPECIFIED: nothing to tell.
static Docbridge__V1__FlexibleAssetType__FieldChange__Kind change_of(const json_t *before,
                                                                     const json_t *after)
{
    if (before == NULL)
        return CHANGE(ADDED);
    if (after == NULL)
        return CHANGE(REMOVED);
    if (strcmp(text_of(before, "kind"), text_of(after, "kind")) != 0)
        return CHANGE(RETYPED);
    if (strcmp(text_of(before, "name"), text_of(after, "name")) != 0)
        return CHANGE(RENAMED);
    return CHANGE(UNSPECIFIED);
}

static bool add_change(struct arena *arena, const json_t *before, const json_t *after,
                       Docbridge__V1__FlexibleAssetType *out)
{
    Docbridge__V1__FlexibleAssetType__FieldChange__Kind kind = change_of(before, after);
    const json_t *field = after != NULL ? after : before;
    if (kind == CHANGE(UNSPECIFIED))
        return true;
    Docbridge__V1__FlexibleAssetType__FieldChange *change = arena_alloc(arena, sizeof(*change));
    if (change == NULL)
        return false;
    docbridge__v1__flexible_asset_type__field_change__init(change);
    change->key = arena_strdup(arena, text_of(field, "key"));
    change->display_name = arena_strdup(arena, text_of(field, "name"));
    change->kind = kind;
    // Values of a removed field are gone, those of another kind mean something else.
    change->breaking = kind == CHANGE(REMOVED) || kind == CHANGE(RETYPED);
    change->old_kind = before == NULL ? KIND(UNSPECIFIED) : kind_of(text_of(before, "kind"));
    change->new_kind = after == NULL ? KIND(UNSPECIFIED) : kind_of(text_of(after, "kind"));
    out->field_changes[out->n_field_changes++] = change;
    return change->key != NULL && change->display_name != NULL;
}

static bool fill_changes(struct arena *arena, const json_t *old, const json_t *new,
                         Docbridge__V1__FlexibleAssetType *out)
{
    bool good = true;
    out->field_changes = arena_calloc(arena, json_array_size(old) + json_array_size(new) + 1,
                                      sizeof(*out->field_changes));
    if (out->field_changes == NULL)
        return false;
    for (size_t i = 0; good && i < json_array_size(new); i++) {
        const json_t *field = json_array_get(new, i);
        good = add_change(arena, find_field(old, text_of(field, "key")), field, out);
    }
    for (size_t i = 0; good && i < json_array_size(old); i++) {
        const json_t *field = json_array_get(old, i);
        if (find_field(new, text_of(field, "key")) == NULL)
            good = add_change(arena, field, NULL, out);
    }
    return good;
}

bool config_fill_fields(struct arena *arena, const struct config_type *type,
                        Docbridge__V1__FlexibleAssetType *out)
{
    json_t *body = json_loads(type->body, 0, NULL);
    bool good = fill_body(arena, body, out);
    if (good && type->drifted) {
        json_t *chosen = json_loads(type->chosen_fields, JSON_DECODE_ANY, NULL);
        good = fill_changes(arena, chosen, json_object_get(body, "fields"), out);
        json_decref(chosen);
    }
    json_decref(body);
    return good;
}
