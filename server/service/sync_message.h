// What the two files of SyncService share.
#pragma once

#include "docbridge/v1/sync.pb-c.h"
#include "server/service/method.h"
#include "server/store/sync_issue.h"
#include "server/store/sync_run.h"

// WatchSyncRun.
extern const struct stream_handler sync_watch_handler;

// Fills an initialised message from the arena; false for want of memory.
bool sync_message_issue(struct arena *arena, const char *connection_id,
                        const struct sync_issue *issue, Docbridge__V1__SyncIssue *out);
// Takes the organizations out of a run for a caller who may see only some companies.
void sync_message_limit(const struct principal *caller, struct sync_run_row *run);
