#include "server/store/composite.h"

#include <inttypes.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/base/encoding.h"

enum { TEXT_BYTES_MAX = 512 * 1024 * 1024, HEX_AT_ONCE = 64 };
#define YEAR_1_US INT64_C(-62135596800000000)

void composite_init(struct composite *rows)
{
    *rows = (struct composite){._in_row = false};
    buffer_init(&rows->_text, TEXT_BYTES_MAX);
    (void)buffer_text(&rows->_text, "{");
}

void composite_done(struct composite *rows)
{
    buffer_done(&rows->_text);
}

static void end_row(struct composite *rows)
{
    if (rows->_in_row)
        (void)buffer_text(&rows->_text, ")\"");
}

void composite_row(struct composite *rows)
{
    end_row(rows);
    (void)buffer_text(&rows->_text, rows->_in_row ? ",\"(" : "\"(");
    rows->_in_row = true;
    rows->_in_field = false;
}

static void begin_field(struct composite *rows)
{
    if (rows->_in_field)
        (void)buffer_text(&rows->_text, ",");
    rows->_in_field = true;
}

// Quotes and backslashes are escaped for the row, and what that makes for the array.
void composite_text(struct composite *rows, const char *text)
{
    struct buffer *buffer = &rows->_text;
    begin_field(rows);
    if (text == NULL)
        return;
    (void)buffer_text(buffer, "\\\"");
    while (*text != '\0') {
        size_t plain = strcspn(text, "\"\\");
        (void)buffer_append(buffer, text, plain);
        text += plain;
        if (*text != '\0')
            (void)buffer_text(buffer, *text++ == '"' ? "\\\\\\\"" : "\\\\\\\\");
    }
    (void)buffer_text(buffer, "\\\"");
}

void composite_int64(struct composite *rows, int64_t number)
{
    begin_field(rows);
    (void)buffer_printf(&rows->_text, "%" PRId64, number);
}

void composite_bool(struct composite *rows, bool value)
{
    begin_field(rows);
    (void)buffer_text(&rows->_text, value ? "t" : "f");
}

void composite_time(struct composite *rows, int64_t wall_us)
{
    char text[CLOCK_TEXT_BYTES];
    begin_field(rows);
    if (wall_us == 0)
        return;
    // postgres: a year before the first is none in this form, and its row could not be written.
    clock_text(wall_us < YEAR_1_US ? YEAR_1_US : wall_us, text);
    (void)buffer_text(&rows->_text, text);
}

void composite_bytes(struct composite *rows, const void *bytes, size_t len)
{
    char hex[2 * HEX_AT_ONCE + 1];
    begin_field(rows);
    (void)buffer_text(&rows->_text, "\\\"\\\\\\\\x");
    for (size_t at = 0; at < len; at += HEX_AT_ONCE) {
        size_t some = len - at < HEX_AT_ONCE ? len - at : HEX_AT_ONCE;
        encoding_hex((const char *)bytes + at, some, hex);
        (void)buffer_text(&rows->_text, hex);
    }
    (void)buffer_text(&rows->_text, "\\\"");
}

const char *composite_end(struct composite *rows)
{
    end_row(rows);
    (void)buffer_text(&rows->_text, "}");
    return rows->_text.failed ? NULL : rows->_text.data;
}
