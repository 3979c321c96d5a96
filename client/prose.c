#include "client/prose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/text.h"
#include "server/base/encoding.h"

enum {
    BLOCK_MAX_BYTES = 64 * 1024 * 1024,
    LISTS_MAX = 32,
    QUOTES_MAX = 8,
    COLUMNS_MAX = 64,
    NARROWEST = 20
};

struct list {
    bool numbered;
    int next;
    size_t indent; // of what goes on in its item
};

struct prose {
    struct buffer *out;
    size_t start;        // of what it puts out
    struct buffer block; // what is not put out yet: white space is one blank, a line break stays
    size_t width;
    struct list lists[LISTS_MAX]; // the first is what stands in no list
    size_t depth;
    int quotes;
    char marker[24];        // before the first line of the block
    bool pre, gap;          // `gap`: an empty line comes before the next block
    int cells;              // open within each other: a block in a cell is no block
    int columns;            // of the row so far
    int taken[COLUMNS_MAX]; // rows, from this one on, in which a cell before it takes the column
    char *link;             // NULL: none is open
    size_t link_start;
};

static struct list *list_of(struct prose *prose)
{
    return &prose->lists[prose->depth < LISTS_MAX ? prose->depth : LISTS_MAX - 1];
}

static bool put_escaped(struct buffer *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        const char *tab = memchr(text + i, '\t', len - i);
        size_t part = tab == NULL ? len - i : (size_t)(tab - text) - i;
        if (!text_escape(out, text + i, part) || (tab != NULL && !buffer_text(out, "\t")))
            return false;
        i += part + (tab == NULL ? 0 : 1);
    }
    return true;
}

// What stands before each line; `first`: that of a block.
static size_t put_margin(struct prose *prose, bool first)
{
    size_t indent = list_of(prose)->indent, marker = strlen(prose->marker), width = indent;
    for (int i = 0; i < prose->quotes && i < QUOTES_MAX; i++, width += 2)
        (void)buffer_text(prose->out, "> ");
    if (first && marker > 0) {
        indent = indent > marker ? indent - marker : 0;
        width = width - list_of(prose)->indent + indent + marker;
    }
    (void)buffer_printf(prose->out, "%*s%s", (int)indent, "", first ? prose->marker : "");
    return width;
}

static void put_line(struct prose *prose, const char *text, size_t len, bool first)
{
    struct buffer line _cleanup_(buffer_done);
    buffer_init(&line, 6 * len + 64);
    if (!put_escaped(&line, text, len)) {
        prose->out->failed = true;
        return;
    }
    char *word = line.data;
    size_t at = put_margin(prose, first);
    size_t most = prose->width > at + NARROWEST ? prose->width : at + NARROWEST;
    if (word == NULL || prose->width == 0 || prose->pre) {
        (void)buffer_append(prose->out, word == NULL ? "" : word, line.len);
        (void)buffer_text(prose->out, "\n");
        return;
    }
    for (bool begun = false; word != NULL; begun = true) {
        char *end = strchr(word, ' ');
        if (end != NULL)
            *end++ = '\0';
        size_t width = text_width(word, SIZE_MAX, NULL);
        if (begun && at + 1 + width > most) {
            (void)buffer_text(prose->out, "\n");
            at = put_margin(prose, false);
        } else if (begun) {
            (void)buffer_text(prose->out, " ");
            at++;
        }
        (void)buffer_text(prose->out, word);
        at += width;
        word = end;
    }
    (void)buffer_text(prose->out, "\n");
}

// Puts out what there is of a block.
static void end_block(struct prose *prose)
{
    struct buffer *block = &prose->block;
    const char *white = prose->pre ? "\n" : " \n";
    while (block->len > 0 && strchr(white, block->data[block->len - 1]) != NULL)
        block->data[--block->len] = '\0';
    prose->link_start = 0;
    if (block->len == 0)
        return;
    if (prose->gap && prose->out->len > prose->start)
        (void)buffer_text(prose->out, "\n");
    prose->gap = false;
    const char *text = block->data, *end = text + block->len;
    for (bool first = true; text <= end; first = false) {
        size_t len = strcspn(text, "\n");
        put_line(prose, text, len, first);
        text += len + 1;
    }
    prose->marker[0] = '\0';
    buffer_reset(block);
}

static void put_char(struct prose *prose, char c)
{
    struct buffer *block = &prose->block;
    bool raw = prose->pre && prose->cells == 0;
    if (!raw && strchr(" \t\r\n", c) != NULL) {
        if (block->len == 0 || strchr(" \n", block->data[block->len - 1]) != NULL)
            return;
        c = ' ';
    }
    // A line break at its very beginning is none.
    if (raw && (c == '\r' || (c == '\n' && block->len == 0)))
        return;
    (void)buffer_append(block, &c, 1);
}

// The byte that an escape at the beginning of `text` stands for, and its length.
static char unescaped(const char *text, size_t *ret_len)
{
    static const struct {
        const char *escape;
        char c;
    } escapes[] = {{"&amp;", '&'},  {"&lt;", '<'},   {"&gt;", '>'},
                   {"&quot;", '"'}, {"&#39;", '\''}, {"&#96;", '`'}};
    for (size_t i = 0; text[0] == '&' && i < ARRAY_LEN(escapes); i++) {
        *ret_len = strlen(escapes[i].escape);
        if (strncmp(text, escapes[i].escape, *ret_len) == 0)
            return escapes[i].c;
    }
    *ret_len = 1;
    return text[0];
}

// The value of an attribute of a tag, unescaped, to be freed. NULL: none, or no memory.
static char *attribute(const char *tag, size_t len, const char *name)
{
    const char *at = memmem(tag, len, name, strlen(name));
    if (at == NULL)
        return NULL;
    const char *value = at + strlen(name), *end = memchr(value, '"', (size_t)(tag + len - value));
    char *text = end == NULL ? NULL : malloc((size_t)(end - value) + 1), *to = text;
    if (text == NULL)
        return NULL;
    for (size_t one; value < end; value += one)
        *to++ = unescaped(value, &one);
    *to = '\0';
    return text;
}

static void put_image(struct prose *prose, const char *tag, size_t len)
{
    char *name _cleanup_(freep) = attribute(tag, len, " data-image=\"");
    char *alt _cleanup_(freep) = attribute(tag, len, " alt=\"");
    (void)buffer_printf(&prose->block, "[image %s%s%s]", name == NULL ? "" : name,
                        alt == NULL || alt[0] == '\0' ? "" : ": ", alt == NULL ? "" : alt);
}

static void end_link(struct prose *prose)
{
    const struct buffer *block = &prose->block;
    const char *link = prose->link;
    if (link == NULL)
        return;
    bool empty = block->len <= prose->link_start;
    const char *text = empty ? "" : block->data + prose->link_start;
    const char *address = strncasecmp(link, "mailto:", 7) == 0 ? link + 7
                          : strncasecmp(link, "tel:", 4) == 0  ? link + 4
                                                               : link;
    if (strcmp(text, link) != 0 && strcmp(text, address) != 0)
        (void)buffer_printf(&prose->block, "%s<%s>", empty ? "" : " ", link);
    free(prose->link);
    prose->link = NULL;
}

// The number that an attribute of a tag is, if a list may have it; else `other`.
static int number(const char *tag, size_t len, const char *name, int other)
{
    char *text _cleanup_(freep) = attribute(tag, len, name);
    int64_t is;
    if (text == NULL || !encoding_int64(text, strlen(text), &is) || is < 0 || is > 9999)
        return other;
    return (int)is;
}

static void start_item(struct prose *prose, const char *tag, size_t len, bool term)
{
    struct list *list = list_of(prose);
    list->next = number(tag, len, " value=\"", list->next);
    if (list->numbered)
        (void)snprintf(prose->marker, sizeof(prose->marker), "%d. ", list->next++);
    else
        (void)snprintf(prose->marker, sizeof(prose->marker), "%s", term ? "" : "- ");
    if (list > prose->lists)
        list->indent = list[-1].indent + strlen(prose->marker);
}

static void start_list(struct prose *prose, const char *tag, size_t len, bool numbered)
{
    size_t indent = list_of(prose)->indent;
    int next = number(tag, len, " start=\"", 1);
    prose->depth++;
    *list_of(prose) = (struct list){.numbered = numbered, .next = next, .indent = indent};
}

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

static void put_column(struct prose *prose)
{
    if (prose->columns++ > 0)
        (void)buffer_text(&prose->block, "| ");
}

static bool is_taken(const struct prose *prose)
{
    return prose->columns < COLUMNS_MAX && prose->taken[prose->columns] > 0;
}

static void start_cell(struct prose *prose, const char *tag, size_t len)
{
    put_char(prose, ' ');
    if (prose->cells++ > 0)
        return;
    for (; is_taken(prose); put_column(prose))
        prose->taken[prose->columns]--;
    int rows = number(tag, len, " rowspan=\"", 1), width = number(tag, len, " colspan=\"", 1);
    for (int i = 0; i < width && prose->columns + i < COLUMNS_MAX; i++)
        prose->taken[prose->columns + i] = i == 0 ? rows - 1 : rows;
    put_column(prose);
}

static void end_row(struct prose *prose)
{
    for (; prose->columns < COLUMNS_MAX; prose->columns++)
        prose->taken[prose->columns] -= is_taken(prose);
    prose->columns = 0;
}

// Nothing tells where it ends, as of other blocks.
static void put_rule(struct prose *prose)
{
    (void)buffer_text(&prose->block, "---");
    end_block(prose);
    prose->gap = prose->depth == 0;
}

// In a cell, where items stand in one line: others may refer to them by their numbers.
static void take_list_in_cell(struct prose *prose, const char *name, const char *tag, size_t len,
                              bool start)
{
    struct list *list = list_of(prose);
    bool is_list = strcmp(name, "ul") == 0 || strcmp(name, "ol") == 0 || strcmp(name, "dl") == 0;
    if (is_list && start) {
        start_list(prose, tag, len, name[0] == 'o');
    } else if (is_list) {
        prose->depth -= prose->depth > 0;
    } else if (start && list->numbered && strcmp(name, "li") == 0) {
        list->next = number(tag, len, " value=\"", list->next);
        (void)buffer_printf(&prose->block, "%d. ", list->next++);
    }
}

// What separates: in a cell a blank, else it ends what was before.
static void take_block(struct prose *prose, const char *name, const char *tag, size_t len,
                       bool start)
{
    static const char *const apart[] = {"p",          "h1",    "h2",  "h3",      "h4", "h5",
                                        "h6",         "pre",   "hr",  "ul",      "ol", "dl",
                                        "blockquote", "table", "div", "caption", NULL};
    if (prose->cells > 0) {
        put_char(prose, ' ');
        take_list_in_cell(prose, name, tag, len, start);
        return;
    }
    end_block(prose);
    if (!start && strcmp(name, "p") != 0 && strcmp(name, "div") != 0)
        prose->marker[0] = '\0'; // of an item or a heading without a text
    bool list = strcmp(name, "ul") == 0 || strcmp(name, "ol") == 0 || strcmp(name, "dl") == 0;
    // Items stand close together, whatever is in them.
    if (prose->depth == 0 && is_one_of(name, apart) && strcmp(name, "div") != 0)
        prose->gap = true;
    if (list && start)
        start_list(prose, tag, len, name[0] == 'o');
    else if (list && prose->depth > 0)
        prose->gap |= --prose->depth == 0;
    else if (start && (strcmp(name, "li") == 0 || strcmp(name, "dd") == 0))
        start_item(prose, tag, len, false);
    else if (start && strcmp(name, "dt") == 0)
        start_item(prose, tag, len, true);
    else if (start && prose->depth == 0 && name[0] == 'h' && name[1] >= '1' && name[1] <= '6')
        (void)snprintf(prose->marker, sizeof(prose->marker), "%.*s ", name[1] - '0', "######");
    else if (strcmp(name, "blockquote") == 0)
        prose->quotes += start ? 1 : prose->quotes > 0 ? -1 : 0;
    else if (strcmp(name, "pre") == 0)
        prose->pre = start;
    else if (!start && strcmp(name, "tr") == 0)
        end_row(prose);
    else if (strcmp(name, "table") == 0)
        memset(prose->taken, 0, sizeof(prose->taken));
    else if (strcmp(name, "hr") == 0)
        put_rule(prose);
}

// `tag` is what stands between < and >.
static void take_tag(struct prose *prose, const char *tag, size_t len)
{
    static const char *const inlines[] = {"b",   "strong", "i",    "em",   "u",    "ins",
                                          "sub", "small",  "code", "kbd",  "samp", "var",
                                          "q",   "cite",   "abbr", "mark", "span", NULL};
    static const char *const struck[] = {"s", "strike", "del", NULL};
    char name[16];
    bool start = len == 0 || tag[0] != '/';
    const char *from = start ? tag : tag + 1;
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(from, " >"), from);
    if (is_one_of(name, inlines))
        return;
    // What no longer holds, or is no digit of the number before it, must not read as if.
    if (is_one_of(name, struck)) {
        (void)buffer_text(&prose->block, "~~");
    } else if (strcmp(name, "sup") == 0) {
        (void)buffer_text(&prose->block, start ? "^" : "");
    } else if (strcmp(name, "a") == 0) {
        end_link(prose);
        prose->link = start ? attribute(tag, len, " href=\"") : NULL;
        prose->link_start = prose->block.len;
    } else if (strcmp(name, "img") == 0) {
        put_image(prose, tag, len);
    } else if (strcmp(name, "br") == 0 && prose->cells == 0) {
        (void)buffer_text(&prose->block, prose->block.len > 0 ? "\n" : "");
    } else if (strcmp(name, "td") == 0 || strcmp(name, "th") == 0) {
        if (start)
            start_cell(prose, tag, len);
        else
            prose->cells -= prose->cells > 0;
    } else {
        take_block(prose, name, tag, len, start);
    }
}

static bool write_all(struct prose *prose, const char *html)
{
    buffer_init(&prose->block, BLOCK_MAX_BYTES);
    while (*html != '\0') {
        size_t len = *html == '<' ? strcspn(html + 1, "<>") : 0;
        if (*html == '<' && html[1 + len] == '>') {
            take_tag(prose, html + 1, len);
            html += len + 2;
            continue;
        }
        put_char(prose, unescaped(html, &len));
        html += len;
    }
    end_link(prose);
    end_block(prose);
    bool good = !prose->block.failed && !prose->out->failed;
    buffer_done(&prose->block);
    return good;
}

bool prose_write(struct buffer *out, const char *html, size_t width)
{
    struct prose prose = {.out = out, .start = out->len, .width = width};
    return write_all(&prose, html);
}

bool prose_heading(struct buffer *out, const char *html, int level)
{
    struct prose prose = {.out = out, .start = out->len};
    (void)snprintf(prose.marker, sizeof(prose.marker), "%.*s ", level < 1 ? 1 : level, "######");
    return write_all(&prose, html);
}
