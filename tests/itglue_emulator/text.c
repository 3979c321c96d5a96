#include "text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "moment.h"

void text_done(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

void text_clear(struct text *text)
{
    text->length = 0;
    if (text->data)
        text->data[0] = '\0';
}

static void reserve(struct text *text, size_t more)
{
    size_t need = text->length + more + 1;
    if (need <= text->capacity)
        return;
    size_t capacity = text->capacity ? text->capacity * 2 : 128;
    if (capacity < need)
        capacity = need;
    text->data = memory_grow(text->data, capacity, 1);
    text->capacity = capacity;
}

char *text_take(struct text *text)
{
    reserve(text, 0);
    text->data[text->length] = '\0';
    char *data = text->data;
    *text = (struct text){0};
    return data;
}

void text_append(struct text *text, const char *data, size_t length)
{
    reserve(text, length);
    if (length)
        memcpy(text->data + text->length, data, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void text_put(struct text *text, const char *string)
{
    text_append(text, string, strlen(string));
}

void text_format(struct text *text, const char *format, ...)
{
    va_list first, second;
    va_start(first, format);
    va_copy(second, first);
    int length = vsnprintf(NULL, 0, format, first);
    va_end(first);
    if (length > 0) {
        reserve(text, (size_t)length);
        vsnprintf(text->data + text->length, (size_t)length + 1, format, second);
        text->length += (size_t)length;
    }
    va_end(second);
}

void text_int(struct text *text, int64_t value)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRId64, value);
    text_append(text, digits, (size_t)length);
}

void text_json_n(struct text *text, const char *data, size_t length)
{
    text_append(text, "\"", 1);
    size_t start = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        text_append(text, data + start, i - start);
        start = i + 1;
        if (c == '\n')
            text_put(text, "\\n");
        else if (c == '"' || c == '\\')
            text_append(text, (const char[]){'\\', (char)c}, 2);
        else
            text_format(text, "\\u%04x", c);
    }
    text_append(text, data + start, length - start);
    text_append(text, "\"", 1);
}

void text_json(struct text *text, const char *string)
{
    if (string)
        text_json_n(text, string, strlen(string));
    else
        text_put(text, "null");
}

void text_comma(struct text *text)
{
    if (text->length == 0)
        return;
    char last = text->data[text->length - 1];
    if (last != '{' && last != '[')
        text_append(text, ",", 1);
}

static void put_key(struct text *text, const char *key)
{
    text_comma(text);
    text_json(text, key);
    text_append(text, ":", 1);
}

void attr_raw(struct text *text, const char *key, const char *json)
{
    put_key(text, key);
    text_put(text, json);
}

void attr_text(struct text *text, const char *key, const char *value)
{
    put_key(text, key);
    text_json(text, value);
}

void attr_int(struct text *text, const char *key, int64_t value)
{
    put_key(text, key);
    text_int(text, value);
}

void attr_id(struct text *text, const char *key, int64_t id)
{
    put_key(text, key);
    if (id)
        text_int(text, id);
    else
        text_put(text, "null");
}

void attr_bool(struct text *text, const char *key, bool value)
{
    attr_raw(text, key, value ? "true" : "false");
}

void attr_time(struct text *text, const char *key, int64_t time_ms)
{
    char moment[MOMENT_SIZE];
    attr_text(text, key, time_ms ? moment_format(moment, time_ms) : NULL);
}

void attr_date(struct text *text, const char *key, int64_t time_ms)
{
    char moment[MOMENT_SIZE];
    if (time_ms)
        moment_format(moment, time_ms)[10] = '\0';
    attr_text(text, key, time_ms ? moment : NULL);
}
