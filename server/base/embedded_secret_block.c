// Values that do not stand behind their label in one piece: below a heading, in a block of YAML, in
// groups of letters, in a list of codes.
#include <string.h>

#include "server/base/cleanup.h"
#include "server/base/embedded_secret_private.h"

// Behind the line that ends at `at`, or `at` if it does not.
static size_t next_line(const struct text *text, size_t at)
{
    size_t line = at + starts(text, at, "\r", false);
    return starts(text, line, "\n", false) ? line + 1 : at;
}

// Whether nothing but words that say what for stands before a label on its line. Sentences go on,
// and steps tell what to do with one.
static bool begins_heading(const struct text *text, size_t at)
{
    static const char *const others[] = {
        "the",  "a",       "an",        "your",   "my",     "our",  "no",      "not",
        "for",  "of",      "to",        "with",   "and",    "or",   "is",      "in",
        "by",   "via",     "change",    "reset",  "forgot", "set",  "enter",   "type",
        "use",  "using",   "update",    "create", "choose", "see",  "without", "same",
        "lost", "expired", "forgotten", "rotate", "das",    "dein", "ihr",     "ein",
        "kein", "ohne",    "mit",       "und",    "oder",   "le",   "votre",   "un",
        "une",  "sans",    "la",        "el",     "su",     "tu",   "het",     "uw",
        "je",   "een",     "il",        "a",      "o",      "user", "username"};
    size_t line = at;
    while (line > 0 && !ends_line(text, line - 1)) {
        line--;
        if (at - line > HEADING_MAX || memchr("\t|:=,;?!\"'<", text->data[line], 11) != NULL)
            return false;
    }
    for (size_t len; line < at; line += len == 0 ? 1 : len) {
        len = run(text, line, is_letter, at - line);
        for (size_t i = 0; len > 0 && i < ARRAY_LEN(others); i++)
            if (strlen(others[i]) == len && starts(text, line, others[i], true))
                return false;
    }
    return true;
}

// What looks like a password, but leads to one: a mail address, a path, a version, a label.
static bool is_elsewhere(const struct text *text, size_t value, size_t end)
{
    const char *data = text->data, *sign = memchr(data + value, '@', end - value);
    bool number = true,
         mail = sign != NULL && memchr(sign, '.', (size_t)(data + end - sign)) != NULL;
    for (size_t i = value; i < end; i++) {
        mail = mail && (is_alnum(data[i]) || memchr("@._-", data[i], 4) != NULL);
        number =
            number && (is_digit(data[i]) || data[i] == '.' || (i == value && !is_digit(data[i])));
    }
    bool version = number && memchr(data + value, '.', end - value) != NULL;
    return mail || version || memchr("/\\~", data[value], 3) != NULL || data[end - 1] == ':';
}

bool embedded_find_below(const struct text *text, size_t at, size_t behind,
                         struct embedded_secret *secret)
{
    enum { BELOW_MIN = 6 };
    size_t end = skip_blanks(text, behind), line = next_line(text, end);
    // What "Passwords" and "Credentials" head begins with what they are of.
    bool many = (text->data[behind - 1] | 0x20) == 's' && (text->data[behind - 2] | 0x20) != 's';
    if (line == end || many || !begins_heading(text, at))
        return false;
    line = skip_blanks(text, line);
    // One line may be empty.
    size_t value = skip_blanks(text, next_line(text, line));
    for (end = value; !ends_line(text, end) && blank(text, end) == 0 && end - value < VALUE_MAX;)
        end++;
    return ends_line(text, skip_blanks(text, end)) && end - value >= BELOW_MIN &&
           embedded_is_unlike_words(text, value, end) && !embedded_is_no_value(text, value, end) &&
           !embedded_is_next_step(text, value, end) && !is_elsewhere(text, value, end) &&
           take(secret, EMBEDDED_PASSWORD, value, end);
}

bool embedded_find_in_block(const struct text *text, size_t at, size_t sign,
                            struct embedded_secret *secret)
{
    size_t behind = sign + 1, key = at, line, value, end, deep;
    if (sign >= text->len || memchr("|>", text->data[sign], 2) == NULL)
        return false;
    while (behind < text->len && behind - sign < 3 && memchr("+-123456789", text->data[behind], 11))
        behind++;
    behind = skip_blanks(text, behind);
    line = next_line(text, behind);
    while (key > 0 && at - key < HEADING_MAX && !ends_line(text, key - 1))
        key--;
    const size_t key_deep = skip_blanks(text, key) - key;
    value = skip_blanks(text, line);
    if (line == behind || value - line <= key_deep || ends_line(text, value))
        return false;
    // Its lines begin as deep as its first.
    deep = value - line;
    for (end = value; !ends_line(text, end) && end - value < VALUE_MAX;) {
        while (!ends_line(text, end) && end - value < VALUE_MAX)
            end++;
        size_t next = next_line(text, end), begin = skip_blanks(text, next);
        if (next == end || begin - next < deep || ends_line(text, begin))
            break;
        end = begin;
    }
    while (end > value && ((unsigned char)text->data[end - 1] <= ' ' ||
                           (end < text->len && ((unsigned char)text->data[end] & 0xC0) == 0x80)))
        end--;
    return end - value >= VALUE_MIN && !embedded_is_no_value(text, value, end) &&
           !embedded_is_prose(text, value, end) && take(secret, EMBEDDED_PASSWORD, value, end);
}

static bool is_base32(char c)
{
    return is_letter(c) || (c >= '2' && c <= '7');
}

size_t embedded_groups_end(const struct text *text, size_t value)
{
    enum { GROUP = 4, GROUPS_MIN = 4, GROUPS_MAX = 32 };
    size_t end = value, count = 0;
    bool digit = false, lower = false, upper = false;
    for (size_t at = value; count < GROUPS_MAX; count++) {
        size_t len = run(text, at, is_base32, GROUP + 1);
        if (len != GROUP)
            break;
        for (size_t i = at; i < at + GROUP; i++) {
            digit = digit || is_digit(text->data[i]);
            lower = lower || is_lower(text->data[i]);
            upper = upper || is_upper(text->data[i]);
        }
        end = at + GROUP;
        at = end + (starts(text, end, "-", false) ? 1 : skip_blanks(text, end) - end);
        if (at == end) {
            count++;
            break;
        }
    }
    // Words of four letters are rarely written so.
    bool seed = count >= GROUPS_MIN && !(lower && upper) && (digit || upper) &&
                embedded_ends_value(text, end, '\0');
    return seed ? end : value;
}

// "a1b2-c3d4", "12345678", or half of one; no date.
enum { CODE_MAX = 40 };
static bool is_code(const struct text *text, size_t at, size_t end)
{
    bool digit = false, dashes = true;
    for (size_t i = at; i < end; i++) {
        if (!is_alnum(text->data[i]) && text->data[i] != '-')
            return false;
        digit = digit || is_digit(text->data[i]);
        dashes = dashes && (i - at == 4 || i - at == 7) == (text->data[i] == '-');
    }
    return digit && end - at >= 4 && end - at <= CODE_MAX && !(dashes && end - at == 10);
}

// The end of the codes from `at` on, and where they begin. Their lines hold nothing else, but what
// numbers them; the first one may go on.
static size_t codes_end(const struct text *text, size_t at, size_t *ret_begin)
{
    enum { CODES_MAX = 2048, LINES_MAX = 40, MARK_MAX = 3, CHARACTERS_MIN = 6 };
    const size_t most = at + CODES_MAX;
    size_t end = 0, characters = 0;
    bool first = true;
    *ret_begin = 0;
    for (int lines = 0; lines < LINES_MAX && at < most; lines++) {
        size_t line_end = end, begin = 0, seen = 0;
        at = skip_blanks(text, at);
        while (!ends_line(text, at) && at < most) {
            size_t token = at;
            while (!ends_line(text, token) && blank(text, token) == 0 && token - at <= CODE_MAX &&
                   memchr(",;", text->data[token], 2) == NULL)
                token++;
            if (is_code(text, at, token)) {
                begin = begin == 0 ? at : begin;
                line_end = token;
                seen += token - at;
            } else if (token - at > MARK_MAX || begin > 0 ||
                       run(text, at, is_letter, MARK_MAX) == token - at) {
                break;
            }
            while (token < text->len && memchr(",;", text->data[token], 2) != NULL)
                token++;
            at = skip_blanks(text, token);
        }
        if (!ends_line(text, at) && !first)
            break;
        if (begin > 0) {
            *ret_begin = *ret_begin == 0 ? begin : *ret_begin;
            end = line_end;
            characters += seen;
        }
        size_t next = next_line(text, at);
        if (next == at || (begin == 0 && lines > 1))
            break;
        first = false;
        at = next;
    }
    return characters >= CHARACTERS_MIN ? end : 0;
}

bool embedded_find_codes(const struct text *text, size_t at, struct embedded_secret *secret)
{
    static const char *const names[] = {"recovery code",         "recovery-code", "backup code",
                                        "backup-code",           "scratch code",  "emergency code",
                                        "wiederherstellungscode"};
    size_t behind = 0, begin, end;
    for (size_t i = 0; behind == 0 && i < ARRAY_LEN(names); i++)
        if (starts(text, at, names[i], true))
            behind = at + strlen(names[i]);
    if (behind == 0)
        return false;
    behind += starts(text, behind, "s", true);
    const size_t most = behind + 2 * HEADING_MAX;
    if (starts(text, skip_blanks(text, behind), "(", false))
        while (!ends_line(text, behind) && text->data[behind - 1] != ')' && behind < most)
            behind++;
    size_t sign = skip_blanks(text, behind);
    const bool cell = memchr(text->data + behind, '\t', sign - behind) != NULL;
    if (!cell && !starts(text, sign, ":", false) && next_line(text, sign) == sign)
        return false;
    end = codes_end(text, sign + starts(text, sign, ":", false), &begin);
    return end > 0 && take(secret, EMBEDDED_PASSWORD, begin, end);
}
