// Hostile HTML into HTML that is safe to show, made at read time.
//
// The only room of libxml2. Its parser hands over elements one by one, so nothing is held but the
// open ones. What is on the allow-list is written anew, with our own escaping, and nothing else is:
// no script, style, form, frame, SVG or MathML, no comment, no `id`, `class` or event handler, no
// link but http, https, mailto and tel. What is written holds no element whose content a browser
// reads by other rules, so every parser reads it alike.
//
// Credentials in the text are masked (base/embedded_secret.h). Thread-safe.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/base/buffer.h"
#include "server/base/embedded_secret.h"

// Elements open at once; what is deeper ends the document.
enum { HTML_DEPTH_MAX = 256 };

struct html_options {
    // What `data-image` of an image kept begins with, its id follows; NULL: images are dropped.
    const char *image_prefix;
    // What links within a site begin with, as html_base() has it; NULL: they are dropped.
    const char *base;
    bool labelled; // all of it is the value of a label, as that of a field is
    // The line that stands before it, and then that before what stands behind it; NULL: it stands
    // alone.
    struct embedded_secret_line *line;
};

struct html_result {
    bool altered;        // something was taken out or rewritten
    bool cut;            // it was deeper than HTML_DEPTH_MAX
    size_t secret_count; // credentials masked
};

// How much of a link is its origin, "https://host": of one that may stay as it is, by https, to a
// host that has nothing to escape and is no longer than what makes safe HTML may grow by. 0: none.
size_t html_origin(const char *uri);
// How much of a page's link is what links beside it begin with: "https://host/folder/". Where that
// has something to escape or is too long, and where there is no path, the origin alone.
size_t html_base(const char *uri);

// Appends the safe form of `html` to `out`; nothing of what is not UTF-8. Safe HTML stays as it is.
// False: no memory, or the result has more than `max_bytes` or than `out` takes.
bool html_sanitize(const char *html, size_t len, const struct html_options *options,
                   size_t max_bytes, struct buffer *out, struct html_result *ret_result);
// Appends its text alone, as it is masked by: a line break at the border of blocks, a tab at that
// of cells, or what html/table.h puts there. Not masked. False as above.
bool html_text(const char *html, size_t len, struct buffer *out);
