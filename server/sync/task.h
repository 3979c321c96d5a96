// A task of a run, from its beginning to its end.
#pragma once

#include "server/sync/run.h"

// Runs a task from its checkpoint. Errors: see run.h.
enum err_code task_run(struct run *run, int kind, struct err *reterr) _must_check_;
// Stores how it ended: `code` and `why` are what task_run gave.
enum err_code task_end(struct run *run, int kind, enum err_code code, const struct err *why,
                       struct err *reterr) _must_check_;
