// Flexible asset types and password categories within a run.
#pragma once

#include "server/sync/run.h"

// Fetches and stores them once a run, with the run's budget. `kind` is SOURCE_FLEXIBLE_ASSET_TYPES
// or SOURCE_PASSWORD_CATEGORIES.
enum err_code types_refresh(struct run *run, enum source_kind kind,
                            struct err *reterr) _must_check_;
