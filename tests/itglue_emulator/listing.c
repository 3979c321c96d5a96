#include "listing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "include.h"
#include "render.h"

#define PAGE_DEFAULT 50
#define PAGE_MAX 1000
#define LOG_PAGES 5

struct page {
    int64_t number;
    int64_t size;
    int64_t last;
    int64_t total;
    size_t start; /* the rows it shows */
    size_t end;
};

static bool read_page(struct call *call, size_t count, struct page *page)
{
    page->number = query_int(call->query, "page[number]", 1);
    page->size = query_int(call->query, "page[size]", PAGE_DEFAULT);
    if (page->number < 1)
        page->number = 1;
    if (page->size < 1)
        page->size = PAGE_DEFAULT;
    if (page->size > PAGE_MAX) {
        if (switch_is(call->switches, SWITCH_PAGE_SIZE_OVER_MAX, "400")) {
            answer_error(call->answer, 400, "Bad Request", "page[size] is larger than 1000",
                         "page/size");
            return false;
        }
        page->size = PAGE_MAX;
    }
    int64_t threshold = switch_map(call->switches, SWITCH_TIMEOUT_PAGE_SIZE,
                                   collection_name(call->endpoint->collection));
    if (threshold && page->size > threshold) {
        answer_error(call->answer, (unsigned)switch_int(call->switches, SWITCH_TIMEOUT_STATUS),
                     NULL, "The request took too long to process and timed out.", NULL);
        return false;
    }
    page->last = ((int64_t)count + page->size - 1) / page->size;
    if (page->last < 1)
        page->last = 1;
    page->total = (int64_t)count + switch_int(call->switches, SWITCH_TOTAL_COUNT_LIES);
    if (page->total < 0)
        page->total = 0;
    return true;
}

static size_t clamp(int64_t value, size_t count)
{
    if (value < 0)
        return 0;
    return (uint64_t)value > count ? count : (size_t)value;
}

/* Which rows the page shows, with the drifts that a moving set has. */
static void place_page(struct call *call, size_t count, struct page *page)
{
    const struct switches *switches = call->switches;
    int64_t last_start = page->last * page->size; /* keeps the products below small */
    int64_t start = page->number > page->last ? last_start : (page->number - 1) * page->size;
    int64_t end = start + page->size;
    if (page->number > 1 && page->number <= page->last) {
        int64_t shift = switch_int(switches, SWITCH_SHIFT_ROWS) * (page->number - 1);
        start += shift - switch_int(switches, SWITCH_DUPLICATE_ROWS);
        end += shift;
    }
    page->start = clamp(start, count);
    page->end = clamp(end, count);
    bool empty = page->number == switch_int(switches, SWITCH_EMPTY_PAGE) ||
                 (call->endpoint->collection == COLLECTION_LOGS && page->number > LOG_PAGES);
    if (empty)
        page->end = page->start;
}

static void put_link(struct call *call, struct text *out, const char *name, int64_t number,
                     const struct page *page)
{
    if (!number) {
        attr_raw(out, name, "null");
        return;
    }
    struct text url = {0};
    text_format(&url, "%s%s?", call->base_url, call->path);
    for (size_t i = 0; i < call->query->count; i++) {
        const struct parameter *item = &call->query->items[i];
        if (strncmp(item->key, "page[", 5) == 0)
            continue;
        query_encode(&url, item->key);
        text_put(&url, "=");
        query_encode(&url, item->value);
        text_put(&url, "&");
    }
    text_format(&url, "page%%5Bnumber%%5D=%" PRId64 "&page%%5Bsize%%5D=%" PRId64, number,
                page->size);
    attr_text(out, name, url.data);
    text_done(&url);
}

static void put_filters(struct call *call, struct text *out)
{
    text_put(out, ",\"filters\":{");
    for (const struct filter_rule *rule = call->endpoint->filters; rule->kind; rule++) {
        const char *value = query_filter(call->query, rule->key);
        if (!value || rule->exclude)
            continue;
        char name[48];
        size_t length = strlen(rule->key) - 2;
        memcpy(name, rule->key + 1, length);
        name[length] = '\0';
        attr_text(out, name, value);
    }
    text_put(out, "}");
}

static void put_meta(struct call *call, const struct page *page, struct text *out)
{
    int64_t loop = switch_int(call->switches, SWITCH_NEXT_PAGE_LOOP);
    int64_t next = page->number < page->last ? page->number + 1 : 0;
    if (loop && page->number >= loop)
        next = page->number;
    int64_t previous = page->number > 1 ? page->number - 1 : 0;
    text_put(out, ",\"meta\":{");
    attr_int(out, "current-page", page->number);
    attr_id(out, "next-page", next);
    attr_id(out, "prev-page", previous);
    attr_int(out, "total-pages", page->last);
    attr_int(out, "total-count", page->total);
    put_filters(call, out);
    text_put(out, "},\"links\":{");
    if (page->last > 1) {
        put_link(call, out, "self", page->number, page);
        put_link(call, out, "first", 1, page);
        put_link(call, out, "prev", previous, page);
        put_link(call, out, "next", next, page);
        put_link(call, out, "last", page->last, page);
    }
    text_put(out, "}");
}

static void put_included(const struct includes *includes, struct text *out)
{
    if (!includes->requested)
        return;
    text_put(out, ",\"included\":[");
    if (includes->list.length)
        text_append(out, includes->list.data, includes->list.length);
    text_put(out, "]");
}

/* A row of the same collection that belongs to somebody else. */
static const struct row *stranger(struct call *call, const struct row *row)
{
    const struct collection *all = &call->account->collections[call->endpoint->collection];
    for (size_t i = 0; i < all->count; i++) {
        if (all->rows[i]->organization_id != row->organization_id && !all->rows[i]->vaulted)
            return all->rows[i];
    }
    return row;
}

static void put_row(struct call *call, struct includes *includes, const struct row *row,
                    struct text *out)
{
    if (!includes->count && call->endpoint->collection != COLLECTION_FLEXIBLE_ASSET_TYPES) {
        render_row(call, call->endpoint->collection, row, RENDER_LIST, NULL, out);
        return;
    }
    char *relationships = includes_collect(includes, call, row);
    render_row(call, call->endpoint->collection, row, RENDER_LIST, relationships, out);
    free(relationships);
}

void listing_page(struct call *call, struct row **rows, size_t count)
{
    struct page page;
    struct includes includes;
    if (!read_page(call, count, &page))
        return;
    if (includes_parse(&includes, call, false)) {
        place_page(call, count, &page);
        answer_reset(call->answer, 200, answer_json_api);
        struct text *out = &call->answer->body;
        text_put(out, "{\"data\":[");
        for (size_t i = page.start; i < page.end; i++) {
            const struct row *row = rows[i];
            if (call->wrong_org && i == page.start)
                row = stranger(call, row);
            if (i > page.start)
                text_put(out, ",");
            put_row(call, &includes, row, out);
        }
        text_put(out, "]");
        put_included(&includes, out);
        if (!switch_on(call->switches, SWITCH_OMIT_META))
            put_meta(call, &page, out);
        text_put(out, "}");
    }
    includes_done(&includes);
}

static void include_sections(struct call *call, const struct row *row, struct includes *includes,
                             struct text *relationships)
{
    size_t count;
    struct row **sections = render_sections(call, row, &count);
    if (relationships->length)
        text_put(relationships, ",");
    text_put(relationships, "\"document-sections\":{\"data\":[");
    for (size_t i = 0; i < count; i++) {
        text_format(relationships, "%s{\"id\":\"%" PRId64 "\",\"type\":\"document-sections\"}",
                    i ? "," : "", sections[i]->id);
        if (includes->list.length)
            text_put(&includes->list, ",");
        render_row(call, COLLECTION_DOCUMENT_SECTIONS, sections[i], RENDER_INCLUDED, NULL,
                   &includes->list);
        row_free(sections[i]);
    }
    text_put(relationships, "]}");
    includes->requested = true;
    free(sections);
}

/* A wrong row keeps the id that was asked for: the organization alone gives it away. */
void listing_show(struct call *call, const struct row *row)
{
    struct includes includes;
    if (includes_parse(&includes, call, true)) {
        answer_reset(call->answer, 200, answer_json_api);
        struct text *out = &call->answer->body, relationships = {0};
        struct row shown = call->wrong_org ? *stranger(call, row) : *row;
        shown.id = row->id;
        char *collected = includes_collect(&includes, call, row);
        text_put(&relationships, collected);
        if (call->endpoint->collection == COLLECTION_DOCUMENTS &&
            switch_is(call->switches, SWITCH_DOCUMENT_SHOW, "included"))
            include_sections(call, row, &includes, &relationships);
        text_put(out, "{\"data\":");
        render_row(call, call->endpoint->collection, &shown, RENDER_SHOW,
                   relationships.length ? relationships.data : NULL, out);
        put_included(&includes, out);
        text_put(out, "}");
        text_done(&relationships);
        free(collected);
    }
    includes_done(&includes);
}
