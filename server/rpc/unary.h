// Calls with one request and one response, and calls that arrive by name, also of methods that do
// not exist.
#pragma once

#include "server/rpc/call.h"

// For table_method.arm.
void unary_arm(struct rpc_server *server, struct poller *poller, const struct table_method *method);
// Posts one call of any method that is not registered.
void unary_arm_named(struct rpc_server *server, struct poller *poller);
