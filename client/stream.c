#include <grpc/byte_buffer.h>
#include <grpc/support/time.h>
#include <stdlib.h>

#include "client/call.h"

struct stream {
    struct outgoing outgoing;
    struct ending ending;
    grpc_metadata_array headers;
    const ProtobufCMessageDescriptor *type;
    grpc_byte_buffer *bytes;
    int outstanding; // batches that have not completed
    bool receiving;
    bool no_more; // the end of the messages was seen
};

// Tags: which batch has completed.
static char opened, received, ended;

static void start(struct stream *stream, grpc_op *ops, size_t count, void *tag)
{
    if (grpc_call_start_batch(stream->outgoing.grpc, ops, count, tag, NULL) == GRPC_CALL_OK)
        stream->outstanding++;
}

struct stream *stream_open(struct channel *channel, const struct channel_call *call)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL)
        return NULL;
    if (!outgoing_init(&stream->outgoing, channel, call)) {
        free(stream);
        return NULL;
    }
    ending_init(&stream->ending);
    grpc_metadata_array_init(&stream->headers);
    stream->type = call_method(call)->output;
    grpc_op first[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA,
         .data.send_initial_metadata = {.count = stream->outgoing.metadata_count,
                                        .metadata = stream->outgoing.metadata}},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = stream->outgoing.message},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {.op = GRPC_OP_RECV_INITIAL_METADATA,
         .data.recv_initial_metadata.recv_initial_metadata = &stream->headers},
    };
    start(stream, first, ARRAY_LEN(first), &opened);
    grpc_op last = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
                    .data.recv_status_on_client = {.trailing_metadata = &stream->ending.trailers,
                                                   .status = &stream->ending.status,
                                                   .status_details = &stream->ending.details}};
    start(stream, &last, 1, &ended);
    return stream;
}

static void receive(struct stream *stream)
{
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &stream->bytes};
    stream->bytes = NULL;
    stream->receiving = true;
    start(stream, &op, 1, &received);
}

enum stream_result stream_next(struct stream *stream, int64_t wait_ms, struct arena *arena,
                               const ProtobufCMessage **ret_message, struct failure *ret_failure)
{
    gpr_timespec until =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(wait_ms, GPR_TIMESPAN));
    for (;;) {
        if (!stream->receiving && !stream->no_more)
            receive(stream);
        if (stream->outstanding == 0) {
            ending_read(&stream->ending, stream->outgoing.request_id, arena, ret_failure);
            return STREAM_ENDED;
        }
        grpc_event event = grpc_completion_queue_next(stream->outgoing.queue, until, NULL);
        if (event.type != GRPC_OP_COMPLETE)
            return STREAM_IDLE;
        stream->outstanding--;
        if (event.tag != &received)
            continue;
        stream->receiving = false;
        if (stream->bytes == NULL) {
            stream->no_more = true;
            continue;
        }
        *ret_message = incoming_unpack(stream->bytes, stream->type, false, arena);
        grpc_byte_buffer_destroy(stream->bytes);
        stream->bytes = NULL;
        if (*ret_message != NULL)
            return STREAM_MESSAGE;
        failure_read(STATUS_INTERNAL, "the server's message cannot be read", NULL, 0, arena,
                     ret_failure);
        return STREAM_ENDED;
    }
}

struct stream *stream_close(struct stream *stream)
{
    if (stream == NULL)
        return NULL;
    (void)grpc_call_cancel(stream->outgoing.grpc, NULL);
    for (; stream->outstanding > 0; stream->outstanding--)
        (void)grpc_completion_queue_next(stream->outgoing.queue,
                                         gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    if (stream->bytes != NULL)
        grpc_byte_buffer_destroy(stream->bytes);
    grpc_metadata_array_destroy(&stream->headers);
    ending_done(&stream->ending);
    outgoing_done(&stream->outgoing);
    free(stream);
    return NULL;
}
