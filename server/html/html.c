#include "server/html/html.h"

#include <string.h>

#include "server/base/utf8.h"
#include "server/html/element.h"
#include "server/html/parser.h"
#include "server/html/table.h"

enum {
    // Tags that were taken out can bring others together that the parser then tells apart anew: the
    // result is made safe again until it stays as it is.
    ROUNDS_MAX = 4,
    TEXT_MAX_BYTES = 256 * 1024 * 1024,
};

// The line of the plain text that goes on: what is white in an empty one is not shown.
enum line { LINE_HAS_TEXT, LINE_IS_EMPTY, LINE_ENDED_BY_TEXT };

// One run over the input. Secrets are looked for in the plain text of a first one; if there are
// any, a second one masks them. Both walk the plain text alike, so a place in it means the same.
struct walk {
    const struct html_options *options;
    struct buffer *out;   // gets the safe HTML; NULL: it is not asked for
    struct buffer *plain; // gets the plain text; NULL: it is not asked for
    const char *names[HTML_DEPTH_MAX];
    const struct html_element *elements[HTML_DEPTH_MAX];
    int depth;
    int dropping; // the depth of the element that goes with all inside; 0: none
    // Where it is in the plain text. Of a second run: that text, and the next secret in it.
    size_t at, begin; // `begin`: behind what stands before it
    enum line line;
    const struct buffer *text;
    bool has_secret;
    struct embedded_secret secret;
    bool unwrapped;            // a tag went without its content
    struct html_tables tables; // of the plain text, where that is asked for
    struct html_result result;
};

static void next_secret(struct walk *walk, size_t from)
{
    walk->has_secret =
        walk->text->data != NULL && embedded_secret_next_behind(walk->text->data, walk->text->len,
                                                                walk->begin, from, &walk->secret);
    walk->result.secret_count += walk->has_secret;
}

static void put_border(struct walk *walk, const struct html_element *element)
{
    if (element->border == '\0')
        return;
    // Where one ends and the next begins is one border, so that what is shown on the next line of a
    // label stands there in the plain text too. Tables count on each of theirs.
    const bool counted = element->part != HTML_NO_PART, has_text = walk->line == LINE_HAS_TEXT;
    walk->line = counted ? LINE_HAS_TEXT : LINE_IS_EMPTY;
    if (!counted && !has_text)
        return;
    if (walk->plain != NULL)
        (void)buffer_append(walk->plain, &element->border, 1);
    walk->at++;
}

// What every browser reads as text, within an attribute too.
static const char *const escapes[256] = {
    ['&'] = "&amp;",
    ['<'] = "&lt;",
    ['>'] = "&gt;",
    ['"'] = "&quot;",
    ['\''] = "&#39;",
    ['`'] = "&#96;",
    // Control characters are left out, but tab and line feed.
    [0x00 ... 0x08] = "",
    [0x0B ... 0x1F] = "",
    [0x7F] = "",
};

// Whether none of so many bytes has an escape. Without a branch, so that the compiler looks at many
// at once; of the rare ones it takes some more for escaped than are.
enum { BLOCK = 32 };
static bool is_plain(const char *block)
{
    unsigned char found = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        unsigned char c = (unsigned char)block[i];
        found |= (c < '(' && c != ' ') | ((c & 0xFD) == '<') | (c == '`') | (c == 0x7F);
    }
    return found == 0;
}

static void put_escaped(struct buffer *out, const char *text, size_t len)
{
    size_t start = 0;
    for (size_t i = 0, end; i < len; i = end) {
        end = len - i < BLOCK ? len : i + BLOCK;
        if (end - i == BLOCK && is_plain(text + i))
            continue;
        for (; i < end; i++) {
            const char *escape = escapes[(unsigned char)text[i]];
            if (escape == NULL)
                continue;
            (void)buffer_append(out, text + start, i - start);
            (void)buffer_text(out, escape);
            start = i + 1;
        }
    }
    (void)buffer_append(out, text + start, len - start);
}

static size_t white_end(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len && memchr(" \t\r\n\xC2\xA0", text[at], 6) != NULL)
        at++;
    return at;
}

// The plain text, and what it makes of its line. No line begins in white space that is not shown.
static void follow_line(struct walk *walk, const char *text, size_t len)
{
    const size_t start = white_end(text, len);
    size_t end = len;
    if (walk->plain != NULL && buffer_append(walk->plain, text, len) &&
        walk->line == LINE_IS_EMPTY) {
        char *line = walk->plain->data + walk->plain->len - len;
        for (size_t i = 0; i < start; i++)
            line[i] = line[i] == '\n' || line[i] == '\r' ? ' ' : line[i];
    }
    if (start == len && walk->line != LINE_HAS_TEXT)
        return;
    while (end > 0 && memchr(" \t\r\n", text[end - 1], 4) != NULL)
        end--;
    bool ended = memchr(text + end, '\n', len - end) != NULL;
    walk->line = ended ? LINE_ENDED_BY_TEXT : LINE_HAS_TEXT;
}

static void put_text(struct walk *walk, const char *text, size_t len)
{
    follow_line(walk, text, len);
    if (walk->out == NULL)
        return;
    size_t done = 0;
    while (done < len) {
        size_t left = len - done;
        if (!walk->has_secret || walk->at + left <= walk->secret.offset) {
            put_escaped(walk->out, text + done, left);
            walk->at += left;
            return;
        }
        if (walk->at < walk->secret.offset) {
            size_t clear = walk->secret.offset - walk->at;
            put_escaped(walk->out, text + done, clear);
            walk->at += clear;
            done += clear;
            continue;
        }
        size_t end = walk->secret.offset + walk->secret.len;
        if (walk->at == walk->secret.offset)
            (void)buffer_text(walk->out, EMBEDDED_SECRET_MASK);
        size_t hidden = end - walk->at < left ? end - walk->at : left;
        walk->at += hidden;
        done += hidden;
        if (walk->at >= end)
            next_secret(walk, end);
    }
}

static void put_attribute(struct walk *walk, const char *name, const char *value)
{
    (void)buffer_printf(walk->out, " %s=\"", name);
    char *masked = strdup(value);
    if (masked == NULL) {
        walk->out->failed = true;
        return;
    }
    size_t len = embedded_secret_mask(masked, strlen(masked));
    put_escaped(walk->out, masked, len);
    free(masked);
    (void)buffer_append(walk->out, "\"", 1);
}

// The image's id, from a link upstream or from what an earlier round made of it.
static const char *image_id(const struct walk *walk, const char *name, const char *value,
                            size_t *ret_len)
{
    const char *prefix = walk->options->image_prefix;
    if (prefix == NULL)
        return NULL;
    if (strcmp(name, "src") == 0)
        return html_image_id(value, ret_len);
    if (strcmp(name, "data-image") != 0 || strncmp(value, prefix, strlen(prefix)) != 0)
        return NULL;
    const char *id = value + strlen(prefix);
    *ret_len = strspn(id, "0123456789");
    return *ret_len > 0 && *ret_len <= 18 && id[*ret_len] == '\0' ? id : NULL;
}

// An image is kept as a name that a reader can ask for, never as a link that a browser follows.
static bool start_image(struct walk *walk, const char *const *attributes)
{
    const char *id = NULL;
    size_t len = 0;
    for (size_t i = 0; id == NULL && attributes != NULL && attributes[i] != NULL; i += 2)
        if (attributes[i + 1] != NULL)
            id = image_id(walk, attributes[i], attributes[i + 1], &len);
    if (id == NULL)
        return false;
    (void)buffer_printf(walk->out, "<img data-image=\"%s%.*s\"", walk->options->image_prefix,
                        (int)len, id);
    return true;
}

static void put_tag(struct buffer *out, const char *before, const char *name, const char *behind)
{
    (void)buffer_text(out, before);
    (void)buffer_text(out, name);
    (void)buffer_text(out, behind);
}

static void put_start(struct walk *walk, const struct html_element *element,
                      const char *const *attributes)
{
    bool image = strcmp(element->name, "img") == 0, link = false;
    walk->result.altered |= image;
    if (image && !start_image(walk, attributes))
        return;
    if (!image)
        put_tag(walk->out, "<", element->name, "");
    for (size_t i = 0; attributes != NULL && attributes[i] != NULL; i += 2) {
        const char *name = attributes[i],
                   *value = attributes[i + 1] == NULL ? "" : attributes[i + 1];
        char *tidy _cleanup_(freep) =
            strcmp(name, "href") == 0 ? html_link_tidy(value, walk->options->base) : NULL;
        if (tidy != NULL)
            value = tidy;
        bool stays = html_attribute_stays(element, name, value);
        if (stays)
            put_attribute(walk, name, value);
        walk->result.altered |= !stays || tidy != NULL;
        link |= stays && strcmp(name, "href") == 0;
    }
    (void)buffer_text(walk->out, link ? " rel=\"noopener noreferrer nofollow\">" : ">");
}

static bool has_failed(const struct walk *walk)
{
    return (walk->out != NULL && walk->out->failed) || (walk->plain != NULL && walk->plain->failed);
}

static bool on_start(void *context, const char *name, const char *const *attributes)
{
    struct walk *walk = context;
    if (walk->depth == HTML_DEPTH_MAX || has_failed(walk)) {
        walk->result.cut |= walk->depth == HTML_DEPTH_MAX;
        return false;
    }
    const struct html_element *element = html_element_find(name);
    walk->names[walk->depth] = name;
    walk->elements[walk->depth++] = element;
    if (walk->dropping != 0)
        return true;
    if (element->treatment == HTML_DROP) {
        walk->dropping = walk->depth;
        walk->result.altered = true;
        return true;
    }
    if (walk->plain != NULL)
        html_tables_start(&walk->tables, element->part, attributes, walk->plain);
    put_border(walk, element);
    if (element->treatment == HTML_KEEP) {
        if (walk->out != NULL)
            put_start(walk, element, attributes);
    } else if (walk->depth > 2) { // beside our own html and body
        walk->unwrapped = walk->result.altered = true;
    }
    return true;
}

static void end_top(struct walk *walk)
{
    const struct html_element *element = walk->elements[--walk->depth];
    if (walk->dropping != 0) {
        if (walk->dropping > walk->depth)
            walk->dropping = 0;
        return;
    }
    if (element->treatment == HTML_KEEP && !element->is_void && walk->out != NULL)
        put_tag(walk->out, "</", element->name, ">");
    if (walk->plain != NULL)
        html_tables_end(&walk->tables, element->part, walk->plain);
    put_border(walk, element);
}

// Whatever the parser says ends, what we opened is closed in order.
static void on_end(void *context, const char *name)
{
    struct walk *walk = context;
    int at = walk->depth;
    while (at > 0 && strcmp(walk->names[at - 1], name) != 0)
        at--;
    while (at > 0 && walk->depth >= at)
        end_top(walk);
}

static void on_text(void *context, const char *text, size_t len)
{
    struct walk *walk = context;
    if (walk->dropping == 0 && walk->depth < HTML_DEPTH_MAX)
        put_text(walk, text, len);
}

// What the plain text has before that of the HTML.
static void put_before(struct walk *walk)
{
    static const char cell = EMBEDDED_SECRET_CELL;
    const struct embedded_secret_line *line = walk->options->line;
    if (line != NULL && line->len > 0) {
        walk->at += line->len + 1;
        walk->line = LINE_IS_EMPTY;
        if (walk->plain != NULL && buffer_append(walk->plain, line->text, line->len))
            (void)buffer_append(walk->plain, "\n", 1);
    }
    walk->at += walk->options->labelled;
    if (walk->plain != NULL && walk->options->labelled)
        (void)buffer_append(walk->plain, &cell, 1);
    walk->begin = walk->at;
}

static bool walk_over(struct walk *walk, const char *html, size_t len)
{
    const struct html_events events = {on_start, on_end, on_text, walk};
    if (walk->options != NULL)
        put_before(walk);
    bool good = html_parse(html, len, &events);
    while (walk->depth > 0)
        end_top(walk);
    return good && !has_failed(walk);
}

bool html_text(const char *html, size_t len, struct buffer *out)
{
    bool new_line = out->len > 0 && out->data[out->len - 1] == '\n';
    struct walk walk = {.plain = out, .line = new_line ? LINE_IS_EMPTY : LINE_HAS_TEXT};
    return walk_over(&walk, html, len);
}

// `line`, unless it is NULL, goes on to the last line of the plain text.
static bool sanitize_once(const char *html, size_t len, const struct html_options *options,
                          struct buffer *out, struct walk *walk, struct embedded_secret_line *line)
{
    struct buffer plain _cleanup_(buffer_done);
    buffer_init(&plain, TEXT_MAX_BYTES);
    *walk = (struct walk){.out = out, .plain = &plain, .options = options};
    bool good = walk_over(walk, html, len);
    struct walk masking = {.out = out, .text = &plain, .options = options, .begin = walk->begin};
    if (line != NULL)
        embedded_secret_line_follow(line, plain.data, plain.len);
    next_secret(&masking, 0);
    if (good && masking.has_secret) {
        buffer_reset(out);
        *walk = masking;
        good = walk_over(walk, html, len);
    }
    walk->plain = NULL;
    walk->text = NULL;
    return good;
}

// Replaces the content of `out` by its text. What no round settles keeps no tag.
static bool keep_text(struct buffer *html)
{
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, TEXT_MAX_BYTES);
    if (!html_text(html->data, html->len, &text))
        return false;
    buffer_reset(html);
    put_escaped(html, text.data == NULL ? "" : text.data, text.len);
    return !html->failed;
}

// Makes what a round left safe again, until that changes nothing.
static bool settle(struct buffer *html, const struct html_options *options, size_t max_bytes)
{
    for (int round = 1; round < ROUNDS_MAX; round++) {
        struct buffer again _cleanup_(buffer_done);
        struct walk walk;
        buffer_init(&again, max_bytes);
        if (!sanitize_once(html->data, html->len, options, &again, &walk, NULL))
            return false;
        if (again.len == html->len && memcmp(again.data, html->data, html->len) == 0)
            return true;
        buffer_reset(html);
        if (!buffer_append(html, again.data, again.len))
            return false;
    }
    return keep_text(html);
}

bool html_sanitize(const char *html, size_t len, const struct html_options *options,
                   size_t max_bytes, struct buffer *out, struct html_result *ret_result)
{
    struct buffer safe _cleanup_(buffer_done);
    struct embedded_secret_line before;
    struct html_options own = *options; // the line before it stays in all rounds
    struct walk walk;
    buffer_init(&safe, max_bytes);
    if (options->line != NULL) {
        before = *options->line;
        own.line = &before;
    }
    *ret_result = (struct html_result){.altered = true};
    if (len == 0 || !utf8_valid(html, len)) {
        ret_result->altered = len > 0;
        return true;
    }
    if (!sanitize_once(html, len, &own, &safe, &walk, options->line))
        return false;
    *ret_result = walk.result;
    if (walk.unwrapped && safe.len > 0 && !settle(&safe, &own, max_bytes))
        return false;
    return safe.len == 0 || buffer_append(out, safe.data, safe.len);
}
