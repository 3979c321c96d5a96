#include <inttypes.h>
#include <string.h>

#include "server/base/encoding.h"
#include "server/source/itglue/page_frame.h"
#include "server/source/itglue/traits.h"

static void set_section(struct itglue_page *page, const struct itglue_scalar *scalar)
{
    static const char prefix[] = "Document::";
    const size_t prefix_len = sizeof(prefix) - 1;
    struct itglue_draft *draft = &page->draft;
    int64_t number = 0;
    struct itglue_span span;
    bool text = scalar->type == ITGLUE_STRING && scalar->len > 0;
    if (text || scalar->type == ITGLUE_NUMBER)
        (void)encoding_int64(scalar->text, scalar->len, &number);
    switch (page->key) {
    case KEY_SORT:
        draft->sections[page->section].sort = number;
        return;
    case KEY_LEVEL:
        draft->sections[page->section].level = number;
        return;
    case KEY_SECTION_KIND:
        if (!text)
            return;
        bool prefixed = scalar->len > prefix_len && memcmp(scalar->text, prefix, prefix_len) == 0;
        size_t from = prefixed ? prefix_len : 0;
        span = itglue_draft_json(draft, scalar->text + from, scalar->len - from);
        draft->sections[page->section].kind = span;
        return;
    case KEY_CONTENT:
        // Text in the section itself goes before that of an object in it.
        if (!text ||
            (page->depth > page->section_depth && draft->sections[page->section].html.len > 0))
            return;
        span = itglue_draft_json(draft, scalar->text, scalar->len);
        draft->sections[page->section].html = span;
        return;
    default:
        return;
    }
}

static void set_meta(struct itglue_page *page, const struct itglue_scalar *scalar)
{
    int64_t number;
    bool is_number = scalar->type == ITGLUE_NUMBER || scalar->type == ITGLUE_STRING;
    bool good = is_number && encoding_int64(scalar->text, scalar->len, &number) && number >= 0;
    if (page->key == KEY_TOTAL_COUNT && good)
        page->total_count = number;
    if (page->key == KEY_NEXT_PAGE)
        page->next_page = good ? number : 0;
}

static void add_id(struct itglue_page *page, const struct itglue_scalar *scalar)
{
    int64_t id = itglue_scalar_id(scalar);
    if (id != 0 && !(itglue_out_number(&page->draft.scratch, id) &&
                     itglue_out_append(&page->draft.scratch, ",", 1)))
        itglue_page_fault(page, "RECORD_TOO_LARGE", "the record has more than may be kept");
}

static int on_scalar(struct itglue_page *page, const struct itglue_scalar *scalar)
{
    if (page->depth == 0) {
        page->refusal = "the page is no object";
        return 0;
    }
    if (page->skipping != 0)
        return 1;
    switch (page->frames[page->depth]) {
    case FRAME_ROOT:
        page->has_data |= page->key == KEY_DATA && scalar->type == ITGLUE_NULL;
        break;
    case FRAME_DATA:
        if (!page->included)
            return itglue_page_quarantine(page, 0, "RECORD_MALFORMED", "it is no object");
        break;
    case FRAME_RECORD:
        if (page->key == KEY_ID)
            itglue_draft_set_id(&page->draft, scalar);
        else if (page->key == KEY_TYPE)
            itglue_draft_set_type(&page->draft, scalar);
        break;
    case FRAME_ATTRIBUTES:
        if (page->key == KEY_ATTRIBUTE)
            itglue_draft_set(&page->draft, page->attribute, scalar);
        break;
    case FRAME_RELATION_ITEM:
        if (page->key == KEY_ID)
            itglue_draft_relate(&page->draft, scalar);
        break;
    case FRAME_META:
        set_meta(page, scalar);
        break;
    case FRAME_LINKS:
        page->links_next |= page->key == KEY_NEXT && scalar->type == ITGLUE_STRING;
        break;
    case FRAME_IDS:
        add_id(page, scalar);
        break;
    case FRAME_SECTION:
        set_section(page, scalar);
        break;
    case FRAME_TRAITS:
        if (page->key == KEY_REFERENCES)
            itglue_trait_drop(&page->draft);
        if (page->key != KEY_TRAIT)
            break;
        itglue_trait_scalar(&page->draft, scalar);
        if (page->draft.fault_reason == NULL)
            itglue_trait_end(&page->draft);
        break;
    case FRAME_TRAIT_MAP:
        if (page->key == KEY_TRAIT)
            itglue_trait_scalar(&page->draft, scalar);
        break;
    case FRAME_TRAIT_LIST:
        itglue_trait_scalar(&page->draft, scalar);
        break;
    case FRAME_REFERENCE:
        if (page->key == KEY_ID)
            itglue_reference_add(&page->draft, scalar);
        break;
    default:
        break;
    }
    page->key = KEY_NONE;
    if (page->record_depth != 0 && page->draft.fault_reason != NULL)
        itglue_page_drop_rest(page);
    return 1;
}

int itglue_page_on_null(void *context)
{
    return on_scalar(context, &(struct itglue_scalar){.type = ITGLUE_NULL});
}

int itglue_page_on_boolean(void *context, int flag)
{
    return on_scalar(context, &(struct itglue_scalar){.type = flag ? ITGLUE_TRUE : ITGLUE_FALSE});
}

int itglue_page_on_number(void *context, const char *text, size_t len)
{
    return on_scalar(context, &(struct itglue_scalar){ITGLUE_NUMBER, text, len});
}

int itglue_page_on_string(void *context, const unsigned char *text, size_t len)
{
    return on_scalar(context, &(struct itglue_scalar){ITGLUE_STRING, (const char *)text, len});
}
