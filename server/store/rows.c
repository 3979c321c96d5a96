#include <string.h>

#include <libpq-fe.h>

#include "server/base/encoding.h"
#include "server/store/store.h"

void rows_done(struct rows *rows)
{
    PQclear(rows->_result);
    rows->_result = NULL;
}

int rows_count(const struct rows *rows)
{
    return PQntuples(rows->_result);
}

int64_t rows_affected(const struct rows *rows)
{
    int64_t count = 0;
    const char *text = PQcmdTuples(rows->_result);
    (void)encoding_int64(text, strlen(text), &count); // "" for what is not counted
    return count;
}

bool rows_null(const struct rows *rows, int row, int column)
{
    return PQgetisnull(rows->_result, row, column) != 0;
}

const char *rows_text(const struct rows *rows, int row, int column)
{
    return PQgetvalue(rows->_result, row, column);
}

char *rows_text_copy(const struct rows *rows, int row, int column, struct arena *arena)
{
    if (rows_null(rows, row, column))
        return NULL;
    return arena_strndup(arena, rows_text(rows, row, column), rows_len(rows, row, column));
}

size_t rows_len(const struct rows *rows, int row, int column)
{
    return (size_t)PQgetlength(rows->_result, row, column);
}

int64_t rows_int64(const struct rows *rows, int row, int column)
{
    int64_t value = 0;
    (void)encoding_int64(rows_text(rows, row, column), rows_len(rows, row, column), &value);
    return value;
}

bool rows_bool(const struct rows *rows, int row, int column)
{
    return rows_text(rows, row, column)[0] == 't';
}

// ISO style, such as 2026-03-01 12:00:00.5+00; the offset is of hours, and of minutes if it has
// any. With a T and the minutes written out it is RFC 3339.
int64_t rows_time(const struct rows *rows, int row, int column)
{
    const char *value = rows_text(rows, row, column);
    size_t len = rows_len(rows, row, column);
    char text[48];
    if (len < 20 || len > sizeof(text) - 4)
        return 0;
    memcpy(text, value, len + 1);
    text[10] = 'T';
    if (text[len - 3] == '+' || text[len - 3] == '-')
        memcpy(text + len, ":00", sizeof(":00"));
    int64_t wall_us = 0;
    return clock_parse(text, &wall_us) ? wall_us : 0;
}

static int hex_digit(char c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

// The server writes lower-case hexadecimal behind \x (bytea_output is set at the start).
struct bytes rows_bytes(const struct rows *rows, int row, int column, struct arena *arena)
{
    const char *hex = rows_text(rows, row, column);
    size_t len = rows_len(rows, row, column);
    if (rows_null(rows, row, column) || len < 2 || hex[0] != '\\' || hex[1] != 'x')
        return (struct bytes){NULL, 0};
    size_t count = len / 2 - 1;
    unsigned char *data = arena_alloc(arena, count + 1);
    if (data == NULL)
        return (struct bytes){NULL, 0};
    for (size_t i = 0; i < count; i++)
        data[i] = (unsigned char)(hex_digit(hex[2 * i + 2]) << 4 | hex_digit(hex[2 * i + 3]));
    return (struct bytes){data, count};
}

// Reads one element of an array's text into `out`; returns what follows it. `*ret_quoted` tells
// "NULL" from NULL.
static const char *array_element(const char *in, char *out, bool *ret_quoted)
{
    *ret_quoted = *in == '"';
    if (*ret_quoted)
        in++;
    while (*in != '\0' && (*ret_quoted ? *in != '"' : *in != ',' && *in != '}')) {
        if (*in == '\\' && in[1] != '\0')
            in++;
        *out++ = *in++;
    }
    *out = '\0';
    return *ret_quoted && *in == '"' ? in + 1 : in;
}

const char *const *rows_texts(const struct rows *rows, int row, int column, struct arena *arena,
                              size_t *ret_count)
{
    *ret_count = 0;
    const char *in = rows_text(rows, row, column);
    size_t len = rows_len(rows, row, column);
    if (len < 2 || in[0] != '{' || in[1] == '}')
        return NULL;
    // Every element but the last is followed by a comma; commas within elements only make it more.
    size_t most = 1;
    for (size_t i = 0; i < len; i++)
        most += in[i] == ',';
    const char **texts = arena_calloc(arena, most, sizeof(*texts));
    char *out = arena_alloc(arena, len + 1);
    if (texts == NULL || out == NULL)
        return NULL;
    size_t count = 0;
    do {
        bool quoted;
        in = array_element(in + 1, out, &quoted);
        texts[count++] = quoted || strcmp(out, "NULL") != 0 ? out : NULL;
        out += strlen(out) + 1;
    } while (*in == ',' && count < most);
    *ret_count = count;
    return texts;
}
