// An upstream account in memory, in place of source.h's network calls: which region knows which
// key, what each kind of list answers, and who was asked with which key.
//
// Linked with --wrap for source_open, source_closep, source_fetch_page and source_probe.
#pragma once

#include <stdatomic.h>

#include "server/source/source.h"

enum { FAKE_RECORDS_MAX = 8, FAKE_REGIONS = 4 };

struct source_fake {
    // What a region answers to everything (ERR_OK: see `kinds`), and each kind there.
    enum err_code regions[FAKE_REGIONS];
    enum err_code kinds[SOURCE_KIND_COUNT];
    struct source_record records[SOURCE_KIND_COUNT][FAKE_RECORDS_MAX];
    size_t record_counts[SOURCE_KIND_COUNT];
    bool ignores_filters;
    // Who was asked.
    atomic_int calls;
    atomic_int region_calls[FAKE_REGIONS];
    char last_key[128];
    // Runs within the first request, NULL: nothing.
    void (*while_asked)(void *context);
    void *context;
};
extern struct source_fake source_fake;

// US knows every key, all kinds answer, there is nothing there.
void source_fake_reset(void);
// Adds a record; `body` is JSON.
void source_fake_add(enum source_kind kind, int64_t id, const char *name, const char *web_url,
                     const char *body);
