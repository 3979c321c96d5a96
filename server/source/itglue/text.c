#include "server/source/itglue/text.h"

#include <string.h>

#include "server/base/clock.h"
#include "server/base/utf8.h"

static const char replacement[] = "\xef\xbf\xbd";

enum { NUMBER_MAX_LEN = 64 };

// ASCII that stays as it is, in JSON: all but control characters, the quote and the backslash.
static bool plain_in_json(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

// How many bytes can be copied as they are.
static size_t good_run(const char *text, size_t len, bool json)
{
    size_t i = 0;
    while (i < len) {
        unsigned char byte = (unsigned char)text[i];
        if (json ? plain_in_json(byte) : byte - 1u < 0x7f) {
            i++;
            continue;
        }
        uint32_t point;
        size_t bytes = byte < 0x80 ? 0 : utf8_decode(text + i, len - i, &point);
        if (bytes == 0)
            break;
        i += bytes;
    }
    return i;
}

bool itglue_text_clean(struct buffer *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t run = good_run(text + i, len - i, false);
        if (!buffer_append(out, text + i, run))
            return false;
        i += run;
        if (i < len) {
            if (!buffer_text(out, replacement))
                return false;
            i++;
        }
    }
    return true;
}

static bool escape(struct buffer *out, unsigned char byte)
{
    static const char escaped[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    if (byte == 0 || byte >= 0x80)
        return buffer_text(out, replacement);
    const char *at = strchr(escaped, byte);
    if (at != NULL)
        return buffer_append(out, (char[]){'\\', letters[at - escaped]}, 2);
    return buffer_printf(out, "\\u%04x", byte);
}

bool itglue_text_json(struct buffer *out, const char *text, size_t len)
{
    if (!buffer_append(out, "\"", 1))
        return false;
    for (size_t i = 0; i < len;) {
        size_t run = good_run(text + i, len - i, true);
        if (run > 0 && !buffer_append(out, text + i, run))
            return false;
        i += run;
        if (i < len && !escape(out, (unsigned char)text[i++]))
            return false;
    }
    return buffer_append(out, "\"", 1);
}

bool itglue_text_number(struct buffer *out, const char *text, size_t len)
{
    // An exponent of three digits at most is within numeric's range.
    size_t exponent = 0;
    while (exponent < len && text[exponent] != 'e' && text[exponent] != 'E')
        exponent++;
    if (len <= NUMBER_MAX_LEN && len - exponent <= 5)
        return buffer_append(out, text, len);
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

bool itglue_text_key_is(const char *key, size_t len, const char *name)
{
    for (size_t i = 0; i < len; i++) {
        char c = key[i] == '_' ? '-' : key[i];
        if (name[i] == '\0' || c != name[i])
            return false;
    }
    return name[len] == '\0';
}
