// grpc.health.v1.Health/Check for the server ("") and each of its services.
//
// Watch is not served: it answers UNIMPLEMENTED as any method that does not exist.
#pragma once

#include "server/rpc/state.h"

enum err_code health_add(struct rpc_server *server, struct err *reterr) _must_check_;
