// UTF-8 as the contract accepts it: well-formed (Unicode 15, table 3-7), no surrogates.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Decodes one code point. Returns its length in bytes; 0 if the bytes are not well-formed.
size_t utf8_decode(const char *text, size_t len, uint32_t *ret_point);
// Whether all of `text` is well-formed.
bool utf8_valid(const char *text, size_t len);
// Code points in valid text.
size_t utf8_length(const char *text, size_t len);
// Whether a terminal or a log must not see this code point raw: C0, DEL, C1, line and paragraph
// separators, bidirectional controls.
bool utf8_is_unprintable(uint32_t point);
// Whether `text` is well-formed and holds none of these.
bool utf8_is_printable(const char *text);
// Code points in valid text from the first to the last that can be seen: white space, controls and
// what has no width at its ends do not count.
size_t utf8_seen_length(const char *text);
// The longest part of valid text, at most `max` bytes, that ends between two characters.
size_t utf8_cut(const char *text, size_t len, size_t max);
