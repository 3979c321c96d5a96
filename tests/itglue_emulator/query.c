#include "query.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void query_decode(char *text, bool form)
{
    char *out = text;
    for (const char *at = text; *at; at++) {
        if (*at == '%' && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
            int byte = hex_digit(at[1]) * 16 + hex_digit(at[2]);
            if (byte)
                *out++ = (char)byte;
            at += 2;
        } else {
            *out++ = form && *at == '+' ? ' ' : *at;
        }
    }
    *out = '\0';
}

void query_encode(struct text *text, const char *value)
{
    for (; *value; value++) {
        if (isalnum((unsigned char)*value) || strchr("-._~,*:", *value))
            text_append(text, value, 1);
        else
            text_format(text, "%%%02X", (unsigned char)*value);
    }
}

void query_parse(struct query *query, const char *raw)
{
    *query = (struct query){0};
    while (raw && *raw && query->count < QUERY_MAX) {
        size_t length = strcspn(raw, "&");
        if (length) {
            char *key = memory_text_n(raw, length);
            char *equals = strchr(key, '=');
            char *value = memory_text(equals ? equals + 1 : "");
            if (equals)
                *equals = '\0';
            query_decode(key, true);
            query_decode(value, true);
            query->items[query->count++] = (struct parameter){key, value};
        }
        raw += length + (raw[length] == '&');
    }
}

void query_done(struct query *query)
{
    for (size_t i = 0; i < query->count; i++) {
        free(query->items[i].key);
        free(query->items[i].value);
    }
    query->count = 0;
}

const char *query_get(const struct query *query, const char *key)
{
    for (size_t i = 0; i < query->count; i++) {
        if (strcmp(query->items[i].key, key) == 0)
            return query->items[i].value;
    }
    return NULL;
}

const char *query_filter(const struct query *query, const char *name)
{
    for (size_t i = 0; i < query->count; i++) {
        const char *key = query->items[i].key;
        if (strncmp(key, "filter", 6) != 0)
            continue;
        key += 6;
        size_t at = 0;
        while (name[at] && (key[at] == name[at] || (key[at] == '-' && name[at] == '_')))
            at++;
        if (!name[at] && !key[at])
            return query->items[i].value;
    }
    return NULL;
}

int64_t query_int(const struct query *query, const char *key, int64_t missing)
{
    const char *value = query_get(query, key);
    if (!value || !*value)
        return missing;
    char *end;
    int64_t number = strtoll(value, &end, 10);
    return *end ? missing : number;
}

size_t query_split(const char *value, char ***list)
{
    size_t count = 0, capacity = 4;
    *list = memory_get(capacity, sizeof **list);
    while (value) {
        struct text part = {0};
        while (*value && *value != ',') {
            if (value[0] == '\\' && value[1] == ',')
                value++;
            text_append(&part, value++, 1);
        }
        if (count == capacity)
            *list = memory_grow(*list, capacity *= 2, sizeof **list);
        (*list)[count++] = text_take(&part);
        value = *value == ',' ? value + 1 : NULL;
    }
    return count;
}

void query_free_list(char **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i]);
    free(list);
}
