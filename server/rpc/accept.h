// Accepts connections and gives them to gRPC: what its own listener lacks.
//
// gRPC 1.51 gives up a listener for good when accept() finds no descriptor, has no limit of
// connections, and cannot end those that it has. Here the listener outlives the lack, connections
// above a maximum are closed at once, and a peer that does not begin as HTTP/2, or as TLS, does
// within its time never reaches gRPC.
//
// Threads: one, which waits and never computes. It keeps a second descriptor of each connection, by
// which it learns of the end and can bring it about.
#pragma once

#include "server/rpc/address.h"
#include "server/rpc/cork.h"
#include "server/rpc/intake.h"

struct acceptor;

enum { ACCEPT_LISTENERS_MAX = 64 };

// At most `connections_max` at a time; each must begin within `handshake_ms`. Those that have begun
// are in `corks`, which must outlive it.
enum err_code acceptor_new(size_t connections_max, int64_t handshake_ms, struct cork_table *corks,
                           struct acceptor **ret_acceptor, struct err *reterr) _must_check_;
// Listens for `intake`, whose credentials are TLS or none; nothing is accepted before
// acceptor_start(). Errors: FIELD_INVALID.
enum err_code acceptor_listen(struct acceptor *acceptor, const char *address, bool tls,
                              const struct intake *intake, int *ret_port,
                              struct err *reterr) _must_check_;
// After gRPC's server was started.
enum err_code acceptor_start(struct acceptor *acceptor, struct err *reterr) _must_check_;
// Closes the listeners and what has not begun: from its return on gRPC gets no more connections.
void acceptor_stop(struct acceptor *acceptor);
// Ends all connections: peers see them closed. After acceptor_stop().
void acceptor_hang_up(struct acceptor *acceptor);
// Connections that are open now. Any thread.
size_t acceptor_count(const struct acceptor *acceptor);
struct acceptor *acceptor_free(struct acceptor *acceptor);
