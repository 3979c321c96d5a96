#include "server/audit/line.h"

#include <inttypes.h>
#include <string.h>

#include "server/base/encoding.h"

static void write_hex(struct buffer *buffer, const char *name, const void *bytes, size_t len)
{
    char text[2 * AUDIT_SIGNATURE_BYTES + 1];
    encoding_hex(bytes, len, text);
    (void)buffer_printf(buffer, ",\"%s\":\"%s\"", name, text);
}

static void write_text(struct buffer *buffer, const char *name, const char *text)
{
    (void)buffer_printf(buffer, ",\"%s\":", name);
    (void)buffer_json_string(buffer, text, strlen(text));
}

void audit_line_write_export(struct buffer *buffer, const char *tenant, int64_t first, int64_t last)
{
    (void)buffer_text(buffer, "{\"line\":\"export\",\"format\":\"docbridge.audit.v1\"");
    write_text(buffer, "tenant", tenant);
    (void)buffer_printf(buffer, ",\"first\":%" PRId64 ",\"last\":%" PRId64 "}\n", first, last);
}

void audit_line_write_event(struct buffer *buffer, const struct audit_event_row *row)
{
    (void)buffer_text(buffer, "{\"line\":\"event\"");
    for (size_t i = 0; i < audit_field_count; i++) {
        const struct audit_field *field = &audit_fields[i];
        const char *text;
        if (field->kind == AUDIT_FIELD_TEXT) {
            memcpy(&text, (const char *)row + field->offset, sizeof(text));
            write_text(buffer, field->name, text);
        } else {
            (void)buffer_printf(buffer, ",\"%s\":%" PRId64, field->name,
                                audit_field_number(row, field));
        }
    }
    write_hex(buffer, "previous_hash", row->previous_hash, AUDIT_HASH_BYTES);
    write_hex(buffer, "hash", row->hash, AUDIT_HASH_BYTES);
    (void)buffer_text(buffer, "}\n");
}

void audit_line_write_mark(struct buffer *buffer, const char *tenant, const struct audit_mark *mark)
{
    (void)buffer_printf(buffer, "{\"line\":\"%s\"",
                        mark->kind == AUDIT_MARK_HEAD ? "head" : "retained");
    write_text(buffer, "tenant", tenant);
    (void)buffer_printf(buffer, ",\"sequence\":%" PRId64, mark->sequence);
    write_hex(buffer, "hash", mark->hash, AUDIT_HASH_BYTES);
    (void)buffer_printf(buffer, ",\"time_us\":%" PRId64, mark->time_us);
    write_text(buffer, "key_id", mark->key_id);
    write_hex(buffer, "signature", mark->signature,
              mark->key_id[0] == '\0' ? 0 : AUDIT_SIGNATURE_BYTES);
    (void)buffer_text(buffer, "}\n");
}

// Where the reader stands. After a failure `at` is NULL and everything else fails too.
struct reader {
    char *at, *end;
};

static void fail(struct reader *reader)
{
    reader->at = NULL;
}

static void expect(struct reader *reader, const char *text)
{
    size_t len = strlen(text);
    if (reader->at == NULL || (size_t)(reader->end - reader->at) < len ||
        memcmp(reader->at, text, len) != 0)
        fail(reader);
    else
        reader->at += len;
}

static bool follows(struct reader *reader, const char *text)
{
    struct reader ahead = *reader;
    expect(&ahead, text);
    if (ahead.at != NULL)
        *reader = ahead;
    return ahead.at != NULL;
}

static void expect_key(struct reader *reader, const char *name)
{
    expect(reader, ",\"");
    expect(reader, name);
    expect(reader, "\":");
}

// As the server writes it. JSON has no other form either, and who reads "010" may take it for
// eight.
static int64_t read_number(struct reader *reader)
{
    int64_t number = 0;
    char *from = reader->at;
    while (reader->at != NULL && reader->at < reader->end &&
           (*reader->at == '-' || (*reader->at >= '0' && *reader->at <= '9')))
        reader->at++;
    if (reader->at == NULL)
        return 0;
    size_t len = (size_t)(reader->at - from), sign = len > 1 && from[0] == '-';
    bool zeroes = len > 1 && from[sign] == '0';
    if (zeroes || !encoding_int64(from, len, &number))
        fail(reader);
    return number;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10

                                  : -1;
}

// Four digits of \uXXXX; -1: they are not there.
static int read_unit(const char *at, const char *end)
{
    int unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = at + i < end ? hex_digit(at[i]) : -1;
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static char *put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

// A \u escape behind its `u`, perhaps with the other half of a pair. NULL: it is none.
static char *read_escaped(struct reader *reader, char *to)
{
    int unit = read_unit(reader->at, reader->end);
    reader->at += 4;
    if (unit >= 0xd800 && unit < 0xdc00) {
        int low = reader->end - reader->at >= 6 && reader->at[0] == '\\' && reader->at[1] == 'u'
                      ? read_unit(reader->at + 2, reader->end)
                      : -1;
        if (low < 0xdc00 || low > 0xdfff)
            return NULL;
        reader->at += 6;
        return put_utf8(to, 0x10000U + (((unsigned)unit & 0x3ff) << 10) + ((unsigned)low & 0x3ff));
    }
    // No text of the trail holds a NUL.
    return unit <= 0 || (unit >= 0xdc00 && unit < 0xe000) ? NULL : put_utf8(to, (unsigned)unit);
}

static char *read_escape(struct reader *reader, char *to)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char letter = ++reader->at < reader->end ? *reader->at : '\0';
    reader->at++;
    if (letter == 'u')
        return read_escaped(reader, to);
    const char *found = letter == '\0' ? NULL : strchr(letters, letter);
    if (found == NULL)
        return NULL;
    *to++ = meant[found - letters];
    return to;
}

// A string, decoded where it stands and closed by a NUL.
static const char *read_text(struct reader *reader)
{
    expect(reader, "\"");
    char *from = reader->at, *to = from;
    while (reader->at != NULL && reader->at < reader->end && *reader->at != '"') {
        if (*reader->at == '\\') {
            to = read_escape(reader, to);
            if (to == NULL)
                fail(reader);
        } else if ((unsigned char)*reader->at < 0x20) {
            fail(reader);
        } else {
            *to++ = *reader->at++;
        }
    }
    expect(reader, "\"");
    if (reader->at == NULL)
        return "";
    *to = '\0';
    return from;
}

static void read_hex(struct reader *reader, unsigned char *bytes, size_t len)
{
    expect(reader, "\"");
    for (size_t i = 0; i < len && reader->at != NULL; i++) {
        int high = reader->end - reader->at < 2 ? -1 : hex_digit(reader->at[0]);
        int low = high < 0 ? -1 : hex_digit(reader->at[1]);
        reader->at += 2;
        if (low < 0)
            fail(reader);
        else
            bytes[i] = (unsigned char)(high << 4 | low);
    }
    expect(reader, "\"");
}

static void read_field(struct reader *reader, const struct audit_field *field,
                       struct audit_event_row *row)
{
    char *at = (char *)row + field->offset;
    expect_key(reader, field->name);
    if (field->kind == AUDIT_FIELD_TEXT) {
        const char *text = read_text(reader);
        memcpy(at, &text, sizeof(text));
        return;
    }
    int64_t number = read_number(reader);
    int small = (int)number;
    bool flag = number == 1;
    if (field->kind == AUDIT_FIELD_INT64)
        memcpy(at, &number, sizeof(number));
    else if (field->kind == AUDIT_FIELD_INT && small == number)
        memcpy(at, &small, sizeof(small));
    else if (field->kind == AUDIT_FIELD_BOOL && flag == number)
        memcpy(at, &flag, sizeof(flag));
    else
        fail(reader);
}

static void read_event(struct reader *reader, struct audit_line *line)
{
    line->kind = AUDIT_LINE_EVENT;
    for (size_t i = 0; i < audit_field_count; i++)
        read_field(reader, &audit_fields[i], &line->event);
    expect_key(reader, "previous_hash");
    read_hex(reader, line->event.previous_hash, AUDIT_HASH_BYTES);
    expect_key(reader, "hash");
    read_hex(reader, line->event.hash, AUDIT_HASH_BYTES);
}

static void read_mark(struct reader *reader, enum audit_mark_kind kind, struct audit_line *line)
{
    struct audit_mark *mark = &line->mark;
    line->kind = kind == AUDIT_MARK_HEAD ? AUDIT_LINE_HEAD : AUDIT_LINE_RETAINED;
    mark->kind = kind;
    expect_key(reader, "tenant");
    line->tenant = read_text(reader);
    expect_key(reader, "sequence");
    mark->sequence = read_number(reader);
    expect_key(reader, "hash");
    read_hex(reader, mark->hash, AUDIT_HASH_BYTES);
    expect_key(reader, "time_us");
    mark->time_us = read_number(reader);
    expect_key(reader, "key_id");
    mark->key_id = read_text(reader);
    expect_key(reader, "signature");
    read_hex(reader, mark->signature, mark->key_id[0] == '\0' ? 0 : AUDIT_SIGNATURE_BYTES);
}

static void read_export(struct reader *reader, struct audit_line *line)
{
    line->kind = AUDIT_LINE_EXPORT;
    expect(reader, ",\"format\":\"docbridge.audit.v1\"");
    expect_key(reader, "tenant");
    line->tenant = read_text(reader);
    expect_key(reader, "first");
    line->first = read_number(reader);
    expect_key(reader, "last");
    line->last = read_number(reader);
}

bool audit_line_read(char *text, size_t len, struct audit_line *ret_line)
{
    struct reader reader = {text, text + len};
    *ret_line = (struct audit_line){.tenant = ""};
    if (follows(&reader, "{\"line\":\"event\""))
        read_event(&reader, ret_line);
    else if (follows(&reader, "{\"line\":\"head\""))
        read_mark(&reader, AUDIT_MARK_HEAD, ret_line);
    else if (follows(&reader, "{\"line\":\"retained\""))
        read_mark(&reader, AUDIT_MARK_RETAINED, ret_line);
    else if (follows(&reader, "{\"line\":\"export\""))
        read_export(&reader, ret_line);
    else
        return false;
    expect(&reader, "}");
    return reader.at != NULL && reader.at == reader.end;
}
