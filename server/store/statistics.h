// What the planner must know of tables that have just been filled for the first time.
#pragma once

#include "server/store/store.h"

// Has tables counted that hold something and that were never counted, in a transaction of `tenant`
// of its own. Costs a look at the catalog where there are none. What fails is logged: autovacuum
// comes by later.
void statistics_make_first(struct store *store, const char *tenant);
