// What IT Glue's answers mean: the one table of it.
//
// Much of it is published nowhere; each row names where its meaning is known from, and is the one
// place to change when a live account shows otherwise.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/base/err.h"

struct itglue_status {
    int from, to; // HTTP statuses
    enum err_code code;
    bool page_too_heavy; // a smaller page may be answered
    const char *text;    // for a person
};

// What an error body says that matters, taken from its first error.
enum itglue_complaint {
    ITGLUE_COMPLAINT_OTHER, // anything else, or no JSON
    ITGLUE_COMPLAINT_TOOK_TOO_LONG,
    ITGLUE_COMPLAINT_SESSIONS_ONLY, // the resource is closed to API keys
};

// The row of an HTTP status other than 200.
const struct itglue_status *itglue_status_find(int http_status);
// Reads an error body. Keeps nothing of it.
enum itglue_complaint itglue_status_complaint(const char *body, size_t len);
