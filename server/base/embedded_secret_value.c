// What stands behind a label: how far it goes, and whether it is a value at all.
#include <string.h>

#include "server/base/cleanup.h"
#include "server/base/embedded_secret_private.h"

// Whether a quote is one of the value, as JSON writes it.
static bool is_escaped(const struct text *text, size_t at)
{
    size_t before = at;
    while (before > 0 && text->data[before - 1] == '\\')
        before--;
    return text->data[at] == '"' && (at - before) % 2 == 1;
}

bool embedded_ends_value(const struct text *text, size_t at, char until)
{
    enum { SIGNS_MAX = 8 };
    char c = text->data[at];
    if (until == '"' || until == '\'')
        return (c == until && !is_escaped(text, at)) || c == '\n' || is_border(c);
    if (ends_line(text, at) || blank(text, at) > 0)
        return true;
    if (c != ';' && c != '"' && c != '\'')
        return false;
    // A password may have them within, but what is joined to others does not.
    size_t behind = at;
    while (behind < text->len && behind - at < SIGNS_MAX &&
           memchr(";\"',.)]}", text->data[behind], 8) != NULL)
        behind++;
    return until == '=' || ends_line(text, behind) || blank(text, behind) > 0;
}

size_t embedded_pair_end(const struct text *text, size_t value, size_t end)
{
    size_t slash;
    while (end - value < VALUE_MAX && starts(text, slash = skip_blanks(text, end), "/ ", false)) {
        size_t next = skip_blanks(text, slash + 1);
        size_t next_end = embedded_value_end(text, &next, '\0');
        if (next_end == next)
            break;
        end = next_end;
    }
    return end;
}

size_t embedded_value_end(const struct text *text, size_t *value, char until)
{
    // Within a text that is quoted itself: {\"password\":\"x\"}.
    if (starts(text, *value, "\\\"", false)) {
        size_t close = *value += 2;
        while (close < text->len && close - *value < VALUE_MAX && !ends_line(text, close) &&
               !starts(text, close, "\\\"", false))
            close++;
        if (starts(text, close, "\\\"", false))
            return close;
    }
    bool quoted = *value < text->len && (text->data[*value] == '"' || text->data[*value] == '\'');
    if (quoted)
        until = text->data[(*value)++];
    size_t end = *value;
    while (end < text->len && end - *value < VALUE_MAX && !embedded_ends_value(text, end, until))
        end++;
    while (end < text->len && end > *value && ((unsigned char)text->data[end] & 0xC0) == 0x80)
        end--;
    while (!quoted && end > *value && strchr(",.)", text->data[end - 1]) != NULL)
        end--;
    return end;
}

static bool is_name(const struct text *text, size_t from, size_t end)
{
    bool lower = false, digit = false;
    for (size_t i = from; i < end; i++) {
        if (!is_alnum(text->data[i]) && text->data[i] != '_')
            return false;
        lower = lower || is_lower(text->data[i]);
        digit = digit || is_digit(text->data[i]);
    }
    // Variables with both are rarer than passwords.
    return end > from && !(lower && digit);
}

// "${x}", "$(x)", "$NAME", "%NAME%", "<from the vault>", "[x]", "{{ x }}": as a whole, since
// passwords begin like that too.
static bool is_placeholder(const struct text *text, size_t value, size_t end)
{
    enum { PLACEHOLDER_MAX = 80 };
    const char *data = text->data;
    size_t open = value + (data[value] == '$');
    if (data[value] == '$' && is_name(text, open, end))
        return true;
    if (data[value] == '%')
        return end - value > 2 && data[end - 1] == '%' && is_name(text, value + 1, end - 1);
    const char *brackets = open == text->len ? NULL : memchr("<>[]{}()", data[open], 8);
    if (brackets == NULL || (data[open] == '(' && open == value) ||
        memchr("<[{(", data[open], 4) == NULL)
        return false;
    size_t close = open + 1;
    while (close - open < PLACEHOLDER_MAX && !(close >= text->len || ends_line(text, close)) &&
           data[close] != brackets[1])
        close++;
    if (close - open == PLACEHOLDER_MAX || ends_line(text, close))
        return false;
    while (close < text->len && data[close] == brackets[1])
        close++;
    return close >= end;
}

// What is said of a password instead of it.
static bool is_word(const struct text *text, size_t value, size_t end)
{
    static const char *const words[] = {
        "none",        "n/a",         "unchanged",    "required",  "optional",
        "enabled",     "disabled",    "failed",       "passed",    "expired",
        "unknown",     "laps",        "yes",          "no",        "empty",
        "blank",       "keine",       "keines",       "leer",      "unver\xC3\xA4ndert",
        "aktiviert",   "deaktiviert", "erforderlich", "unbekannt", "abgelaufen",
        "true",        "false",       "null",         "aucun",     "inconnu",
        "ninguna",     "geen",        "onbekend",     "nessuna",   "nenhuma",
        "desconhecida"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strlen(words[i]) == end - value && starts(text, value, words[i], true))
            return true;
    return false;
}

bool embedded_begins_no_value(const struct text *text, size_t value)
{
    static const char *const beginnings[] = {"http://", "https://", "{\"", "{'", "[\"", "['", "[{"};
    for (size_t i = 0; i < ARRAY_LEN(beginnings); i++)
        if (starts(text, value, beginnings[i], true))
            return true;
    return false;
}

// Where what stands in a cell ends; where the cell does not say so, the line.
static size_t cell_border(const struct text *text, size_t value)
{
    size_t end = value, line = 0;
    for (; end < text->len && end - value < VALUE_MAX && !is_border(text->data[end]); end++)
        if (line == 0 && (text->data[end] == '\t' || text->data[end] == '\n'))
            line = end;
    if (line == 0 || (end < text->len && text->data[end] == EMBEDDED_SECRET_CELL_END))
        return end;
    const char *tab = end < text->len ? NULL : memchr(text->data + value, '\t', end - value);
    if (end < text->len)
        return line;
    return tab == NULL ? end : (size_t)(tab - text->data);
}

size_t embedded_cell_end(const struct text *text, size_t value)
{
    size_t end = cell_border(text, value);
    while (end > value && ((unsigned char)text->data[end - 1] <= ' ' ||
                           (text->data[end - 1] == '/' && text->data[end - 2] == ' ')))
        end--;
    while (end >= value + 2 && memcmp(text->data + end - 2, "\xC2\xA0", 2) == 0)
        end -= 2;
    while (end < text->len && end > value && ((unsigned char)text->data[end] & 0xC0) == 0x80)
        end--;
    return end;
}

bool embedded_is_prose(const struct text *text, size_t value, size_t end)
{
    enum { WORDS_MAX = 6 };
    static const char *const words[] = {
        "see", "siehe", "in",    "im",     "the",  "of",   "is",   "ist", "by",  "on",
        "to",  "for",   "not",   "nicht",  "at",   "with", "von",  "vom", "bei", "per",
        "via", "as",    "same",  "der",    "die",  "das",  "wie",  "use", "ask", "no",
        "be",  "und",   "vault", "stored", "voir", "dans", "le",   "la",  "du",  "ver",
        "en",  "el",    "del",   "zie",    "het",  "de",   "vedi", "nel", "na"};
    size_t first = value + run(text, value, is_letter, end - value);
    size_t second = skip_blanks(text, first);
    if (first == value || second == first || second >= end || !is_letter(text->data[second]))
        return false;
    for (int count = 0; count < WORDS_MAX && value < end; count++) {
        size_t len = run(text, value, is_letter, end - value);
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            if (strlen(words[i]) == len && starts(text, value, words[i], true))
                return true;
        value += len;
        while (value < end && !is_letter(text->data[value]))
            value++;
    }
    return false;
}

bool embedded_is_no_value(const struct text *text, size_t value, size_t end)
{
    const char *data = text->data;
    bool letters = true, same = true;
    if (embedded_begins_no_value(text, value) || is_placeholder(text, value, end) ||
        is_word(text, value + (data[value] == '('), end))
        return true;
    for (size_t i = value; i < end; i++) {
        // "(see the vault)", "the user's own"
        bool sign = i == value ? data[i] == '(' : data[i] == '\'' && i + 1 < end;
        letters = letters && (is_letter(data[i]) || sign);
        same = same && (data[i] == data[value] || data[i] == '*');
    }
    if (same || starts(text, value, "\xE2\x80\xA2\xE2\x80\xA2", false)) // bullets
        return true;
    size_t next = skip_blanks(text, end);
    return letters && next > end && next < text->len && data[next - 1] != '\t' &&
           is_letter(data[next]);
}

static bool is_address(const struct text *text, size_t at, size_t end)
{
    for (int group = 0; group < 4; group++, at++) {
        size_t len = run(text, at, is_digit, 4);
        at += len;
        if (len == 0 || len == 4 || (group < 3 && !starts(text, at, ".", false)))
            return false;
    }
    return at > end || text->data[at - 1] == ':' || text->data[at - 1] == '/';
}

bool embedded_is_next_step(const struct text *text, size_t value, size_t end)
{
    return starts(text, value, "step", true) || starts(text, value, "schritt", true) ||
           is_address(text, value, end);
}
