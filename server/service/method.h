// The method tables: which function serves which RPC, and on which threads.
//
// Names, types, permission, bounds and secrecy stand in the contract alone; rpc/ pairs these tables
// with the embedded descriptor set at start and refuses to run on any mismatch.
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "server/service/request.h"

enum method_kind {
    METHOD_UNARY,
    METHOD_SERVER_STREAM,
};

// Which pool of threads runs a handler. A handler that waits for upstream must not hold up those
// that only wait for the database.
enum method_lane {
    LANE_STORE,
    LANE_UPSTREAM,
    // Unary methods that answer from memory at once: on the poller itself, without a change of
    // thread. A handler that blocks here holds up its share of all connections.
    LANE_NONE,
};

// Serves one call: fills `out`, a response of the method's type that is initialised already, from
// the request `in`. On an error `out` is not sent.
typedef enum err_code unary_handler(struct request *request, const void *in, void *out,
                                    struct err *reterr);

// Records a call of a unary method that the gate refused for want of the permission, on the
// method's lane. An error takes the place of MISSING_PERMISSION.
typedef enum err_code denied_handler(struct request *request, const void *in, struct err *reterr);

enum stream_step {
    STREAM_MESSAGE, // `out` is filled; call next again once it is sent
    STREAM_IDLE,    // nothing now: call next again after a wake
    STREAM_END,     // the stream ends with OK; `out` is not sent
};

// How a stream tells that next() has something. May be called on any thread, also inside open() and
// next(); must not be called after close() returned.
struct stream_waker {
    void (*wake)(void *context);
    void *context;
};

// A server stream without a thread of its own. open, next and close of one stream never overlap;
// they run on the method's lane and may block on the database.
struct stream_handler {
    // `waker` stays valid until close.
    enum err_code (*open)(struct request *request, const void *in, const struct stream_waker *waker,
                          void **ret_state, struct err *reterr);
    // Fills `out`, allocating from `arena`, which is released after the message is sent.
    enum err_code (*next)(struct request *request, void *state, struct arena *arena, void *out,
                          enum stream_step *ret_step, struct err *reterr);
    // Called exactly once for each successful open, also when the client has gone.
    void (*close)(void *state);
};

struct method {
    const char *name; // as in the contract, such as "GetConnection"
    enum method_kind kind;
    enum method_lane lane;
    unary_handler *unary;
    const struct stream_handler *stream;
    denied_handler *denied; // NULL: a refusal leaves no trace but the log's
};

struct service {
    const ProtobufCServiceDescriptor *descriptor;
    const struct method *methods;
    size_t method_count;
};

// Gives a handler its types. HANDLER(get_connection, GetConnectionRequest, Connection) defines
// `get_connection_handler` for the table and declares, for the file to define:
//     static enum err_code get_connection(struct request *request,
//         const Docbridge__V1__GetConnectionRequest *in, Docbridge__V1__Connection *out,
//         struct err *reterr);
#define HANDLER(function, In, Out)                                                              \
    static enum err_code function(struct request *request, const Docbridge__V1__##In *in,       \
                                  Docbridge__V1__##Out *out, struct err *reterr);               \
    static enum err_code function##_handler(struct request *request, const void *in, void *out, \
                                            struct err *reterr)                                 \
    {                                                                                           \
        return function(request, in, out, reterr);                                              \
    }

#define UNARY(Name, function, Lane)                                                      \
    {                                                                                    \
        .name = #Name, .kind = METHOD_UNARY, .lane = (Lane), .unary = function##_handler \
    }
#define STREAM(Name, handler, Lane)                                                       \
    {                                                                                     \
        .name = #Name, .kind = METHOD_SERVER_STREAM, .lane = (Lane), .stream = &(handler) \
    }
