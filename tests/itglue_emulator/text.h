/*
 * A growing text and the few writers of JSON that rows and answers are made of. The attr_* writers
 * put `"key":value` into an open object and find out themselves whether a comma is due.
 * Not a JSON library: small documents of the admin port go through jansson.
 */
#ifndef ITGLUE_EMULATOR_TEXT_H
#define ITGLUE_EMULATOR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *data;
    size_t length;
    size_t capacity;
};

void text_done(struct text *text);
/* The caller owns the result, a zero-terminated text; `text` is empty afterwards. */
char *text_take(struct text *text);
void text_clear(struct text *text);
void text_append(struct text *text, const char *data, size_t length);
void text_put(struct text *text, const char *string);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_int(struct text *text, int64_t value);
/* A quoted and escaped JSON string; NULL becomes null. */
void text_json(struct text *text, const char *string);
void text_json_n(struct text *text, const char *data, size_t length);

void attr_raw(struct text *text, const char *key, const char *json);
void attr_text(struct text *text, const char *key, const char *value);
void attr_int(struct text *text, const char *key, int64_t value);
/* 0 stands for "none" and becomes null. */
void attr_id(struct text *text, const char *key, int64_t id);
void attr_bool(struct text *text, const char *key, bool value);
/* Milliseconds since 1970 as RFC 3339 with milliseconds; 0 becomes null. */
void attr_time(struct text *text, const char *key, int64_t time_ms);
void attr_date(struct text *text, const char *key, int64_t time_ms);
/* The comma that is due before a further member or element. */
void text_comma(struct text *text);

#endif
