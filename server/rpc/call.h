// One call, from the moment it is posted until gRPC is done with it.
//
// Embedded first in what serves it (unary, stream, reflection). Lifetime: see event.h. A call is
// touched by one thread at a time (its poller, then a worker of its lane), except `cancelled`.
#pragma once

#include <grpc/grpc.h>
#include <stdatomic.h>
#include <stddef.h>

#include "server/base/arena.h"
#include "server/rpc/event.h"
#include "server/rpc/lane.h"
#include "server/rpc/table.h"
#include "server/service/request.h"

enum {
    CALL_REQUEST_ID_MAX = 64,
    // What a handler may allocate: several times the largest response.
    CALL_ARENA_MAX_BYTES = 32 * 1024 * 1024,
    // Room for the details of an error, also when a handler used up its arena.
    CALL_ENDING_MAX_BYTES = 32 * 1024,
};

struct call {
    struct owner owner;
    struct rpc_server *server;
    struct poller *poller;
    const struct table_method *method; // NULL: not known yet, or it does not exist
    struct event arrived;
    struct event closed; // the client knows the end, or has gone
    struct event served; // a worker has the response ready
    struct event ended;  // status was handed over
    struct lane_job job;
    // Called on the poller when the client has gone or the call is over. NULL: not interested.
    void (*on_closed)(struct call *call);

    grpc_call *call;
    grpc_call_details details; // of one that arrived by name
    grpc_metadata_array metadata;
    gpr_timespec client_deadline;
    grpc_byte_buffer *payload;
    grpc_byte_buffer *response;
    int was_cancelled; // gRPC's answer to RECV_CLOSE
    atomic_bool cancelled;
    bool watched; // the close is asked for
    bool initial_sent;
    bool let_in; // by server_let_in()

    struct arena arena;
    struct arena ending;
    struct request request;
    char request_id[CALL_REQUEST_ID_MAX + 1];
    char *peer; // as gRPC has it
    int64_t arrive_us;
};

// The call that a handler's request belongs to.
static inline struct call *call_of(struct request *request)
{
    return (struct call *)((char *)request - offsetof(struct call, request));
}

// Prepares a call that is to be posted. `arrived` runs when a client calls, or with ok = false when
// the server stops; `release` frees the memory after call_done().
void call_init(struct call *call, struct rpc_server *server, struct poller *poller,
               const struct table_method *method, void (*arrived)(struct event *event, bool ok),
               void (*release)(struct owner *));
// Posts it at gRPC, with the first reference moving to the posted request.
void call_post(struct call *call);
// First thing when a call arrived: posts a registered method again, reads the metadata.
void call_accept(struct call *call);
// Asks to be told when the client hangs up. For every call that is not ended on the spot.
void call_watch(struct call *call);
// The value of the only metadata entry of that key. False if there is none; *ret_many tells of
// several.
bool call_metadata(const struct call *call, const char *key, const char **ret_value,
                   size_t *ret_len, bool *ret_many);
// Ends a call that went well with `response` (taken), on its poller, where answers to one client
// leave together.
void call_end_on_poller(struct call *call, grpc_byte_buffer *response);
// Ends the call: `response` (taken; NULL on an error or after a stream) and the status of `err`,
// whose code is ERR_OK on success. Exactly once a call that was accepted.
void call_end(struct call *call, grpc_byte_buffer *response, const struct err *err);
// Destroys the received bytes, wiped if they carry a secret. Safe twice.
void call_drop_payload(struct call *call);
void call_done(struct call *call);
