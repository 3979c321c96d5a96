#include "server/source/itglue/page.h"

#include <stdio.h>
#include <string.h>

#include "server/source/itglue/memory.h"
#include "server/source/itglue/page_frame.h"

enum {
    TOKEN_MAX_LEN = 4096, // a number or word that does not end is none
    HOLD_FROM_LEN = 16 * 1024,
    KEPT_MAX_BYTES = 56 * 1024 * 1024, // of one record, which must fit into a page in memory
};

struct itglue_page *itglue_page_new(const struct source_query *query,
                                    const struct source_sink *sink, size_t record_max_bytes,
                                    size_t page_max_bytes)
{
    struct itglue_page *page = calloc(1, sizeof(*page));
    if (page == NULL)
        return NULL;
    page->query = query;
    page->sink = sink;
    page->kind = itglue_kind(query->kind);
    page->record_max_bytes = record_max_bytes;
    (void)snprintf(page->too_large, sizeof(page->too_large),
                   "the record is larger than %.3g MiB, the most that is taken of one",
                   (double)record_max_bytes / (1024 * 1024));
    page->total_count = page->next_page = -1;
    // Cleaning can make three bytes of one.
    size_t kept = record_max_bytes * 4 < KEPT_MAX_BYTES ? record_max_bytes * 4 : KEPT_MAX_BYTES;
    itglue_draft_init(&page->draft, kept);
    itglue_out_init(&page->body, kept);
    itglue_join_init(&page->join, page->kind, page_max_bytes * 4);
    page->yajl = yajl_alloc(&itglue_page_callbacks, &itglue_wiped_memory, page);
    // What is no UTF-8 is replaced when it is kept: a page is not lost for a byte.
    if (page->yajl == NULL || !yajl_config(page->yajl, yajl_dont_validate_strings, 1))
        return itglue_page_free(page);
    return page;
}

struct itglue_page *itglue_page_free(struct itglue_page *page)
{
    if (page == NULL)
        return NULL;
    if (page->yajl != NULL)
        yajl_free(page->yajl);
    itglue_draft_done(&page->draft);
    itglue_out_done(&page->body);
    itglue_join_done(&page->join);
    itglue_free(page->held);
    free(page);
    return NULL;
}

void itglue_page_freep(struct itglue_page **page)
{
    *page = itglue_page_free(*page);
}

// yajl collects a string that spans pieces until it ends, however long. So that a page cannot make
// it collect more than a record may have, what follows the last event (page_frame.h) of a piece is
// looked at here, and a string beyond the limit is cut: its rest never reaches yajl. Its record is
// too large anyway.
//
// Follows the text `bytes` from outside or inside a string. Returns how many bytes come before the
// end of the string that it was in at first.
static size_t follow(struct itglue_page *page, const char *bytes, size_t len, bool until_end)
{
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        page->string_len++;
        if (page->escape_left > 0) {
            // After the backslash comes one character, after \u four more.
            page->escape_left = page->escape_left == 5 && c == 'u' ? 4
                                : page->escape_left == 5           ? 0
                                                                   : page->escape_left - 1;
        } else if (page->in_string && c == '\\') {
            page->escape_left = 5;
        } else if (c == '"') {
            if (page->in_string && until_end)
                return i;
            page->in_string = !page->in_string;
            page->string_len = 0;
        } else if (!page->in_string &&
                   (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' || c == ':')) {
            page->string_len = 0;
        }
    }
    return len;
}

static bool parse(struct itglue_page *page, const char *bytes, size_t len)
{
    page->event_offset = SIZE_MAX;
    yajl_status status = yajl_parse(page->yajl, (const unsigned char *)bytes, len);
    if (status != yajl_status_ok) {
        if (page->refusal == NULL)
            page->refusal = "the page is not valid JSON";
        return false;
    }
    size_t rest = 0;
    if (page->event_offset != SIZE_MAX) {
        page->in_string = false;
        page->escape_left = 0;
        page->string_len = 0;
        rest = page->event_offset < len ? page->event_offset : len;
    }
    (void)follow(page, bytes + rest, len - rest, false);
    if (!page->in_string && page->string_len > TOKEN_MAX_LEN) {
        page->refusal = "the page is not valid JSON";
        return false;
    }
    page->fed += len;
    page->swallowing =
        page->in_string && page->escape_left == 0 && page->string_len > page->record_max_bytes;
    return true;
}

static bool parse_held(struct itglue_page *page)
{
    bool good = parse(page, page->held, page->held_len);
    itglue_free(page->held);
    page->held = NULL;
    page->held_len = page->held_capacity = 0;
    return good;
}

// How much of what follows is held back before it is parsed: yajl looks at a string that spans
// pieces from its beginning again with each, so that pieces of a long one must grow with it. No
// more than what is left of the longest that is read.
static size_t hold_len(const struct itglue_page *page)
{
    if (!page->in_string || page->string_len < HOLD_FROM_LEN ||
        page->string_len > page->record_max_bytes)
        return 0;
    size_t left = page->record_max_bytes - page->string_len + 1;
    return page->string_len < left ? page->string_len : left;
}

// `most` of it at least are parsed at once.
static bool hold(struct itglue_page *page, const char *bytes, size_t len, size_t most)
{
    if (page->held_capacity < page->held_len + len) {
        char *held = itglue_realloc(page->held, most + len);
        page->no_memory = held == NULL;
        if (held == NULL)
            return false;
        page->held = held;
        page->held_capacity = most + len;
    }
    memcpy(page->held + page->held_len, bytes, len);
    page->held_len += len;
    return page->held_len < most || parse_held(page);
}

bool itglue_page_feed(struct itglue_page *page, const char *bytes, size_t len)
{
    if (page->refusal != NULL || page->stopped || page->no_memory)
        return false;
    if (page->swallowing) {
        size_t swallowed = follow(page, bytes, len, true);
        page->fed += swallowed;
        if (swallowed == len)
            return true;
        page->swallowing = false;
        bytes += swallowed;
        len -= swallowed;
    }
    size_t most = hold_len(page);
    return len == 0 || (most > 0 ? hold(page, bytes, len, most) : parse(page, bytes, len));
}

// The page after this one.
static int next_page(const struct itglue_page *page)
{
    int current = page->query->page_number;
    if (page->next_page >= 0)
        return page->next_page <= INT32_MAX ? (int)page->next_page : 0;
    // The reference's examples lack `meta`. Then the links say it, and if there are none either, a
    // full page may have a successor; an empty page ends the walk.
    bool more = page->has_links
                    ? page->links_next
                    : page->total_count < 0 && page->record_count >= page->query->page_size;
    return more && current < INT32_MAX ? current + 1 : 0;
}

enum err_code itglue_page_finish(struct itglue_page *page, struct source_page *ret_page,
                                 struct err *reterr)
{
    bool whole = page->refusal == NULL && !page->stopped && !page->no_memory &&
                 (page->held_len == 0 || parse_held(page));
    *ret_page = (struct source_page){.record_count = page->record_count, .total_count = -1};
    if (whole && yajl_complete_parse(page->yajl) != yajl_status_ok)
        page->refusal = "the page ends too early or is not valid JSON";
    if (page->stopped)
        return err_set(reterr, ERR_CANCELLED, "the reader of the page stopped it");
    if (page->no_memory)
        return err_no_memory(reterr);
    if (page->refusal == NULL && !page->has_data)
        page->refusal = "the page has no data";
    if (page->refusal != NULL)
        return err_set(reterr, ERR_UPSTREAM_ANSWER_INVALID, "%s", page->refusal);
    bool no_memory = false;
    if (!itglue_join_finish(&page->join, page->sink, &page->body, &no_memory))
        return no_memory ? err_no_memory(reterr)
                         : err_set(reterr, ERR_CANCELLED, "the reader of the page stopped it");
    ret_page->total_count = page->total_count;
    ret_page->next_page = next_page(page);
    return ERR_OK;
}
