#include "server/base/plain_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "server/base/cleanup.h"
#include "server/base/utf8.h"

// Text is never longer than what it was made of, so it is written where it was read.
struct scan {
    char *text;
    size_t len, at, out;
    bool space;   // one is due before the next character
    bool no_more; // no tag ends behind the scan
};

static void put(struct scan *scan, uint32_t point, const char *bytes, size_t len)
{
    bool blank = point <= ' ' || point == 0xA0 || point == 0xAD || utf8_is_unprintable(point);
    if (blank) {
        scan->space = true;
        return;
    }
    if (scan->space && scan->out > 0)
        scan->text[scan->out++] = ' ';
    scan->space = false;
    memmove(scan->text + scan->out, bytes, len);
    scan->out += len;
}

// How a code point is written. None of a character reference is longer than the reference.
static size_t encode(uint32_t point, char out[4])
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xC0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xE0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}

static uint32_t number(const char *digits, size_t len)
{
    bool hex = len > 0 && (digits[0] == 'x' || digits[0] == 'X');
    uint32_t value = 0;
    for (size_t i = hex ? 1 : 0; i < len; i++) {
        char c = digits[i];
        uint32_t digit = c >= '0' && c <= '9'          ? (uint32_t)(c - '0')
                         : hex && c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                         : hex && c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                                       : UINT32_MAX;
        if (digit == UINT32_MAX)
            return 0;
        value = value * (hex ? 16 : 10) + digit;
        if (value > 0x10FFFF)
            return 0;
    }
    return value >= 0xD800 && value <= 0xDFFF ? 0 : value;
}

// The character of a reference at the scan, and how long the reference is; 0: it is none that is
// known, and stands for itself.
static size_t reference(const struct scan *scan, uint32_t *ret_point)
{
    enum { REFERENCE_MAX = 10 }; // "&#x10FFFF;"
    static const struct {
        const char *name;
        uint32_t point;
    } names[] = {{"amp", '&'},      {"lt", '<'},        {"gt", '>'},       {"quot", '"'},
                 {"apos", '\''},    {"nbsp", 0xA0},     {"auml", 0xE4},    {"ouml", 0xF6},
                 {"uuml", 0xFC},    {"Auml", 0xC4},     {"Ouml", 0xD6},    {"Uuml", 0xDC},
                 {"szlig", 0xDF},   {"eacute", 0xE9},   {"egrave", 0xE8},  {"agrave", 0xE0},
                 {"ccedil", 0xE7},  {"ntilde", 0xF1},   {"euro", 0x20AC},  {"ndash", 0x2013},
                 {"mdash", 0x2014}, {"hellip", 0x2026}, {"lsquo", 0x2018}, {"rsquo", 0x2019},
                 {"ldquo", 0x201C}, {"rdquo", 0x201D},  {"bull", 0x2022}};
    const char *at = scan->text + scan->at;
    size_t left = scan->len - scan->at;
    const char *end = memchr(at, ';', left < REFERENCE_MAX ? left : REFERENCE_MAX);
    if (end == NULL)
        return 0;
    size_t len = (size_t)(end - at) + 1;
    *ret_point = 0;
    if (len > 3 && at[1] == '#')
        *ret_point = number(at + 2, len - 3);
    for (size_t i = 0; i < ARRAY_LEN(names) && *ret_point == 0; i++)
        if (strlen(names[i].name) == len - 2 && memcmp(at + 1, names[i].name, len - 2) == 0)
            *ret_point = names[i].point;
    return *ret_point == 0 ? 0 : len;
}

// The first place of `what` from the scan on, without regard to case; the end if there is none.
static size_t find(const struct scan *scan, const char *what)
{
    size_t len = strlen(what);
    for (size_t i = scan->at; i + len <= scan->len; i++)
        if (strncasecmp(scan->text + i, what, len) == 0)
            return i;
    return scan->len;
}

static bool begins(const struct scan *scan, const char *what)
{
    size_t len = strlen(what);
    return scan->len - scan->at >= len && strncasecmp(scan->text + scan->at, what, len) == 0;
}

// Goes past a tag. A `<` that is not before a letter, `/`, `!` or `?`, or that nothing closes, is a
// character.
static bool skip_tag(struct scan *scan)
{
    static const char *const hidden[][2] = {{"<script", "</script"}, {"<style", "</style"}};
    char next = scan->at + 1 < scan->len ? scan->text[scan->at + 1] : ' ';
    if (!((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || next == '/' ||
          next == '!' || next == '?') ||
        scan->no_more)
        return false;
    size_t from = scan->at;
    if (begins(scan, "<!--")) {
        scan->at = find(scan, "-->");
    } else {
        for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
            if (begins(scan, hidden[i][0]))
                scan->at = find(scan, hidden[i][1]);
    }
    const char *end = memchr(scan->text + scan->at, '>', scan->len - scan->at);
    scan->no_more = end == NULL;
    scan->at = end == NULL ? from : (size_t)(end - scan->text) + 1;
    scan->space = scan->space || end != NULL;
    return end != NULL;
}

size_t plain_text_of_html(char *html, size_t len)
{
    struct scan scan = {.text = html, .len = len};
    while (scan.at < scan.len) {
        char written[4];
        uint32_t point;
        if (html[scan.at] == '<' && skip_tag(&scan))
            continue;
        size_t read = html[scan.at] == '&' ? reference(&scan, &point) : 0;
        if (read > 0) {
            put(&scan, point, written, encode(point, written));
        } else {
            read = utf8_decode(html + scan.at, scan.len - scan.at, &point);
            if (read == 0)
                return 0;
            put(&scan, point, html + scan.at, read);
        }
        scan.at += read;
    }
    return scan.out;
}

size_t plain_text_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)text[max] & 0xC0) == 0x80)
        max--;
    return max;
}
