// What the planner must know of companies, organizations, mappings and records when they have just
// come.
#pragma once

#include "server/store/store.h"

// Has those of the tables counted that are filled and were never counted, in a transaction of
// `tenant` of its own. Costs a look at the catalog where there are none. What fails is logged:
// autovacuum comes by later.
void statistics_make_first(struct store *store, const char *tenant);
