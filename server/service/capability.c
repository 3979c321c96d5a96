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

struct reader {
    struct arena *arena;
    const char *at;
};

// By hand, as all of this: it is read with each connection, and strspn() takes longer.
static void skip_space(struct reader *reader)
{
    while (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\r' || *reader->at == '\n')
        reader->at++;
}

static bool take(struct reader *reader, char wanted)
{
    skip_space(reader);
    if (*reader->at != wanted)
        return false;
    reader->at++;
    return true;
}

static bool take_number(struct reader *reader, int *ret_number)
{
    skip_space(reader);
    int number = 0;
    const char *from = reader->at;
    for (; *reader->at >= '0' && *reader->at <= '9' && number < NUMBER_MAX; reader->at++)
        number = number * 10 + (*reader->at - '0');
    *ret_number = number;
    return reader->at != from;
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

static bool take_span(struct reader *reader, struct span *ret)
{
    if (!take(reader, '"'))
        return false;
    *ret = (struct span){.data = reader->at};
    for (; *reader->at != '"'; reader->at++) {
        bool escape = *reader->at == '\\';
        ret->escaped |= escape;
        reader->at += escape;
        if (*reader->at == '\0')
            return false;
    }
    ret->len = (size_t)(reader->at++ - ret->data);
    return true;
}

static bool is(const struct span *span, const char *text, size_t len)
{
    return span->len == len && memcmp(span->data, text, len) == 0;
}

static bool take_field(struct reader *reader, Docbridge__V1__Capability *capability)
{
    struct span name, text = {.data = NULL};
    int number = 0;
    if (!take_span(reader, &name) || !take(reader, ':') ||
        !(take_span(reader, &text) || take_number(reader, &number)))
        return false;
    if (is(&name, "kind", 4)) {
        capability->kind = (Docbridge__V1__Capability__Kind)number;
    } else if (is(&name, "grant", 5)) {
        capability->grant = (Docbridge__V1__Capability__Grant)number;
    } else if (is(&name, "detail", 6) && text.len > 0) {
        capability->detail = arena_strndup(reader->arena, text.data, text.len);
        return capability->detail != NULL && (!text.escaped || unescape(capability->detail));
    }
    return true;
}

static bool take_object(struct reader *reader, Docbridge__V1__Capability *ret)
{
    docbridge__v1__capability__init(ret);
    if (!take(reader, '{'))
        return false;
    do
        if (!take_field(reader, ret))
            return false;
    while (take(reader, ','));
    return take(reader, '}');
}

// `list` and `items` have `room`.
static bool take_list(struct reader *reader, Docbridge__V1__Capability **list,
                      Docbridge__V1__Capability *items, size_t room, size_t *ret_count)
{
    *ret_count = 0;
    if (!take(reader, '['))
        return false;
    if (take(reader, ']'))
        return true;
    do {
        if (*ret_count == room || !take_object(reader, &items[*ret_count]))
            return false;
        list[*ret_count] = &items[*ret_count];
        ++*ret_count;
    } while (take(reader, ','));
    return take(reader, ']');
}

enum err_code capability_read(struct arena *arena, const char *json,
                              Docbridge__V1__Capability ***ret_capabilities, size_t *ret_count,
                              struct err *reterr)
{
    struct reader reader = {arena, json};
    size_t room = 1;
    for (const char *c = json; *c != '\0'; c++)
        room += *c == '{';
    *ret_capabilities = arena_calloc(arena, room, sizeof(**ret_capabilities));
    Docbridge__V1__Capability *items = arena_calloc(arena, room, sizeof(*items));
    if (*ret_capabilities == NULL || items == NULL)
        return err_no_memory(reterr);
    if (!take_list(&reader, *ret_capabilities, items, room, ret_count) || *reader.at != '\0')
        return err_set(reterr, ERR_INTERNAL, "the capabilities of a connection cannot be read");
    return ERR_OK;
}
