// A growing run of bytes with a maximum from birth.
//
// A failed append (over the maximum, no memory) empties the buffer and marks it; later appends do
// nothing, so a writer checks once, at the end. Always closed by a NUL that `len` does not count.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/base/cleanup.h"

struct buffer {
    char *data;
    size_t len;
    size_t _capacity;
    size_t _max_bytes;
    bool failed;
};

void buffer_init(struct buffer *buffer, size_t max_bytes);
void buffer_done(struct buffer *buffer);
// Keeps the memory, drops the content and the failure.
void buffer_reset(struct buffer *buffer);
bool buffer_append(struct buffer *buffer, const void *bytes, size_t len);
bool buffer_text(struct buffer *buffer, const char *text);
bool buffer_printf(struct buffer *buffer, const char *format, ...) _printf_(2, 3);
// Appends `text` as a JSON string with its quotes; control, DEL, C1 and bidirectional marks
// escaped. Bytes that are not UTF-8 become U+FFFD.
bool buffer_json_string(struct buffer *buffer, const char *text, size_t len);
// Takes the bytes out; the caller frees them. NULL if the buffer failed.
char *buffer_steal(struct buffer *buffer, size_t *ret_len);
