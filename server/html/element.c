#include "server/html/element.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/base/cleanup.h"
#include "server/html/html.h"

#define KEPT(name, border)                               \
    {                                                    \
        (name), HTML_KEEP, false, (border), HTML_NO_PART \
    }
#define KEPT_PART(name, border, part)              \
    {                                              \
        (name), HTML_KEEP, false, (border), (part) \
    }
#define KEPT_VOID(name, border)                         \
    {                                                   \
        (name), HTML_KEEP, true, (border), HTML_NO_PART \
    }
#define UNWRAPPED(name)                                \
    {                                                  \
        (name), HTML_UNWRAP, false, '\n', HTML_NO_PART \
    }
#define DROPPED(name)                                \
    {                                                \
        (name), HTML_DROP, false, '\0', HTML_NO_PART \
    }

static const struct html_element elements[] = {
    // Blocks.
    KEPT("p", '\n'),
    KEPT("div", '\n'),
    KEPT("h1", '\n'),
    KEPT("h2", '\n'),
    KEPT("h3", '\n'),
    KEPT("h4", '\n'),
    KEPT("h5", '\n'),
    KEPT("h6", '\n'),
    KEPT("ul", '\n'),
    KEPT("ol", '\n'),
    KEPT("li", '\n'),
    KEPT_PART("dl", '\n', HTML_LIST),
    KEPT_PART("dt", '\n', HTML_TERM),
    KEPT_PART("dd", '\n', HTML_MEANING),
    KEPT("blockquote", '\n'),
    KEPT("pre", '\n'),
    KEPT_VOID("hr", '\n'),
    KEPT_VOID("br", '\n'),
    // Tables.
    KEPT_PART("table", '\n', HTML_TABLE),
    KEPT("caption", '\n'),
    KEPT("thead", '\n'),
    KEPT("tbody", '\n'),
    KEPT("tfoot", '\n'),
    KEPT_PART("tr", '\n', HTML_ROW),
    KEPT_PART("td", '\t', HTML_CELL),
    KEPT_PART("th", '\t', HTML_HEAD_CELL),
    // Text.
    KEPT("a", '\0'),
    KEPT("b", '\0'),
    KEPT("strong", '\0'),
    KEPT("i", '\0'),
    KEPT("em", '\0'),
    KEPT("u", '\0'),
    KEPT("s", '\0'),
    KEPT("strike", '\0'),
    KEPT("del", '\0'),
    KEPT("ins", '\0'),
    KEPT("sub", '\0'),
    KEPT("sup", '\0'),
    KEPT("small", '\0'),
    KEPT("code", '\0'),
    KEPT("kbd", '\0'),
    KEPT("samp", '\0'),
    KEPT("var", '\0'),
    KEPT("q", '\0'),
    KEPT("cite", '\0'),
    KEPT("abbr", '\0'),
    KEPT("mark", '\0'),
    KEPT("span", '\0'),
    KEPT_VOID("img", '\0'),
    // Blocks of which the text is enough.
    UNWRAPPED("section"),
    UNWRAPPED("article"),
    UNWRAPPED("header"),
    UNWRAPPED("footer"),
    UNWRAPPED("main"),
    UNWRAPPED("nav"),
    UNWRAPPED("aside"),
    UNWRAPPED("address"),
    UNWRAPPED("figure"),
    UNWRAPPED("figcaption"),
    UNWRAPPED("form"),
    UNWRAPPED("fieldset"),
    UNWRAPPED("legend"),
    UNWRAPPED("details"),
    UNWRAPPED("summary"),
    UNWRAPPED("center"),
    // What is active, what embeds, and what browsers read by other rules.
    DROPPED("script"),
    DROPPED("style"),
    DROPPED("svg"),
    DROPPED("math"),
    DROPPED("iframe"),
    DROPPED("frame"),
    DROPPED("frameset"),
    DROPPED("noframes"),
    DROPPED("object"),
    DROPPED("applet"),
    DROPPED("noembed"),
    DROPPED("noscript"),
    DROPPED("template"),
    DROPPED("textarea"),
    DROPPED("title"),
    DROPPED("xmp"),
    DROPPED("plaintext"),
    DROPPED("listing"),
    DROPPED("select"),
    DROPPED("button"),
    DROPPED("datalist"),
    DROPPED("audio"),
    DROPPED("video"),
    DROPPED("canvas"),
    DROPPED("dialog"),
    DROPPED("portal"),
    DROPPED("marquee"),
    DROPPED("xml"),
    DROPPED("slot"),
};

const struct html_element *html_element_find(const char *name)
{
    static const struct html_element other = {"", HTML_UNWRAP, false, '\0', HTML_NO_PART};
    for (size_t i = 0; i < ARRAY_LEN(elements); i++)
        if (elements[i].name[0] == name[0] && strcmp(elements[i].name, name) == 0)
            return &elements[i];
    return &other;
}

const char *html_element_name(size_t i)
{
    return i < ARRAY_LEN(elements) ? elements[i].name : NULL;
}

static bool is_number(const char *value)
{
    size_t len = strspn(value, "0123456789");
    return len > 0 && len <= 4 && value[len] == '\0';
}

bool html_attribute_stays(const struct html_element *element, const char *name, const char *value)
{
    static const struct {
        const char *element, *attribute;
    } numbers[] = {
        {"td", "colspan"}, {"td", "rowspan"}, {"th", "colspan"}, {"th", "rowspan"},
        {"ol", "start"},   {"li", "value"},   {"img", "width"},  {"img", "height"},
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (strcmp(numbers[i].element, element->name) == 0 &&
            strcmp(numbers[i].attribute, name) == 0)
            return is_number(value);
    if (strcmp(name, "href") == 0)
        return strcmp(element->name, "a") == 0 && html_link_stays(value);
    if (strcmp(name, "alt") == 0)
        return strcmp(element->name, "img") == 0;
    if (strcmp(name, "dir") == 0)
        return strcmp(value, "ltr") == 0 || strcmp(value, "rtl") == 0 || strcmp(value, "auto") == 0;
    return false;
}

// No white space and no control byte: browsers drop some of them, and so read another link.
static bool is_plain(const char *uri)
{
    for (const unsigned char *c = (const unsigned char *)uri; *c != '\0'; c++)
        if (*c <= ' ' || *c == 0x7F || *c == '\\' || *c == '"' || *c == '<' || *c == '>')
            return false;
    return true;
}

bool html_link_stays(const char *uri)
{
    static const char *const web[] = {"http://", "https://"};
    static const char *const other[] = {"mailto:", "tel:"};
    if (!is_plain(uri))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        if (strncasecmp(uri, other[i], strlen(other[i])) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(web); i++) {
        if (strncasecmp(uri, web[i], strlen(web[i])) != 0)
            continue;
        const char *host = uri + strlen(web[i]);
        size_t len = strcspn(host, "/?#");
        return len > 0 && memchr(host, '@', len) == NULL;
    }
    return false;
}

size_t html_origin(const char *uri)
{
    enum { ORIGIN_MAX = 80 };
    static const char scheme[] = "https://";
    if (!html_link_stays(uri) || strncmp(uri, scheme, sizeof(scheme) - 1) != 0)
        return 0;
    const char *host = uri + sizeof(scheme) - 1;
    size_t len = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:");
    bool whole = len > 0 && (host[len] == '\0' || strchr("/?#", host[len]) != NULL);
    len += sizeof(scheme) - 1;
    return whole && len <= ORIGIN_MAX ? len : 0;
}

size_t html_base(const char *uri)
{
    enum { BASE_MAX = 90 };
    size_t origin = html_origin(uri);
    if (origin == 0 || uri[origin] != '/')
        return origin;
    size_t len = strcspn(uri, "?#");
    while (uri[len - 1] != '/')
        len--;
    size_t plain = strspn(uri + origin, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789/-._~");
    return len <= BASE_MAX && plain >= len - origin ? len : origin;
}

// How much of `base` goes before a link that names no site. 0: it names one, is none, or there is
// nothing to go before it.
static size_t base_of(const char *base, const char *link)
{
    size_t len = strlen(base), first = strcspn(link, "/?#\\");
    // Browsers read "/\\host" as "//host".
    if (link[0] == '/')
        return link[1] != '/' && link[1] != '\\' ? html_origin(base) : 0;
    // "scheme:" and what was meant to have one lead elsewhere.
    bool relative = first > 0 && memchr(link, ':', first) == NULL &&
                    strncasecmp(link, "www.", 4) != 0 && len > 0 && base[len - 1] == '/';
    return relative ? len : 0;
}

char *html_link_tidy(const char *uri, const char *base)
{
    static const char space[] = " \t\n\f\r";
    const char *from = uri + strspn(uri, space), *host = strstr(from, "://");
    size_t base_len = base == NULL ? 0 : base_of(base, from);
    if (base_len > 0) {
        char *whole = NULL;
        if (asprintf(&whole, "%.*s%s", (int)base_len, base, from) < 0)
            return NULL;
        char *tidy = html_link_tidy(whole, NULL);
        if (tidy == NULL)
            return whole;
        free(whole);
        return tidy;
    }
    size_t len = strlen(from);
    while (len > 0 && strchr(space, from[len - 1]) != NULL)
        len--;
    size_t before = host == NULL ? len : (size_t)(host - from) + 3;
    before += host == NULL ? 0 : strcspn(host + 3, "/?#");
    bool spaced = before < len && memchr(from + before, ' ', len - before) != NULL;
    if (from == uri && uri[len] == '\0' && !spaced)
        return NULL;
    char *tidy = malloc(3 * len + 1), *to = tidy;
    if (tidy == NULL)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        if (i < before || from[i] != ' ')
            *to++ = from[i];
        else
            to = stpcpy(to, "%20");
    }
    *to = '\0';
    return tidy;
}

// Where `text` of digits alone ends; NULL if it has none.
static const char *digits_end(const char *text)
{
    size_t len = strspn(text, "0123456789");
    return len == 0 || len > 18 ? NULL : text + len;
}

const char *html_image_id(const char *uri, size_t *ret_len)
{
    static const char developer[] = "/developer/images/", docs[] = "/docs/", images[] = "/images/";
    const char *path = uri, *end;
    if (strncasecmp(uri, "https://", 8) == 0) {
        path = strchr(uri + 8, '/');
        if (path == NULL)
            return NULL;
    }
    if (strncmp(path, developer, sizeof(developer) - 1) == 0) {
        path += sizeof(developer) - 1;
    } else {
        if (path[0] != '/' || (end = digits_end(path + 1)) == NULL ||
            strncmp(end, docs, sizeof(docs) - 1) != 0 ||
            (end = digits_end(end + sizeof(docs) - 1)) == NULL ||
            strncmp(end, images, sizeof(images) - 1) != 0)
            return NULL;
        path = end + sizeof(images) - 1;
    }
    end = digits_end(path);
    if (end == NULL || (*end != '\0' && *end != '?'))
        return NULL;
    *ret_len = (size_t)(end - path);
    return path;
}
