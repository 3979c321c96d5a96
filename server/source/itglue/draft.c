#include "server/source/itglue/draft.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "server/base/encoding.h"
#include "server/source/itglue/text.h"

void itglue_draft_init(struct itglue_draft *draft, size_t max_bytes)
{
    *draft = (struct itglue_draft){0};
    itglue_out_init(&draft->scratch, max_bytes);
}

static void forget(struct itglue_draft *draft)
{
    // A record that was dropped may have been dropped for what it held.
    if (draft->scratch.data != NULL)
        sodium_memzero(draft->scratch.data, draft->scratch.len);
    itglue_out_reset(&draft->scratch);
    draft->section_count = draft->trait_count = draft->related_count = 0;
    memset(draft->values, 0, sizeof(draft->values));
}

void itglue_draft_done(struct itglue_draft *draft)
{
    forget(draft);
    itglue_out_done(&draft->scratch);
    free(draft->sections);
    free(draft->traits);
    free(draft->related_ids);
    *draft = (struct itglue_draft){0};
}

void itglue_draft_start(struct itglue_draft *draft, const struct itglue_type *type)
{
    itglue_out_reset(&draft->scratch);
    draft->section_count = draft->trait_count = draft->related_count = 0;
    memset(draft->values, 0, type->attribute_count * sizeof(draft->values[0]));
    draft->type = type;
    draft->id = 0;
    draft->attributes_seen = 0;
    draft->type_differs = false;
    draft->fault_reason = draft->fault_detail = NULL;
}

void itglue_draft_fault(struct itglue_draft *draft, const char *reason, const char *detail)
{
    if (draft->fault_reason != NULL)
        return;
    forget(draft);
    draft->fault_reason = reason;
    draft->fault_detail = detail;
}

static void no_room(struct itglue_draft *draft)
{
    itglue_draft_fault(draft, "RECORD_TOO_LARGE", "the record has more than may be kept");
}

bool itglue_grow(void *items, size_t *capacity, size_t count, size_t item_bytes)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
    void *old;
    memcpy(&old, items, sizeof(old));
    void *grown = reallocarray(old, wanted, item_bytes);
    if (grown == NULL)
        return false;
    memcpy(items, &grown, sizeof(grown));
    *capacity = wanted;
    return true;
}

int64_t itglue_scalar_id(const struct itglue_scalar *scalar)
{
    int64_t id;
    bool number = scalar->type == ITGLUE_NUMBER || scalar->type == ITGLUE_STRING;
    return number && encoding_int64(scalar->text, scalar->len, &id) && id > 0 ? id : 0;
}

void itglue_draft_set_id(struct itglue_draft *draft, const struct itglue_scalar *scalar)
{
    draft->id = itglue_scalar_id(scalar);
}

void itglue_draft_set_type(struct itglue_draft *draft, const struct itglue_scalar *scalar)
{
    draft->type_differs = scalar->type != ITGLUE_STRING ||
                          !itglue_text_key_is(scalar->text, scalar->len, draft->type->name);
}

static size_t search(const struct itglue_type *type, const char *key, size_t len)
{
    for (size_t i = 0; i < type->attribute_count; i++) {
        if (itglue_text_key_is(key, len, type->attributes[i].key))
            return i;
    }
    return ITGLUE_ATTRIBUTES_MAX;
}

size_t itglue_draft_find(struct itglue_draft *draft, const char *key, size_t len)
{
    struct itglue_guess *guess = &draft->guesses[draft->attributes_seen++ % ITGLUE_GUESSES];
    if (guess->type == draft->type && guess->len == len && memcmp(guess->key, key, len) == 0)
        return guess->row;
    size_t row = search(draft->type, key, len);
    if (len <= sizeof(guess->key)) {
        *guess = (struct itglue_guess){
            .type = draft->type, .len = (unsigned char)len, .row = (unsigned char)row};
        memcpy(guess->key, key, len);
    }
    return row;
}

struct itglue_span itglue_draft_json(struct itglue_draft *draft, const char *text, size_t len)
{
    struct itglue_span span = {.offset = draft->scratch.len};
    if (!itglue_text_json(&draft->scratch, text, len)) {
        no_room(draft);
        return (struct itglue_span){0};
    }
    span.len = draft->scratch.len - span.offset;
    return span;
}

struct itglue_section *itglue_draft_section(struct itglue_draft *draft, size_t attribute)
{
    if (!itglue_grow(&draft->sections, &draft->section_capacity, draft->section_count,
                     sizeof(draft->sections[0]))) {
        no_room(draft);
        return NULL;
    }
    struct itglue_section *section = &draft->sections[draft->section_count];
    *section = (struct itglue_section){.attribute = attribute, .order = draft->section_count};
    draft->section_count++;
    return section;
}

void itglue_draft_relate(struct itglue_draft *draft, const struct itglue_scalar *scalar)
{
    int64_t id = itglue_scalar_id(scalar);
    if (id == 0)
        return;
    if (!itglue_grow(&draft->related_ids, &draft->related_capacity, draft->related_count,
                     sizeof(draft->related_ids[0]))) {
        no_room(draft);
        return;
    }
    draft->related_ids[draft->related_count++] = id;
}

// The text of a JSON array of ids, such as "[1,6]": every run of digits.
static bool ids_of_text(struct itglue_out *out, const char *text, size_t len)
{
    bool good = itglue_out_append(out, "[", 1);
    for (size_t i = 0; good && i < len; i++) {
        size_t end = i;
        while (end < len && text[end] >= '0' && text[end] <= '9')
            end++;
        int64_t id;
        if (end > i && encoding_int64(text + i, end - i, &id))
            good = (out->data[out->len - 1] == '[' || itglue_out_append(out, ",", 1)) &&
                   itglue_out_number(out, id);
        i = end;
    }
    return good && itglue_out_append(out, "]", 1);
}

static void set_section(struct itglue_draft *draft, size_t attribute,
                        const struct itglue_scalar *scalar)
{
    if (scalar->type != ITGLUE_STRING || scalar->len == 0)
        return;
    struct itglue_span html = itglue_draft_json(draft, scalar->text, scalar->len);
    struct itglue_section *section = html.len == 0 ? NULL : itglue_draft_section(draft, attribute);
    if (section != NULL)
        section->html = html;
}

void itglue_draft_set(struct itglue_draft *draft, size_t attribute,
                      const struct itglue_scalar *scalar)
{
    const struct itglue_attribute *row = &draft->type->attributes[attribute];
    struct itglue_value value = {.text.offset = draft->scratch.len};
    struct itglue_out *out = &draft->scratch;
    bool good = true;
    static const char *const words[] = {[ITGLUE_TRUE] = "true", [ITGLUE_FALSE] = "false"};
    bool is_word = scalar->type == ITGLUE_TRUE || scalar->type == ITGLUE_FALSE;

    if (scalar->type == ITGLUE_NULL) {
        value.is = ITGLUE_IS_NULL;
    } else if (row->form == ITGLUE_SECTIONS) {
        set_section(draft, attribute, scalar);
        value.is = ITGLUE_IS_LIST;
    } else if (row->form == ITGLUE_IDS) {
        value.is = ITGLUE_IS_JSON;
        good = ids_of_text(out, is_word ? "" : scalar->text, is_word ? 0 : scalar->len);
    } else if ((row->form == ITGLUE_TEXT || row->form == ITGLUE_FIELD_KIND ||
                row->form == ITGLUE_FIELD_DEFAULT) &&
               row->body_key != NULL) {
        value.is = ITGLUE_IS_JSON;
        const char *text = is_word ? words[scalar->type] : scalar->text;
        good = itglue_text_json(out, text, is_word ? strlen(text) : scalar->len);
    } else if (is_word) {
        value.is = scalar->type == ITGLUE_TRUE ? ITGLUE_IS_TRUE : ITGLUE_IS_FALSE;
    } else {
        value.is = scalar->type == ITGLUE_NUMBER ? ITGLUE_IS_NUMBER : ITGLUE_IS_STRING;
        good = itglue_text_clean(out, scalar->text, scalar->len);
        value.text.len = out->len - value.text.offset;
        good = good && itglue_out_append(out, "", 1);
    }
    if (value.is == ITGLUE_IS_JSON)
        value.text.len = out->len - value.text.offset;
    if (!good)
        no_room(draft);
    else if (draft->fault_reason == NULL)
        draft->values[attribute] = value;
}
