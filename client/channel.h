// gRPC's C core from the calling side: one channel, unary calls and server streams.
//
// TLS with the authorities of a file, except for Unix sockets and loopback addresses, which are in
// plaintext unless a CA is named. No call is ever retried here. The token is read into a
// secret, and anew only when asked for. Single-threaded: whoever calls also polls.
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/failure.h"
#include "client/options.h"
#include "server/base/arena.h"

struct channel;

// Prepares a channel; connects with the first call. Errors: FIELD_INVALID for the user.
enum err_code channel_open(const struct options *options, struct channel **ret_channel,
                           struct err *reterr) _must_check_;
struct channel *channel_close(struct channel *channel);
// Reads the token file anew, for calls made from now on. `*ret_renewed`: it has another token than
// the one in use. Errors: FIELD_INVALID for the user.
enum err_code channel_renew_token(struct channel *channel, const char *token_file,
                                  bool *ret_renewed, struct err *reterr) _must_check_;
// Whether an address is a Unix socket or a literal loopback address, or "localhost".
bool channel_is_local(const char *server);

struct channel_call {
    const ProtobufCServiceDescriptor *service;
    const char *method;
    const ProtobufCMessage *request;
    bool secret_request;
    bool secret_response;
    int64_t timeout_ms;  // 0: none
    struct arena *arena; // for the response and the failure
};

// False: `ret_failure` says why.
bool channel_call(struct channel *channel, const struct channel_call *call,
                  const ProtobufCMessage **ret_response, struct failure *ret_failure);

// Lets `wait_ms` at most pass, and lets a lost connection be made again meanwhile: gRPC does so
// only while somebody polls. Returns early when the state of the connection changes.
void channel_pause(struct channel *channel, int64_t wait_ms);

struct stream;

enum stream_result {
    STREAM_MESSAGE, // one came
    STREAM_IDLE,    // none came in time
    STREAM_ENDED,   // the failure says how; its status may be OK
};

// Starts a server stream. NULL: no memory.
struct stream *stream_open(struct channel *channel, const struct channel_call *call);
// Waits at most `wait_ms`. The message and the failure's strings live in `arena`.
enum stream_result stream_next(struct stream *stream, int64_t wait_ms, struct arena *arena,
                               const ProtobufCMessage **ret_message, struct failure *ret_failure);
// Hangs up.
struct stream *stream_close(struct stream *stream);
