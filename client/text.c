#include "client/text.h"

#include <string.h>
#include <wchar.h>

#include "server/base/utf8.h"

bool text_escape(struct buffer *buffer, const char *text, size_t len)
{
    bool good = true;
    for (size_t i = 0; good && i < len;) {
        uint32_t point;
        size_t bytes = utf8_decode(text + i, len - i, &point);
        if (bytes == 0) {
            good = buffer_text(buffer, "\xef\xbf\xbd");
            bytes = 1;
        } else if (utf8_is_unprintable(point)) {
            good = buffer_printf(buffer, "\\u%04x", point);
        } else {
            good = buffer_append(buffer, text + i, bytes);
        }
        i += bytes;
    }
    return good;
}

char *text_escaped(const char *text)
{
    struct buffer buffer _cleanup_(buffer_done);
    buffer_init(&buffer, 6 * strlen(text) + 64);
    text_escape(&buffer, text, strlen(text));
    return buffer_steal(&buffer, NULL);
}

size_t text_width(const char *text, size_t most, size_t *ret_len)
{
    size_t width = 0, i = 0, len = strlen(text);
    while (i < len) {
        uint32_t point;
        size_t bytes = utf8_decode(text + i, len - i, &point);
        int columns = bytes == 0 ? 1 : wcwidth((wchar_t)point);
        // libsmartcols writes each byte of what its locale cannot show as \xNN.
        size_t more = columns >= 0 ? (size_t)columns : 4 * bytes;
        if (more > most - width)
            break;
        width += more;
        i += bytes == 0 ? 1 : bytes;
    }
    if (ret_len != NULL)
        *ret_len = i;
    return width;
}

enum { WORD_MAX = 64 };

static size_t least(size_t left, size_t right)
{
    return left < right ? left : right;
}

size_t text_distance(const char *left, const char *right)
{
    size_t left_len = strlen(left), right_len = strlen(right);
    if (left_len >= WORD_MAX || right_len >= WORD_MAX)
        return WORD_MAX;
    size_t rows[3][WORD_MAX + 1] = {0};
    for (size_t j = 0; j <= right_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= left_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= right_len; j++) {
            size_t cost = left[i - 1] == right[j - 1] ? 0 : 1;
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + cost);
            if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return rows[left_len % 3][right_len];
}
