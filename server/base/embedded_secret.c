#include "server/base/embedded_secret.h"

#include <string.h>

#include "server/base/cleanup.h"

enum {
    LABEL_MIN = 2, // letters
    VALUE_MIN = 4, // shorter is no password, and could not hold the mask
    VALUE_MAX = 512,
    TOKEN_MAX = 8192,
    KEY_BLOCK_MAX = 16384,
    URL_USER_MAX = 256,
    LABEL_MAX = 13,   // letters of the longest one
    HEADING_MAX = 40, // a longer text is prose
};

struct text {
    const char *data;
    size_t len;
};

enum { LOWER = 1, UPPER = 2, DIGIT = 4 };
static const unsigned char classes[256] = {
    ['a' ... 'z'] = LOWER, ['A' ... 'Z'] = UPPER, ['0' ... '9'] = DIGIT};

static bool is_lower(char c)
{
    return classes[(unsigned char)c] == LOWER;
}

static bool is_upper(char c)
{
    return classes[(unsigned char)c] == UPPER;
}

static bool is_digit(char c)
{
    return classes[(unsigned char)c] == DIGIT;
}

static bool is_alnum(char c)
{
    return classes[(unsigned char)c] != 0;
}

static bool is_base64(char c)
{
    return is_alnum(c) || c == '-' || c == '_' || c == '+' || c == '/' || c == '=' || c == '.' ||
           c == '~';
}

static bool is_base64url(char c)
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
        if (c != *word && !(fold && is_upper(c) && c - 'A' + 'a' == *word))
            return false;
    }
    return true;
}

// The length of white space at `at`: a space, a tab, or a no-break space.
static size_t blank(const struct text *text, size_t at)
{
    if (at < text->len && (text->data[at] == ' ' || text->data[at] == '\t'))
        return 1;
    return at + 1 < text->len && memcmp(text->data + at, "\xC2\xA0", 2) == 0 ? 2 : 0;
}

static size_t skip_blanks(const struct text *text, size_t at)
{
    for (size_t step; (step = blank(text, at)) > 0;)
        at += step;
    return at;
}

static size_t skip_space(const struct text *text, size_t at)
{
    while (at < text->len && (blank(text, at) > 0 || memchr("\r\n", text->data[at], 2) != NULL))
        at += blank(text, at) > 0 ? blank(text, at) : 1;
    return at;
}

static size_t run(const struct text *text, size_t at, bool (*is)(char c), size_t max)
{
    size_t end = at;
    while (end < text->len && end - at < max && is(text->data[end]))
        end++;
    return end - at;
}

static bool take(struct embedded_secret *secret, enum embedded_secret_kind kind, size_t offset,
                 size_t end)
{
    *secret = (struct embedded_secret){kind, offset, end - offset};
    return true;
}

// Whether a word begins here: `dbPassword` and `db_password` have two.
static bool word_begins(const struct text *text, size_t at)
{
    if (at == 0 || !is_alnum(text->data[at - 1]))
        return true;
    return is_lower(text->data[at - 1]) && is_upper(text->data[at]);
}

static bool find_key_block(const struct text *text, size_t at, struct embedded_secret *secret)
{
    static const char begin[] = "-----BEGIN ", private[] = "PRIVATE KEY-----", end[] = "-----END ";
    enum { HEAD_MAX = 64 };
    if (!starts(text, at, begin, false))
        return false;
    size_t head_len = text->len - at < HEAD_MAX ? text->len - at : HEAD_MAX;
    if (memmem(text->data + at, head_len, private, sizeof(private) - 1) == NULL)
        return false;
    size_t len = text->len - at < KEY_BLOCK_MAX ? text->len - at : KEY_BLOCK_MAX;
    const char *close = memmem(text->data + at, len, end, sizeof(end) - 1);
    size_t stop = at + len;
    if (close != NULL) {
        size_t from = (size_t)(close - text->data) + sizeof(end) - 1;
        const char *dashes =
            memmem(text->data + from, text->len - from < HEAD_MAX ? text->len - from : HEAD_MAX,
                   "-----", 5);
        stop = dashes == NULL ? from : (size_t)(dashes - text->data) + 5;
    }
    while (stop < text->len && ((unsigned char)text->data[stop] & 0xC0) == 0x80)
        stop--;
    return take(secret, EMBEDDED_PRIVATE_KEY, at, stop);
}

static bool find_prefixed(const struct text *text, size_t at, struct embedded_secret *secret)
{
    static const struct {
        const char *prefix;
        size_t least; // characters behind it
        enum embedded_secret_kind kind;
    } rules[] = {
        {"AKIA", 16, EMBEDDED_ACCESS_KEY},   {"ASIA", 16, EMBEDDED_ACCESS_KEY},
        {"AIza", 35, EMBEDDED_ACCESS_KEY},   {"ghp_", 30, EMBEDDED_TOKEN},
        {"gho_", 30, EMBEDDED_TOKEN},        {"ghu_", 30, EMBEDDED_TOKEN},
        {"ghs_", 30, EMBEDDED_TOKEN},        {"ghr_", 30, EMBEDDED_TOKEN},
        {"github_pat_", 30, EMBEDDED_TOKEN}, {"glpat-", 20, EMBEDDED_TOKEN},
        {"xoxb-", 16, EMBEDDED_TOKEN},       {"xoxp-", 16, EMBEDDED_TOKEN},
        {"xoxa-", 16, EMBEDDED_TOKEN},       {"xoxs-", 16, EMBEDDED_TOKEN},
        {"sk_live_", 16, EMBEDDED_TOKEN},    {"rk_live_", 16, EMBEDDED_TOKEN},
        {"ITG.", 20, EMBEDDED_TOKEN},
    };
    static const bool seconds[256] = {
        ['K'] = true, ['S'] = true, ['I'] = true, ['T'] = true, ['h'] = true,
        ['i'] = true, ['l'] = true, ['o'] = true, ['k'] = true};
    char second = at + 1 < text->len ? text->data[at + 1] : '\0';
    // Words go on otherwise.
    if (!seconds[(unsigned char)second])
        return false;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (second != rules[i].prefix[1] || !starts(text, at, rules[i].prefix, false))
            continue;
        size_t prefix = strlen(rules[i].prefix);
        size_t len = run(text, at + prefix, is_base64url, TOKEN_MAX);
        if (len >= rules[i].least)
            return take(secret, rules[i].kind, at, at + prefix + len);
    }
    return false;
}

// What is known of the runs of base64url that were looked through: they are long, and many tokens
// could begin in one.
struct jwt_look {
    size_t end;  // so far the latest one goes at least
    size_t none; // nothing before begins one
};

// Three parts of base64url, the first of which begins a JSON object.
static bool find_jwt(const struct text *text, size_t at, struct jwt_look *look,
                     struct embedded_secret *secret)
{
    enum { PART_MIN = 8 };
    if (at < look->none || !starts(text, at, "eyJ", false))
        return false;
    size_t end = look->end > at ? look->end : at, most = at + TOKEN_MAX + 1;
    if (end < most)
        end += run(text, end, is_base64url, most - end);
    look->end = end;
    if (end - at > TOKEN_MAX || end - at < PART_MIN)
        return false;
    // What begins later in this part goes on with the same two.
    look->none = end;
    for (int part = 1; part < 3; part++) {
        if (end >= text->len || text->data[end++] != '.')
            return false;
        size_t len = run(text, end, is_base64url, TOKEN_MAX);
        if (len < PART_MIN)
            return false;
        end += len;
    }
    return take(secret, EMBEDDED_TOKEN, at, end);
}

static bool find_bearer(const struct text *text, size_t at, struct embedded_secret *secret)
{
    enum { BEARER_MIN = 16 };
    static const char word[] = "bearer";
    if (!starts(text, at, word, true) || blank(text, at + sizeof(word) - 1) == 0)
        return false;
    size_t value = skip_blanks(text, at + sizeof(word) - 1);
    size_t len = run(text, value, is_base64, TOKEN_MAX);
    return len >= BEARER_MIN && take(secret, EMBEDDED_TOKEN, value, value + len);
}

// The labels that begin with a letter, in lower case; NULL behind the last.
static const char *const *labels_of(char first)
{
    static const char
        *const of_a[] = {"api key",    "api_key",   "api-key",    "apikey", "access key",
                         "access_key", "accesskey", "accountkey", NULL},
               *const of_c[] = {"credential", NULL}, *const of_k[] = {"kennwort", NULL},
               *const of_p[] = {"password", "passwd", "passphrase",  "passcode", "passwort", "pass",
                                "pwd",      "psk",    "private key", "pw",       NULL},
               *const of_s[] = {"secret key", "secret_key", "secretkey",     "secret",
                                "shared key", "sharedkey",  "shared secret", NULL},
               *const of_t[] = {"token", NULL}, *const none[] = {NULL};
    switch (first) {
    case 'a':
        return of_a;
    case 'c':
        return of_c;
    case 'k':
        return of_k;
    case 'p':
        return of_p;
    case 's':
        return of_s;
    case 't':
        return of_t;
    default:
        return none;
    }
}

// Which letters the labels have behind their first, both by their number in the alphabet.
#define LETTER(letter) (1u << ((letter)&0x1F))
static const unsigned seconds_of[32] = {
    ['a' & 0x1F] = LETTER('p') | LETTER('c'),
    ['c' & 0x1F] = LETTER('r'),
    ['k' & 0x1F] = LETTER('e'),
    ['p' & 0x1F] = LETTER('a') | LETTER('w') | LETTER('s') | LETTER('r'),
    ['s' & 0x1F] = LETTER('e') | LETTER('h'),
    ['t' & 0x1F] = LETTER('o'),
};

// The length of a label at `at`, 0 if there is none.
static size_t label(const struct text *text, size_t at)
{
    if (text->len - at < LABEL_MIN)
        return 0;
    // Most words are none by their first two letters.
    if ((seconds_of[text->data[at] & 0x1F] >> (text->data[at + 1] & 0x1F) & 1) == 0)
        return 0;
    char second = (char)(text->data[at + 1] | 0x20);
    char third = at + 2 < text->len ? (char)(text->data[at + 2] | 0x20) : '\0';
    for (const char *const *labels = labels_of((char)(text->data[at] | 0x20)); *labels != NULL;
         labels++) {
        bool same = (*labels)[1] == second && ((*labels)[2] == third || (*labels)[2] == '\0');
        if (!same || !starts(text, at, *labels, true))
            continue;
        size_t len = strlen(*labels);
        if (at + len == text->len || !is_alnum(text->data[at + len]))
            return len;
    }
    return 0;
}

static bool stands_for_value(char first)
{
    return memchr("<[{$%", first, 6) != NULL;
}

// Whether something stands in the place of a value: a mask, a variable, a word of a sentence.
static bool is_no_value(const struct text *text, size_t value, size_t end)
{
    const char *data = text->data;
    bool letters = true, same = true;
    if (stands_for_value(data[value]))
        return true;
    for (size_t i = value; i < end; i++) {
        letters = letters && (is_lower(data[i]) || is_upper(data[i]));
        same = same && (data[i] == data[value] || data[i] == '*');
    }
    if (same || starts(text, value, "\xE2\x80\xA2\xE2\x80\xA2", false)) // bullets
        return true;
    size_t next = skip_blanks(text, end);
    return letters && next > end && next < text->len && data[next - 1] != '\t' &&
           (is_lower(data[next]) || is_upper(data[next]));
}

static bool ends_value(const struct text *text, size_t at, char quote)
{
    char c = text->data[at];
    if (c == EMBEDDED_SECRET_CELL)
        return true;
    if (quote != '\0')
        return c == quote || c == '\n';
    return c == '\n' || c == '\r' || c == ';' || c == '"' || c == '\'' || blank(text, at) > 0;
}

// A value at `*value`, which is moved behind a quote that it begins with; returns its end.
static size_t value_end(const struct text *text, size_t *value)
{
    char quote = '\0';
    if (*value < text->len && (text->data[*value] == '"' || text->data[*value] == '\''))
        quote = text->data[(*value)++];
    size_t end = *value;
    while (end < text->len && end - *value < VALUE_MAX && !ends_value(text, end, quote))
        end++;
    while (end < text->len && end > *value && ((unsigned char)text->data[end] & 0xC0) == 0x80)
        end--;
    while (quote == '\0' && end > *value && strchr(",.)", text->data[end - 1]) != NULL)
        end--;
    return end;
}

// The value of a label that ends its line: what stands alone on the next one, if it is no word.
static size_t next_line_value(const struct text *text, size_t at)
{
    size_t line = at + starts(text, at, "\r", false);
    if (!starts(text, line, "\n", false))
        return at;
    size_t value = skip_blanks(text, line + 1), end = value;
    bool letters = true;
    for (; end < text->len && end - value < VALUE_MAX && !ends_value(text, end, '\0'); end++)
        letters = letters && (is_lower(text->data[end]) || is_upper(text->data[end]));
    size_t rest = skip_blanks(text, end);
    bool alone = rest == text->len || text->data[rest] == '\n' || text->data[rest] == '\r';
    return alone && !letters ? value : at;
}

// "user / password: joe / x": the value behind the first one, where the label is a second one too.
static size_t second_value(const struct text *text, size_t label_at, size_t value)
{
    size_t before = label_at;
    while (before > 0 && text->data[before - 1] == ' ')
        before--;
    if (before == 0 || text->data[before - 1] != '/')
        return value;
    size_t slash = value;
    while (slash < text->len && slash - value < VALUE_MAX && !ends_value(text, slash, '\0'))
        slash++;
    slash = skip_blanks(text, slash);
    return slash > value && starts(text, slash, "/ ", false) ? skip_blanks(text, slash + 1) : value;
}

static bool take_value(const struct text *text, size_t value, size_t end,
                       struct embedded_secret *secret)
{
    return end - value >= VALUE_MIN && !is_no_value(text, value, end) &&
           take(secret, EMBEDDED_PASSWORD, value, end);
}

// "password: x", "PWD=x", or the label in the cell before. `behind` the label that is at `at`.
static bool find_marked(const struct text *text, size_t at, size_t behind,
                        struct embedded_secret *secret)
{
    size_t sign = behind;
    bool cell = false;
    if (sign < text->len && (text->data[sign] == '"' || text->data[sign] == '\''))
        sign++;
    for (size_t step; (step = blank(text, sign)) > 0; sign += step)
        cell = cell || text->data[sign] == '\t';
    bool marked = sign < text->len && (text->data[sign] == ':' || text->data[sign] == '=');
    if (!marked && !cell)
        return false;
    size_t value = skip_blanks(text, sign + marked);
    if (marked)
        value = second_value(text, at, next_line_value(text, value));
    // So that what holds many such is not looked through to the end for each of them.
    if (value < text->len && stands_for_value(text->data[value]))
        return false;
    size_t end = value_end(text, &value);
    return take_value(text, value, end, secret);
}

// Whether it is no word that a sentence could go on with: it has a digit, or a sign within. That
// "12-stellig", "8-12" and "100%" are measures costs the passwords that begin alike.
static bool is_unlike_words(const struct text *text, size_t value, size_t end)
{
    size_t digits = run(text, value, is_digit, end - value);
    char next = value + digits < end ? text->data[value + digits] : '\0';
    if (digits > 0 && (next == '-' || next == '%' || ((unsigned char)next & 0x80) != 0))
        return false;
    for (size_t i = value; i < end; i++) {
        bool sign = memchr("!#$%&?@^", text->data[i], 8) != NULL;
        if (is_digit(text->data[i]) || (sign && i + 1 < end && is_alnum(text->data[i + 1])))
            return true;
    }
    return false;
}

// "the password is x", "das Passwort lautet x". A key or a token is rather told of than told.
static bool find_said(const struct text *text, size_t at, size_t behind,
                      struct embedded_secret *secret)
{
    static const char *const verbs[] = {"is", "ist", "lautet"};
    size_t verb = skip_blanks(text, behind), value = 0;
    bool colon = false, plain = true;
    if (strchr("pPkK", text->data[at]) == NULL || (text->data[at + 1] | 0x20) == 'r')
        return false;
    for (size_t i = 0; value == 0 && i < ARRAY_LEN(verbs); i++) {
        size_t end = verb + strlen(verbs[i]);
        if (!starts(text, verb, verbs[i], true))
            continue;
        colon = starts(text, end, ":", false);
        plain = verbs[i][0] == 'l' || colon; // a value follows, whatever it looks like
        if (colon || blank(text, end) > 0)
            value = skip_blanks(text, end + colon);
    }
    if (value == 0)
        return false;
    value = colon ? next_line_value(text, value) : value;
    size_t end = value_end(text, &value);
    // "lautet folgendermaßen:"
    if (end == value || text->data[end - 1] == ':' || !(plain || is_unlike_words(text, value, end)))
        return false;
    return take_value(text, value, end, secret);
}

// "| Password | x |" at the beginning of a line.
static bool find_in_row(const struct text *text, size_t at, size_t behind,
                        struct embedded_secret *secret)
{
    size_t bar = skip_blanks(text, behind), line = at;
    while (line > 0 && text->data[line - 1] == ' ')
        line--;
    if (line == 0 || text->data[--line] != '|' || !starts(text, bar, "|", false))
        return false;
    while (line > 0 && text->data[line - 1] == ' ')
        line--;
    if (line > 0 && text->data[line - 1] != '\n')
        return false;
    size_t value = skip_blanks(text, bar + 1), end = value_end(text, &value);
    while (end > value && text->data[end - 1] == '|')
        end--;
    return take_value(text, value, end, secret);
}

static bool find_labelled(const struct text *text, size_t at, struct embedded_secret *secret)
{
    size_t behind = at + label(text, at);
    return behind > at &&
           (find_marked(text, at, behind, secret) || find_said(text, at, behind, secret) ||
            find_in_row(text, at, behind, secret));
}

static bool find_in_cell(const struct text *text, size_t at, struct embedded_secret *secret)
{
    size_t value = skip_space(text, at + 1), end = value_end(text, &value);
    // The heading itself, said again.
    if (end > value && label(text, value) == end - value)
        return false;
    return take_value(text, value, end, secret);
}

bool embedded_secret_is_label(const char *data, size_t len)
{
    struct text text = {data, len};
    while (text.len > 0 && memchr(" \t\r\n:\xC2\xA0", data[text.len - 1], 7) != NULL)
        text.len--;
    size_t from = skip_space(&text, 0);
    if (text.len - from > HEADING_MAX)
        return false;
    for (size_t at = text.len - from > LABEL_MAX ? text.len - LABEL_MAX : from; at < text.len; at++)
        if (word_begins(&text, at) && label(&text, at) == text.len - at)
            return true;
    return false;
}

// At the colon of "://": a password ends at the last @ before the host does.
static bool find_url(const struct text *text, size_t at, struct embedded_secret *secret)
{
    if (!starts(text, at, "://", false) || at == 0 || !is_alnum(text->data[at - 1]))
        return false;
    size_t user = at + 3, colon = 0, sign = 0;
    for (size_t i = user; i < text->len && i - user < URL_USER_MAX; i++) {
        char c = text->data[i];
        if (c == '\0' || strchr("/?#\"'<> \t\r\n\x1F", c) != NULL)
            break;
        if (c == ':' && colon == 0)
            colon = i;
        if (c == '@' && colon != 0)
            sign = i;
    }
    if (sign <= colon + 1 || is_no_value(text, colon + 1, sign))
        return false;
    return take(secret, EMBEDDED_CONNECTION_URL, colon + 1, sign);
}

// Which rules begin with a byte: nearly every byte of a text is passed over by one look.
enum { URL = 1, KEY_BLOCK = 2, PREFIXED = 4, JWT = 8, BEARER = 16, LABELLED = 32, CELL = 64 };
static const unsigned char rules_of[256] = {
    [(unsigned char)EMBEDDED_SECRET_CELL] = CELL,
    [':'] = URL,
    ['-'] = KEY_BLOCK,
    ['A'] = PREFIXED | LABELLED,
    ['B'] = BEARER,
    ['C'] = LABELLED,
    ['I'] = PREFIXED,
    ['K'] = LABELLED,
    ['P'] = LABELLED,
    ['S'] = LABELLED,
    ['T'] = LABELLED,
    ['a'] = LABELLED,
    ['b'] = BEARER,
    ['c'] = LABELLED,
    ['e'] = JWT,
    ['g'] = PREFIXED,
    ['k'] = LABELLED,
    ['p'] = LABELLED,
    ['r'] = PREFIXED,
    ['s'] = PREFIXED | LABELLED,
    ['t'] = LABELLED,
    ['x'] = PREFIXED,
};

bool embedded_secret_next(const char *data, size_t len, size_t from,
                          struct embedded_secret *ret_secret)
{
    const struct text text = {data, len};
    struct jwt_look jwt = {0};
    for (size_t i = from, next; i < len; i = next) {
        unsigned rules = rules_of[(unsigned char)data[i]];
        next = i + 1;
        // Within a word nothing begins with a small letter, and nowhere with a space.
        if (is_alnum(data[i]))
            while (next < len && is_lower(data[next]))
                next++;
        if (next < len && data[next] == ' ')
            next++;
        if (rules == 0)
            continue;
        if ((rules == URL && find_url(&text, i, ret_secret)) ||
            (rules == KEY_BLOCK && find_key_block(&text, i, ret_secret)) ||
            (rules == CELL && find_in_cell(&text, i, ret_secret)))
            return true;
        if ((rules & (URL | KEY_BLOCK)) != 0 || !word_begins(&text, i))
            continue;
        if (((rules & PREFIXED) != 0 && find_prefixed(&text, i, ret_secret)) ||
            ((rules & JWT) != 0 && find_jwt(&text, i, &jwt, ret_secret)) ||
            ((rules & BEARER) != 0 && find_bearer(&text, i, ret_secret)) ||
            ((rules & LABELLED) != 0 && find_labelled(&text, i, ret_secret)))
            return true;
    }
    return false;
}

size_t embedded_secret_mask(char *text, size_t len)
{
    static const char mask[] = EMBEDDED_SECRET_MASK;
    struct embedded_secret secret;
    size_t read = 0, written = 0;
    while (embedded_secret_next(text, len, read, &secret)) {
        size_t mask_len = secret.len < sizeof(mask) - 1 ? secret.len : sizeof(mask) - 1;
        memmove(text + written, text + read, secret.offset - read);
        written += secret.offset - read;
        memcpy(text + written, mask, mask_len);
        written += mask_len;
        read = secret.offset + secret.len;
    }
    memmove(text + written, text + read, len - read);
    return written + len - read;
}
