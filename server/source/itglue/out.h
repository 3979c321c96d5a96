// The growing text into which records are written: what struct buffer is, but inline, because a
// record is made of some fifty small appends.
//
// A failed append empties it and marks it. Closed by a NUL that `len` does not count.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct itglue_out {
    char *data;
    size_t len;
    size_t capacity; // of the text; the NUL has a place of its own
    size_t max_bytes;
    bool failed;
};

void itglue_out_init(struct itglue_out *out, size_t max_bytes);
void itglue_out_done(struct itglue_out *out);
// Makes room for `more` bytes. False: too many, or no memory.
bool itglue_out_grow(struct itglue_out *out, size_t more);

// Keeps the memory, drops the content and the failure.
static inline void itglue_out_reset(struct itglue_out *out)
{
    out->len = 0;
    out->failed = false;
}

static inline bool itglue_out_room(struct itglue_out *out, size_t more)
{
    return out->capacity - out->len >= more && out->data != NULL ? true
                                                                 : itglue_out_grow(out, more);
}

static inline bool itglue_out_append(struct itglue_out *out, const char *bytes, size_t len)
{
    if (!itglue_out_room(out, len))
        return false;
    memcpy(out->data + out->len, bytes, len);
    out->len += len;
    out->data[out->len] = '\0';
    return true;
}

static inline bool itglue_out_text(struct itglue_out *out, const char *text)
{
    return itglue_out_append(out, text, strlen(text));
}

bool itglue_out_number(struct itglue_out *out, int64_t number);
