// SearchDocumentation: what the caller may see and has the words, the best first.
#include "server/service/search.h"
#include "server/service/content.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "server/base/utf8.h"
#include "server/service/begin.h"
#include "server/service/documentation_kind.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/page.h"
#include "server/service/reading.h"
#include "server/source/source.h"
#include "server/store/search.h"

// A piece of a text shorter than this would be searched for without the index.
enum { HITS_MAX = 100, PIECE_MIN = 3 };

typedef Docbridge__V1__SearchDocumentationRequest Request;
typedef Docbridge__V1__SearchDocumentationResponse Response;
typedef Docbridge__V1__SearchDocumentationResponse__Hit Hit;
typedef Docbridge__V1__SearchDocumentationResponse__Range Range;

enum { KINDS = 4 };

static enum err_code read_kinds(struct request *request, const Request *in,
                                struct search_query *query, struct err *reterr)
{
    static const int64_t all[KINDS] = {SOURCE_DOCUMENTS, SOURCE_FLEXIBLE_ASSETS, SOURCE_CHECKLISTS,
                                       SOURCE_CHECKLIST_TEMPLATES};
    query->kinds = all;
    query->kind_count = KINDS;
    if (in->n_kinds == 0)
        return ERR_OK;
    int64_t *stored = arena_calloc(request->arena, in->n_kinds, sizeof(*stored));
    if (stored == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < in->n_kinds; i++) {
        stored[i] = documentation_kind_stored(in->kinds[i]);
        if (stored[i] == 0)
            return err_invalid(reterr, "kinds", "holds a kind that is not known");
    }
    query->kinds = stored;
    query->kind_count = in->n_kinds;
    return ERR_OK;
}

// A token belongs to the words and the kinds too.
static enum err_code make_list(struct request *request, const Request *in, struct page_list *list,
                               struct err *reterr)
{
    char asked[16 * KINDS] = "";
    for (size_t i = 0, at = 0; i < in->n_kinds && at + 16 < sizeof(asked); i++)
        at += (size_t)snprintf(asked + at, sizeof(asked) - at, "%d,", (int)in->kinds[i]);
    // Apart from the words, which may look the same.
    *list = (struct page_list){"SearchDocumentation", in->parent, in->query,
                               arena_strdup(request->arena, asked)};
    return list->order_by == NULL ? err_no_memory(reterr) : ERR_OK;
}

// A cursor is how many hits were shown, and which way they were found.
static enum err_code open_cursor(struct request *request, const struct page_list *list,
                                 const char *token, struct search_query *query, struct err *reterr)
{
    const char *cursor;
    char way = 'w';
    try_(page_open(request, list, token, &cursor, reterr));
    if (cursor[0] != '\0' && sscanf(cursor, "%c%d", &way, &query->offset) != 2)
        return err_set(reterr, ERR_PAGE_TOKEN_INVALID, "the page token is of another version");
    query->fragment = way == 'f';
    return ERR_OK;
}

static enum err_code run(struct request *request, const Request *in, struct search_query *query,
                         struct search_place *place, struct search_result *result,
                         struct err *reterr)
{
    const struct principal *caller = request->caller;
    struct sight sight;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    query->all_companies = caller->all_companies;
    query->companies = caller->companies;
    query->company_count = caller->company_count;
    try_(request_begin(request, &tx, reterr));
    if (query->company_id != NULL)
        try_(reading_sight(tx, request, query->company_id, 0, in->parent, &sight, reterr));
    // Who sees the one company needs no further look.
    query->all_companies = query->all_companies || query->company_id != NULL;
    try_(search_place_get(tx, request->arena, place, reterr));
    query->connection_id = place->connection_id;
    if (place->connection_id != NULL) {
        try_(search_run(tx, query, request->arena, result, reterr));
        if (result->count == 0 && query->offset == 0 &&
            utf8_length(query->text, strlen(query->text)) >= PIECE_MIN) {
            query->fragment = true;
            try_(search_run(tx, query, request->arena, result, reterr));
        }
    }
    return tx_commit(&tx, reterr);
}

// Takes the marks out of a snippet, and tells where they were.
static enum err_code fill_snippet(struct arena *arena, const char *marked, Hit *hit,
                                  struct err *reterr)
{
    size_t len = strlen(marked), out = 0, ranges = 0;
    int32_t characters = 0;
    char *text = arena_alloc(arena, len + 1);
    hit->highlights = arena_calloc(arena, len / 2 + 1, sizeof(*hit->highlights));
    if (text == NULL || hit->highlights == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < len; i++) {
        if (marked[i] == SEARCH_MARK_BEGIN) {
            Range *range = arena_alloc(arena, sizeof(*range));
            if (range == NULL)
                return err_no_memory(reterr);
            docbridge__v1__search_documentation_response__range__init(range);
            range->start = range->end = characters;
            hit->highlights[ranges++] = range;
        } else if (marked[i] == SEARCH_MARK_END) {
            if (ranges > 0)
                hit->highlights[ranges - 1]->end = characters;
        } else {
            characters += ((unsigned char)marked[i] & 0xC0) != 0x80;
            text[out++] = marked[i];
        }
    }
    text[out] = '\0';
    hit->snippet = text;
    hit->n_highlights = ranges;
    return ERR_OK;
}

static enum err_code fill_hit(struct arena *arena, const char *connection_id,
                              const struct search_hit *from, Hit *hit, struct err *reterr)
{
    docbridge__v1__search_documentation_response__hit__init(hit);
    hit->resource = documentation_kind_name(arena, from->kind, connection_id, from->company_id,
                                            from->id, &hit->kind);
    hit->company = from->company_id == NULL ? arena_strdup(arena, "")
                                            : arena_printf(arena, "companies/%s", from->company_id);
    hit->display_name = content_title(arena, from->display_name);
    hit->upstream_uri = arena_strdup(arena, from->web_url);
    hit->update_time = field_time(arena, from->update_time);
    if (hit->resource == NULL || hit->company == NULL || hit->display_name == NULL ||
        hit->upstream_uri == NULL)
        return err_no_memory(reterr);
    return fill_snippet(arena, from->snippet, hit, reterr);
}

static enum err_code fill(struct request *request, const struct search_query *query,
                          const struct search_result *result, Response *out, struct err *reterr)
{
    struct arena *arena = request->arena;
    size_t count = result->count;
    out->hits = arena_calloc(arena, count + 1, sizeof(*out->hits));
    Hit *hits = arena_calloc(arena, count + 1, sizeof(*hits));
    if (out->hits == NULL || hits == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        out->hits[i] = &hits[i];
        try_(fill_hit(arena, query->connection_id, &result->hits[i], &hits[i], reterr));
    }
    out->n_hits = count;
    out->total_size = (int32_t)result->total;
    out->total_is_lower_bound = result->lower_bound;
    out->matched_fragment = query->fragment && count > 0;
    return ERR_OK;
}

// What may be words: letters, digits and all beyond ASCII, between what is neither.
static size_t count_words(const char *text)
{
    size_t count = 0;
    bool inside = false;
    for (; *text != '\0'; text++) {
        bool part = isalnum((unsigned char)*text) || (unsigned char)*text >= 0x80;
        count += part && !inside;
        inside = part;
    }
    return count;
}

static enum err_code search_documentation(struct request *request, const Request *in, Response *out,
                                          struct err *reterr)
{
    enum { QUERY_CHARACTERS = 512, QUERY_WORDS = 32 };
    struct search_query query = {.text = in->query};
    struct search_place place = {0};
    struct search_result result = {0};
    struct page_list list;
    struct name name = {0};
    int size;
    if (strcmp(in->parent, "companies/-") != 0)
        try_(
            name_parse(in->parent, "companies/{company}", "parent", request->arena, &name, reterr));
    try_(field_text(in->query, "query", QUERY_CHARACTERS, reterr));
    // To rank a text takes time by the square of the words.
    if (count_words(in->query) > QUERY_WORDS)
        return err_invalid(reterr, "query", "has more than 32 words");
    try_(page_size(in->page_size, &size, reterr));
    size = size > HITS_MAX ? HITS_MAX : size;
    try_(read_kinds(request, in, &query, reterr));
    try_(make_list(request, in, &list, reterr));
    try_(open_cursor(request, &list, in->page_token, &query, reterr));
    query.company_id = name.company;
    query.limit = size;
    try_(run(request, in, &query, &place, &result, reterr));

    try_(fill(request, &query, &result, out, reterr));
    out->search_as_of_time = field_time(request->arena, place.as_of_time);
    int shown = query.offset + (int)result.count;
    if (result.count == 0 || shown >= result.total)
        return ERR_OK;
    char cursor[32];
    (void)snprintf(cursor, sizeof(cursor), "%c%d", query.fragment ? 'f' : 'w', shown);
    return page_make(request, &list, cursor, &out->next_page_token, reterr);
}

enum err_code search_documentation_handler(struct request *request, const void *in, void *out,
                                           struct err *reterr)
{
    return search_documentation(request, in, out, reterr);
}
