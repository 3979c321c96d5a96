#include "server/html/strict.h"

#include <string.h>

#include "server/base/cleanup.h"

enum {
    DEPTH_MAX = 32,
    ATTRIBUTES_MAX = 8,
    VALUES_MAX_BYTES = 2048, // of a tag's attributes, names included
};

// What stands where. A parent names all that it may hold, so no tag closes another or opens one.
enum {
    TEXT = 1, // other than white space, which may stand anywhere
    INLINE = 2,
    BLOCK = 4,
    ITEM = 8,
    TERM = 16,
    PART = 32,
    ROW = 64,
    CELL = 128,
    SKIPPED = 256, // its content is passed over
    LINK = 512,    // not within one
    PHRASE = TEXT | INLINE | LINK,
    FLOW = PHRASE | BLOCK | SKIPPED,
};

struct tag {
    const char *name;
    int is, holds; // holds 0: has no end tag, or is SKIPPED
};

static const struct tag tags[] = {
    {"p", BLOCK, PHRASE},         {"div", BLOCK, FLOW},       {"h1", BLOCK, PHRASE},
    {"h2", BLOCK, PHRASE},        {"h3", BLOCK, PHRASE},      {"h4", BLOCK, PHRASE},
    {"h5", BLOCK, PHRASE},        {"h6", BLOCK, PHRASE},      {"ul", BLOCK, ITEM},
    {"ol", BLOCK, ITEM},          {"li", ITEM, FLOW},         {"dl", BLOCK, TERM},
    {"dt", TERM, PHRASE},         {"dd", TERM, FLOW},         {"blockquote", BLOCK, FLOW},
    {"pre", BLOCK, PHRASE},       {"hr", BLOCK, 0},           {"br", INLINE, 0},
    {"table", BLOCK, PART | ROW}, {"caption", PART, PHRASE},  {"thead", PART, ROW},
    {"tbody", PART, ROW},         {"tfoot", PART, ROW},       {"tr", ROW, CELL},
    {"td", CELL, FLOW},           {"th", CELL, FLOW},         {"a", LINK, TEXT | INLINE},
    {"b", INLINE, PHRASE},        {"strong", INLINE, PHRASE}, {"i", INLINE, PHRASE},
    {"em", INLINE, PHRASE},       {"u", INLINE, PHRASE},      {"s", INLINE, PHRASE},
    {"sub", INLINE, PHRASE},      {"sup", INLINE, PHRASE},    {"small", INLINE, PHRASE},
    {"code", INLINE, PHRASE},     {"span", INLINE, PHRASE},   {"img", INLINE, 0},
    {"script", SKIPPED, 0},       {"style", SKIPPED, 0},
};
static const struct tag body = {"body", 0, FLOW};

struct reader {
    const char *at, *end;
    const struct html_events *events;
    const struct tag *open[DEPTH_MAX];
    size_t depth;
};

static const struct tag *find_tag(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        if (tags[i].name[0] == name[0] && strncmp(tags[i].name, name, len) == 0 &&
            tags[i].name[len] == '\0')
            return &tags[i];
    return NULL;
}

static bool take(struct reader *reader, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, word, len) != 0)
        return false;
    reader->at += len;
    return true;
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

// A name in lower case; its length is 0 if there is none.
static const char *take_name(struct reader *reader, size_t *ret_len)
{
    const char *name = reader->at;
    while (reader->at < reader->end && is_name(*reader->at))
        reader->at++;
    *ret_len = (size_t)(reader->at - name);
    return name;
}

// Whether the byte stands for itself: no control character, and not the start of what is none.
static bool is_literal(const struct reader *reader)
{
    const unsigned char *at = (const unsigned char *)reader->at;
    if (*at < ' ' || *at == 0x7F)
        return false;
    return *at != 0xEF || reader->end - reader->at < 3 || at[1] != 0xBF || at[2] < 0xBE;
}

// The value behind a name, with its quotes.
static bool take_value(struct reader *reader, char *values, size_t *used)
{
    if (!take(reader, "=\""))
        return false;
    while (reader->at < reader->end && *reader->at != '"') {
        if (*used + 2 > VALUES_MAX_BYTES || !is_literal(reader))
            return false;
        bool ampersand = *reader->at == '&';
        values[(*used)++] = *reader->at;
        if (ampersand && !take(reader, "&amp;"))
            return false;
        reader->at += !ampersand;
    }
    values[(*used)++] = '\0';
    return take(reader, "\"");
}

// Attributes up to the end of the tag; each stands once.
static bool take_attributes(struct reader *reader, const char **attributes, char *values)
{
    size_t count = 0, used = 0, len;
    while (take(reader, " ")) {
        const char *name = take_name(reader, &len);
        if (len == 0) // before a slash
            break;
        if (count == ATTRIBUTES_MAX || used + len + 2 > VALUES_MAX_BYTES)
            return false;
        attributes[2 * count] = memcpy(values + used, name, len);
        used += len;
        values[used++] = '\0';
        for (size_t i = 0; i < count; i++)
            if (strcmp(attributes[2 * i], attributes[2 * count]) == 0)
                return false;
        attributes[2 * count + 1] = values + used;
        if (!take_value(reader, values, &used))
            return false;
        attributes[2 * ++count] = NULL;
    }
    return true;
}

// The content of a script or a style, and its end: nothing in it looks like a tag.
static bool skip_content(struct reader *reader, const struct tag *tag)
{
    while (reader->at < reader->end && *reader->at != '<') {
        if (!is_literal(reader) && *reader->at != '\n' && *reader->at != '\t')
            return false;
        reader->at++;
    }
    if (!take(reader, "</") || !take(reader, tag->name) || !take(reader, ">"))
        return false;
    reader->events->end(reader->events->context, tag->name);
    return true;
}

static const struct tag *parent(const struct reader *reader)
{
    return reader->depth == 0 ? &body : reader->open[reader->depth - 1];
}

static bool may_stand(const struct reader *reader, const struct tag *tag)
{
    for (size_t i = 0; tag->is == LINK && i < reader->depth; i++)
        if (reader->open[i]->is == LINK)
            return false;
    return (parent(reader)->holds & tag->is) != 0;
}

static bool read_start(struct reader *reader)
{
    const char *attributes[2 * ATTRIBUTES_MAX + 1] = {NULL};
    char values[VALUES_MAX_BYTES];
    size_t len;
    const char *name = take_name(reader, &len);
    const struct tag *tag = len == 0 ? NULL : find_tag(name, len);
    if (tag == NULL || !may_stand(reader, tag) || !take_attributes(reader, attributes, values))
        return false;
    if (tag->holds == 0 && tag->is != SKIPPED)
        (void)take(reader, "/");
    if (!take(reader, ">"))
        return false;
    if (!reader->events->start(reader->events->context, tag->name,
                               attributes[0] == NULL ? NULL : attributes))
        return false;
    if (tag->is == SKIPPED)
        return skip_content(reader, tag);
    if (tag->holds == 0)
        reader->events->end(reader->events->context, tag->name);
    else if (reader->depth < DEPTH_MAX)
        reader->open[reader->depth++] = tag;
    else
        return false;
    return true;
}

static bool read_end(struct reader *reader)
{
    if (reader->depth == 0)
        return false;
    const struct tag *tag = reader->open[--reader->depth];
    if (!take(reader, tag->name) || !take(reader, ">"))
        return false;
    reader->events->end(reader->events->context, tag->name);
    return true;
}

static bool read_entity(struct reader *reader)
{
    static const struct {
        const char *entity, *text;
    } entities[] = {
        {"&amp;", "&"},   {"&lt;", "<"},   {"&gt;", ">"},
        {"&quot;", "\""}, {"&#39;", "\'"}, {"&nbsp;", "\xC2\xA0"},
    };
    if ((parent(reader)->holds & TEXT) == 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(entities); i++)
        if (take(reader, entities[i].entity)) {
            reader->events->text(reader->events->context, entities[i].text,
                                 strlen(entities[i].text));
            return true;
        }
    return false;
}

static bool read_text(struct reader *reader)
{
    const char *start = reader->at;
    bool blank = true;
    for (; reader->at < reader->end && *reader->at != '<' && *reader->at != '&'; reader->at++) {
        if (*reader->at > ' ' && *reader->at < 0x7F) {
            blank = false;
            continue;
        }
        bool space = *reader->at == ' ' || *reader->at == '\n' || *reader->at == '\t';
        if (!space && !is_literal(reader))
            return false;
        blank = blank && space;
    }
    reader->events->text(reader->events->context, start, (size_t)(reader->at - start));
    return blank || (parent(reader)->holds & TEXT) != 0;
}

bool html_strict_read(const char *html, size_t len, const struct html_events *events)
{
    struct reader reader = {.at = html, .end = html + len, .events = events};
    while (reader.at < reader.end) {
        bool good = take(&reader, "</")  ? read_end(&reader)
                    : take(&reader, "<") ? read_start(&reader)
                    : *reader.at == '&'  ? read_entity(&reader)
                                         : read_text(&reader);
        if (!good)
            return false;
    }
    return reader.depth == 0;
}
