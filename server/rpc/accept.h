// Accepts plaintext connections and gives them to gRPC: what its own listener lacks.
//
// gRPC 1.51 gives up a listener for good when accept() finds no descriptor, has no limit of
// connections, and cannot end those that it has. Here the listener outlives the lack, connections
// above a maximum are closed at once, and a peer that does not speak HTTP/2 in time never reaches
// gRPC's parser. gRPC takes only plaintext connections from outside; TLS stays with its listener.
//
// Threads: one, which waits and never computes. It keeps a second descriptor of each connection, by
// which it learns of the end and can bring it about.
#pragma once

#include <grpc/grpc.h>

#include "server/rpc/address.h"

struct acceptor;

enum { ACCEPT_LISTENERS_MAX = 64 };

// For `grpc`, which has not been started. At most `connections_max` at a time; each must begin as
// HTTP/2 does within `handshake_ms`.
enum err_code acceptor_new(grpc_server *grpc, size_t connections_max, int64_t handshake_ms,
                           struct acceptor **ret_acceptor, struct err *reterr) _must_check_;
// Listens; nothing is accepted before acceptor_start(). Errors: FIELD_INVALID.
enum err_code acceptor_listen(struct acceptor *acceptor, const char *address, int *ret_port,
                              struct err *reterr) _must_check_;
enum err_code acceptor_start(struct acceptor *acceptor, struct err *reterr) _must_check_;
// Closes the listeners and what has not begun: from its return on gRPC gets no more connections.
void acceptor_stop(struct acceptor *acceptor);
// Ends all connections: peers see them closed. After acceptor_stop().
void acceptor_hang_up(struct acceptor *acceptor);
struct acceptor *acceptor_free(struct acceptor *acceptor);
// gRPC knows such a peer as "fd:7": writes the name of that connection's other end. False if `peer`
// is none of these. Thread-safe.
bool acceptor_peer(struct acceptor *acceptor, const char *peer, char ret_name[ADDRESS_NAME_BYTES]);
