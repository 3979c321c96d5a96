#include "switches.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct switch_entry {
    const char *name;
    enum switch_kind kind;
    const char *initial;
    const char *choices;
    const char *tag;
    const char *meaning;
};

static const struct switch_entry table[SWITCH_COUNT] = {
#define X(id, name, kind, initial, choices, tag, meaning) \
    {name, SWITCH_KIND_##kind, initial, choices, tag, meaning},
    SWITCHES(X)
#undef X
};

static const char *const kind_names[] = {"bool", "integer", "choice", "map"};

void switches_init(struct switches *switches)
{
    for (int i = 0; i < SWITCH_COUNT; i++)
        switches->values[i] = json_loads(table[i].initial, JSON_DECODE_ANY, NULL);
}

void switches_done(struct switches *switches)
{
    for (int i = 0; i < SWITCH_COUNT; i++)
        json_decref(switches->values[i]);
}

static bool is_choice(const char *choices, const char *value)
{
    size_t length = strlen(value);
    for (const char *at = choices; at; at = strchr(at, '|')) {
        if (*at == '|')
            at++;
        if (strncmp(at, value, length) == 0 && (at[length] == '|' || at[length] == '\0'))
            return true;
    }
    return false;
}

static bool in_bounds(const char *choices, int64_t value)
{
    char *end;
    const char *dots = strstr(choices, "..");
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    if (!dots)
        return is_choice(choices, digits);
    return value >= strtoll(choices, &end, 10) && value <= strtoll(dots + 2, &end, 10);
}

static bool fits_map(const json_t *value)
{
    const char *key;
    json_t *entry;
    /* jansson's iterator wants a pointer it may change; the object stays as it is. */
    json_t *object = json_copy((json_t *)(uintptr_t)value);
    bool good = json_is_object(object);
    json_object_foreach(object, key, entry)
    {
        good = good && json_is_integer(entry) && json_integer_value(entry) >= 0;
    }
    json_decref(object);
    return good;
}

static bool fits(const struct switch_entry *entry, const json_t *value)
{
    switch (entry->kind) {
    case SWITCH_KIND_BOOL:
        return json_is_boolean(value);
    case SWITCH_KIND_INT:
        return json_is_integer(value) && in_bounds(entry->choices, json_integer_value(value));
    case SWITCH_KIND_CHOICE:
        return json_is_string(value) && is_choice(entry->choices, json_string_value(value));
    case SWITCH_KIND_MAP:
        return fits_map(value);
    }
    return false;
}

bool switches_patch(struct switches *switches, const json_t *object, char *problem, size_t size)
{
    size_t known = 0;
    for (int i = 0; i < SWITCH_COUNT; i++) {
        const json_t *value = json_object_get(object, table[i].name);
        if (!value)
            continue;
        known++;
        if (!fits(&table[i], value)) {
            snprintf(problem, size, "%s wants %s %s", table[i].name, kind_names[table[i].kind],
                     table[i].choices);
            return false;
        }
    }
    if (!json_is_object(object) || known != json_object_size(object)) {
        snprintf(problem, size, "not an object, or an unknown switch: see GET /switches");
        return false;
    }
    for (int i = 0; i < SWITCH_COUNT; i++) {
        json_t *value = json_object_get(object, table[i].name);
        if (value) {
            json_decref(switches->values[i]);
            switches->values[i] = json_deep_copy(value);
        }
    }
    return true;
}

json_t *switches_values(const struct switches *switches)
{
    json_t *object = json_object();
    for (int i = 0; i < SWITCH_COUNT; i++)
        json_object_set(object, table[i].name, switches->values[i]);
    return object;
}

json_t *switches_describe(const struct switches *switches)
{
    json_t *list = json_array();
    for (int i = 0; i < SWITCH_COUNT; i++) {
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:O, s:o, s:s, s:s, s:s}", "name", table[i].name, "kind",
                            kind_names[table[i].kind], "value", switches->values[i], "default",
                            json_loads(table[i].initial, JSON_DECODE_ANY, NULL), "choices",
                            table[i].choices, "tag", table[i].tag, "meaning", table[i].meaning));
    }
    return list;
}

bool switch_on(const struct switches *switches, enum switch_id id)
{
    return json_is_true(switches->values[id]);
}

int64_t switch_int(const struct switches *switches, enum switch_id id)
{
    return json_integer_value(switches->values[id]);
}

const char *switch_text(const struct switches *switches, enum switch_id id)
{
    return json_string_value(switches->values[id]);
}

bool switch_is(const struct switches *switches, enum switch_id id, const char *choice)
{
    return strcmp(switch_text(switches, id), choice) == 0;
}

int64_t switch_map(const struct switches *switches, enum switch_id id, const char *key)
{
    return json_integer_value(json_object_get(switches->values[id], key));
}
