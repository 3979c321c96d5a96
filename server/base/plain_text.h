// The text of HTML, for reading by machines: what a search finds.
//
// Not for showing: what comes out is plain text, never markup that is safe.
#pragma once

#include <stddef.h>

// Writes the text of `html` over itself: tags, comments and the content of scripts and styles
// become a space, character references their character, white space and control characters one
// space. Reads each byte once. Returns the new length, never more than `len`; of bytes that are not
// UTF-8 nothing is kept.
size_t plain_text_of_html(char *html, size_t len);
// The longest part of valid UTF-8, at most `max` bytes, that ends between two characters.
size_t plain_text_cut(const char *text, size_t len, size_t max);
