#include "server/rpc/stream.h"

#include <stdlib.h>

#include "server/base/log.h"
#include "server/rpc/codec.h"
#include "server/rpc/gate.h"
#include "server/rpc/state.h"

// What one message may allocate.
enum { STEP_ARENA_MAX_BYTES = 16 * 1024 * 1024, TOKEN_LEEWAY_US = 60 * 1000000 };

struct stream {
    struct call call;
    struct stream *next; // in the server's list
    struct stream **previous;
    void *state; // of the handler
    bool opened;
    struct event sent;
    struct event woke; // a step is due, where there is no lane
    struct stream_waker waker;
    pthread_mutex_t mutex;
    // A step is queued or runs, a message is under way, or all is over: who set it goes on.
    bool busy;
    bool woken;
    bool gone;   // the client has
    bool ending; // the server stops
};

static void release(struct owner *owner)
{
    struct stream *stream = (struct stream *)owner;
    call_done(&stream->call);
    pthread_mutex_destroy(&stream->mutex);
    free(stream);
}

// Queues a step: for its lane or, if it has none, for its poller, by a batch of nothing. For who
// holds `busy`.
static void queue_step(struct stream *stream)
{
    struct lane *lane = gate_lane(&stream->call);
    if (lane != NULL)
        lane_push_step(lane, &stream->call.job);
    else
        (void)event_start_batch(&stream->woke, stream->call.call, NULL, 0);
}

// Sets a flag and starts a step if none is due.
static void notice(struct stream *stream, bool *flag)
{
    pthread_mutex_lock(&stream->mutex);
    *flag = true;
    bool start = !stream->busy;
    stream->busy = true;
    pthread_mutex_unlock(&stream->mutex);
    if (start)
        queue_step(stream);
}

static void wake(void *context)
{
    struct stream *stream = context;
    notice(stream, &stream->woken);
}

static void on_closed(struct call *call)
{
    struct stream *stream = (struct stream *)call;
    if (atomic_load(&call->cancelled))
        notice(stream, &stream->gone);
}

// Nothing to send: gives up `busy`, unless something happened meanwhile.
static void rest(struct stream *stream)
{
    pthread_mutex_lock(&stream->mutex);
    bool again = stream->woken || stream->gone || stream->ending;
    stream->busy = again;
    pthread_mutex_unlock(&stream->mutex);
    if (again)
        queue_step(stream);
}

// Counts one more, unless the process has as many as it may. A caller may have as many as there is
// room for more.
static bool count_in(struct stream *stream)
{
    struct rpc_server *server = stream->call.server;
    int most = server->settings.watchers_max;
    if (stream->call.method->handler == NULL) {
        if (server->builtin_stream_count >= most)
            return false;
        server->builtin_stream_count++;
        return true;
    }
    int *of_caller = &server->stream_counts[stream->call.job.caller % LANE_FLOWS];
    if (*of_caller >= most - server->stream_count)
        return false;
    ++*of_caller;
    server->stream_count++;
    return true;
}

static void count_out(struct stream *stream)
{
    struct rpc_server *server = stream->call.server;
    if (stream->call.method->handler == NULL) {
        server->builtin_stream_count--;
        return;
    }
    server->stream_counts[stream->call.job.caller % LANE_FLOWS]--;
    server->stream_count--;
}

// False if there is no room for it.
static bool enlist(struct stream *stream)
{
    struct rpc_server *server = stream->call.server;
    pthread_mutex_lock(&server->mutex);
    bool room = count_in(stream);
    if (room) {
        stream->next = server->streams;
        stream->previous = &server->streams;
        if (stream->next != NULL)
            stream->next->previous = &stream->next;
        server->streams = stream;
    }
    pthread_mutex_unlock(&server->mutex);
    return room;
}

static void delist(struct stream *stream)
{
    struct rpc_server *server = stream->call.server;
    pthread_mutex_lock(&server->mutex);
    count_out(stream);
    *stream->previous = stream->next;
    if (stream->next != NULL)
        stream->next->previous = stream->previous;
    pthread_mutex_unlock(&server->mutex);
}

// The last step; leaves `busy` set, so that no other follows.
static void finish(struct stream *stream, const struct err *err)
{
    delist(stream);
    if (stream->opened)
        stream->call.method->stream->close(stream->state);
    call_end(&stream->call, NULL, err);
}

static bool send_message(struct stream *stream, grpc_byte_buffer *message)
{
    struct call *call = &stream->call;
    grpc_op ops[2] = {0};
    size_t count = 0;
    if (!call->initial_sent)
        ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    call->initial_sent = true;
    ops[count].op = GRPC_OP_SEND_MESSAGE;
    ops[count++].data.send_message.send_message = message;
    call->response = message;
    return event_start_batch(&stream->sent, call->call, ops, count);
}

static void run_sent(struct event *event, bool ok)
{
    struct stream *stream = (struct stream *)event->owner;
    grpc_byte_buffer_destroy(stream->call.response);
    stream->call.response = NULL;
    if (!ok) {
        pthread_mutex_lock(&stream->mutex);
        stream->gone = true;
        pthread_mutex_unlock(&stream->mutex);
    }
    queue_step(stream);
}

static enum err_code open_stream(struct stream *stream, struct err *reterr)
{
    struct call *call = &stream->call;
    ProtobufCMessage *in;
    try_(gate_decode(call, &in, reterr));
    stream->waker = (struct stream_waker){wake, stream};
    try_(call->method->stream->open(&call->request, in, &stream->waker, &stream->state, reterr));
    stream->opened = true;
    return ERR_OK;
}

// Asks the handler for what comes next. A message is encoded before its arena goes.
static enum err_code next_message(struct stream *stream, enum stream_step *ret_step,
                                  grpc_byte_buffer **ret_message, struct err *reterr)
{
    struct call *call = &stream->call;
    _cleanup_(arena_done) struct arena arena;
    arena_init(&arena, STEP_ARENA_MAX_BYTES);
    if (call->method->policy.secret_out)
        arena_wipe_on_done(&arena);
    ProtobufCMessage *out = codec_new(call->method->output, &arena);
    if (out == NULL)
        return err_no_memory(reterr);
    *ret_step = STREAM_END;
    try_(call->method->stream->next(&call->request, stream->state, &arena, out, ret_step, reterr));
    if (*ret_step != STREAM_MESSAGE)
        return ERR_OK;
    return codec_encode(out, (size_t)call->server->settings.response_max_bytes,
                        call->method->policy.secret_out, ret_message, reterr);
}

static enum err_code check_end(struct stream *stream, struct err *reterr)
{
    pthread_mutex_lock(&stream->mutex);
    bool gone = stream->gone, ending = stream->ending;
    stream->woken = false;
    pthread_mutex_unlock(&stream->mutex);
    if (gone)
        return err_set(reterr, ERR_CANCELLED, "the client has gone");
    if (ending)
        return err_set(reterr, ERR_SHUTTING_DOWN, "the server is shutting down");
    return ERR_OK;
}

// A stream does not outlive the token that opened it by more than the leeway of tokens (auth/).
static enum err_code check_token(const struct stream *stream, struct err *reterr)
{
    const struct principal *caller = stream->call.request.caller;
    if (caller == NULL || clock_wall_us() < caller->expire_time_us + TOKEN_LEEWAY_US)
        return ERR_OK;
    return err_set(reterr, ERR_TOKEN_EXPIRED, "the token of this stream has expired: open it anew");
}

static enum err_code step(struct stream *stream, enum stream_step *ret_step,
                          grpc_byte_buffer **ret_message, struct err *reterr)
{
    try_(check_end(stream, reterr));
    try_(check_token(stream, reterr));
    stream->call.request.deadline = gate_step_deadline(&stream->call);
    if (!stream->opened)
        try_(open_stream(stream, reterr));
    return next_message(stream, ret_step, ret_message, reterr);
}

static void take_step(struct stream *stream)
{
    struct err err;
    err_init(&err);
    enum stream_step next = STREAM_END;
    grpc_byte_buffer *message = NULL;
    err.code = step(stream, &next, &message, &err);
    if (err.code != ERR_OK || next == STREAM_END) {
        finish(stream, &err);
    } else if (next == STREAM_IDLE) {
        rest(stream);
    } else if (!send_message(stream, message)) {
        (void)err_set(&err, ERR_INTERNAL, "a message could not be sent");
        finish(stream, &err);
    }
}

static void run_step(struct lane_job *job)
{
    take_step((struct stream *)job->owner);
}

static void run_woke(struct event *event, bool ok)
{
    (void)ok;
    take_step((struct stream *)event->owner);
}

// Queues the first step.
static enum err_code begin(struct stream *stream, struct err *reterr)
{
    struct call *call = &stream->call;
    if (!enlist(stream))
        return gate_busy(reterr);
    // Since it was let in, stream_end_all() may have passed.
    if (atomic_load(&call->server->stopping))
        notice(stream, &stream->ending);
    call->job.run = run_step;
    struct lane *lane = gate_lane(call);
    if (lane == NULL) {
        queue_step(stream);
        return ERR_OK;
    }
    if (lane_push(lane, &call->job))
        return ERR_OK;
    delist(stream);
    return gate_busy(reterr);
}

static void run_arrived(struct event *event, bool ok)
{
    struct stream *stream = (struct stream *)event->owner;
    struct call *call = &stream->call;
    if (!ok)
        return;
    call_accept(call);
    struct err err;
    err_init(&err);
    enum err_code code = gate_enter(call, &err);
    if (code == ERR_OK) {
        call_watch(call);
        code = begin(stream, &err);
    }
    if (code != ERR_OK)
        call_end(call, NULL, &err);
}

void stream_arm(struct rpc_server *server, struct poller *poller, const struct table_method *method)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        log_event(LOG_ERROR, "no memory to post a call");
        return;
    }
    call_init(&stream->call, server, poller, method, run_arrived, release);
    stream->call.on_closed = on_closed;
    stream->sent = (struct event){run_sent, &stream->call.owner};
    stream->woke = (struct event){run_woke, &stream->call.owner};
    pthread_mutex_init(&stream->mutex, NULL);
    stream->busy = true; // until the first step has run
    call_post(&stream->call);
}

void stream_end_all(struct rpc_server *server)
{
    pthread_mutex_lock(&server->mutex);
    for (struct stream *stream = server->streams; stream != NULL; stream = stream->next)
        notice(stream, &stream->ending);
    pthread_mutex_unlock(&server->mutex);
}
