// Between the files that look for credentials: how a text is looked through. In a header, since
// nearly every byte of a text comes by here.
#pragma once

#include <stddef.h>
#include <string.h>

#include "server/base/embedded_secret.h"

enum {
    LABEL_MIN = 2, // letters
    VALUE_MIN = 4, // shorter is no password, and could not hold the mask
    VALUE_MAX = 512,
    TOKEN_MAX = 8192,
    KEY_BLOCK_MAX = 16384,
    URL_USER_MAX = 256,
    HEADING_MAX = 40, // a longer text is prose, and a longer word of what a label is for
};

struct text {
    const char *data;
    size_t len;
};

enum { LOWER = 1, UPPER = 2, DIGIT = 4 };
static const unsigned char classes[256] = {
    ['a' ... 'z'] = LOWER, ['A' ... 'Z'] = UPPER, ['0' ... '9'] = DIGIT};

static inline bool is_lower(char c)
{
    return classes[(unsigned char)c] == LOWER;
}

static inline bool is_upper(char c)
{
    return classes[(unsigned char)c] == UPPER;
}

static inline bool is_digit(char c)
{
    return classes[(unsigned char)c] == DIGIT;
}

static inline bool is_letter(char c)
{
    return is_lower(c) || is_upper(c);
}

static inline bool is_alnum(char c)
{
    return classes[(unsigned char)c] != 0;
}

static inline bool is_base64(char c)
{
    return is_alnum(c) || c == '-' || c == '_' || c == '+' || c == '/' || c == '=' || c == '.' ||
           c == '~';
}

static inline bool is_base64url(char c)
{
    return is_alnum(c) || c == '-' || c == '_';
}

// `fold`: whatever the case in the text; the word is in lower case then. Compared by hand, because
// nearly every place differs in its first two characters, and a call costs more than those.
static inline bool starts(const struct text *text, size_t at, const char *word, bool fold)
{
    for (; *word != '\0'; word++, at++) {
        if (at >= text->len)
            return false;
        char c = text->data[at];
        if (c == *word)
            continue;
        // A capital, of umlauts too.
        if (!fold || (c ^ *word) != 0x20 || !(is_upper(c) || ((unsigned char)c & 0xE0) == 0x80))
            return false;
    }
    return true;
}

// The length of white space at `at`: a space, a tab, or a no-break space.
static inline size_t blank(const struct text *text, size_t at)
{
    if (at < text->len && (text->data[at] == ' ' || text->data[at] == '\t'))
        return 1;
    return at + 1 < text->len && memcmp(text->data + at, "\xC2\xA0", 2) == 0 ? 2 : 0;
}

static inline size_t skip_blanks(const struct text *text, size_t at)
{
    for (size_t step; (step = blank(text, at)) > 0;)
        at += step;
    return at;
}

static inline size_t skip_space(const struct text *text, size_t at)
{
    while (at < text->len && (blank(text, at) > 0 || memchr("\r\n", text->data[at], 2) != NULL))
        at += blank(text, at) > 0 ? blank(text, at) : 1;
    return at;
}

static inline bool is_border(char c)
{
    return c == EMBEDDED_SECRET_CELL || c == EMBEDDED_SECRET_CELL_END;
}

static inline bool ends_line(const struct text *text, size_t at)
{
    return at >= text->len || text->data[at] == '\n' || text->data[at] == '\r' ||
           is_border(text->data[at]);
}

static inline size_t run(const struct text *text, size_t at, bool (*is)(char c), size_t max)
{
    size_t end = at;
    while (end < text->len && end - at < max && is(text->data[end]))
        end++;
    return end - at;
}

static inline bool take(struct embedded_secret *secret, enum embedded_secret_kind kind,
                        size_t offset, size_t end)
{
    *secret = (struct embedded_secret){kind, offset, end - offset};
    return true;
}

// Whether a word begins here: `dbPassword` and `db_password` have two.
static inline bool word_begins(const struct text *text, size_t at)
{
    if (at == 0 || !is_alnum(text->data[at - 1]))
        return true;
    return is_lower(text->data[at - 1]) && is_upper(text->data[at]);
}

// Whether a word ends here in one that is a label within another too: "Adminpasswort",
// "PGPASSWORD".
bool embedded_find_compound(const struct text *text, size_t end, struct embedded_secret *secret);
// Whether a label begins at `at` and tells a value, and the value of a cell that begins there.
bool embedded_find_labelled(const struct text *text, size_t at, struct embedded_secret *secret);
bool embedded_find_in_cell(const struct text *text, size_t at, struct embedded_secret *secret);
// What is known by the command or the configuration that it stands in; `behind` the label at `at`.
bool embedded_find_in_command(const struct text *text, size_t at, size_t behind,
                              struct embedded_secret *secret);
// Alone on the line below a heading that ends with the label at `at`: "WiFi password".
bool embedded_find_below(const struct text *text, size_t at, size_t behind,
                         struct embedded_secret *secret);
// Where a block of YAML begins behind the label at `at`: "password: |", and lines below.
bool embedded_find_in_block(const struct text *text, size_t at, size_t sign,
                            struct embedded_secret *secret);
// The end of a seed as groups of four, "JBSW Y3DP EHPK 3PXP"; `value`: it is none.
size_t embedded_groups_end(const struct text *text, size_t value);
// "Backup codes: a1b2-c3d4", or a list of them below.
bool embedded_find_codes(const struct text *text, size_t at, struct embedded_secret *secret);
// "ConvertTo-SecureString 'x'", and "WIFI:T:WPA;S:name;P:x;;" of a QR code.
bool embedded_find_secure_string(const struct text *text, size_t at,
                                 struct embedded_secret *secret);
bool embedded_find_wifi(const struct text *text, size_t at, struct embedded_secret *secret);
// "curl -u joe:x", "sshpass -p x", "net user joe x /add", "crypto isakmp key x address y".
bool embedded_find_argument(const struct text *text, size_t at, struct embedded_secret *secret);
// Whether a variable whose label is at `at` gets what a command returns: "$cred = Get-Credential".
bool embedded_is_command(const struct text *text, size_t at, size_t value, size_t end);
// Whether it is no word that a sentence could go on with.
bool embedded_is_unlike_words(const struct text *text, size_t value, size_t end);
// Whether a value ends at `at`. `until`: the quote that it stands in, or the sign before it, '='
// being what joins it to others: "PWD=x;Server=y".
bool embedded_ends_value(const struct text *text, size_t at, char until);
// A value at `*value`, which is moved behind a quote that it begins with; returns its end.
size_t embedded_value_end(const struct text *text, size_t *value, char until);
// The end of "joe / x", of which `end` is that of the first: which is the value is not known.
size_t embedded_pair_end(const struct text *text, size_t value, size_t end);
// The end of what stands in a cell, and whether that tells where a value is: "see the vault".
size_t embedded_cell_end(const struct text *text, size_t value);
bool embedded_is_prose(const struct text *text, size_t value, size_t end);
// Whether what stands on the line behind a label is rather "Step2" of a manual, or an address.
bool embedded_is_next_step(const struct text *text, size_t value, size_t end);
// Whether something stands in the place of a value: a mask, a variable, a word of a sentence; and
// whether that is seen by how it begins.
bool embedded_is_no_value(const struct text *text, size_t value, size_t end);
bool embedded_begins_no_value(const struct text *text, size_t value);
