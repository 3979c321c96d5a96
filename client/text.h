// Text from elsewhere on its way to a terminal, and texts that are close to each other.
//
// Everything that a server or a file says passes text_escape() before a person sees it: a name
// upstream may carry escape sequences or bidirectional marks.
#pragma once

#include <stddef.h>

#include "server/base/buffer.h"

// Appends `text` with control, C1, bidirectional and separator code points as \uXXXX. Bytes that
// are not UTF-8 become U+FFFD.
bool text_escape(struct buffer *buffer, const char *text, size_t len);
// As text_escape, into new memory that the caller frees. NULL: no memory.
char *text_escaped(const char *text);
// Columns that valid text takes on a terminal: of its beginning that takes at most `most`, whose
// bytes go to `ret_len`. NULL: not wanted.
size_t text_width(const char *text, size_t most, size_t *ret_len);
// Edits (insert, delete, replace, swap of neighbours) between two short words; at most 64.
size_t text_distance(const char *left, const char *right);
