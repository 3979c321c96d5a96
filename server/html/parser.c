#include "server/html/parser.h"

#include <libxml/HTMLparser.h>
#include <pthread.h>
#include <string.h>

#include "server/base/cleanup.h"
#include "server/html/element.h"

enum {
    // Names of tags and attributes that the parser keeps beside those of the allow-list; it does
    // not see what is called otherwise. The attributes of a tag are compared each with each, which
    // this bounds.
    NAME_BYTES_MAX = 4000,
};

struct run {
    htmlParserCtxtPtr parser;
    const struct html_events *events;
};

static void on_start(void *context, const xmlChar *tag, const xmlChar **attributes)
{
    struct run *run = context;
    if (!run->events->start(run->events->context, (const char *)tag,
                            (const char *const *)(const void *)attributes))
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
    run->events->text(run->events->context, (const char *)text, (size_t)len);
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

static htmlParserCtxtPtr new_parser(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_known_names);
    htmlParserCtxtPtr parser = known_names == NULL ? NULL : htmlNewParserCtxt();
    xmlDictPtr names = parser == NULL ? NULL : xmlDictCreateSub(known_names);
    if (names == NULL) {
        htmlFreeParserCtxt(parser);
        return NULL;
    }
    (void)xmlDictSetLimit(names, NAME_BYTES_MAX);
    xmlDictFree(parser->dict);
    parser->dict = names;
    return parser;
}

bool html_parse(const char *html, size_t len, const struct html_events *events)
{
    // Within a body of our own it adds no paragraph.
    static const char head[] = "<html><body>";
    static const htmlSAXHandler handler = {
        .startElement = on_start,
        .endElement = on_end,
        .characters = on_text,
        .cdataBlock = on_text,
        .ignorableWhitespace = on_text,
    };
    char *input = len > INT32_MAX - sizeof(head) ? NULL : malloc(sizeof(head) + len);
    struct run run = {.parser = input == NULL ? NULL : new_parser(), .events = events};
    if (run.parser != NULL) {
        memcpy(input, head, sizeof(head) - 1);
        memcpy(input + sizeof(head) - 1, html, len);
        *run.parser->sax = handler;
        run.parser->userData = &run;
        (void)htmlCtxtReadMemory(run.parser, input, (int)(sizeof(head) - 1 + len), NULL, "UTF-8",
                                 HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET |
                                     HTML_PARSE_IGNORE_ENC);
        htmlFreeParserCtxt(run.parser);
    }
    free(input);
    return run.parser != NULL;
}
