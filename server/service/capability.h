// What a key may do, as the database keeps it: JSON, and back.
//
// Read with each connection that is shown, hence by a reader of its own: a tree of JSON took more
// than all else about a GetConnection.
#pragma once

#include "server/service/probe.h"

// What a test found: [{"kind": 1, "grant": 1, "detail": "..."}, ...]. NULL for want of memory.
char *capability_json(struct arena *arena, const struct probe_report *report);
// Reads a list of objects whose values are numbers and texts; fields of other names are passed
// over. Errors: INTERNAL for another text or for want of memory.
enum err_code capability_read(struct arena *arena, const char *json,
                              Docbridge__V1__Capability ***ret_capabilities, size_t *ret_count,
                              struct err *reterr) _must_check_;
