#include "tests/unit/source/collector.h"

#include <string.h>

#include "server/source/itglue/page.h"

static bool on_record(void *context, const struct source_record *record)
{
    struct collector *collector = context;
    if (collector->record_count == COLLECTOR_MAX)
        return false;
    struct source_record *copy = &collector->records[collector->record_count++];
    *copy = *record;
    copy->name = strdup(record->name);
    copy->web_url = record->web_url == NULL ? NULL : strdup(record->web_url);
    copy->body = strndup(record->body, record->body_len);
    return collector->stop_after == 0 || collector->record_count < collector->stop_after;
}

static bool on_quarantine(void *context, const struct source_quarantine *quarantine)
{
    struct collector *collector = context;
    if (collector->quarantine_count == ARRAY_LEN(collector->quarantined))
        return false;
    collector->quarantined[collector->quarantine_count++] = *quarantine;
    return true;
}

void collector_init(struct collector *collector)
{
    *collector = (struct collector){
        .records = calloc(COLLECTOR_MAX, sizeof(struct source_record)),
        .sink = {on_record, on_quarantine, collector},
    };
}

void collector_done(struct collector *collector)
{
    for (size_t i = 0; i < collector->record_count; i++) {
        struct source_record *record = &collector->records[i];
        free((char *)(uintptr_t)record->name);
        free((char *)(uintptr_t)record->web_url);
        free((char *)(uintptr_t)record->body);
    }
    free(collector->records);
    collector->records = NULL;
}

bool collector_holds(const struct collector *collector, const char *canary)
{
    for (size_t i = 0; i < collector->record_count; i++) {
        const struct source_record *record = &collector->records[i];
        if (strstr(record->name, canary) != NULL || strstr(record->body, canary) != NULL ||
            (record->web_url != NULL && strstr(record->web_url, canary) != NULL))
            return true;
    }
    return false;
}

enum err_code collector_parse(struct collector *collector, const struct source_query *query,
                              const char *text, size_t len, size_t piece, size_t record_max_bytes,
                              struct source_page *ret_page, struct err *reterr)
{
    struct itglue_page *page _cleanup_(itglue_page_freep) =
        itglue_page_new(query, &collector->sink, record_max_bytes, 64 << 20);
    bool more = true;
    for (size_t at = 0; at < len && more;) {
        size_t now = piece == 0 || piece > len - at ? len - at : piece;
        // A copy of its own shows a sanitizer every byte read beyond the piece.
        char *bytes _cleanup_(freep) = malloc(now);
        memcpy(bytes, text + at, now);
        more = itglue_page_feed(page, bytes, now);
        at += now;
    }
    return itglue_page_finish(page, ret_page, reterr);
}
