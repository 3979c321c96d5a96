#include "server/source/itglue/text.h"

#include <string.h>

#include "server/base/clock.h"
#include "server/base/utf8.h"

static const char replacement[] = "\xef\xbf\xbd";

enum { NUMBER_MAX_LEN = 64 };

// The first of eight bytes (in memory's order) that is not plain: no ASCII, a control character,
// and in JSON the quote or the backslash; 8: none. (x - n) & ~x has the high bit of a byte set
// where the byte is below n; a borrow marks only bytes after a true one.
static inline size_t first_special(uint64_t x, bool json)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    uint64_t found = x | ((x - ones * (json ? 0x20 : 0x01)) & ~x);
    if (json) {
        uint64_t quote = x ^ (ones * '"'), backslash = x ^ (ones * '\\');
        found |= ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash);
    }
    found &= highs;
    return found == 0 ? 8 : (size_t)__builtin_ctzll(found) / 8;
}

// The length of the character at `text` if it can be copied as it is; else 0.
static inline size_t good_character(const char *text, size_t len, bool json)
{
    unsigned char byte = (unsigned char)text[0];
    if (byte < 0x80)
        return byte < (json ? 0x20 : 0x01) || (json && (byte == '"' || byte == '\\')) ? 0 : 1;
    // Umlauts and accents, without a call.
    if (byte >= 0xc2 && byte <= 0xdf && len >= 2 && ((unsigned char)text[1] & 0xc0) == 0x80)
        return 2;
    uint32_t point;
    return utf8_decode(text, len, &point);
}

// The first bytes of a text, up to eight, zeros after its end; of which first_special() says that
// they are not plain.
static inline uint64_t load(const char *text, size_t len)
{
    uint64_t eight = 0;
    uint32_t low, high;
    if (len >= sizeof(eight)) {
        memcpy(&eight, text, sizeof(eight));
    } else if (len >= sizeof(low)) {
        memcpy(&low, text, sizeof(low));
        memcpy(&high, text + len - sizeof(high), sizeof(high));
        eight = low | (uint64_t)high << (8 * (len - sizeof(high)));
    } else {
        for (size_t i = 0; i < len; i++)
            eight |= (uint64_t)(unsigned char)text[i] << (8 * i);
    }
    return eight;
}

enum { COPY_SLACK = sizeof(uint64_t) };

// Copies the bytes that can be copied as they are; returns how many. `to` has room for all `len`
// and COPY_SLACK more. Looks and copies in one pass, eight bytes at a time.
static inline size_t copy_good(char *to, const char *text, size_t len, bool json)
{
    size_t i = 0;
    while (i < len) {
        uint64_t eight = load(text + i, len - i);
        memcpy(to + i, &eight, sizeof(eight));
        size_t plain = first_special(eight, json);
        i += plain;
        if (plain == sizeof(eight) || i == len)
            continue;
        size_t bytes = good_character(text + i, len - i, json);
        if (bytes == 0)
            return i;
        for (size_t k = 0; k < bytes; k++)
            to[i + k] = text[i + k];
        i += bytes;
    }
    return i;
}

bool itglue_text_clean(struct itglue_out *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        if (!itglue_out_room(out, len - i + COPY_SLACK))
            return false;
        size_t run = copy_good(out->data + out->len, text + i, len - i, false);
        out->len += run;
        i += run;
        if (i < len) {
            if (!itglue_out_text(out, replacement))
                return false;
            i++;
        }
    }
    return itglue_out_append(out, "", 0);
}

static bool escape(struct itglue_out *out, unsigned char byte)
{
    static const char escaped[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    if (byte == 0 || byte >= 0x80)
        return itglue_out_text(out, replacement);
    const char *at = strchr(escaped, byte);
    if (at != NULL)
        return itglue_out_append(out, (char[]){'\\', letters[at - escaped]}, 2);
    static const char hex[] = "0123456789abcdef";
    return itglue_out_append(out, (char[]){'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]}, 6);
}

bool itglue_text_json(struct itglue_out *out, const char *text, size_t len)
{
    static const size_t quotes = 2;
    if (!itglue_out_room(out, len + quotes + COPY_SLACK))
        return false;
    char *to = out->data + out->len;
    *to++ = '"';
    size_t i = copy_good(to, text, len, true);
    out->len += 1 + i;
    while (i < len) {
        if (!escape(out, (unsigned char)text[i++]) ||
            !itglue_out_room(out, len - i + quotes + COPY_SLACK))
            return false;
        size_t run = copy_good(out->data + out->len, text + i, len - i, true);
        out->len += run;
        i += run;
    }
    return itglue_out_append(out, "\"", 1);
}

bool itglue_text_number(struct itglue_out *out, const char *text, size_t len)
{
    // An exponent of three digits at most is within numeric's range.
    size_t exponent = 0;
    while (exponent < len && text[exponent] != 'e' && text[exponent] != 'E')
        exponent++;
    if (len <= NUMBER_MAX_LEN && len - exponent <= 5)
        return itglue_out_append(out, text, len);
    return itglue_text_json(out, text, len);
}

// Two or four digits.
static bool digits(const char *text, size_t count, int *ret_value)
{
    int value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    *ret_value = value;
    return true;
}

// Days from 1970-01-01 in the Gregorian calendar, counted in years that begin in March.
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = month <= 2 ? month + 9 : month - 3;
    int64_t era_days = y * 365 + y / 4 - y / 100 + y / 400;
    return era_days + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static bool read_day(const char *text, int64_t *ret_us)
{
    int year, month, day;
    if (!digits(text, 4, &year) || text[4] != '-' || !digits(text + 5, 2, &month) ||
        text[7] != '-' || !digits(text + 8, 2, &day) || month < 1 || month > 12 || day < 1 ||
        day > 31)
        return false;
    *ret_us = days_from_civil(year, month, day) * 86400 * INT64_C(1000000);
    return true;
}

int64_t itglue_text_time_us(const char *text, size_t len)
{
    // The form in which nearly all arrive is read by hand: scanf costs more than parsing the rest
    // of the record.
    int64_t us;
    int hour, minute, second, milli = 0;
    bool whole = len == 20 && text[19] == 'Z';
    bool fraction = len == 24 && text[19] == '.' && text[23] == 'Z' && digits(text + 20, 3, &milli);
    if ((whole || fraction) && read_day(text, &us) && text[10] == 'T' && text[13] == ':' &&
        text[16] == ':' && digits(text + 11, 2, &hour) && digits(text + 14, 2, &minute) &&
        digits(text + 17, 2, &second) && hour < 24 && minute < 60 && second < 61)
        return us + ((int64_t)hour * 3600 + minute * 60 + second) * 1000000 + milli * 1000;
    if (len == 10 && read_day(text, &us))
        return us;
    return strlen(text) == len && clock_parse(text, &us) ? us : 0;
}
