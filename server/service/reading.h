// What the reading services share: a company in the caller's sight, and freshness.
#pragma once

#include "docbridge/v1/common.pb-c.h"
#include "server/service/page.h"
#include "server/service/request.h"
#include "server/store/sight.h"

// Whether the caller may know of the company at all: scope first, then existence; both answers are
// the same RESOURCE_NOT_FOUND about `name`.
enum err_code reading_sight(struct tx *tx, const struct request *request, const char *company_id,
                            int task_kind, const char *name, struct sight *ret_sight,
                            struct err *reterr) _must_check_;
// Whether what a filter names of a connection (NULL: nothing) can be in sight: another connection
// may have things of the same ids.
bool reading_is_of(const struct sight *sight, const char *connection_id);
// Data is stale when its connection is not ACTIVE or it is older than two schedule intervals.
Docbridge__V1__Freshness *reading_freshness(struct arena *arena, const struct sight *sight);
// Of one record, which upstream may give in a way that cannot be read since `spoil_time` (0: does
// not): what is shown is older then.
Docbridge__V1__Freshness *reading_freshness_of_one(struct arena *arena, const struct sight *sight,
                                                   int64_t spoil_time);
