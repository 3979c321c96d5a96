#include "server/source/itglue/page_frame.h"

#include <inttypes.h>

#include "server/source/itglue/page.h"
#include "server/source/itglue/text.h"
#include "server/source/itglue/traits.h"

// Far beyond any page: what yajl itself must not follow.
enum { HARD_DEPTH_MAX = 1024 };

static bool is(const char *key, size_t len, const char *name)
{
    return itglue_text_key_is(key, len, name);
}

// From here to the end of the record only its id is of interest.
void itglue_page_drop_rest(struct itglue_page *page)
{
    int inside = page->record_depth + 1;
    if (page->depth >= inside && (page->skipping == 0 || page->skipping > inside))
        page->skipping = inside;
}

void itglue_page_fault(struct itglue_page *page, const char *reason, const char *detail)
{
    itglue_draft_fault(&page->draft, reason, detail);
    itglue_page_drop_rest(page);
}

bool itglue_page_quarantine(struct itglue_page *page, int64_t id, const char *reason,
                            const char *detail)
{
    struct source_quarantine quarantined = {.id = id, .reason = reason, .detail = detail};
    page->record_count++;
    page->stopped = !page->sink->on_quarantine(page->sink->context, &quarantined);
    return !page->stopped;
}

static bool end_record(struct itglue_page *page)
{
    struct itglue_draft *draft = &page->draft;
    page->record_depth = 0;
    if (page->included) {
        if (page->kind->joined.name == NULL || draft->type_differs)
            return true;
        page->no_memory = !itglue_join_item(&page->join, draft, &page->body);
        return !page->no_memory;
    }
    struct source_record record;
    bool waits = page->kind->joined.name != NULL;
    itglue_out_reset(&page->body);
    if (itglue_draft_record(draft, page->kind, page->query, &record) &&
        !itglue_draft_body(draft, waits, &page->body))
        itglue_draft_fault(draft, "RECORD_TOO_LARGE", "the record has more than may be kept");
    if (draft->fault_reason != NULL)
        return itglue_page_quarantine(page, draft->id, draft->fault_reason, draft->fault_detail);
    page->record_count++;
    if (waits) {
        page->no_memory = !itglue_join_hold(&page->join, &record, &page->body, draft);
        return !page->no_memory;
    }
    record.body = page->body.data;
    record.body_len = page->body.len;
    itglue_record_hash(&record);
    page->stopped = !page->sink->on_record(page->sink->context, &record);
    return !page->stopped;
}

void itglue_page_event(struct itglue_page *page)
{
    page->event_offset = yajl_get_bytes_consumed(page->yajl);
    if (page->record_depth != 0 && page->draft.fault_reason == NULL &&
        page->fed + page->event_offset - page->record_start > page->record_max_bytes)
        itglue_page_fault(page, "RECORD_TOO_LARGE", page->too_large);
}

static enum itglue_frame start_record(struct itglue_page *page, bool included)
{
    page->record_depth = page->depth;
    page->record_start = page->fed + page->event_offset;
    page->included = included;
    page->section_depth = page->trait_depth = 0;
    itglue_draft_start(&page->draft, included ? &page->kind->joined : &page->kind->type);
    return FRAME_RECORD;
}

static enum itglue_frame open_attribute(struct itglue_page *page, bool is_map)
{
    struct itglue_value *value = &page->draft.values[page->attribute];
    enum itglue_form form = page->draft.type->attributes[page->attribute].form;
    *value = (struct itglue_value){.is = ITGLUE_IS_OTHER};
    if (form == ITGLUE_TRAITS && is_map) {
        value->is = ITGLUE_IS_LIST;
        return FRAME_TRAITS;
    }
    if (form == ITGLUE_SECTIONS && !is_map) {
        value->is = ITGLUE_IS_LIST;
        return FRAME_SECTIONS;
    }
    if (form == ITGLUE_IDS && !is_map) {
        value->text.offset = page->draft.scratch.len;
        if (!itglue_out_append(&page->draft.scratch, "[", 1))
            itglue_page_fault(page, "RECORD_TOO_LARGE", "the record has more than may be kept");
        return FRAME_IDS;
    }
    return FRAME_SKIPPED;
}

static enum itglue_frame open_section(struct itglue_page *page)
{
    struct itglue_section *section = itglue_draft_section(&page->draft, page->attribute);
    if (section == NULL)
        return FRAME_SKIPPED;
    page->section = (size_t)(section - page->draft.sections);
    page->section_depth = page->depth;
    return FRAME_SECTION;
}

static enum itglue_frame open_in_root(struct itglue_page *page, bool is_map)
{
    bool joins = page->kind->joined.name != NULL;
    switch (page->key) {
    case KEY_DATA:
        page->has_data = true;
        page->included = false;
        return is_map ? start_record(page, false) : FRAME_DATA;
    case KEY_INCLUDED:
        page->included = true;
        return is_map || !joins ? FRAME_SKIPPED : FRAME_DATA;
    case KEY_META:
        return is_map ? FRAME_META : FRAME_SKIPPED;
    case KEY_LINKS:
        page->has_links = is_map;
        return is_map ? FRAME_LINKS : FRAME_SKIPPED;
    default:
        return FRAME_SKIPPED;
    }
}

static enum itglue_frame open_trait(struct itglue_page *page, bool is_map)
{
    if (page->key == KEY_REFERENCES && is_map) {
        itglue_reference_open(&page->draft);
        return FRAME_REFERENCES;
    }
    if (page->key == KEY_REFERENCES)
        itglue_trait_drop(&page->draft);
    if (page->key != KEY_TRAIT)
        return FRAME_SKIPPED;
    page->trait_depth = page->depth;
    itglue_trait_open(&page->draft, is_map);
    return is_map ? FRAME_TRAIT_MAP : FRAME_TRAIT_LIST;
}

// What an object or array is that opens in `parent`.
static enum itglue_frame open_frame(struct itglue_page *page, enum itglue_frame parent, bool is_map)
{
    switch (parent) {
    case FRAME_ROOT:
        return open_in_root(page, is_map);
    case FRAME_DATA:
        return is_map ? start_record(page, page->included) : FRAME_SKIPPED;
    case FRAME_RECORD:
        if (!is_map || page->draft.fault_reason != NULL)
            return FRAME_SKIPPED;
        if (page->key == KEY_RELATIONSHIPS && page->kind->relationship != NULL && !page->included)
            return FRAME_RELATIONSHIPS;
        return page->key == KEY_ATTRIBUTES ? FRAME_ATTRIBUTES : FRAME_SKIPPED;
    case FRAME_ATTRIBUTES:
        return page->key == KEY_ATTRIBUTE ? open_attribute(page, is_map) : FRAME_SKIPPED;
    case FRAME_RELATIONSHIPS:
        return is_map && page->key == KEY_RELATION ? FRAME_RELATION : FRAME_SKIPPED;
    case FRAME_RELATION:
        if (page->key != KEY_DATA)
            return FRAME_SKIPPED;
        return is_map ? FRAME_RELATION_ITEM : FRAME_RELATION_LIST;
    case FRAME_RELATION_LIST:
        return is_map ? FRAME_RELATION_ITEM : FRAME_SKIPPED;
    case FRAME_SECTIONS:
        return is_map ? open_section(page) : FRAME_SKIPPED;
    case FRAME_SECTION:
        return is_map && page->key == KEY_SECTION_INSIDE ? FRAME_SECTION : FRAME_SKIPPED;
    case FRAME_TRAITS:
        return open_trait(page, is_map);
    case FRAME_REFERENCES:
        return !is_map && page->key == KEY_DATA ? FRAME_REFERENCE_LIST : FRAME_SKIPPED;
    case FRAME_REFERENCE_LIST:
        return is_map ? FRAME_REFERENCE : FRAME_SKIPPED;
    case FRAME_TRAIT_MAP:
        if (page->key != KEY_TRAIT)
            return FRAME_SKIPPED;
        // fallthrough
    case FRAME_TRAIT_LIST:
        itglue_trait_open(&page->draft, is_map);
        return is_map ? FRAME_TRAIT_MAP : FRAME_TRAIT_LIST;
    default:
        return FRAME_SKIPPED;
    }
}

static int on_start(struct itglue_page *page, bool is_map)
{
    itglue_page_event(page);
    if (++page->depth > HARD_DEPTH_MAX) {
        page->refusal = "the page is nested too deeply";
        return 0;
    }
    if (page->depth == 1) {
        page->frames[1] = FRAME_ROOT;
        page->refusal = is_map ? NULL : "the page is no object";
        return is_map;
    }
    if (page->depth > ITGLUE_DEPTH_MAX) {
        if (page->record_depth != 0)
            itglue_page_fault(page, "RECORD_MALFORMED", "it is nested too deeply");
        else if (page->skipping == 0)
            page->skipping = page->depth;
    }
    if (page->skipping != 0)
        return 1;
    bool whole = page->record_depth == 0;
    enum itglue_frame frame = open_frame(page, page->frames[page->depth - 1], is_map);
    page->frames[page->depth] = frame;
    page->key = KEY_NONE;
    if (frame == FRAME_SKIPPED) {
        page->skipping = page->depth;
        if (whole && page->frames[page->depth - 1] == FRAME_DATA && !page->included)
            return itglue_page_quarantine(page, 0, "RECORD_MALFORMED", "it is no object");
    } else if (page->draft.fault_reason != NULL && page->record_depth != 0) {
        itglue_page_drop_rest(page);
    }
    return 1;
}

static void close_ids(struct itglue_page *page)
{
    struct itglue_value *value = &page->draft.values[page->attribute];
    struct itglue_out *out = &page->draft.scratch;
    if (out->len > 0 && out->data[out->len - 1] == ',')
        out->len--;
    if (!itglue_out_append(out, "]", 1)) {
        itglue_page_fault(page, "RECORD_TOO_LARGE", "the record has more than may be kept");
        return;
    }
    value->is = ITGLUE_IS_JSON;
    value->text.len = out->len - value->text.offset;
}

static int on_end(struct itglue_page *page, bool is_map)
{
    itglue_page_event(page);
    int depth = page->depth--;
    page->key = KEY_NONE;
    if (page->skipping != 0) {
        if (depth == page->skipping)
            page->skipping = 0;
        return 1;
    }
    switch (page->frames[depth]) {
    case FRAME_RECORD:
        return end_record(page);
    case FRAME_IDS:
        close_ids(page);
        return 1;
    case FRAME_TRAIT_MAP:
    case FRAME_TRAIT_LIST:
        itglue_trait_close(&page->draft, is_map);
        if (depth == page->trait_depth && page->draft.fault_reason == NULL)
            itglue_trait_end(&page->draft);
        return 1;
    case FRAME_REFERENCES:
        itglue_reference_close(&page->draft);
        return 1;
    default:
        return 1;
    }
}

static int on_start_map(void *context)
{
    return on_start(context, true);
}

static int on_end_map(void *context)
{
    return on_end(context, true);
}

static int on_start_array(void *context)
{
    return on_start(context, false);
}

static int on_end_array(void *context)
{
    return on_end(context, false);
}

struct key_name {
    const char *name;
    size_t len;
    enum itglue_key key;
};
#define NAME(name, key)                 \
    {                                   \
        (name), sizeof(name) - 1, (key) \
    }

static enum itglue_key look_up(const struct key_name *names, size_t count, const char *key,
                               size_t len)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].len == len && is(key, len, names[i].name))
            return names[i].key;
    }
    return KEY_NONE;
}

static const struct key_name root_keys[] = {NAME("data", KEY_DATA), NAME("included", KEY_INCLUDED),
                                            NAME("meta", KEY_META), NAME("links", KEY_LINKS)};
static const struct key_name record_keys[] = {NAME("id", KEY_ID), NAME("type", KEY_TYPE),
                                              NAME("attributes", KEY_ATTRIBUTES),
                                              NAME("relationships", KEY_RELATIONSHIPS)};
static const struct key_name meta_keys[] = {NAME("total-count", KEY_TOTAL_COUNT),
                                            NAME("next-page", KEY_NEXT_PAGE)};
// `content` stands in the section or one object deeper; the newer form has `attributes` instead.
static const struct key_name section_keys[] = {NAME("content", KEY_CONTENT),
                                               NAME("sort", KEY_SORT),
                                               NAME("level", KEY_LEVEL),
                                               NAME("resource-type", KEY_SECTION_KIND),
                                               NAME("resource", KEY_SECTION_INSIDE),
                                               NAME("attributes", KEY_SECTION_INSIDE)};

static void on_trait(struct itglue_page *page, const char *key, size_t len)
{
    static const enum itglue_key keys[] = {
        [ITGLUE_TRAIT_SKIPPED] = KEY_NONE,
        [ITGLUE_TRAIT_KEPT] = KEY_TRAIT,
        [ITGLUE_TRAIT_REFERENCES] = KEY_REFERENCES,
    };
    page->key = keys[itglue_trait_start(&page->draft, page->query, key, len)];
    if (page->draft.fault_reason != NULL)
        itglue_page_drop_rest(page);
}

static void on_trait_key(struct itglue_page *page, const char *key, size_t len)
{
    enum itglue_trait_key kept = itglue_trait_key(&page->draft, key, len);
    if (kept == ITGLUE_KEY_KEPT)
        page->key = KEY_TRAIT;
    if (kept == ITGLUE_KEY_SECRET) {
        itglue_trait_drop(&page->draft);
        page->skipping = page->trait_depth;
    }
    if (page->draft.fault_reason != NULL)
        itglue_page_drop_rest(page);
}

static int on_key(void *context, const unsigned char *bytes, size_t len)
{
    struct itglue_page *page = context;
    const char *key = (const char *)bytes;
    if (page->skipping != 0)
        return 1;
    page->key = KEY_NONE;
    switch (page->frames[page->depth]) {
    case FRAME_ROOT:
        page->key = look_up(root_keys, ARRAY_LEN(root_keys), key, len);
        return 1;
    case FRAME_RECORD:
        page->key = look_up(record_keys, ARRAY_LEN(record_keys), key, len);
        return 1;
    case FRAME_ATTRIBUTES:
        page->attribute = itglue_draft_find(&page->draft, key, len);
        page->key = page->attribute < ITGLUE_ATTRIBUTES_MAX ? KEY_ATTRIBUTE : KEY_NONE;
        return 1;
    case FRAME_RELATIONSHIPS:
        page->key = is(key, len, page->kind->relationship) ? KEY_RELATION : KEY_NONE;
        return 1;
    case FRAME_RELATION:
        page->key = is(key, len, "data") ? KEY_DATA : KEY_NONE;
        return 1;
    case FRAME_RELATION_ITEM:
        page->key = is(key, len, "id") ? KEY_ID : KEY_NONE;
        return 1;
    case FRAME_META:
        page->key = look_up(meta_keys, ARRAY_LEN(meta_keys), key, len);
        return 1;
    case FRAME_LINKS:
        page->key = is(key, len, "next") ? KEY_NEXT : KEY_NONE;
        return 1;
    case FRAME_SECTION:
        page->key = look_up(section_keys, ARRAY_LEN(section_keys), key, len);
        return 1;
    case FRAME_TRAITS:
        on_trait(page, key, len);
        return 1;
    case FRAME_TRAIT_MAP:
        on_trait_key(page, key, len);
        return 1;
    case FRAME_REFERENCES:
        page->key = is(key, len, "values") ? KEY_DATA : KEY_NONE;
        return 1;
    case FRAME_REFERENCE:
        page->key = is(key, len, "id") ? KEY_ID : KEY_NONE;
        return 1;
    default:
        return 1;
    }
}

const yajl_callbacks itglue_page_callbacks = {
    .yajl_null = itglue_page_on_null,
    .yajl_boolean = itglue_page_on_boolean,
    .yajl_number = itglue_page_on_number,
    .yajl_string = itglue_page_on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end_map,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end_array,
};
