#include "server/base/utf8.h"

#include <string.h>

#include <utf8proc.h>

#include "server/base/cleanup.h"

size_t utf8_decode(const char *text, size_t len, uint32_t *ret_point)
{
    const unsigned char *s = (const unsigned char *)text;
    if (len == 0)
        return 0;
    if (s[0] < 0x80) {
        *ret_point = s[0];
        return 1;
    }
    size_t bytes = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (s[0] < 0xc2 || s[0] > 0xf4 || len < bytes)
        return 0;
    uint32_t point = s[0] & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (s[i] & 0x3f);
    }
    if (point < least[bytes] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    *ret_point = point;
    return bytes;
}

// Where the ASCII from `at` ends: a word at a time.
static size_t skip_ascii(const char *text, size_t len, size_t at)
{
    uint64_t word;
    for (; len - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, text + at, sizeof(word));
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    while (at < len && (unsigned char)text[at] < 0x80)
        at++;
    return at;
}

bool utf8_valid(const char *text, size_t len)
{
    uint32_t point;
    for (size_t i = skip_ascii(text, len, 0); i < len; i = skip_ascii(text, len, i)) {
        size_t bytes = utf8_decode(text + i, len - i, &point);
        if (bytes == 0)
            return false;
        i += bytes;
    }
    return true;
}

size_t utf8_length(const char *text, size_t len)
{
    size_t points = 0;
    for (size_t i = 0; i < len; i++)
        points += ((unsigned char)text[i] & 0xc0) != 0x80;
    return points;
}

bool utf8_is_unprintable(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x61c ||
           (point >= 0x200e && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069);
}

bool utf8_is_printable(const char *text)
{
    uint32_t point;
    for (size_t len = strlen(text), i = 0; i < len;) {
        size_t bytes = utf8_decode(text + i, len - i, &point);
        if (bytes == 0 || utf8_is_unprintable(point))
            return false;
        i += bytes;
    }
    return true;
}

static bool is_seen(uint32_t point)
{
    // Letters and symbols by their category, and yet blank: fillers of Hangul, braille without
    // dots.
    static const uint32_t blanks[] = {0x115f, 0x1160, 0x2800, 0x3164, 0xffa0};
    for (size_t i = 0; i < ARRAY_LEN(blanks); i++)
        if (point == blanks[i])
            return false;
    switch (utf8proc_category((utf8proc_int32_t)point)) {
    // Marks stand on a letter, which is seen by itself.
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
        return false;
    default:
        return true;
    }
}

size_t utf8_seen_length(const char *text)
{
    size_t count = 0, seen = 0;
    uint32_t point;
    for (size_t len = strlen(text), i = 0, bytes; i < len; i += bytes) {
        bytes = utf8_decode(text + i, len - i, &point);
        if (bytes == 0)
            return seen;
        count += count > 0 || is_seen(point);
        seen = is_seen(point) ? count : seen;
    }
    return seen;
}

size_t utf8_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)text[max] & 0xC0) == 0x80)
        max--;
    return max;
}
