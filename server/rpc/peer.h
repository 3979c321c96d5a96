// Which machines may call at all, beside the token that each call needs.
//
// The name of a peer is one of its certificate, which gRPC has verified: a subject alternative name
// (DNS or URI) or its common name. On a Unix socket, where there is none, it is the word of the
// proxy in a header; on any other connection nobody looks at that header.
#pragma once

#include "server/rpc/call.h"
#include "server/rpc/server.h"

// Whether the settings can be kept: with a list of names, each address must have a way to know its
// peers. Errors: FIELD_INVALID that names the setting.
enum err_code peer_check_settings(const struct rpc_settings *settings,
                                  struct err *reterr) _must_check_;
// Errors: PEER_NOT_ALLOWED unless the peer of a call is in the list, or there is none.
enum err_code peer_check(const struct call *call, struct err *reterr) _must_check_;
