// Paths and queries of IT Glue's API.
#pragma once

#include "server/base/buffer.h"
#include "server/base/err.h"
#include "server/source/source.h"

// Appends path and query of a page. Errors: FIELD_INVALID for a query that cannot be asked.
enum err_code itglue_query_page(const struct source_query *query, struct buffer *target,
                                struct err *reterr) _must_check_;
