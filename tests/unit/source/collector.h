// A sink that keeps what it is given, for tests to look at.
#pragma once

#include "server/source/source.h"

enum { COLLECTOR_MAX = 256 };

struct collector {
    struct source_record *records; // strings copied
    size_t record_count;
    struct source_quarantine quarantined[64]; // detail and reason are the adapter's constants
    size_t quarantine_count;
    size_t stop_after; // records after which the sink wants no more; 0: never
    struct source_sink sink;
};

void collector_init(struct collector *collector);
void collector_done(struct collector *collector);
// Whether any kept text holds `canary`.
bool collector_holds(const struct collector *collector, const char *canary);

// Parses a page that arrives in pieces of `piece` bytes (0: at once).
enum err_code collector_parse(struct collector *collector, const struct source_query *query,
                              const char *text, size_t len, size_t piece, size_t record_max_bytes,
                              struct source_page *ret_page, struct err *reterr);
