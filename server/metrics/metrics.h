// What SREs watch: counted here of calls, elsewhere by base/counter.h, and read of the rest when it
// is asked for. Of tenants, persons and records nothing is told.
//
// Calls have the names that gRPC's own interceptors for Prometheus gave them (grpc_server_*), so
// that dashboards fit; durations are in seconds.
#pragma once

#include <stddef.h>

#include "server/base/buffer.h"
#include "server/rpc/server.h"
#include "server/store/store.h"

enum { METRICS_POOLS_MAX = 4, METRICS_MAX_BYTES = 4 * 1024 * 1024 };

// Pools of connections to the database, by their names; borrowed.
struct metrics_pool {
    const char *name;
    struct store *store;
};

struct metrics;

// `version` is of the program, borrowed.
enum err_code metrics_new(const char *version, struct metrics **ret_metrics,
                          struct err *reterr) _must_check_;
struct metrics *metrics_free(struct metrics *metrics);
// An rpc_observer, whose context is the metrics.
void metrics_observe(void *metrics, const struct rpc_observation *observation);
// Where the rest is read; before the first metrics_write().
void metrics_watch(struct metrics *metrics, struct rpc_server *server,
                   const struct metrics_pool *pools, size_t count);
// Writes all of it, in the text format 0.0.4 of Prometheus. Any thread. False: no memory.
bool metrics_write(struct metrics *metrics, struct buffer *out);
