// A sync run as the contract shows it.
#pragma once

#include "docbridge/v1/sync.pb-c.h"
#include "server/service/request.h"
#include "server/store/sync_run.h"

// Fills an initialised message from the arena. `request` gives arena, tenant, the budget's use and
// the caller: one who may see only some companies is told of no organization.
// Errors: INTERNAL for want of memory.
enum err_code run_message_fill(const struct request *request, const struct sync_run_row *run,
                               Docbridge__V1__SyncRun *out, struct err *reterr) _must_check_;
