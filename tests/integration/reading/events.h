// Events written as the server does, for tests of the trail.
#pragma once

#include "server/audit/audit.h"
#include "server/service/method.h"
#include "tests/integration/reading/fixture.h"

// A method of AuditService.
const struct method *event_method(const char *name);
// Writes an event of a company, durable on return.
void append(struct fixture *fixture, const char *company, enum audit_type type);
// So many of "acme".
void append_some(struct fixture *fixture, int count);
