// grpc.health.v1.Health, Check and Watch, for the server ("") and each of its services.
//
// Needs no token and no lane: it answers from memory, on the poller, when every lane is full. All
// services share one state. A watcher costs memory and no thread.
#pragma once

#include <pthread.h>

#include "server/base/err.h"

struct rpc_server;
struct health_watch;

// Who watches.
struct health {
    pthread_mutex_t mutex;
    struct health_watch *watches;
};

void health_init(struct health *health);
// After the last stream has ended.
void health_done(struct health *health);
enum err_code health_add(struct rpc_server *server, struct err *reterr) _must_check_;
// Tells all watchers to look at server.serving again.
void health_changed(struct rpc_server *server);
