// The gRPC server: listens, passes each call through the gate, runs its handler, answers.
//
// The only room that names grpc. rpc/README.md has the lifetime rules of calls and events.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/service/method.h"

// Checks a bearer token (no "Bearer " prefix) and gives its principal, allocated from `arena`.
// Errors: TOKEN_INVALID, TOKEN_EXPIRED. Thread-safe; must not block on the network.
typedef enum err_code token_verifier(void *context, const char *token, size_t len,
                                     struct arena *arena, const struct principal **ret_principal,
                                     struct err *reterr);

// One address to listen on. `address` is host:port (port 0: any free one) or unix:/path.
struct rpc_listener {
    const char *address;
    // PEM files; all NULL: plaintext, which only a loopback address or a Unix socket may be.
    const char *certificate_file;
    const char *key_file;
    // Authorities of client certificates, which are then required. Any address that is not loopback
    // and not a Unix socket must have it.
    const char *client_ca_file;
};

// What can be told without a file and without listening; a name of a host is looked up.
// Errors: FIELD_INVALID of the setting of docbridged.
enum err_code rpc_listener_check(const struct rpc_listener *wanted,
                                 struct err *reterr) _must_check_;

// One call that ended, for metrics. The strings are constants.
struct rpc_observation {
    const char *service; // full name; "" for a method that does not exist
    const char *method;
    enum err_code code;
    int64_t duration_us;
};
// Told of each call that ended, on any thread; must not block.
typedef void rpc_observer(void *context, const struct rpc_observation *observation);

enum { RPC_LISTENERS_MAX = 16, LANE_COUNT = 2 };

// Zero means the default in brackets.
struct rpc_settings {
    const struct rpc_listener *listeners;
    size_t listener_count;
    const char *client_names;       // [any] comma-separated: who may call (peer.h); borrowed
    const char *client_name_header; // [none] where a proxy on a Unix socket names its client
    int pollers;                    // [one a core] completion queues and their threads
    int store_workers;              // [8] threads of LANE_STORE
    int upstream_workers;           // [32] threads of LANE_UPSTREAM
    int queue_max;                  // [1024] calls waiting for each lane
    int64_t deadline_max_ms;        // [60,000] the longest a unary call may take
    int request_max_bytes;          // [1 MiB]
    int response_max_bytes;         // [3 MiB]
    int metadata_max_bytes;         // [8 KiB]
    int streams_per_connection;     // [100]
    int connections_max;            // [8,192] of the process
    int watchers_max;               // [10,000] open server streams of the process
    int64_t handshake_timeout_ms;   // [10,000]
    int64_t connection_idle_ms;     // [300,000]
    int64_t connection_age_ms;      // [1,800,000]
    int64_t connection_grace_ms;    // [30,000]
    bool reflection;
    // The FileDescriptorSet of the contract, as protoc wrote it; borrowed.
    const unsigned char *descriptor_set;
    size_t descriptor_set_len;
    const char *error_domain; // ["docbridge.internal"]
    rpc_observer *observe;    // [none]
    void *observe_context;
};

struct rpc_server;

// Builds the server: reads policy from the descriptor set, pairs it with the method tables, binds
// the addresses. Errors (all FIELD_INVALID, with a text that names the setting or the method): a
// method without a permission or without a handler, a handler without a method, a kind that
// differs, a plaintext address off the loopback, a certificate that cannot be read, an address that
// cannot be bound. `backend` is borrowed.
enum err_code rpc_server_new(const struct rpc_settings *settings,
                             const struct service *const *services, size_t service_count,
                             const struct backend *backend, token_verifier *verify,
                             void *verify_context, struct rpc_server **ret_server,
                             struct err *reterr) _must_check_;
// Starts threads and begins to serve. Health says SERVING.
enum err_code rpc_server_start(struct rpc_server *server, struct err *reterr) _must_check_;
// Sets what grpc.health.v1 answers, for the server ("") and every service.
void rpc_server_set_serving(struct rpc_server *server, bool serving);
// Refuses new calls, lets those that were let in end within `drain_ms`, cancels the rest, joins all
// threads.
void rpc_server_stop(struct rpc_server *server, int64_t drain_ms);
struct rpc_server *rpc_server_free(struct rpc_server *server);

// How the server stands, for metrics.
struct rpc_stats {
    size_t connections, streams;
    struct {
        const char *name;
        size_t workers, running, waiting; // steps of streams do not count as waiting
    } lanes[LANE_COUNT];
};
struct rpc_stats rpc_server_get_stats(struct rpc_server *server);
// The port that listener `index` is bound to; 0 for a Unix socket.
int rpc_server_port(const struct rpc_server *server, size_t index);
