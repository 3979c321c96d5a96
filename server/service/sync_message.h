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
