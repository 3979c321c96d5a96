#include "delivery.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "moment.h"

struct stream { /* a body that is not handed over at once */
    struct delay *delay;
    struct MHD_Connection *connection;
    char *data;
    size_t length;    /* what will be sent */
    bool torn;        /* ends with an error instead of an end */
    int64_t piece;    /* bytes at a time, 0: as they fit */
    int64_t pause_ms; /* between pieces */
    int64_t due_ms;
};

static ssize_t read_stream(void *context, uint64_t position, char *buffer, size_t room)
{
    struct stream *stream = context;
    if (position >= stream->length)
        return stream->torn ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    if (stream->pause_ms) {
        int64_t now = moment_monotonic_ms();
        if (now < stream->due_ms &&
            delay_suspend(stream->delay, stream->connection, stream->due_ms - now, 0))
            return 0;
        stream->due_ms = now + stream->pause_ms;
    }
    size_t count = stream->length - (size_t)position;
    if (count > room)
        count = room;
    if (stream->piece && count > (size_t)stream->piece)
        count = (size_t)stream->piece;
    memcpy(buffer, stream->data + position, count);
    return (ssize_t)count;
}

static void free_stream(void *context)
{
    struct stream *stream = context;
    free(stream->data);
    free(stream);
}

static struct MHD_Response *make_stream(struct delay *delay, struct MHD_Connection *connection,
                                        struct answer *answer)
{
    struct stream *stream = memory_get(1, sizeof *stream);
    uint64_t announced = answer->body.length;
    *stream = (struct stream){.delay = delay, .connection = connection};
    stream->length = answer->body.length;
    stream->data = text_take(&answer->body);
    if (answer->delivery == DELIVERY_TRUNCATED) {
        stream->length /= 2;
        /* A body that ends with its connection looks complete: that is this framing's point. */
        stream->torn = answer->framing != FRAMING_CLOSE;
        if (answer->framing != FRAMING_LENGTH)
            announced = MHD_SIZE_UNKNOWN;
    } else {
        stream->piece = answer->trickle_bytes;
        stream->pause_ms = answer->trickle_ms;
    }
    struct MHD_Response *response =
        MHD_create_response_from_callback(announced, 16384, read_stream, stream, free_stream);
    if (answer->framing == FRAMING_CLOSE)
        MHD_set_response_options(response, MHD_RF_HTTP_1_0_SERVER, MHD_RO_END);
    return response;
}

enum MHD_Result delivery_send(struct delay *delay, struct MHD_Connection *connection,
                              struct answer *answer)
{
    if (answer->delivery == DELIVERY_DROP || answer->delivery == DELIVERY_HANG)
        return MHD_NO;
    struct MHD_Response *response;
    if (answer->delivery == DELIVERY_PLAIN) {
        size_t length = answer->body.length;
        response = MHD_create_response_from_buffer(length, text_take(&answer->body),
                                                   MHD_RESPMEM_MUST_FREE);
    } else {
        response = make_stream(delay, connection, answer);
    }
    if (!response)
        return MHD_NO;
    if (answer->content_type)
        MHD_add_response_header(response, "Content-Type", answer->content_type);
    if (answer->location[0])
        MHD_add_response_header(response, "Location", answer->location);
    if (answer->retry_after[0])
        MHD_add_response_header(response, "Retry-After", answer->retry_after);
    enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}
