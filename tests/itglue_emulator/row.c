#include "row.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "moment.h"

struct row *row_new(int64_t id, const char *name, struct text *attributes)
{
    struct row *row = memory_get(1, sizeof *row);
    row->id = id;
    row->name = name ? memory_text(name) : NULL;
    row->attributes_length = attributes->length;
    row->attributes = memory_text_n(attributes->data, attributes->length);
    text_done(attributes);
    return row;
}

void row_free(struct row *row)
{
    if (!row)
        return;
    free(row->attributes);
    free(row->name);
    free(row->secret);
    free(row);
}

static const char *skip_string(const char *at, const char *end)
{
    const char *start = ++at;
    while (at < end && (at = memchr(at, '"', (size_t)(end - at)))) {
        const char *slash = at++;
        while (slash > start && slash[-1] == '\\')
            slash--;
        if ((at - 1 - slash) % 2 == 0)
            return at;
    }
    return end;
}

static const char *skip_value(const char *at, const char *end)
{
    int depth = 0;
    while (at < end) {
        if (*at == '"') {
            at = skip_string(at, end);
            if (depth == 0)
                return at;
            continue;
        }
        if (*at == '{' || *at == '[') {
            depth++;
        } else if (*at == '}' || *at == ']') {
            if (depth == 0)
                return at;
            if (--depth == 0)
                return at + 1;
        } else if (*at == ',' && depth == 0) {
            return at;
        }
        at++;
    }
    return end;
}

bool row_attribute(const char *attributes, size_t length, const char *key, struct span *value)
{
    const char *end = attributes + length;
    const char *at = attributes + 1;
    size_t key_length = strlen(key);
    while (at < end && *at == '"') {
        const char *name = at + 1;
        at = skip_string(at, end);
        size_t name_length = (size_t)(at - name) - 1;
        const char *start = at + 1; /* behind the colon: our own texts carry no blanks */
        if (start >= end)
            return false;
        at = skip_value(start, end);
        if (name_length == key_length && memcmp(name, key, key_length) == 0) {
            *value = (struct span){start, (size_t)(at - start)};
            return true;
        }
        if (at < end && *at == ',')
            at++;
    }
    return false;
}

char *row_scalar(const struct row *row, const char *key)
{
    struct span value;
    if (!row_attribute(row->attributes, row->attributes_length, key, &value))
        return NULL;
    if (value.start[0] == '{' || value.start[0] == '[' || strncmp(value.start, "null", 4) == 0)
        return NULL;
    if (value.start[0] != '"')
        return memory_text_n(value.start, value.length);
    json_t *json = json_loadb(value.start, value.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    char *text = json ? memory_text(json_string_value(json)) : NULL;
    json_decref(json);
    return text;
}

void row_edit_text(struct text *object, const char *key, const char *json)
{
    struct text edited = {0};
    struct span value;
    if (row_attribute(object->data, object->length, key, &value)) {
        size_t before = (size_t)(value.start - object->data);
        text_append(&edited, object->data, before);
        text_put(&edited, json);
        text_append(&edited, value.start + value.length, object->length - before - value.length);
    } else {
        text_append(&edited, object->data, object->length - 1);
        attr_raw(&edited, key, json);
        text_put(&edited, "}");
    }
    text_done(object);
    *object = edited;
}

void row_edit(struct row *row, const char *key, const char *json)
{
    struct text text = {0};
    text_append(&text, row->attributes, row->attributes_length);
    row_edit_text(&text, key, json);
    free(row->attributes);
    row->attributes_length = text.length;
    row->attributes = text_take(&text);
}

void row_edit_string(struct row *row, const char *key, const char *value)
{
    struct text json = {0};
    text_json(&json, value);
    row_edit(row, key, json.data);
    text_done(&json);
}

void row_touch(struct row *row, int64_t time_ms)
{
    char moment[MOMENT_SIZE];
    row->updated_ms = time_ms;
    row_edit_string(row, "updated-at", moment_format(moment, time_ms));
}

void row_rename(struct row *row, const char *name)
{
    free(row->name);
    row->name = name ? memory_text(name) : NULL;
    row_edit_string(row, "name", name);
}
