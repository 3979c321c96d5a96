// Text from IT Glue made fit to keep: UTF-8 that PostgreSQL takes, JSON of one form, times and
// numbers read.
//
// NUL and bytes that are no UTF-8 (such as lone surrogates) become U+FFFD; everything else stays.
// Not for showing: control characters are kept.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/source/itglue/out.h"

// Appends `text` cleaned.
bool itglue_text_clean(struct itglue_out *out, const char *text, size_t len);
// Appends `text` cleaned, as a JSON string with its quotes.
bool itglue_text_json(struct itglue_out *out, const char *text, size_t len);
// Appends a number as JSON had it; one that is beyond every sane use (and beyond what jsonb takes)
// becomes a string.
bool itglue_text_number(struct itglue_out *out, const char *text, size_t len);

// A time such as 2026-03-01T12:00:00.000Z or a day such as 2026-03-01, closed by NUL. 0 if it is
// neither.
int64_t itglue_text_time_us(const char *text, size_t len);

// Whether `key` is `name`, which is in kebab-case, as IT Glue may spell it: kebab or snake.
static inline bool itglue_text_key_is(const char *key, size_t len, const char *name)
{
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '\0' || (key[i] != name[i] && !(key[i] == '_' && name[i] == '-')))
            return false;
    }
    return name[len] == '\0';
}
