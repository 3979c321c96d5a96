#include "server/html/stand_in.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAD = 0xF3, // the first byte of a stand-in: of planes 12 to 15
    STAND_IN_BYTES = 4,
    RUN_MIN = 16,       // a shorter one is not worth it
    RUNS_MAX = 1 << 16, // characters of the plane
    REFERENCE_MIN = 6,  // &#983040; and &#xF0000; are the shortest of the plane
};

// What a byte may be behind a `>`. All others are handed on, and end a run.
enum { HANDED_ON, WORD, GREATER, LESS, QUOTE, AMPERSAND };
static const unsigned char classes[256] = {
    ['>'] = GREATER,
    ['<'] = LESS,
    ['"'] = QUOTE,
    ['\''] = QUOTE,
    ['&'] = AMPERSAND,
    ['\n'] = WORD,
    [' '] = WORD,
    ['('] = WORD,
    [')'] = WORD,
    [','] = WORD,
    ['.'] = WORD,
    [':'] = WORD,
    ['0' ... '9'] = WORD,
    ['A' ... 'Z'] = WORD,
    ['a' ... 'z'] = WORD,
    // Of characters beyond ASCII; 0xEF begins two that are none to the parser.
    [0x80 ... 0xEE] = WORD,
    [0xF0 ... 0xF2] = WORD,
    [0xF4] = WORD,
};

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// Whether a character of the plane may be in there, as itself or by its number.
static bool may_hold_one(const char *html, size_t len)
{
    if (memchr(html, LEAD, len) != NULL)
        return true;
    const char *at = html, *end = html + len;
    while ((at = memchr(at, '&', (size_t)(end - at))) != NULL) {
        const char *digits = at + 2;
        if (++at == end || *at != '#')
            continue;
        while (++at < end && is_alnum(*at))
            ;
        if (at - digits >= REFERENCE_MIN)
            return true;
    }
    return false;
}

// White space at the beginning of a text is not like words to the parser, and no character is
// halved.
static bool may_begin_run(char c)
{
    return classes[(unsigned char)c] == WORD && c != ' ' && c != '\n' && (c & 0xC0) != 0x80;
}

static char *put_stand_in(struct stand_ins *stand_ins, const char *text, size_t len, char *out)
{
    size_t number = stand_ins->count;
    stand_ins->runs[stand_ins->count++] = (struct stand_in_run){text, len};
    *out++ = (char)LEAD;
    *out++ = (char)(0xB0 | number >> 12);
    *out++ = (char)(0x80 | (number >> 6 & 0x3F));
    *out++ = (char)(0x80 | (number & 0x3F));
    return out;
}

// Where the reference that begins at `at` has ended, whatever the parser takes for its name.
static size_t skip_reference(const char *html, size_t len, size_t at)
{
    do
        at++;
    while (at < len && strchr(" \n;<>&\"'", html[at]) == NULL);
    return at;
}

size_t stand_ins_put(struct stand_ins *stand_ins, const char *html, size_t len, char *out)
{
    size_t most = len / RUN_MIN < RUNS_MAX ? len / RUN_MIN : RUNS_MAX;
    char *begin = out;
    *stand_ins = (struct stand_ins){0};
    if (most > 0 && !may_hold_one(html, len))
        stand_ins->runs = malloc(most * sizeof(*stand_ins->runs));
    if (stand_ins->runs == NULL) {
        memcpy(out, html, len);
        return len;
    }
    bool open = false; // behind a `>`, and nothing since could have begun a tag or ended a value
    for (size_t at = 0, next; at < len; at = next) {
        int class = classes[(unsigned char)html[at]];
        next = at + 1;
        if (class == GREATER)
            open = true;
        else if (class == LESS || class == QUOTE)
            open = false;
        else if (class == AMPERSAND)
            next = skip_reference(html, len, at);
        else if (open && may_begin_run(html[at]))
            while (next < len && classes[(unsigned char)html[next]] == WORD)
                next++;
        if (open && class == WORD && next - at >= RUN_MIN && stand_ins->count < most) {
            out = put_stand_in(stand_ins, html + at, next - at, out);
        } else {
            memcpy(out, html + at, next - at);
            out += next - at;
        }
    }
    return (size_t)(out - begin);
}

void stand_ins_done(struct stand_ins *stand_ins)
{
    free(stand_ins->runs);
    *stand_ins = (struct stand_ins){0};
}

bool stand_ins_in(const struct stand_ins *stand_ins, const char *text)
{
    return stand_ins->count > 0 && strchr(text, LEAD) != NULL;
}

static size_t number_of(const unsigned char *stand_in)
{
    return (size_t)(stand_in[1] & 0xF) << 12 | (size_t)(stand_in[2] & 0x3F) << 6 |
           (size_t)(stand_in[3] & 0x3F);
}

bool stand_ins_next(const struct stand_ins *stand_ins, const char **text, size_t *len,
                    struct stand_in_run *ret_piece)
{
    size_t used = *len;
    *ret_piece = (struct stand_in_run){*text, *len};
    if (*len == 0)
        return false;
    const unsigned char *at = stand_ins->count == 0 ? NULL : memchr(*text, LEAD, *len);
    if (at != NULL && at == (const unsigned char *)*text) {
        used = ret_piece->len = *len < STAND_IN_BYTES ? *len : STAND_IN_BYTES;
        size_t number = used < STAND_IN_BYTES ? SIZE_MAX : number_of(at);
        // That a foreign one never comes is the parser's word; memory does not hang on it.
        if (number < stand_ins->count)
            *ret_piece = stand_ins->runs[number];
    } else if (at != NULL) {
        used = ret_piece->len = (size_t)(at - (const unsigned char *)*text);
    }
    *text += used;
    *len -= used;
    return true;
}
