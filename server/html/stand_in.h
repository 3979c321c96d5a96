// Runs of plain words that the parser does not see: a character stands in for each.
//
// libxml2 takes about a hundred instructions for a byte of text, and most of a document is words.
// In a run are only characters that mean nothing to the parser wherever it stands, in text, in a
// comment or within the quotes of an attribute, and it begins behind a `>`, so never in a tag. With
// one character of text in its place the parser takes the same way through everything else. The
// characters are those of Unicode's private plane 15; HTML that may hold one gets no stand-ins.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct stand_in_run {
    const char *text; // borrowed from the HTML
    size_t len;
};

struct stand_ins {
    struct stand_in_run *runs;
    size_t count;
};

// Writes `html`, which is UTF-8, with its stand-ins to `out`, which has room for `len` bytes;
// returns how many it wrote. Without memory there are no stand-ins.
size_t stand_ins_put(struct stand_ins *stand_ins, const char *html, size_t len, char *out);
void stand_ins_done(struct stand_ins *stand_ins);

// Whether there are any in a text of the parser.
bool stand_ins_in(const struct stand_ins *stand_ins, const char *text);
// The next piece of `text` as the HTML has it: up to a stand-in, or the run of one. Moves `text`
// and `len` behind it. False: nothing is left.
bool stand_ins_next(const struct stand_ins *stand_ins, const char **text, size_t *len,
                    struct stand_in_run *ret_piece);
