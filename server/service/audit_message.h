// AuditService's message of an event, what its filters mean, and its handlers that have a file of
// their own.
#pragma once

#include "docbridge/v1/audit.pb-c.h"
#include "server/service/method.h"
#include "server/store/audit_event.h"

// A reveal takes at most 15 seconds: an intent that is older has lost its outcome.
enum { AUDIT_UNRESOLVED_SECONDS = 60 };

// A time that events are asked for by, of which 0 means that none is given: no event is of then.
int64_t audit_time_bound(int64_t us);
enum err_code audit_message_fill(struct arena *arena, const struct audit_event_row *row,
                                 Docbridge__V1__AuditEvent *event, struct err *reterr) _must_check_;
// Reads a filter, and keeps it to what the caller may see. Errors: FIELD_INVALID.
enum err_code audit_filter_parse(const struct request *request, const char *text,
                                 struct audit_event_filter *filter,
                                 struct err *reterr) _must_check_;

extern const struct stream_handler audit_export_handler, audit_watch_handler;
enum err_code audit_verify(struct request *request,
                           const Docbridge__V1__VerifyAuditChainRequest *in,
                           Docbridge__V1__VerifyAuditChainResponse *out,
                           struct err *reterr) _must_check_;
