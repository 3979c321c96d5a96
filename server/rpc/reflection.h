// grpc.reflection.v1 (and v1alpha, which has the same wire form): the contract for tools.
//
// Serves the bytes of the descriptor set as protoc wrote them. Runs on the poller: it only copies
// memory. A development setting: needs no token.
#pragma once

#include "server/rpc/state.h"

enum err_code reflection_add(struct rpc_server *server, struct err *reterr) _must_check_;
