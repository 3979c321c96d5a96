// Server streams: a stream_handler driven step by step on its lane, with one message under way.
//
// A stream that waits for a wake costs no thread. Its mutex guards the few flags by which events,
// wakes and steps meet; `busy` is the right to touch everything else.
#pragma once

#include "server/rpc/call.h"

struct stream;

// For table_method.arm.
void stream_arm(struct rpc_server *server, struct poller *poller,
                const struct table_method *method);
// Ends all open streams with SHUTTING_DOWN, for the server's stop.
void stream_end_all(struct rpc_server *server);
