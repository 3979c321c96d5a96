// Speed of the parser of pages beside jansson (a tree) and bare yajl (events that nobody takes),
// all on one page in one process, turn by turn. Prints a JSON object of MB/s a round.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yajl/yajl_parse.h>

#include "server/base/encoding.h"
#include "server/source/itglue/page.h"

enum { PIECE_BYTES = 16 * 1024, RECORD_MAX_BYTES = 8 << 20, PAGE_MAX_BYTES = 64 << 20 };

struct page {
    char *bytes;
    size_t len;
    enum source_kind kind;
    int rows;
};

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "parse: %s\n", what);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bool count_record(void *context, const struct source_record *record)
{
    (void)record;
    (*(int *)context)++;
    return true;
}

static bool count_quarantine(void *context, const struct source_quarantine *quarantine)
{
    (void)quarantine;
    (*(int *)context)++;
    return true;
}

static void parse_ours(const struct page *page)
{
    int rows = 0;
    const struct source_sink sink = {count_record, count_quarantine, &rows};
    const struct source_query query = {
        .kind = page->kind, .type_id = 1, .page_number = 1, .page_size = 1000};
    struct itglue_page *parser = itglue_page_new(&query, &sink, RECORD_MAX_BYTES, PAGE_MAX_BYTES);
    if (parser == NULL)
        fail("no memory");
    for (size_t at = 0; at < page->len; at += PIECE_BYTES) {
        size_t len = page->len - at < PIECE_BYTES ? page->len - at : PIECE_BYTES;
        if (!itglue_page_feed(parser, page->bytes + at, len))
            fail("the page is refused");
    }
    struct source_page whole;
    struct err err;
    if (itglue_page_finish(parser, &whole, &err) != ERR_OK || rows != page->rows)
        fail("the page has other rows than jansson sees");
    (void)itglue_page_free(parser);
}

static void parse_jansson(const struct page *page)
{
    json_error_t error;
    json_t *root = json_loadb(page->bytes, page->len, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL || (int)json_array_size(json_object_get(root, "data")) != page->rows)
        fail("jansson refuses the page");
    json_decref(root);
}

static int on_null(void *context)
{
    (void)context;
    return 1;
}

static int on_boolean(void *context, int value)
{
    (void)context, (void)value;
    return 1;
}

static int on_text(void *context, const unsigned char *text, size_t len)
{
    (void)context, (void)text, (void)len;
    return 1;
}

static int on_number(void *context, const char *text, size_t len)
{
    (void)context, (void)text, (void)len;
    return 1;
}

static void parse_yajl(const struct page *page)
{
    static const yajl_callbacks callbacks = {on_null,   on_boolean, NULL,    NULL,
                                             on_number, on_text,    on_null, on_text,
                                             on_null,   on_null,    on_null};
    yajl_handle parser = yajl_alloc(&callbacks, NULL, NULL);
    for (size_t at = 0; at < page->len; at += PIECE_BYTES) {
        size_t len = page->len - at < PIECE_BYTES ? page->len - at : PIECE_BYTES;
        if (yajl_parse(parser, (const unsigned char *)page->bytes + at, len) != yajl_status_ok)
            fail("yajl refuses the page");
    }
    yajl_free(parser);
}

static double speed(const struct page *page, void (*parse)(const struct page *), int64_t times)
{
    double start = now();
    for (int64_t i = 0; i < times; i++)
        parse(page);
    return (double)page->len * (double)times / (now() - start) / 1e6;
}

static struct page read_page(const char *path, const char *kind)
{
    struct page page = {.kind = strcmp(kind, "assets") == 0 ? SOURCE_FLEXIBLE_ASSETS
                                                            : SOURCE_PASSWORDS};
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    FILE *file = fopen(path, "rbe");
    if (root == NULL || file == NULL || fseek(file, 0, SEEK_END) != 0 || ftell(file) <= 0)
        fail("the page cannot be read");
    page.rows = (int)json_array_size(json_object_get(root, "data"));
    json_decref(root);
    page.len = (size_t)ftell(file);
    rewind(file);
    page.bytes = malloc(page.len);
    if (page.bytes == NULL || fread(page.bytes, 1, page.len, file) != page.len)
        fail("the page cannot be read");
    (void)fclose(file);
    return page;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        fail("parse FILE assets|passwords ROUNDS TIMES");
    struct page page = read_page(argv[1], argv[2]);
    int64_t rounds, times;
    if (!encoding_int64(argv[3], strlen(argv[3]), &rounds) ||
        !encoding_int64(argv[4], strlen(argv[4]), &times))
        fail("ROUNDS and TIMES are numbers");
    parse_ours(&page);
    for (int64_t i = 0; i < rounds; i++)
        printf("{\"ours\": %.1f, \"jansson\": %.1f, \"yajl\": %.1f}\n",
               speed(&page, parse_ours, times), speed(&page, parse_jansson, times / 4 + 1),
               speed(&page, parse_yajl, times));
    free(page.bytes);
    return 0;
}
