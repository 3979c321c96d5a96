// Which credentials a text holds: those that are seen by their own form, and the rules by which a
// byte is looked at. Those that a label tells: embedded_secret_label.c.
#include "server/base/embedded_secret.h"

#include <string.h>

#include "server/base/cleanup.h"
#include "server/base/embedded_secret_private.h"

static bool find_key_block(const struct text *text, size_t at, struct embedded_secret *secret)
{
    static const char begin[] = "-----BEGIN ", private[] = "PRIVATE KEY", end[] = "-----END ";
    enum { HEAD_MAX = 64 };
    if (!starts(text, at, begin, false))
        return false;
    size_t head_len = text->len - at < HEAD_MAX ? text->len - at : HEAD_MAX;
    const char *head = memmem(text->data + at, head_len, private, sizeof(private) - 1);
    size_t behind = head == NULL ? 0 : (size_t)(head - text->data) + sizeof(private) - 1;
    if (head == NULL || !(starts(text, behind, "-----", false) ||
                          starts(text, behind, " BLOCK-----", false))) // that of PGP
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
        {"ITG.", 20, EMBEDDED_TOKEN},        {"sk-proj-", 20, EMBEDDED_TOKEN},
        {"sk-ant-", 20, EMBEDDED_TOKEN},     {"sk-svcacct-", 20, EMBEDDED_TOKEN},
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

// "Authorization: Basic x", in a header or a file of settings. Without the word before it many a
// title is "Basic" something.
static bool find_basic(const struct text *text, size_t at, struct embedded_secret *secret)
{
    enum { BASIC_MIN = 8, SIGNS_MAX = 6 };
    static const char word[] = "basic", header[] = "authorization";
    if (!starts(text, at, word, true) || blank(text, at + sizeof(word) - 1) == 0)
        return false;
    size_t before = at;
    while (before > 0 && at - before < SIGNS_MAX &&
           memchr(" :=\"'", text->data[before - 1], 5) != NULL)
        before--;
    if (before < sizeof(header) - 1 || !starts(text, before - (sizeof(header) - 1), header, true))
        return false;
    size_t value = skip_blanks(text, at + sizeof(word) - 1);
    size_t len = run(text, value, is_base64, TOKEN_MAX);
    return len >= BASIC_MIN && take(secret, EMBEDDED_TOKEN, value, value + len);
}

// At the first '-' of a recovery key of BitLocker: eight groups of six digits.
static bool find_recovery_key(const struct text *text, size_t from, size_t at,
                              struct embedded_secret *secret)
{
    enum { DIGITS = 6, GROUPS = 8, LEN = GROUPS * (DIGITS + 1) - 1 };
    if (at < from + DIGITS || text->len - (at - DIGITS) < LEN)
        return false;
    const size_t begin = at - DIGITS;
    if (begin > 0 && (is_alnum(text->data[begin - 1]) || text->data[begin - 1] == '-'))
        return false;
    for (size_t i = 0; i < LEN; i++) {
        char c = text->data[begin + i];
        if (i % (DIGITS + 1) == DIGITS ? c != '-' : !is_digit(c))
            return false;
    }
    const char next = begin + LEN < text->len ? text->data[begin + LEN] : '\0';
    return !is_alnum(next) && next != '-' && take(secret, EMBEDDED_PASSWORD, begin, begin + LEN);
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
    if (sign <= colon + 1 || embedded_is_no_value(text, colon + 1, sign))
        return false;
    return take(secret, EMBEDDED_CONNECTION_URL, colon + 1, sign);
}

// Which rules begin with a byte: nearly every byte of a text is passed over by one look.
enum {
    URL = 1,
    DASH = 2,
    PREFIXED = 4,
    JWT = 8,
    SCHEME = 16,
    LABELLED = 32,
    CELL = 64,
    FORM = 128
};
static const unsigned char rules_of[256] = {
    [(unsigned char)EMBEDDED_SECRET_CELL] = CELL,
    [':'] = URL,
    ['-'] = DASH,
    ['A'] = PREFIXED | LABELLED,
    ['B'] = SCHEME | FORM,
    ['E'] = FORM,
    ['C'] = LABELLED | FORM,
    ['I'] = PREFIXED,
    ['K'] = LABELLED,
    ['M'] = LABELLED,
    ['N'] = FORM,
    ['P'] = LABELLED,
    ['R'] = FORM,
    ['S'] = LABELLED | FORM,
    ['T'] = LABELLED,
    ['W'] = LABELLED | FORM,
    ['Z'] = LABELLED,
    ['a'] = LABELLED,
    ['b'] = SCHEME | FORM,
    ['c'] = LABELLED | FORM,
    ['e'] = JWT | FORM,
    ['g'] = PREFIXED,
    ['k'] = LABELLED,
    ['m'] = LABELLED,
    ['n'] = FORM,
    ['p'] = LABELLED,
    ['r'] = PREFIXED | FORM,
    ['s'] = PREFIXED | LABELLED | FORM,
    ['t'] = LABELLED,
    ['w'] = LABELLED | FORM,
    ['x'] = PREFIXED,
    ['z'] = LABELLED,
};

// Many words begin so: most are told from what is looked for by a second letter.
static bool find_form(const struct text *text, size_t at, struct embedded_secret *secret)
{
    static const char *const seconds[32] = {
        ['b' & 0x1F] = "a", ['c' & 0x1F] = "our", ['e' & 0x1F] = "m", ['n' & 0x1F] = "e",
        ['r' & 0x1F] = "e", ['s' & 0x1F] = "cs",  ['w' & 0x1F] = "i"};
    char second = at + 1 < text->len ? (char)(text->data[at + 1] | 0x20) : '\0';
    return second != '\0' && strchr(seconds[text->data[at] & 0x1F], second) != NULL &&
           (embedded_find_secure_string(text, at, secret) ||
            embedded_find_codes(text, at, secret) || embedded_find_wifi(text, at, secret) ||
            embedded_find_argument(text, at, secret));
}

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
        const size_t word_end = next;
        if (next < len && data[next] == ' ')
            next++;
        const char last = data[word_end - 1];
        const char before = word_end > 1 ? data[word_end - 2] : '\0';
        const size_t run_len = word_end - i;
        const bool short_label = ((last | 0x20) == 'w' && (before | 0x20) == 'p') ||
                                 ((last | 0x20) == 's' && (before | 0x20) == 's');
        if ((last == 'D' || last == 'T' || last == 'L' || short_label ||
             ((last == 'd' || last == 't') && run_len >= 8) || (last == 'l' && run_len == 4)) &&
            embedded_find_compound(&text, word_end, ret_secret))
            return true;
        if (rules == 0)
            continue;
        if ((rules == URL && find_url(&text, i, ret_secret)) ||
            (rules == DASH && (find_key_block(&text, i, ret_secret) ||
                               find_recovery_key(&text, from, i, ret_secret))) ||
            (rules == CELL && embedded_find_in_cell(&text, i, ret_secret)))
            return true;
        if ((rules & (URL | DASH)) != 0 || !word_begins(&text, i))
            continue;
        if (((rules & PREFIXED) != 0 && find_prefixed(&text, i, ret_secret)) ||
            ((rules & JWT) != 0 && find_jwt(&text, i, &jwt, ret_secret)) ||
            ((rules & SCHEME) != 0 &&
             (find_bearer(&text, i, ret_secret) || find_basic(&text, i, ret_secret))) ||
            ((rules & FORM) != 0 && find_form(&text, i, ret_secret)) ||
            ((rules & LABELLED) != 0 && embedded_find_labelled(&text, i, ret_secret)))
            return true;
    }
    return false;
}

bool embedded_secret_next_behind(const char *text, size_t len, size_t begin, size_t from,
                                 struct embedded_secret *ret_secret)
{
    while (embedded_secret_next(text, len, from, ret_secret)) {
        from = ret_secret->offset + ret_secret->len;
        if (from <= begin)
            continue;
        if (ret_secret->offset < begin)
            *ret_secret = (struct embedded_secret){ret_secret->kind, begin, from - begin};
        return true;
    }
    return false;
}

static size_t line_end(const struct text *text, size_t len)
{
    for (size_t step = 1; len > 0 && step > 0; len -= step) {
        bool wide = len >= 2 && memcmp(text->data + len - 2, "\xC2\xA0", 2) == 0;
        bool white = blank(text, len - 1) > 0 || ends_line(text, len - 1);
        step = wide ? 2 : white;
    }
    return len;
}

void embedded_secret_line_follow(struct embedded_secret_line *line, const char *data, size_t len)
{
    const struct text text = {data, len};
    const size_t end = line_end(&text, len);
    size_t start = end;
    if (end == 0)
        return;
    while (start > 0 && !ends_line(&text, start - 1) && end - start < EMBEDDED_SECRET_LINE_MAX)
        start--;
    while (start < end && ((unsigned char)data[start] & 0xC0) == 0x80)
        start++;
    line->len = end - start;
    memcpy(line->text, data + start, line->len);
}

size_t embedded_secret_mask_behind(char *text, size_t len, size_t begin, size_t *ret_count)
{
    static const char mask[] = EMBEDDED_SECRET_MASK;
    struct embedded_secret secret;
    size_t from = 0, read = begin, written = begin;
    for (*ret_count = 0; embedded_secret_next_behind(text, len, begin, from, &secret);
         ++*ret_count) {
        size_t mask_len = secret.len < sizeof(mask) - 1 ? secret.len : sizeof(mask) - 1;
        memmove(text + written, text + read, secret.offset - read);
        written += secret.offset - read;
        memcpy(text + written, mask, mask_len);
        written += mask_len;
        from = read = secret.offset + secret.len;
    }
    memmove(text + written, text + read, len - read);
    return written + len - read;
}

size_t embedded_secret_mask(char *text, size_t len)
{
    size_t count;
    return embedded_secret_mask_behind(text, len, 0, &count);
}
