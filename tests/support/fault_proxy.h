// A wire that misbehaves on command: listens on a port of 127.0.0.1 and carries each connection to
// a Unix socket.
//
//     struct fault_proxy *proxy = fault_proxy_start("/tmp/x/.s.PGSQL.5432");
//     ... connect to fault_proxy_port(proxy) ...
//     fault_proxy_stall(proxy, true);
//     fault_proxy_stop(proxy);
//
// Commands hold for connections that stand and for those to come, from a few milliseconds after the
// call. Everything here ends the test process with a message if it fails. Thread-safe.
#pragma once

#include <stdbool.h>

struct fault_proxy;

struct fault_proxy *fault_proxy_start(const char *socket_path);
// Closes everything. NULL is fine.
void fault_proxy_stop(struct fault_proxy *proxy);
int fault_proxy_port(const struct fault_proxy *proxy);
// Connections carried now.
int fault_proxy_connections(const struct fault_proxy *proxy);

// Each piece of data waits so long.
void fault_proxy_delay(struct fault_proxy *proxy, int ms);
// Carries nothing and hangs up nothing; the kernel goes on to accept connections.
void fault_proxy_stall(struct fault_proxy *proxy, bool on);
// Hangs up each connection when it has carried `bytes` of answers since its beginning; -1: never.
void fault_proxy_cut(struct fault_proxy *proxy, int bytes);
// Ends the connections that stand with RST, once.
void fault_proxy_reset(struct fault_proxy *proxy);
