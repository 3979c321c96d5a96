// Every value is followed by a comma; closing a container, or the trait, takes the last one back.
#include "server/source/itglue/traits.h"

#include <sodium.h>
#include <string.h>

#include "server/source/itglue/text.h"

struct name {
    const char *text;
    size_t len;
};
#define NAME(text)               \
    {                            \
        (text), sizeof(text) - 1 \
    }

static const struct name secret_keys[] = {NAME("password"), NAME("otp-secret")};
// Copies of another record's times, and HTML whose image links are signed anew each time.
static const struct name changing_keys[] = {NAME("created-at"), NAME("updated-at"),
                                            NAME("rendered-content")};

static char folded(char c)
{
    if (c == '_')
        return '-';
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

// Whether `key` is `name`, which is in kebab-case, in any of its spellings.
static bool key_is(const char *key, size_t len, const struct name *name)
{
    if (len != name->len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (folded(key[i]) != name->text[i])
            return false;
    return true;
}

static bool key_among(const char *key, size_t len, const struct name *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (key_is(key, len, &names[i]))
            return true;
    return false;
}

static void check(struct itglue_draft *draft, bool good)
{
    if (!good)
        itglue_draft_fault(draft, "RECORD_TOO_LARGE", "the record has more than may be kept");
}

// Whether `key` is in the list, in any of its spellings.
static bool key_listed(const char *key, size_t len, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < len && names[i][at] != '\0' && folded(names[i][at]) == folded(key[at]))
            at++;
        if (at == len && names[i][at] == '\0')
            return true;
    }
    return false;
}

static enum itglue_trait_use use_of(const struct source_query *query, const char *key, size_t len)
{
    if (query->known_trait_count > 0 &&
        !key_listed(key, len, query->known_traits, query->known_trait_count))
        return ITGLUE_TRAIT_SKIPPED;
    if (key_listed(key, len, query->secret_traits, query->secret_trait_count))
        return ITGLUE_TRAIT_REFERENCES;
    return key_among(key, len, secret_keys, ARRAY_LEN(secret_keys)) ? ITGLUE_TRAIT_SKIPPED
                                                                    : ITGLUE_TRAIT_KEPT;
}

enum itglue_trait_use itglue_trait_start(struct itglue_draft *draft,
                                         const struct source_query *query, const char *key,
                                         size_t len)
{
    enum itglue_trait_use use = use_of(query, key, len);
    if (use == ITGLUE_TRAIT_SKIPPED)
        return use;
    if (!itglue_grow(&draft->traits, &draft->trait_capacity, draft->trait_count,
                     sizeof(draft->traits[0]))) {
        check(draft, false);
        return ITGLUE_TRAIT_SKIPPED;
    }
    struct itglue_span json = itglue_draft_json(draft, key, len);
    if (json.len == 0)
        return ITGLUE_TRAIT_SKIPPED;
    check(draft, itglue_out_append(&draft->scratch, ":", 1));
    draft->traits[draft->trait_count] = (struct itglue_trait){
        .key = json, .member.offset = json.offset, .order = draft->trait_count};
    draft->trait_count++;
    return draft->fault_reason == NULL ? use : ITGLUE_TRAIT_SKIPPED;
}

static void take_comma_back(struct itglue_out *out)
{
    if (out->len > 0 && out->data[out->len - 1] == ',')
        out->len--;
}

void itglue_trait_end(struct itglue_draft *draft)
{
    if (draft->trait_count == 0)
        return;
    struct itglue_trait *trait = &draft->traits[draft->trait_count - 1];
    take_comma_back(&draft->scratch);
    trait->member.len = draft->scratch.len - trait->member.offset;
}

void itglue_trait_drop(struct itglue_draft *draft)
{
    if (draft->trait_count == 0)
        return;
    size_t start = draft->traits[--draft->trait_count].member.offset;
    sodium_memzero(draft->scratch.data + start, draft->scratch.len - start);
    draft->scratch.len = start;
}

enum itglue_trait_key itglue_trait_key(struct itglue_draft *draft, const char *key, size_t len)
{
    if (key_among(key, len, secret_keys, ARRAY_LEN(secret_keys)))
        return ITGLUE_KEY_SECRET;
    if (key_among(key, len, changing_keys, ARRAY_LEN(changing_keys)))
        return ITGLUE_KEY_SKIPPED;
    check(draft, itglue_text_json(&draft->scratch, key, len) &&
                     itglue_out_append(&draft->scratch, ":", 1));
    return ITGLUE_KEY_KEPT;
}

// How much of a link to keep: a signed one ends before its query, which holds the signature.
static size_t unsigned_len(const char *text, size_t len)
{
    static const char *const marks[] = {"X-Amz-", "Signature="};
    if (len < 8 || text[0] != 'h' || memcmp(text, "http", 4) != 0)
        return len;
    const char *query = memchr(text, '?', len);
    if (query == NULL)
        return len;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        size_t query_len = len - (size_t)(query - text);
        if (memmem(query, query_len, marks[i], strlen(marks[i])) != NULL)
            return (size_t)(query - text);
    }
    return len;
}

void itglue_trait_scalar(struct itglue_draft *draft, const struct itglue_scalar *scalar)
{
    struct itglue_out *out = &draft->scratch;
    switch (scalar->type) {
    case ITGLUE_NULL:
        check(draft, itglue_out_append(out, "null,", 5));
        return;
    case ITGLUE_TRUE:
        check(draft, itglue_out_append(out, "true,", 5));
        return;
    case ITGLUE_FALSE:
        check(draft, itglue_out_append(out, "false,", 6));
        return;
    case ITGLUE_NUMBER:
        check(draft,
              itglue_text_number(out, scalar->text, scalar->len) && itglue_out_append(out, ",", 1));
        return;
    case ITGLUE_STRING:
        check(draft, itglue_text_json(out, scalar->text, unsigned_len(scalar->text, scalar->len)) &&
                         itglue_out_append(out, ",", 1));
        return;
    }
}

void itglue_trait_open(struct itglue_draft *draft, bool is_map)
{
    check(draft, itglue_out_append(&draft->scratch, is_map ? "{" : "[", 1));
}

void itglue_trait_close(struct itglue_draft *draft, bool is_map)
{
    take_comma_back(&draft->scratch);
    check(draft, itglue_out_append(&draft->scratch, is_map ? "}," : "],", 2));
}

static const char references_open[] = "{\"values\":[";

void itglue_reference_open(struct itglue_draft *draft)
{
    check(draft, itglue_out_text(&draft->scratch, references_open));
}

void itglue_reference_add(struct itglue_draft *draft, const struct itglue_scalar *id)
{
    int64_t number = itglue_scalar_id(id);
    if (number != 0)
        check(draft, itglue_out_text(&draft->scratch, "{\"id\":") &&
                         itglue_out_number(&draft->scratch, number) &&
                         itglue_out_text(&draft->scratch, "},"));
}

void itglue_reference_close(struct itglue_draft *draft)
{
    struct itglue_out *out = &draft->scratch;
    bool none = out->len > 0 && out->data[out->len - 1] == '[';
    if (none || draft->trait_count == 0) {
        itglue_trait_drop(draft);
        return;
    }
    take_comma_back(out);
    check(draft, itglue_out_text(out, "]}"));
    if (draft->fault_reason == NULL)
        itglue_trait_end(draft);
}
