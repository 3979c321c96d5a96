// The texts of records on their way into the index: plain, without the credentials in them, which
// are noted by a keyed hash.
#pragma once

#include "server/store/embedded_secret_report.h"
#include "server/store/search_index.h"

// What was found in a batch; grows in the arena.
struct index_findings {
    const unsigned char *key; // of the hash, 32 bytes
    const char *tenant;
    struct embedded_secret_found *found;
    size_t count, capacity;
};

// Makes the content plain text of at most SEARCH_CONTENT_BYTES and masks it, the title and the
// short fields. False: no memory.
bool index_text_make(struct search_text *text, struct index_findings *findings,
                     struct arena *arena);
