// The inside of struct rpc_server, shared by the files of this folder.
//
// Lock order: health.mutex or rpc_server.mutex, stream.mutex, lane.mutex. None is held while a
// handler runs, or gRPC, but for the empty batch that queues a step of a built-in stream.
#pragma once

#include <grpc/grpc.h>
#include <pthread.h>
#include <stdatomic.h>

#include "server/base/encoding.h"
#include "server/rpc/accept.h"
#include "server/rpc/contract.h"
#include "server/rpc/cork.h"
#include "server/rpc/event.h"
#include "server/rpc/health.h"
#include "server/rpc/lane.h"
#include "server/rpc/listener.h"
#include "server/rpc/server.h"
#include "server/rpc/table.h"

struct stream;

struct rpc_server {
    struct rpc_settings settings; // defaults filled in
    const struct backend *backend;
    token_verifier *verify;
    void *verify_context;
    struct table table;
    struct contract *contract; // kept for reflection, else NULL
    grpc_server *grpc;
    struct cork_table corks;
    struct acceptor *acceptor;
    struct poller *pollers;
    size_t poller_count;
    struct lane lanes[LANE_COUNT];
    struct listener *listeners;
    size_t listener_count;
    atomic_bool serving; // what health says
    struct health health;
    atomic_bool stopping; // no new calls
    // Request ids that we make: a random beginning for this process, then a number.
    char id_prefix[ENCODING_ID_BYTES];
    atomic_uint_fast64_t next_id;
    bool started;
    bool stopped;
    // Calls that exist, posted ones too. Falls to 0 only after the shutdown.
    atomic_size_t calls;
    atomic_size_t running;  // those let in and not over
    pthread_mutex_t mutex;  // guards what follows
    pthread_cond_t changed; // running or calls fell to 0, or the shutdown is complete
    bool shutdown_complete;
    int stream_count;
    int stream_counts[LANE_FLOWS]; // of these, of callers of the same flow
    int builtin_stream_count; // apart: they need no token, and must not take the place of others
    struct stream *streams;   // those let in and not finished
    struct event shutdown;
    struct owner owner; // of that event
};

// Counts a call that shall be answered before the server stops. False if it is stopping already.
bool server_let_in(struct rpc_server *server);
void server_let_out(struct rpc_server *server);
// Count a call; the last one to go wakes rpc_server_stop().
void server_call_added(struct rpc_server *server);
void server_call_gone(struct rpc_server *server);
