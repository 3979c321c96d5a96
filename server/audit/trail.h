// The trail at work: writes events that stand alone.
//
// Events of a change are appended in the change's own transaction (audit_append). Events that stand
// alone, those of reveals, go through trail_write(): whoever finds nobody at it writes for all that
// wait, in one transaction, so that a commit serves many callers and the end of the chain is locked
// once for all of them. Both kinds meet on one chain by the lock of its end, over all processes.
//
// Threads: all functions may be called on any.
#pragma once

#include <stdint.h>

#include "server/audit/audit.h"
#include "server/store/store.h"

struct trail_settings {
    struct store *store; // under the serving role
};

struct trail;

enum err_code trail_new(const struct trail_settings *settings, struct trail **ret_trail,
                        struct err *reterr) _must_check_;
struct trail *trail_free(struct trail *trail);

// Makes an event of the request's caller durable, with those that others write at the time. Hold no
// transaction meanwhile. Returns by `deadline` if the event's turn has not come, else within 5
// seconds of its turn. After an error nothing may be believed of the event. `ret_sequence` may be
// NULL. Errors: STORE_UNAVAILABLE, also for too many that wait, DEADLINE_EXCEEDED, INTERNAL.
enum err_code trail_write(struct trail *trail, const struct request *request,
                          const struct audit_event *event, struct deadline deadline,
                          int64_t *ret_sequence, struct err *reterr) _must_check_;
