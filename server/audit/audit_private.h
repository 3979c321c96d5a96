// Between the files of audit/.
#pragma once

#include "server/audit/audit.h"
#include "server/base/buffer.h"

// What is stored of an event by `actor`; `request` may be NULL. `changes`, which the caller
// releases with buffer_done(), holds text of the row; all else is borrowed.
enum err_code audit_row_of(const struct audit_event *event, const struct principal *actor,
                           const struct request *request, struct buffer *changes,
                           struct audit_event_row *ret_row, struct err *reterr) _must_check_;
// Says of rows, which have their actors, how they follow `head` in this order.
void audit_follow(const char *tenant, struct audit_head head, struct audit_event_row *const *rows,
                  size_t count);
// Locks the end of the chain and says of rows, which have their actors, how they follow it in this
// order: audit_event_insert() comes next. Errors as audit_event_lock_head.
enum err_code audit_chain(struct tx *tx, struct audit_event_row *const *rows, size_t count,
                          struct err *reterr) _must_check_;
