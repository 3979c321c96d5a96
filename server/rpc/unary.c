#include "server/rpc/unary.h"

#include <stdlib.h>

#include "server/base/log.h"
#include "server/rpc/codec.h"
#include "server/rpc/gate.h"
#include "server/rpc/state.h"

static void release(struct owner *owner)
{
    struct call *call = (struct call *)owner;
    call_done(call);
    free(call);
}

static enum err_code handle(struct call *call, const ProtobufCMessage *in, ProtobufCMessage *out,
                            struct err *reterr)
{
    if (call->method->builtin != NULL)
        return call->method->builtin(call, in, out, reterr);
    return call->method->handler->unary(&call->request, in, out, reterr);
}

static enum err_code serve(struct call *call, grpc_byte_buffer **ret_response, struct err *reterr)
{
    ProtobufCMessage *in;
    try_(gate_decode(call, &in, reterr));
    ProtobufCMessage *out = codec_new(call->method->output, &call->arena);
    if (out == NULL)
        return err_no_memory(reterr);
    try_(handle(call, in, out, reterr));
    return codec_encode(out, (size_t)call->server->settings.response_max_bytes,
                        call->method->policy.secret_out, ret_response, reterr);
}

static void serve_and_end(struct call *call)
{
    struct err err;
    err_init(&err);
    grpc_byte_buffer *response = NULL;
    // The code counts, also if a handler forgot to fill in the error.
    err.code = serve(call, &response, &err);
    if (err.code == ERR_OK && !poller_is_self(call->poller))
        call_end_on_poller(call, response);
    else
        call_end(call, response, &err);
}

static void run_job(struct lane_job *job)
{
    serve_and_end((struct call *)job->owner);
}

// The gate refused the caller; what the contract wants to be known of that is recorded first.
static void run_denied(struct lane_job *job)
{
    struct call *call = (struct call *)job->owner;
    struct err err;
    err_init(&err);
    ProtobufCMessage *in;
    call->request.deadline = gate_step_deadline(call);
    err.code = gate_decode(call, &in, &err);
    if (err.code == ERR_OK)
        err.code = call->method->handler->denied(&call->request, in, &err);
    if (err.code == ERR_OK)
        err.code = gate_authorise(call, &err);
    call_end(call, NULL, &err);
}

// The call is there with its request.
static void enter(struct call *call)
{
    struct err err;
    err_init(&err);
    enum err_code code = gate_enter(call, &err);
    struct lane *lane = gate_lane(call);
    if (code == ERR_OK && lane == NULL) {
        serve_and_end(call);
        return;
    }
    bool recorded = code == ERR_MISSING_PERMISSION && call->method->handler->denied != NULL;
    call->job.run = recorded ? run_denied : run_job;
    if (code == ERR_OK || recorded) {
        call_watch(call);
        code = lane_push(lane, &call->job) ? ERR_OK : gate_busy(&err);
    }
    if (code != ERR_OK)
        call_end(call, NULL, &err);
}

static void run_arrived(struct event *event, bool ok)
{
    struct call *call = (struct call *)event->owner;
    if (!ok)
        return;
    call_accept(call);
    enter(call);
}

static void post(struct rpc_server *server, struct poller *poller,
                 const struct table_method *method, void (*arrived)(struct event *event, bool ok))
{
    struct call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        log_event(LOG_ERROR, "no memory to post a call");
        return;
    }
    call_init(call, server, poller, method, arrived, release);
    call_post(call);
}

void unary_arm(struct rpc_server *server, struct poller *poller, const struct table_method *method)
{
    post(server, poller, method, run_arrived);
}

// The client sent its request, or will send none.
static void run_received(struct event *event, bool ok)
{
    (void)ok;
    enter((struct call *)event->owner);
}

static enum err_code receive(struct call *call, struct err *reterr)
{
    if (call->method == NULL)
        return err_set(reterr, ERR_METHOD_UNKNOWN, "there is no such method");
    call->arrived.run = run_received;
    const grpc_op op = {.op = GRPC_OP_RECV_MESSAGE,
                        .data.recv_message.recv_message = &call->payload};
    if (event_start_batch(&call->arrived, call->call, &op, 1))
        return ERR_OK;
    return err_set(reterr, ERR_INTERNAL, "a request cannot be received");
}

static void run_named(struct event *event, bool ok)
{
    struct call *call = (struct call *)event->owner;
    if (!ok)
        return;
    unary_arm_named(call->server, call->poller);
    call->method = table_find_named(&call->server->table,
                                    (const char *)GRPC_SLICE_START_PTR(call->details.method),
                                    GRPC_SLICE_LENGTH(call->details.method));
    call->client_deadline = call->details.deadline;
    call_accept(call);
    struct err err;
    err_init(&err);
    if (receive(call, &err) != ERR_OK)
        call_end(call, NULL, &err);
}

void unary_arm_named(struct rpc_server *server, struct poller *poller)
{
    post(server, poller, NULL, run_named);
}
