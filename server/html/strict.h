// HTML that every parser reads alike, read without one: tags of a small set, in lower case, each
// where it may stand and closed in order; quoted attributes; few entities. Most of what editors
// write is such HTML, and libxml2 takes ten times as long for it.
//
// Nothing is judged here: what the events become is the same whoever hands them over.
#pragma once

#include "server/html/events.h"

// Hands over what libxml2 would, of UTF-8 within a body. False: it is not such HTML, and what was
// handed over counts for nothing.
bool html_strict_read(const char *html, size_t len, const struct html_events *events);
