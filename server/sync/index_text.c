#include "server/sync/index_text.h"

#include <sodium.h>
#include <string.h>

#include "server/base/embedded_secret.h"
#include "server/base/utf8.h"
#include "server/html/html.h"
#include "server/source/source.h"

enum { FOUND_OF_A_RECORD_MAX = 100, FOUND_FIRST = 64 };

static bool grow(struct index_findings *findings, struct arena *arena)
{
    if (findings->count < findings->capacity)
        return true;
    size_t capacity = findings->capacity == 0 ? FOUND_FIRST : 2 * findings->capacity;
    struct embedded_secret_found *found = arena_calloc(arena, capacity, sizeof(*found));
    if (found == NULL)
        return false;
    if (findings->count > 0)
        memcpy(found, findings->found, findings->count * sizeof(*found));
    findings->found = found;
    findings->capacity = capacity;
    return true;
}

// Equal credentials of a tenant have equal hashes.
static void hash(const struct index_findings *findings, const char *secret, size_t len,
                 unsigned char *ret_hash)
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, findings->key, 32, EMBEDDED_SECRET_HASH_BYTES);
    (void)crypto_generichash_update(&state, (const unsigned char *)findings->tenant,
                                    strlen(findings->tenant) + 1);
    (void)crypto_generichash_update(&state, (const unsigned char *)secret, len);
    (void)crypto_generichash_final(&state, ret_hash, EMBEDDED_SECRET_HASH_BYTES);
}

// `title`: what a reader sees of the title, if that is the text. `*place` counts on.
static bool note_secrets(const struct search_text *record, const char *text, size_t len,
                         const char *title, int64_t *place, struct index_findings *findings,
                         struct arena *arena)
{
    struct embedded_secret secret;
    for (size_t at = 0;
         len > 0 && *place < FOUND_OF_A_RECORD_MAX && embedded_secret_next(text, len, at, &secret);
         at = secret.offset + secret.len) {
        if (!grow(findings, arena))
            return false;
        struct embedded_secret_found *found = &findings->found[findings->count++];
        (*place)++;
        *found = (struct embedded_secret_found){.kind = record->kind,
                                                .id = record->id,
                                                .place = *place,
                                                .secret_kind = secret.kind,
                                                .title = title};
        hash(findings, text + secret.offset, secret.len, found->hash);
    }
    return true;
}

// White space, no-break spaces and control characters become one space; the text is valid UTF-8.
// Returns the new length.
static size_t squeeze(char *text, size_t len)
{
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        bool wide = (unsigned char)text[i] == 0xC2 && (unsigned char)text[i + 1] == 0xA0;
        bool space = wide || (unsigned char)text[i] <= ' ' || text[i] == 0x7F;
        i += wide;
        if (!space)
            text[out++] = text[i];
        else if (out > 0 && text[out - 1] != ' ')
            text[out++] = ' ';
    }
    return out > 0 && text[out - 1] == ' ' ? out - 1 : out;
}

// The value of a field, or a part of a text without one, and the border that stands before it in a
// text: that of a cell if its name is a label.
struct value {
    const char *text;
    size_t len;
    bool labelled;
    char border[2];
};

// Goes on to the next one; false: there is none.
static bool next_value(const char **at, size_t *left, struct value *value)
{
    const bool after_labelled = value->labelled;
    value->labelled = false;
    while (*left > 0 && **at == SEARCH_FIELD_NAME) {
        const char *name = *at + 1, *end = memchr(name, SEARCH_FIELD_NAME, *left - 1);
        if (end == NULL) // cut
            return false;
        // Of two fields with this key either could be the one.
        value->labelled |= embedded_secret_is_label(name, (size_t)(end - name));
        *left -= (size_t)(end + 1 - *at);
        *at = end + 1;
    }
    if (*left == 0)
        return false;
    const char *next = memchr(*at, SEARCH_FIELD_NAME, *left);
    char border = after_labelled ? EMBEDDED_SECRET_CELL_END : '\0';
    value->text = *at;
    value->len = next == NULL ? *left : (size_t)(next - *at);
    value->border[0] = value->labelled ? EMBEDDED_SECRET_CELL : border;
    *at += value->len;
    *left -= value->len;
    return true;
}

static bool make_plain(const struct search_text *text, struct buffer *plain)
{
    const char *at = text->content;
    size_t left = text->content_len;
    struct value value = {0};
    // Each by itself, as readers get it: a tag that one leaves open hides nothing of the next. Its
    // last line stands right before the next one, as there.
    while (next_value(&at, &left, &value)) {
        while (plain->len > 0 && memchr(" \t\r\n", plain->data[plain->len - 1], 4) != NULL)
            plain->len--;
        bool goes_on = plain->len > 0;
        if (!buffer_text(plain, goes_on && value.border[0] == '\0' ? "\n" : value.border) ||
            !html_text(value.text, value.len, plain))
            return false;
    }
    return true;
}

// The fields as masked text, without their names. Those that a label tells are left out. A field
// may be HTML, in which a tag stands between a label and its value.
static char *make_fields(const char *fields, struct arena *arena)
{
    struct buffer plain _cleanup_(buffer_done);
    const char *at = fields;
    size_t left = strlen(fields);
    struct value value = {0};
    buffer_init(&plain, 4 * left + 1);
    while (next_value(&at, &left, &value))
        if (!value.labelled && !html_text(value.text, value.len, &plain))
            return NULL;
    size_t len = plain.len == 0 ? 0 : embedded_secret_mask(plain.data, plain.len);
    return arena_strndup(arena, len == 0 ? "" : plain.data, len);
}

bool index_text_make(struct search_text *text, struct index_findings *findings, struct arena *arena)
{
    struct buffer plain _cleanup_(buffer_done);
    int64_t place = 0;
    buffer_init(&plain, 4 * text->content_len + 1);
    char *fields = make_fields(text->short_fields, arena);
    char *title = arena_strdup(arena, text->title);
    if (fields == NULL || title == NULL)
        return false;
    title[embedded_secret_mask(title, strlen(title))] = '\0';
    if (!make_plain(text, &plain) ||
        !note_secrets(text, text->title, strlen(text->title), title, &place, findings, arena) ||
        !note_secrets(text, plain.data, plain.len, NULL, &place, findings, arena))
        return false;
    size_t len = 0;
    if (plain.len > 0) {
        len = embedded_secret_mask(plain.data, plain.len);
        len = utf8_cut(plain.data, squeeze(plain.data, len), SEARCH_CONTENT_BYTES);
    }
    text->content = arena_strndup(arena, plain.len == 0 ? "" : plain.data, len);
    text->content_len = len;
    text->title = title;
    text->short_fields = fields;
    return text->content != NULL;
}
