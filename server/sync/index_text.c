#include "server/sync/index_text.h"

#include <sodium.h>
#include <string.h>

#include "server/base/embedded_secret.h"
#include "server/base/utf8.h"
#include "server/html/html.h"
#include "server/source/source.h"

enum {
    FOUND_OF_A_RECORD_MAX = 100,
    FOUND_FIRST = 64,
    FIELD_MAX_BYTES = 4 * 64, // those of 64 characters
    FIELDS_MAX_BYTES = 8000,
};

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

// What a record is looked through for.
struct look {
    const struct search_text *record;
    struct index_findings *findings;
    struct arena *arena;
    int64_t place; // counts what was found
};

static bool note(struct look *look, enum embedded_secret_kind kind, const char *secret, size_t len,
                 const char *title)
{
    if (!grow(look->findings, look->arena))
        return false;
    struct embedded_secret_found *found = &look->findings->found[look->findings->count++];
    *found = (struct embedded_secret_found){.kind = look->record->kind,
                                            .id = look->record->id,
                                            .place = ++look->place,
                                            .secret_kind = kind,
                                            .title = title};
    hash(look->findings, secret, len, found->hash);
    return true;
}

// Behind the first `begin` bytes. `title`: what a reader sees of the title, if that is the text.
static bool note_secrets(struct look *look, const char *text, size_t len, size_t begin,
                         const char *title)
{
    struct embedded_secret secret;
    for (size_t at = 0; len > begin && look->place < FOUND_OF_A_RECORD_MAX &&
                        embedded_secret_next_behind(text, len, begin, at, &secret);
         at = secret.offset + secret.len)
        if (!note(look, secret.kind, text + secret.offset, secret.len, title))
            return false;
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

// The value of a field, or a part of a text without one.
struct value {
    char *text;
    size_t len;
    enum { AS_HTML, AS_TEXT, AS_JSON } form; // as readers get it
    bool labelled;                           // the name is a label
};

// What stands behind it is the value of no label before it.
static const char end_of_line[] = {EMBEDDED_SECRET_CELL_END, '\n', '\0'};

// Goes on to the next one; false: there is none.
static bool next_value(char **at, size_t *left, struct value *value)
{
    *value = (struct value){.form = AS_HTML};
    while (*left > 0 && **at == SEARCH_FIELD_NAME) {
        const char *name = *at + 1, *end = memchr(name, SEARCH_FIELD_NAME, *left - 1);
        if (end == NULL) // cut
            return false;
        if (*name == SEARCH_TEXT || *name == SEARCH_JSON)
            value->form = *name == SEARCH_JSON ? AS_JSON : AS_TEXT;
        name += end > name;
        // Of two fields with this key either could be the one.
        value->labelled |= embedded_secret_is_label(name, (size_t)(end - name));
        *left -= (size_t)(end + 1 - *at);
        *at += end + 1 - *at;
    }
    if (*left == 0)
        return false;
    const char *next = memchr(*at, SEARCH_FIELD_NAME, *left);
    value->text = *at;
    value->len = next == NULL ? *left : (size_t)(next - *at);
    *at += value->len;
    *left -= value->len;
    return true;
}

// The next string or number of a text in JSON, without its escapes, but no name of a member, which
// may label it; false: there is none. What the mask made of it need not be JSON.
static bool next_leaf(char **at, const char *end, struct value *leaf)
{
    leaf->labelled = false;
    while (*at < end) {
        char *in = *at, *out;
        const bool quoted = *in == '"';
        if (quoted) {
            for (leaf->text = out = ++in; in < end && *in != '"'; in++) {
                char c = *in;
                if (c == '\\' && in + 1 < end) {
                    c = *++in == 'n' ? '\n' : *in;
                    // Of others, control characters, none is shown.
                    c = memchr("\"\\/\n", c, 4) != NULL ? c : ' ';
                    in += *in == 'u' ? (end - in > 4 ? 4 : end - in - 1) : 0;
                }
                *out++ = c;
            }
            in += in < end;
        } else {
            for (leaf->text = in; in < end && memchr("\" ,:[]{}", *in, 8) == NULL; in++)
                ;
            out = in;
            in += in == *at;
        }
        leaf->len = (size_t)(out - leaf->text);
        bool is_name = in < end && *in == ':';
        bool is_word = !quoted && memchr("tfn", *leaf->text, 3) != NULL;
        *at = in;
        if (is_name)
            leaf->labelled = embedded_secret_is_label(leaf->text, leaf->len);
        if (leaf->len > 0 && !is_name && !is_word)
            return true;
    }
    return false;
}

// Masks what readers see masked before tags and escapes are gone. Notes it unless `look` is NULL.
// What stands before it is masked on its own.
static bool mask_as_shown(struct look *look, struct value *value, const struct buffer *before)
{
    struct embedded_secret_line line = {.len = 0};
    struct buffer shown _cleanup_(buffer_done);
    const char border = value->labelled ? EMBEDDED_SECRET_CELL : '\n';
    size_t count;
    if (before != NULL && before->len > 0)
        embedded_secret_line_follow(&line, before->data, before->len);
    const size_t begin = line.len + 1;
    buffer_init(&shown, begin + value->len);
    if (!buffer_append(&shown, line.text, line.len) || !buffer_append(&shown, &border, 1) ||
        !buffer_append(&shown, value->text, value->len) ||
        (look != NULL && !note_secrets(look, shown.data, shown.len, begin, NULL)))
        return false;
    value->len = embedded_secret_mask_behind(shown.data, shown.len, begin, &count) - begin;
    memcpy(value->text, shown.data + begin, value->len);
    return true;
}

static bool is_rewritten(const struct value *value)
{
    return value->form == AS_TEXT && (memchr(value->text, '<', value->len) != NULL ||
                                      memchr(value->text, '&', value->len) != NULL);
}

// Each by itself, as readers get it: a tag that one leaves open hides nothing of the next. In texts
// that are read one below the other its last line stands right before the next one, as there.
static bool put_part(struct look *look, struct value *value, struct buffer *plain)
{
    static const char cell[] = {EMBEDDED_SECRET_CELL, '\0'};
    const bool alone = look->record->kind == SOURCE_FLEXIBLE_ASSETS;
    while (plain->len > 0 && memchr(" \t\r\n", plain->data[plain->len - 1], 4) != NULL)
        plain->len--;
    if (is_rewritten(value) && !mask_as_shown(look, value, alone ? NULL : plain))
        return false;
    const char *border = alone ? end_of_line : "\n";
    return (plain->len == 0 || buffer_text(plain, border)) &&
           (!value->labelled || buffer_text(plain, cell)) &&
           html_text(value->text, value->len, plain);
}

static bool put_json(struct look *look, struct value *value, struct buffer *plain)
{
    struct value leaf = {.form = AS_TEXT};
    char *at = value->text;
    // Where in it the value of a label stands is not known.
    if (value->labelled)
        return !next_leaf(&at, at + value->len, &leaf) ||
               (note(look, EMBEDDED_PASSWORD, leaf.text, leaf.len, NULL) &&
                (plain->len == 0 || buffer_text(plain, end_of_line)) &&
                buffer_text(plain, EMBEDDED_SECRET_MASK));
    if (!mask_as_shown(look, value, NULL))
        return false;
    while (next_leaf(&at, value->text + value->len, &leaf))
        if (!put_part(look, &leaf, plain))
            return false;
    return true;
}

static bool make_plain(struct look *look, struct search_text *text, struct buffer *plain)
{
    char *at = text->content;
    size_t left = text->content_len;
    struct value value = {0};
    while (next_value(&at, &left, &value))
        if (!(value.form == AS_JSON ? put_json : put_part)(look, &value, plain))
            return false;
    return true;
}

static bool put_field(struct value *field, struct buffer *plain)
{
    if (is_rewritten(field) && !mask_as_shown(NULL, field, NULL))
        return false;
    return (plain->len == 0 || buffer_text(plain, end_of_line)) &&
           html_text(field->text, field->len, plain);
}

static bool put_fields(struct value *value, struct buffer *plain)
{
    struct value leaf = {.form = AS_TEXT};
    char *at = value->text;
    // Those that a label tells are left out.
    if (value->labelled)
        return true;
    if (value->form != AS_JSON)
        return put_field(value, plain);
    if (!mask_as_shown(NULL, value, NULL))
        return false;
    while (next_leaf(&at, value->text + value->len, &leaf))
        if (!leaf.labelled && leaf.len <= FIELD_MAX_BYTES && !put_field(&leaf, plain))
            return false;
    return true;
}

// The short fields as masked text, without their names.
static char *make_fields(const char *fields, struct arena *arena)
{
    struct buffer plain _cleanup_(buffer_done);
    size_t left = strlen(fields), len = 0;
    char *at = arena_strdup(arena, fields);
    struct value value = {0};
    buffer_init(&plain, 6 * left + 1);
    if (at == NULL)
        return NULL;
    while (next_value(&at, &left, &value))
        if (!put_fields(&value, &plain))
            return NULL;
    size_t masked = plain.len == 0 ? 0 : embedded_secret_mask(plain.data, plain.len);
    for (size_t i = 0; i < masked; i++)
        if (plain.data[i] != EMBEDDED_SECRET_CELL_END)
            plain.data[len++] = plain.data[i];
    len = len == 0 ? 0 : utf8_cut(plain.data, len, FIELDS_MAX_BYTES);
    return arena_strndup(arena, len == 0 ? "" : plain.data, len);
}

bool index_text_make(struct search_text *text, struct index_findings *findings, struct arena *arena)
{
    struct buffer plain _cleanup_(buffer_done);
    struct look look = {.record = text, .findings = findings, .arena = arena};
    buffer_init(&plain, 6 * text->content_len + 1);
    char *fields = make_fields(text->short_fields, arena);
    char *title = arena_strdup(arena, text->title);
    if (fields == NULL || title == NULL)
        return false;
    title[embedded_secret_mask(title, strlen(title))] = '\0';
    if (!note_secrets(&look, text->title, strlen(text->title), 0, title) ||
        !make_plain(&look, text, &plain) || !note_secrets(&look, plain.data, plain.len, 0, NULL))
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
