#include "server/html/html.h"

#include <libxml/HTMLparser.h>
#include <pthread.h>
#include <string.h>

#include "server/base/embedded_secret.h"
#include "server/base/utf8.h"
#include "server/html/element.h"

enum {
    // Tags that were taken out can bring others together that the parser then tells apart anew: the
    // result is made safe again until it stays as it is.
    ROUNDS_MAX = 4,
    // Names of tags and attributes that the parser keeps beside those of the allow-list; it does
    // not see what is called otherwise. The attributes of a tag are compared each with each, which
    // this bounds.
    NAME_BYTES_MAX = 4000,
    TEXT_MAX_BYTES = 256 * 1024 * 1024,
};

// One run of the parser over the input. The plain text is walked in both kinds of run alike, so
// that a place in it means the same.
struct walk {
    htmlParserCtxtPtr parser;
    const struct html_options *options;
    struct buffer *out;
    bool text_only; // the first run: `out` gets the plain text
    const char *names[HTML_DEPTH_MAX];
    const struct html_element *elements[HTML_DEPTH_MAX];
    int depth;
    int dropping; // the depth of the element that goes with all inside; 0: none
    // The second run: where it is in the plain text, and the next secret there.
    const struct buffer *text;
    size_t at;
    bool has_secret;
    struct embedded_secret secret;
    bool unwrapped; // a tag went without its content
    struct html_result result;
};

static void next_secret(struct walk *walk, size_t from)
{
    walk->has_secret = walk->text->data != NULL &&
                       embedded_secret_next(walk->text->data, walk->text->len, from, &walk->secret);
    walk->result.secret_count += walk->has_secret;
}

static void put_border(struct walk *walk, const struct html_element *element)
{
    if (element->border == '\0')
        return;
    if (walk->text_only)
        (void)buffer_append(walk->out, &element->border, 1);
    walk->at++;
}

// What every browser reads as text, within an attribute too.
static void put_escaped(struct buffer *out, const char *text, size_t len)
{
    size_t start = 0;
    for (size_t i = 0; i <= len; i++) {
        const char *entity = NULL;
        if (i < len) {
            unsigned char c = (unsigned char)text[i];
            entity = c == '&'                                           ? "&amp;"
                     : c == '<'                                         ? "&lt;"
                     : c == '>'                                         ? "&gt;"
                     : c == '"'                                         ? "&quot;"
                     : c == '\''                                        ? "&#39;"
                     : c == '`'                                         ? "&#96;"
                     : (c < ' ' && c != '\t' && c != '\n') || c == 0x7F ? ""
                                                                        : NULL;
        }
        if (entity == NULL && i < len)
            continue;
        (void)buffer_append(out, text + start, i - start);
        if (entity != NULL)
            (void)buffer_text(out, entity);
        start = i + 1;
    }
}

static void put_text(struct walk *walk, const char *text, size_t len)
{
    if (walk->text_only) {
        (void)buffer_append(walk->out, text, len);
        return;
    }
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

static void put_start(struct walk *walk, const struct html_element *element,
                      const char *const *attributes)
{
    bool image = strcmp(element->name, "img") == 0, link = false;
    walk->result.altered |= image;
    if (image && !start_image(walk, attributes))
        return;
    if (!image)
        (void)buffer_printf(walk->out, "<%s", element->name);
    for (size_t i = 0; attributes != NULL && attributes[i] != NULL; i += 2) {
        const char *name = attributes[i],
                   *value = attributes[i + 1] == NULL ? "" : attributes[i + 1];
        bool stays = html_attribute_stays(element, name, value);
        if (stays)
            put_attribute(walk, name, value);
        walk->result.altered |= !stays;
        link |= stays && strcmp(name, "href") == 0;
    }
    (void)buffer_text(walk->out, link ? " rel=\"noopener noreferrer nofollow\">" : ">");
}

static void on_start(void *context, const xmlChar *tag, const xmlChar **attributes)
{
    struct walk *walk = context;
    const char *name = (const char *)tag;
    if (walk->depth == HTML_DEPTH_MAX || walk->out->failed) {
        walk->result.cut |= walk->depth == HTML_DEPTH_MAX;
        xmlStopParser(walk->parser);
        return;
    }
    const struct html_element *element = html_element_find(name);
    walk->names[walk->depth] = name;
    walk->elements[walk->depth++] = element;
    if (walk->dropping != 0)
        return;
    if (element->treatment == HTML_DROP) {
        walk->dropping = walk->depth;
        walk->result.altered = true;
        return;
    }
    put_border(walk, element);
    if (element->treatment == HTML_KEEP) {
        if (!walk->text_only)
            put_start(walk, element, (const char *const *)(const void *)attributes);
    } else if (walk->depth > 2) { // beside our own html and body
        walk->unwrapped = walk->result.altered = true;
    }
}

static void end_top(struct walk *walk)
{
    const struct html_element *element = walk->elements[--walk->depth];
    if (walk->dropping != 0) {
        if (walk->dropping > walk->depth)
            walk->dropping = 0;
        return;
    }
    if (element->treatment == HTML_KEEP && !element->is_void && !walk->text_only)
        (void)buffer_printf(walk->out, "</%s>", element->name);
    put_border(walk, element);
}

// Whatever the parser says ends, what we opened is closed in order.
static void on_end(void *context, const xmlChar *tag)
{
    struct walk *walk = context;
    int at = walk->depth;
    while (at > 0 && strcmp(walk->names[at - 1], (const char *)tag) != 0)
        at--;
    while (at > 0 && walk->depth >= at)
        end_top(walk);
}

static void on_text(void *context, const xmlChar *text, int len)
{
    struct walk *walk = context;
    if (walk->dropping == 0 && walk->depth < HTML_DEPTH_MAX)
        put_text(walk, (const char *)text, (size_t)len);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static htmlParserCtxtPtr new_parser(void)
{
    (void)pthread_once(&once, xmlInitParser);
    htmlParserCtxtPtr parser = htmlNewParserCtxt();
    if (parser == NULL)
        return NULL;
    static const char *const known[] = {"href",       "alt",   "src",   "dir",   "colspan",
                                        "rowspan",    "start", "value", "width", "height",
                                        "data-image", "html",  "body"};
    for (size_t i = 0; html_element_name(i) != NULL; i++)
        (void)xmlDictLookup(parser->dict, (const xmlChar *)html_element_name(i), -1);
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        (void)xmlDictLookup(parser->dict, (const xmlChar *)known[i], -1);
    (void)xmlDictSetLimit(parser->dict, NAME_BYTES_MAX);
    return parser;
}

// Runs the parser over `html` within a body of our own, so that it adds no paragraph.
static bool walk_over(struct walk *walk, const char *html, size_t len)
{
    static const char head[] = "<html><body>";
    static const htmlSAXHandler handler = {
        .startElement = on_start,
        .endElement = on_end,
        .characters = on_text,
        .cdataBlock = on_text,
        .ignorableWhitespace = on_text,
    };
    char *input = len > INT32_MAX - sizeof(head) ? NULL : malloc(sizeof(head) + len);
    walk->parser = input == NULL ? NULL : new_parser();
    if (walk->parser != NULL) {
        memcpy(input, head, sizeof(head) - 1);
        memcpy(input + sizeof(head) - 1, html, len);
        *walk->parser->sax = handler;
        walk->parser->userData = walk;
        (void)htmlCtxtReadMemory(walk->parser, input, (int)(sizeof(head) - 1 + len), NULL, "UTF-8",
                                 HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET |
                                     HTML_PARSE_IGNORE_ENC);
        while (walk->depth > 0)
            end_top(walk);
        htmlFreeParserCtxt(walk->parser);
    } else {
        walk->out->failed = true;
    }
    free(input);
    return !walk->out->failed;
}

bool html_text(const char *html, size_t len, struct buffer *out)
{
    struct walk walk = {.out = out, .text_only = true};
    return walk_over(&walk, html, len);
}

static bool sanitize_once(const char *html, size_t len, const struct html_options *options,
                          struct buffer *out, struct walk *walk)
{
    struct buffer text _cleanup_(buffer_done);
    buffer_init(&text, TEXT_MAX_BYTES);
    if (!html_text(html, len, &text))
        return false;
    *walk = (struct walk){.out = out, .options = options, .text = &text};
    next_secret(walk, 0);
    bool good = walk_over(walk, html, len);
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
        if (!sanitize_once(html->data, html->len, options, &again, &walk))
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
    struct walk walk;
    buffer_init(&safe, max_bytes);
    *ret_result = (struct html_result){.altered = true};
    if (len == 0 || !utf8_valid(html, len)) {
        ret_result->altered = len > 0;
        return true;
    }
    if (!sanitize_once(html, len, options, &safe, &walk))
        return false;
    *ret_result = walk.result;
    if (walk.unwrapped && safe.len > 0 && !settle(&safe, options, max_bytes))
        return false;
    return safe.len == 0 || buffer_append(out, safe.data, safe.len);
}
