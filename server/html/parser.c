#include "server/html/parser.h"

#include <libxml/HTMLparser.h>
#include <pthread.h>
#include <string.h>

#include "server/base/arena.h"
#include "server/base/cleanup.h"
#include "server/html/element.h"
#include "server/html/stand_in.h"

enum {
    // Names of tags and attributes that the parser keeps beside those of the allow-list; it does
    // not see what is called otherwise. The attributes of a tag are compared each with each, which
    // this bounds.
    NAME_BYTES_MAX = 4000,
};

struct run {
    htmlParserCtxtPtr parser;
    const struct html_events *events;
    struct stand_ins stand_ins;
    struct arena restored; // values of attributes that had stand-ins
    bool failed;           // for want of memory
};

static const char *restore(struct run *run, const char *value)
{
    struct stand_in_run piece;
    size_t len = strlen(value), left = len, whole = 0;
    for (const char *at = value; stand_ins_next(&run->stand_ins, &at, &left, &piece);)
        whole += piece.len;
    char *copy = arena_alloc(&run->restored, whole + 1);
    for (char *out = copy; out != NULL && stand_ins_next(&run->stand_ins, &value, &len, &piece);)
        out = mempcpy(out, piece.text, piece.len);
    return copy;
}

// The attributes as the HTML has them, whose values nearly never have stand-ins. NULL for want of
// memory.
static const char *const *restore_all(struct run *run, const char *const *attributes)
{
    size_t count = 0;
    bool any = false;
    for (; attributes != NULL && attributes[count] != NULL; count += 2)
        any |=
            attributes[count + 1] != NULL && stand_ins_in(&run->stand_ins, attributes[count + 1]);
    if (!any)
        return attributes;
    const char **all = arena_calloc(&run->restored, count + 1, sizeof(*all));
    for (size_t i = 0; all != NULL && i < count; i++) {
        bool restored = i % 2 == 1 && attributes[i] != NULL;
        all[i] = restored ? restore(run, attributes[i]) : attributes[i];
        if (restored && all[i] == NULL)
            return NULL;
    }
    return all;
}

static void on_start(void *context, const xmlChar *tag, const xmlChar **attributes)
{
    struct run *run = context;
    const char *const *all = NULL;
    if (attributes != NULL) {
        all = restore_all(run, (const char *const *)(const void *)attributes);
        run->failed |= all == NULL;
    }
    if (run->failed || !run->events->start(run->events->context, (const char *)tag, all))
        xmlStopParser(run->parser);
}

static void on_end(void *context, const xmlChar *tag)
{
    struct run *run = context;
    run->events->end(run->events->context, (const char *)tag);
}

static void on_text(void *context, const xmlChar *text, int len)
{
    struct run *run = context;
    struct stand_in_run piece;
    size_t left = (size_t)len;
    for (const char *at = (const char *)text; stand_ins_next(&run->stand_ins, &at, &left, &piece);)
        run->events->text(run->events->context, piece.text, piece.len);
}

// The names of the allow-list, which every parser knows beforehand.
static xmlDictPtr known_names;

static void make_known_names(void)
{
    static const char *const known[] = {"href",       "alt",   "src",   "dir",   "colspan",
                                        "rowspan",    "start", "value", "width", "height",
                                        "data-image", "html",  "body"};
    xmlInitParser();
    known_names = xmlDictCreate();
    if (known_names == NULL)
        return;
    for (size_t i = 0; html_element_name(i) != NULL; i++)
        (void)xmlDictLookup(known_names, (const xmlChar *)html_element_name(i), -1);
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        (void)xmlDictLookup(known_names, (const xmlChar *)known[i], -1);
}

// A parser of UTF-8 in memory, which it need not convert.
static htmlParserCtxtPtr new_parser(const char *input, size_t len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_known_names);
    htmlParserCtxtPtr parser =
        known_names == NULL ? NULL : htmlCreateMemoryParserCtxt(input, (int)len);
    xmlDictPtr names = parser == NULL ? NULL : xmlDictCreateSub(known_names);
    if (names == NULL) {
        htmlFreeParserCtxt(parser);
        return NULL;
    }
    (void)xmlDictSetLimit(names, NAME_BYTES_MAX);
    xmlDictFree(parser->dict);
    parser->dict = names;
    parser->charset = XML_CHAR_ENCODING_UTF8;
    parser->input->buf->readcallback = NULL; // it would be asked for more at each step near the end
    (void)htmlCtxtUseOptions(parser, HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET |
                                         HTML_PARSE_IGNORE_ENC);
    return parser;
}

// Text that no parser would change, such as most headings are.
static bool is_plain(const char *html, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((html[i] < ' ' && html[i] != '\n') || html[i] == '<' || html[i] == '&' ||
            html[i] == 0x7F)
            return false;
    return true;
}

static bool hand_over_text(const char *text, size_t len, const struct html_events *events)
{
    static const char *const around[] = {"html", "body"};
    for (size_t i = 0; i < ARRAY_LEN(around); i++)
        if (!events->start(events->context, around[i], NULL))
            return true;
    events->text(events->context, text, len);
    return true;
}

bool html_parse(const char *html, size_t len, const struct html_events *events)
{
    if (is_plain(html, len))
        return hand_over_text(html, len, events);
    // Within a body of our own it adds no paragraph.
    static const char head[] = "<html><body>";
    static const htmlSAXHandler handler = {
        .startElement = on_start,
        .endElement = on_end,
        .characters = on_text,
        .cdataBlock = on_text,
        .ignorableWhitespace = on_text,
    };
    size_t head_len = sizeof(head) - 1;
    char *input = len > INT32_MAX - sizeof(head) ? NULL : malloc(sizeof(head) + len);
    struct run run = {.events = events};
    if (input == NULL)
        return false;
    memcpy(input, head, head_len);
    arena_init(&run.restored, 16 * len + 4096);
    size_t left = stand_ins_put(&run.stand_ins, html, len, input + head_len);
    run.parser = new_parser(input, head_len + left);
    run.failed = run.parser == NULL;
    if (run.parser != NULL) {
        *run.parser->sax = handler;
        run.parser->userData = &run;
        (void)htmlParseDocument(run.parser);
        htmlFreeParserCtxt(run.parser);
    }
    stand_ins_done(&run.stand_ins);
    arena_done(&run.restored);
    free(input);
    return !run.failed;
}
