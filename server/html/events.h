// What a reader of HTML hands over, whichever it is.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct html_events {
    // `attributes`: names and values by turns, NULL behind the last; NULL if there are none. False:
    // it has enough.
    bool (*start)(void *context, const char *name, const char *const *attributes);
    void (*end)(void *context, const char *name);
    void (*text)(void *context, const char *text, size_t len);
    void *context;
};
