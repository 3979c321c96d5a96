#include "server/source/itglue/out.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BYTES = 4096 };

void itglue_out_init(struct itglue_out *out, size_t max_bytes)
{
    *out = (struct itglue_out){.max_bytes = max_bytes};
}

void itglue_out_done(struct itglue_out *out)
{
    free(out->data);
    out->data = NULL;
    out->len = out->capacity = 0;
}

bool itglue_out_grow(struct itglue_out *out, size_t more)
{
    if (!out->failed && more <= out->max_bytes && out->len <= out->max_bytes - more) {
        size_t capacity = out->capacity < FIRST_BYTES ? FIRST_BYTES : out->capacity * 2;
        if (capacity < out->len + more)
            capacity = out->len + more;
        char *data = realloc(out->data, capacity + 1);
        if (data != NULL) {
            out->data = data;
            out->capacity = capacity;
            return true;
        }
    }
    out->len = 0;
    out->failed = true;
    return false;
}

bool itglue_out_number(struct itglue_out *out, int64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRId64, number);
    return itglue_out_append(out, text, (size_t)len);
}
