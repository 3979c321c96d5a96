// Handlers of three services that misbehave on request, and count what they see.
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdatomic.h>
#include <stdint.h>

#include "server/service/method.h"

enum { HANDLERS_METHODS_MAX = 64 };

extern atomic_int opened, closed, waiting, saw_cancel, saw_deadline, messages, denials;
extern atomic_int started, finished; // calls of GetCompany
// `lane=2` serves GetCompany on the poller, to measure what a change of thread costs.
extern enum method_lane company_lane;

// The number that a text is; 0 for another text.
int64_t number(const char *text);
// A table for all methods of a service, of which some do something.
struct service make_service(const ProtobufCServiceDescriptor *descriptor,
                            struct method methods[HANDLERS_METHODS_MAX]);
// One more message for each open stream.
void wake_all(void);
// Lets calls of "companies/held" end after so many milliseconds; until then they last.
void release_in(int64_t ms);
