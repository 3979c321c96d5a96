// Rows as one parameter: the text of an array of a composite type, for `unnest($2::type[])`.
// Columns as arrays cost a function's scan each, which for a single row is most of its statement.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/buffer.h"

// Fields are added in the order of the type, each exactly once a row.
struct composite {
    struct buffer _text;
    bool _in_row, _in_field;
};

void composite_init(struct composite *rows);
void composite_done(struct composite *rows);
void composite_row(struct composite *rows);
void composite_text(struct composite *rows, const char *text); // NULL: NULL
void composite_int64(struct composite *rows, int64_t number);
void composite_bool(struct composite *rows, bool value);
void composite_time(struct composite *rows, int64_t wall_us); // 0: NULL
void composite_bytes(struct composite *rows, const void *bytes, size_t len);
// All of it, which lives as long as the rows do. NULL if there was no memory.
const char *composite_end(struct composite *rows);
