// What the two files of SyncService share.
#pragma once

#include "docbridge/v1/sync.pb-c.h"
#include "server/service/method.h"
#include "server/store/sync_issue.h"
#include "server/store/sync_run.h"
#include "server/sync/sync.h"

// ResolveSyncIssue.
enum err_code sync_resolve_handler(struct request *request, const void *in, void *out,
                                   struct err *reterr);
// EstimateSync.
enum err_code sync_estimate_handler(struct request *request, const void *in, void *out,
                                    struct err *reterr);
// What two requests have: which tasks, as bits of SyncTaskKind (0: all), and how thorough. Errors:
// FIELD_INVALID.
enum err_code sync_message_parse_tasks(const Docbridge__V1__SyncTaskKind *tasks, size_t count,
                                       unsigned *ret_tasks, struct err *reterr);
enum err_code sync_message_parse_mode(Docbridge__V1__SyncMode in, enum sync_mode *ret_mode,
                                      struct err *reterr);
// WatchSyncRun.
extern const struct stream_handler sync_watch_handler;

// Fills an initialised message from the arena; false for want of memory.
bool sync_message_issue(struct arena *arena, const char *connection_id,
                        const struct sync_issue *issue, Docbridge__V1__SyncIssue *out);
