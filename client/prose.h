// The HTML that the server makes safe, as text for a person at a terminal.
//
// It counts on how that HTML is written (server/html): every tag and attribute on the allow-list,
// each value in double quotes, no `<` or `>` but of tags. What is not so written is still shown as
// text, and nothing that could steer a terminal is ever put out.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/base/buffer.h"

// Appends it, with an empty line between paragraphs: headings behind #, items behind - or their
// number, the cells of a row with | between them, empty ones where another reaches in, a link's
// address behind its text, the name of an image, what is struck through between ~~, what is raised
// behind ^. Lines break between words at `width` columns; 0: nowhere. False: no memory.
bool prose_write(struct buffer *out, const char *html, size_t width);
// Appends it as a heading of so many #, at least one; else as prose_write().
bool prose_heading(struct buffer *out, const char *html, int level);
