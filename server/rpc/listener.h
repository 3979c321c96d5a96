// An address to listen on, with its credentials.
//
// Plaintext is for the loopback and for Unix sockets: the HTTP/2 parser of this gRPC runs before
// any of our code, so that any other peer must show a certificate first.
#pragma once

#include <grpc/grpc.h>

#include "server/rpc/accept.h"
#include "server/rpc/server.h"

struct listener_files;

struct listener {
    struct intake intake;         // an argument of the server points into it
    struct listener_files *files; // NULL: plaintext
    int port;
};

// Has `acceptor` listen for `server`, which was made with the argument of the intake and has not
// been started.
// Errors: FIELD_INVALID of the setting of docbridged, with a text that names the address or the
// file.
enum err_code listener_add(struct listener *listener, grpc_server *server,
                           struct acceptor *acceptor, const struct rpc_listener *wanted,
                           struct err *reterr) _must_check_;
// After the server is destroyed.
void listener_done(struct listener *listener);
