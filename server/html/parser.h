// Any HTML in UTF-8 by libxml2, which takes it as a browser roughly does.
#pragma once

#include "server/html/events.h"

// Hands over what is within the body, after the starts of `html` and `body`; ends may be missing or
// out of order, and a text may come in pieces. False: no memory.
bool html_parse(const char *html, size_t len, const struct html_events *events);
