#include "server/service/capability.h"

#include <string.h>

#include "server/base/buffer.h"

enum { JSON_BYTES = 4096, NUMBER_MAX = 1000000 };

char *capability_json(struct arena *arena, const struct probe_report *report)
{
    struct buffer json _cleanup_(buffer_done);
    buffer_init(&json, JSON_BYTES);
    (void)buffer_text(&json, "[");
    for (size_t i = 0; i < PROBE_CAPABILITIES; i++) {
        const struct probe_capability *capability = &report->capabilities[i];
        (void)buffer_printf(&json,
                            "%s{\"kind\": %d, \"grant\": %d, \"detail\": ", i == 0 ? "" : ", ",
                            (int)capability->kind, (int)capability->grant);
        (void)buffer_json_string(&json, capability->detail, strlen(capability->detail));
        (void)buffer_text(&json, "}");
    }
    (void)buffer_text(&json, "]");
    return json.failed ? NULL : arena_strndup(arena, json.data, json.len);
}

// By hand and without strspn(), since it is read with each connection. What takes something at `at`
// returns what follows it, NULL if it is not there; nothing follows NULL.
static const char *skip_space(const char *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')
        at++;
    return at;
}

static const char *take(const char *at, char wanted)
{
    if (at == NULL)
        return NULL;
    at = skip_space(at);
    return *at == wanted ? at + 1 : NULL;
}

static const char *take_number(const char *at, int *ret_number)
{
    const char *from = at = skip_space(at);
    int number = 0;
    for (; *at >= '0' && *at <= '9' && number < NUMBER_MAX; at++)
        number = number * 10 + (*at - '0');
    *ret_number = number;
    return at != from ? at : NULL;
}

// The character of \uXXXX, which stands at `from`, as UTF-8; how many bytes, 0 for half of a pair
// and for what is none.
static size_t unescape_point(const char *from, char *to)
{
    unsigned point = 0;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = from[i] == '\0' ? NULL : strchr(digits, from[i] | 0x20);
        if (digit == NULL)
            return 0;
        point = point << 4 | (unsigned)(digit - digits);
    }
    if (point == 0 || (point >= 0xd800 && point < 0xe000))
        return 0;
    size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : 3;
    for (size_t i = len - 1; i > 0; i--, point >>= 6)
        to[i] = (char)(0x80 | (point & 0x3f));
    to[0] = (char)(len == 1 ? point : (len == 2 ? 0xc0 : 0xe0) | point);
    return len;
}

// Replaces the escapes of `text` in place; none is longer than what it stands for.
static bool unescape(char *text)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char *to = text;
    for (const char *from = text; *from != '\0';) {
        if (*from != '\\') {
            *to++ = *from++;
            continue;
        }
        const char *letter = from[1] == '\0' ? NULL : strchr(letters, from[1]);
        size_t len = letter != NULL ? 1 : from[1] == 'u' ? unescape_point(from + 2, to) : 0;
        if (len == 0)
            return false;
        if (letter != NULL)
            *to = meant[letter - letters];
        from += letter != NULL ? 2 : 6;
        to += len;
    }
    *to = '\0';
    return true;
}

// A text between quotes, with its escapes as they stand.
struct span {
    const char *data;
    size_t len;
    bool escaped;
};

static const char *take_span(const char *at, struct span *ret)
{
    const char *from = take(at, '"'), *end = from == NULL ? NULL : strchr(from, '"');
    bool escaped = end != NULL && memchr(from, '\\', (size_t)(end - from)) != NULL;
    if (escaped)
        for (end = from; *end != '"'; end++) {
            if (*end == '\\')
                end++;
            if (*end == '\0')
                return NULL;
        }
    if (end == NULL)
        return NULL;
    *ret = (struct span){from, (size_t)(end - from), escaped};
    return end + 1;
}

static bool is(const struct span *span, const char *text, size_t len)
{
    return span->len == len && memcmp(span->data, text, len) == 0;
}

static const char *take_field(const char *at, struct arena *arena,
                              Docbridge__V1__Capability *capability)
{
    struct span name, text = {.data = NULL};
    int number = 0;
    at = take(take_span(at, &name), ':');
    if (at == NULL)
        return NULL;
    const char *end = take_span(at, &text);
    if (end == NULL)
        end = take_number(at, &number);
    if (is(&name, "kind", 4)) {
        capability->kind = (Docbridge__V1__Capability__Kind)number;
    } else if (is(&name, "grant", 5)) {
        capability->grant = (Docbridge__V1__Capability__Grant)number;
    } else if (is(&name, "detail", 6) && text.len > 0) {
        capability->detail = arena_strndup(arena, text.data, text.len);
        if (capability->detail == NULL || (text.escaped && !unescape(capability->detail)))
            return NULL;
    }
    return end;
}

static const char *take_object(const char *at, struct arena *arena, Docbridge__V1__Capability *ret)
{
    const char *end = at = take(at, '{');
    docbridge__v1__capability__init(ret);
    for (; at != NULL; at = take(end, ',')) {
        end = take_field(at, arena, ret);
        if (end == NULL)
            return NULL;
    }
    return take(end, '}');
}

// `list` and `items` have `room`.
static const char *take_list(const char *at, struct arena *arena, Docbridge__V1__Capability **list,
                             Docbridge__V1__Capability *items, size_t room, size_t *ret_count)
{
    const char *end = at = take(at, '[');
    *ret_count = 0;
    if (take(at, ']') != NULL)
        return take(at, ']');
    for (; at != NULL; at = take(end, ',')) {
        if (*ret_count == room)
            return NULL;
        end = take_object(at, arena, &items[*ret_count]);
        if (end == NULL)
            return NULL;
        list[*ret_count] = &items[*ret_count];
        ++*ret_count;
    }
    return take(end, ']');
}

enum err_code capability_read(struct arena *arena, const char *json,
                              Docbridge__V1__Capability ***ret_capabilities, size_t *ret_count,
                              struct err *reterr)
{
    size_t room = 1;
    for (const char *c = json; (c = strchr(c, '{')) != NULL; c++)
        room++;
    *ret_capabilities = arena_calloc(arena, room, sizeof(**ret_capabilities));
    Docbridge__V1__Capability *items = arena_calloc(arena, room, sizeof(*items));
    if (*ret_capabilities == NULL || items == NULL)
        return err_no_memory(reterr);
    const char *end = take_list(json, arena, *ret_capabilities, items, room, ret_count);
    if (end == NULL || *end != '\0')
        return err_set(reterr, ERR_INTERNAL, "the capabilities of a connection cannot be read");
    return ERR_OK;
}
