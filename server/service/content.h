// Texts of upstream on their way to a reader: made safe, masked, and together of a bounded size.
#pragma once

#include "server/base/arena.h"
#include "server/base/embedded_secret.h"
#include "server/base/err.h"

// The most bytes of texts in one answer: below what a response may have, with room for the rest.
enum { CONTENT_MAX_BYTES = 5 * 512 * 1024 };

struct content {
    struct arena *arena;
    const char *image_prefix; // html_options
    const char *base;         // html_options
    bool labelled;            // what is next is the value of a label: "Admin password"
    // The line before what is next, in texts that are read one below the other; NULL: each of them
    // stands alone.
    struct embedded_secret_line *line;
    size_t used_bytes;
    bool full;        // a text was left out: it would have been too much
    bool altered;     // something of HTML was taken out or rewritten
    int secret_count; // masked
};

// HTML that is safe to show. `html` may be NULL. What does not fit is "" and marks the content as
// full.
enum err_code content_html(struct content *content, const char *html, size_t len, char **ret_html,
                           struct err *reterr) _must_check_;
// What links within IT Glue begin with, from that of a record's page; NULL: it is not known, or
// there is no memory.
const char *content_base(struct arena *arena, const char *web_url);
// A title, with the credentials in it masked. NULL for want of memory.
char *content_title(struct arena *arena, const char *title);
// Plain text; else as content_html.
enum err_code content_text(struct content *content, const char *text, size_t len, char **ret_text,
                           struct err *reterr) _must_check_;
