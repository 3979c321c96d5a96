// The second half of draft.h: from a finished draft to a record.
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define XXH_STATIC_LINKING_ONLY // for a state on the stack
#include <xxhash.h>

#include "server/base/encoding.h"
#include "server/base/utf8.h"
#include "server/source/itglue/draft.h"
#include "server/source/itglue/text.h"

enum { FEW_TRAITS = 32 };

static const char *text_of(const struct itglue_draft *draft, const struct itglue_value *value)
{
    return draft->scratch.data + value->text.offset;
}

static bool has_text(const struct itglue_value *value)
{
    return value->is == ITGLUE_IS_NUMBER || value->is == ITGLUE_IS_STRING;
}

static bool is_empty(const struct itglue_value *value)
{
    return value->is == ITGLUE_ABSENT || value->is == ITGLUE_IS_NULL ||
           (value->is == ITGLUE_IS_STRING && value->text.len == 0);
}

static bool read_integer(const struct itglue_draft *draft, const struct itglue_value *value,
                         int64_t *ret_number)
{
    *ret_number = 0;
    return is_empty(value) ||
           (has_text(value) && encoding_int64(text_of(draft, value), value->text.len, ret_number));
}

static bool read_boolean(const struct itglue_draft *draft, const struct itglue_value *value,
                         bool *ret_flag)
{
    static const char *const yes[] = {"true", "1", "yes"};
    static const char *const no[] = {"false", "0", "no"};
    *ret_flag = value->is == ITGLUE_IS_TRUE;
    if (*ret_flag || value->is == ITGLUE_IS_FALSE || is_empty(value))
        return true;
    if (!has_text(value))
        return false;
    const char *text = text_of(draft, value);
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        *ret_flag = strcasecmp(text, yes[i]) == 0;
        if (*ret_flag || strcasecmp(text, no[i]) == 0)
            return true;
    }
    return false;
}

static int64_t read_time(const struct itglue_draft *draft, const struct itglue_value *value)
{
    if (value->is != ITGLUE_IS_STRING)
        return 0;
    return itglue_text_time_us(text_of(draft, value), value->text.len);
}

int64_t itglue_draft_integer(const struct itglue_draft *draft, enum itglue_target target)
{
    int64_t number = 0;
    for (size_t i = 0; i < draft->type->attribute_count; i++) {
        if (draft->type->attributes[i].target == target &&
            read_integer(draft, &draft->values[i], &number))
            return number;
    }
    return 0;
}

bool itglue_draft_has(const struct itglue_draft *draft, enum itglue_target target)
{
    for (size_t i = 0; i < draft->type->attribute_count; i++) {
        const struct itglue_value *value = &draft->values[i];
        if (draft->type->attributes[i].target == target)
            return value->is == ITGLUE_IS_JSON ? value->text.len > sizeof("\"\"") - 1
                                               : has_text(value) && value->text.len > 0;
    }
    return true;
}

static int by_sort(const void *a, const void *b)
{
    const struct itglue_section *one = a, *other = b;
    if (one->sort != other->sort)
        return one->sort < other->sort ? -1 : 1;
    return one->order < other->order ? -1 : 1;
}

// The sections under `attribute`, or, if it has none, under the attribute that stands in for it.
static bool write_sections(const struct itglue_draft *draft, size_t attribute,
                           struct itglue_out *body)
{
    size_t used = ITGLUE_ATTRIBUTES_MAX;
    for (size_t i = 0; i < draft->section_count && used != attribute; i++)
        used = draft->sections[i].attribute == attribute ? attribute : draft->sections[i].attribute;
    if (draft->section_count > 1)
        qsort(draft->sections, draft->section_count, sizeof(draft->sections[0]), by_sort);
    bool first = true, good = itglue_out_append(body, "[", 1);
    for (size_t i = 0; good && i < draft->section_count; i++) {
        const struct itglue_section *section = &draft->sections[i];
        if (section->attribute != used)
            continue;
        const char *scratch = draft->scratch.data;
        good = itglue_out_text(body, first ? "{\"kind\":" : ",{\"kind\":") &&
               (section->kind.len == 0
                    ? itglue_out_text(body, "\"Text\"")
                    : itglue_out_append(body, scratch + section->kind.offset, section->kind.len)) &&
               itglue_out_text(body, ",\"level\":") && itglue_out_number(body, section->level) &&
               itglue_out_text(body, ",\"html\":") &&
               (section->html.len == 0
                    ? itglue_out_text(body, "\"\"")
                    : itglue_out_append(body, scratch + section->html.offset, section->html.len)) &&
               itglue_out_text(body, ",\"sort\":") && itglue_out_number(body, section->sort) &&
               itglue_out_append(body, "}", 1);
        first = false;
    }
    return good && itglue_out_append(body, "]", 1);
}

static int compare_keys(const struct itglue_draft *draft, const struct itglue_trait *one,
                        const struct itglue_trait *other)
{
    size_t least = one->key.len < other->key.len ? one->key.len : other->key.len;
    const char *scratch = draft->scratch.data;
    int order = memcmp(scratch + one->key.offset, scratch + other->key.offset, least);
    if (order == 0 && one->key.len != other->key.len)
        order = one->key.len < other->key.len ? -1 : 1;
    return order;
}

static int by_key(const void *a, const void *b, void *draft)
{
    const struct itglue_trait *one = a, *other = b;
    int order = compare_keys(draft, one, other);
    if (order == 0)
        order = one->order < other->order ? -1 : 1;
    return order;
}

// As by_key; most records have a dozen traits, for which qsort costs more than the comparisons.
static void sort_traits(const struct itglue_draft *draft)
{
    struct itglue_trait *traits = draft->traits;
    if (draft->trait_count > FEW_TRAITS) {
        qsort_r(traits, draft->trait_count, sizeof(traits[0]), by_key, (void *)(uintptr_t)draft);
        return;
    }
    for (size_t i = 1; i < draft->trait_count; i++) {
        struct itglue_trait one = traits[i];
        size_t at = i;
        for (; at > 0 && compare_keys(draft, &one, &traits[at - 1]) < 0; at--)
            traits[at] = traits[at - 1];
        traits[at] = one;
    }
}

// In the order of their keys, so that an answer in another order is the same record. Of a key
// that comes twice the last one counts, as in jsonb.
static bool write_traits(const struct itglue_draft *draft, struct itglue_out *body)
{
    sort_traits(draft);
    bool first = true, good = itglue_out_append(body, "{", 1);
    for (size_t i = 0; good && i < draft->trait_count; i++) {
        const struct itglue_trait *trait = &draft->traits[i];
        if (i + 1 < draft->trait_count && compare_keys(draft, trait, trait + 1) == 0)
            continue;
        good =
            (first || itglue_out_append(body, ",", 1)) &&
            itglue_out_append(body, draft->scratch.data + trait->member.offset, trait->member.len);
        first = false;
    }
    return good && itglue_out_append(body, "}", 1);
}

// Whether the JSON string `text` names a kind of fields that is known.
static bool known_field_kind(const char *text, size_t len)
{
    static const char *const kinds[] = {"\"Text\"",     "\"Textbox\"",  "\"Select\"", "\"Number\"",
                                        "\"Percent\"",  "\"Checkbox\"", "\"Date\"",   "\"Tag\"",
                                        "\"Password\"", "\"Upload\"",   "\"Header\""};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strlen(kinds[i]) == len && memcmp(kinds[i], text, len) == 0)
            return true;
    }
    return false;
}

// Whether the draft is of a field whose default is a list of choices.
static bool has_choices(const struct itglue_draft *draft)
{
    static const char select[] = "\"Select\"";
    for (size_t i = 0; i < draft->type->attribute_count; i++) {
        const struct itglue_value *value = &draft->values[i];
        if (draft->type->attributes[i].form == ITGLUE_FIELD_KIND)
            return value->is == ITGLUE_IS_JSON && value->text.len == sizeof(select) - 1 &&
                   memcmp(text_of(draft, value), select, sizeof(select) - 1) == 0;
    }
    return false;
}

static bool write_value(const struct itglue_draft *draft, size_t attribute, struct itglue_out *body)
{
    const struct itglue_value *value = &draft->values[attribute];
    enum itglue_form form = draft->type->attributes[attribute].form;
    int64_t number;
    bool flag;
    if (form == ITGLUE_SECTIONS)
        return write_sections(draft, attribute, body);
    if (form == ITGLUE_TRAITS)
        return write_traits(draft, body);
    if (form == ITGLUE_IDS && value->is != ITGLUE_IS_JSON)
        return itglue_out_text(body, "[]");
    if (form == ITGLUE_FIELD_KIND &&
        (value->is != ITGLUE_IS_JSON || !known_field_kind(text_of(draft, value), value->text.len)))
        return itglue_out_text(body, "\"Password\"");
    if (form == ITGLUE_FIELD_DEFAULT && !has_choices(draft))
        return itglue_out_text(body, "null");
    if (value->is == ITGLUE_IS_JSON)
        return itglue_out_append(body, text_of(draft, value), value->text.len);
    if (is_empty(value))
        return itglue_out_text(body, "null");
    if (form == ITGLUE_INTEGER && read_integer(draft, value, &number))
        return itglue_out_number(body, number);
    if (form == ITGLUE_BOOLEAN && read_boolean(draft, value, &flag))
        return itglue_out_text(body, flag ? "true" : "false");
    return itglue_out_text(body, "null");
}

bool itglue_draft_body(const struct itglue_draft *draft, bool open, struct itglue_out *body)
{
    size_t start = body->len;
    bool good = true;
    for (size_t i = 0; good && i < draft->type->attribute_count; i++) {
        const struct itglue_attribute *row = &draft->type->attributes[i];
        if (row->body_key != NULL)
            good = itglue_out_append(body, row->body_key, row->body_key_len) &&
                   write_value(draft, i, body);
    }
    // Each member brought a comma; the first one's place is the brace's.
    if (good && body->len > start)
        body->data[start] = '{';
    else
        good = good && itglue_out_append(body, "{", 1);
    return good && (open || itglue_out_append(body, "}", 1));
}

static const char *name_of(struct itglue_draft *draft, const struct itglue_value *value)
{
    char *name = draft->scratch.data + value->text.offset;
    if (value->text.len > SOURCE_NAME_MAX_BYTES)
        name[utf8_cut(name, value->text.len, SOURCE_NAME_MAX_BYTES)] = '\0';
    return name;
}

static bool fill(struct itglue_draft *draft, size_t attribute, struct source_record *record)
{
    const struct itglue_value *value = &draft->values[attribute];
    switch (draft->type->attributes[attribute].target) {
    case ITGLUE_NAME:
        if (has_text(value))
            record->name = name_of(draft, value);
        return true;
    case ITGLUE_WEB_URL:
        if (value->is == ITGLUE_IS_STRING && value->text.len > 0 &&
            value->text.len <= SOURCE_NAME_MAX_BYTES)
            record->web_url = text_of(draft, value);
        return true;
    case ITGLUE_ORGANIZATION:
        return read_integer(draft, value, &record->organization_id);
    case ITGLUE_TYPE:
        return read_integer(draft, value, &record->type_id);
    case ITGLUE_FOLDER:
        return read_integer(draft, value, &record->folder_id);
    case ITGLUE_DOCUMENT_COUNT:
        if (is_empty(value) || !read_integer(draft, value, &record->document_count) ||
            record->document_count < 0)
            record->document_count = -1;
        return true;
    case ITGLUE_CATEGORY:
        return read_integer(draft, value, &record->category_id);
    case ITGLUE_RESTRICTED:
        return read_boolean(draft, value, &record->restricted);
    case ITGLUE_ARCHIVED:
        return read_boolean(draft, value, &record->archived);
    case ITGLUE_PERSONAL:
        return read_boolean(draft, value, &record->personal);
    case ITGLUE_COMPLETED:
        (void)read_boolean(draft, value, &record->completed);
        return true;
    case ITGLUE_VAULT:
        record->vaulted = value->is != ITGLUE_ABSENT && value->is != ITGLUE_IS_NULL;
        return true;
    case ITGLUE_CREATED:
        record->create_time_us = read_time(draft, value);
        return true;
    case ITGLUE_UPDATED:
        record->update_time_us = read_time(draft, value);
        return true;
    case ITGLUE_PUBLISHED:
        record->publish_time_us = read_time(draft, value);
        return true;
    case ITGLUE_PASSWORD_UPDATED:
        record->password_update_time_us = read_time(draft, value);
        return true;
    default:
        return true;
    }
}

bool itglue_draft_record(struct itglue_draft *draft, const struct itglue_kind *kind,
                         const struct source_query *query, struct source_record *record)
{
    *record = (struct source_record){
        .kind = query->kind, .id = draft->id, .name = "", .document_count = -1};
    if (draft->fault_reason == NULL && draft->id == 0)
        itglue_draft_fault(draft, "RECORD_MALFORMED", "it has no id");
    if (draft->fault_reason == NULL && kind->type_certain && draft->type_differs)
        itglue_draft_fault(draft, "RECORD_MALFORMED", "it is of another type");
    for (size_t i = 0; draft->fault_reason == NULL && i < draft->type->attribute_count; i++) {
        if (!fill(draft, i, record)) {
            // The key is ours, from the table; the value stays out.
            itglue_draft_fault(draft, "RECORD_MALFORMED", draft->type->attributes[i].key);
        }
    }
    if (draft->fault_reason == NULL && record->organization_id == 0) {
        if (kind->ownerless == ITGLUE_OWNER_REQUIRED)
            itglue_draft_fault(draft, "RECORD_MALFORMED", "organization-id");
        if (kind->ownerless == ITGLUE_OWNER_OF_PATH)
            record->organization_id = query->organization_id;
    }
    return draft->fault_reason == NULL;
}

void itglue_record_hash(struct source_record *record)
{
    const char *url = record->web_url == NULL ? "" : record->web_url;
    const int64_t numbers[] = {
        record->kind,
        record->id,
        record->organization_id,
        record->type_id,
        record->folder_id,
        record->category_id,
        record->restricted | record->archived << 1 | record->vaulted << 2 | record->personal << 3,
        record->create_time_us,
        record->update_time_us,
        record->publish_time_us,
        record->password_update_time_us,
        record->web_url != NULL,
        (int64_t)strlen(record->name),
        (int64_t)strlen(url),
        (int64_t)record->body_len,
    };
    XXH3_state_t state;
    XXH128_canonical_t hash;
    (void)XXH3_128bits_reset(&state);
    (void)XXH3_128bits_update(&state, numbers, sizeof(numbers));
    (void)XXH3_128bits_update(&state, record->name, strlen(record->name));
    (void)XXH3_128bits_update(&state, url, strlen(url));
    (void)XXH3_128bits_update(&state, record->body, record->body_len);
    XXH128_canonicalFromHash(&hash, XXH3_128bits_digest(&state));
    memcpy(record->content_hash, hash.digest, sizeof(record->content_hash));
}
