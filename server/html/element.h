// The allow-list: which elements, attributes and links may stay.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum html_treatment {
    HTML_UNWRAP, // the tag goes, what is inside stays
    HTML_KEEP,
    HTML_DROP, // it goes with all inside
};

// What it is of a table or of a list of terms.
enum html_part {
    HTML_NO_PART,
    HTML_TABLE,
    HTML_ROW,
    HTML_CELL,
    HTML_HEAD_CELL,
    HTML_LIST,
    HTML_TERM,
    HTML_MEANING
};

struct html_element {
    const char *name;
    enum html_treatment treatment;
    bool is_void; // has no end tag
    char border;  // what stands at its edges in plain text: '\n', '\t' or 0
    enum html_part part;
};

// Any name, in lower case; never NULL.
const struct html_element *html_element_find(const char *name);
// Every name of the list, for the parser to know beforehand; NULL behind the last.
const char *html_element_name(size_t i);

// Whether `value` may stay as it is in attribute `name` of an element that is kept.
bool html_attribute_stays(const struct html_element *element, const char *name, const char *value);
// Whether a link may lead there: http and https with a host and without a password, mailto, tel.
bool html_link_stays(const char *uri);
// The same link as browsers read it: without white space around it, and with %20 for each space
// behind its host, as SharePoint's have; behind `base` (html_base()) if it is a path of the same
// site ("x", "../x" or "/x", never "//host"), unless that is NULL. To be freed; NULL: it is so
// already, or there is no memory, and then it does not stay.
char *html_link_tidy(const char *uri, const char *base);
// The image that IT Glue's links lead to: /developer/images/ID and /ORG/docs/DOC/images/ID, of any
// host or none. NULL: another one. `*ret_len` digits, within `uri`.
const char *html_image_id(const char *uri, size_t *ret_len);
