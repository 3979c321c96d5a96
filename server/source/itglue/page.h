// A page of records, parsed as it arrives.
//
// Fed in pieces of any size, it hands each record to the sink when it is complete; kinds with
// included records wait for the end of the page. Memory is bounded by one record (a string beyond
// that is passed over without being kept), for waiting kinds by the page. Tolerant of what IT Glue
// is known to do: ids as text or number, unknown members, null names, NUL in text, `data` as one
// object. What is wrong with one record quarantines it and no more. Integers never pass a double.
// Not for HTTP.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/source/source.h"

struct itglue_page;

// Deeper than this inside the page, a record is malformed.
enum { ITGLUE_DEPTH_MAX = 64 };

// `query` and `sink` are borrowed until itglue_page_free(). NULL: no memory.
struct itglue_page *itglue_page_new(const struct source_query *query,
                                    const struct source_sink *sink, size_t record_max_bytes,
                                    size_t page_max_bytes);
struct itglue_page *itglue_page_free(struct itglue_page *page);
void itglue_page_freep(struct itglue_page **page);

// Parses the next piece. False: the page is refused, and itglue_page_finish() says why.
bool itglue_page_feed(struct itglue_page *page, const char *bytes, size_t len);
// Ends the page. Errors: UPSTREAM_ANSWER_INVALID for what is no page, CANCELLED when the sink
// wanted no more, INTERNAL for want of memory.
enum err_code itglue_page_finish(struct itglue_page *page, struct source_page *ret_page,
                                 struct err *reterr) _must_check_;
