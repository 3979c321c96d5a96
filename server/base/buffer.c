#include "server/base/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "server/base/utf8.h"

void buffer_init(struct buffer *buffer, size_t max_bytes)
{
    *buffer = (struct buffer){._max_bytes = max_bytes};
}

void buffer_done(struct buffer *buffer)
{
    free(buffer->data);
    buffer->data = NULL;
    buffer->len = buffer->_capacity = 0;
}

void buffer_reset(struct buffer *buffer)
{
    buffer->len = 0;
    buffer->failed = false;
    if (buffer->data != NULL)
        buffer->data[0] = '\0';
}

static bool reserve(struct buffer *buffer, size_t more)
{
    if (buffer->failed)
        return false;
    if (more <= buffer->_max_bytes && buffer->len <= buffer->_max_bytes - more) {
        size_t need = buffer->len + more + 1;
        if (need <= buffer->_capacity)
            return true;
        size_t capacity = buffer->_capacity < 128 ? 256 : buffer->_capacity * 2;
        if (capacity < need)
            capacity = need;
        char *data = realloc(buffer->data, capacity);
        if (data != NULL) {
            buffer->data = data;
            buffer->_capacity = capacity;
            return true;
        }
    }
    buffer_done(buffer);
    buffer->failed = true;
    return false;
}

bool buffer_append(struct buffer *buffer, const void *bytes, size_t len)
{
    if (!reserve(buffer, len))
        return false;
    if (len > 0)
        memcpy(buffer->data + buffer->len, bytes, len);
    buffer->len += len;
    buffer->data[buffer->len] = '\0';
    return true;
}

bool buffer_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

bool buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !reserve(buffer, (size_t)len))
        return false;
    va_start(args, format);
    (void)vsnprintf(buffer->data + buffer->len, (size_t)len + 1, format, args);
    va_end(args);
    buffer->len += (size_t)len;
    return true;
}

bool buffer_json_string(struct buffer *buffer, const char *text, size_t len)
{
    bool good = buffer_append(buffer, "\"", 1);
    for (size_t i = 0; good && i < len;) {
        uint32_t point;
        size_t bytes = utf8_decode(text + i, len - i, &point);
        if (bytes == 0) {
            good = buffer_text(buffer, "\xef\xbf\xbd");
            bytes = 1;
        } else if (point == '"' || point == '\\') {
            good = buffer_printf(buffer, "\\%c", (char)point);
        } else if (utf8_is_unprintable(point)) {
            good = buffer_printf(buffer, "\\u%04x", point);
        } else {
            good = buffer_append(buffer, text + i, bytes);
        }
        i += bytes;
    }
    return good && buffer_append(buffer, "\"", 1);
}

char *buffer_steal(struct buffer *buffer, size_t *ret_len)
{
    if (buffer->failed || !reserve(buffer, 0))
        return NULL;
    buffer->data[buffer->len] = '\0';
    if (ret_len != NULL)
        *ret_len = buffer->len;
    char *data = steal(buffer->data);
    buffer->len = buffer->_capacity = 0;
    return data;
}
