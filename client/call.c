#include "client/call.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>
#include <grpc/support/time.h>
#include <sodium.h>
#include <string.h>

#include "client/message.h"

const ProtobufCMethodDescriptor *call_method(const struct channel_call *call)
{
    const ProtobufCMethodDescriptor *method =
        protobuf_c_service_descriptor_get_method_by_name(call->service, call->method);
    if (method == NULL)
        abort();
    return method;
}

static void release_secret(void *secret)
{
    (void)secret_free(secret);
}

static void release_bytes(void *bytes)
{
    free(bytes);
}

// Packs into memory that gRPC gives back, a secret's wiped.
static grpc_byte_buffer *pack(const ProtobufCMessage *request, bool is_secret)
{
    size_t len = protobuf_c_message_get_packed_size(request);
    struct secret *secret = is_secret ? secret_new(len) : NULL;
    unsigned char *bytes = secret != NULL ? secret_bytes_mut(secret)
                           : is_secret    ? NULL
                                          : malloc(len + 1);
    if (bytes == NULL)
        return NULL;
    (void)protobuf_c_message_pack(request, bytes);
    grpc_slice slice = secret != NULL
                           ? grpc_slice_new_with_user_data(bytes, len, release_secret, secret)
                           : grpc_slice_new_with_user_data(bytes, len, release_bytes, bytes);
    grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return message;
}

static void add_metadata(struct outgoing *outgoing, const char *key, grpc_slice value)
{
    outgoing->metadata[outgoing->metadata_count++] =
        (grpc_metadata){.key = grpc_slice_from_static_string(key), .value = value};
}

bool outgoing_init(struct outgoing *outgoing, struct channel *channel,
                   const struct channel_call *call)
{
    memset(outgoing, 0, sizeof(*outgoing));
    outgoing->message = pack(call->request, call->secret_request);
    if (outgoing->message == NULL)
        return false;
    char path[160];
    (void)snprintf(path, sizeof(path), "/%s/%s", call->service->name, call_method(call)->name);
    gpr_timespec deadline = gpr_inf_future(GPR_CLOCK_MONOTONIC);
    if (call->timeout_ms > 0)
        deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                gpr_time_from_millis(call->timeout_ms, GPR_TIMESPAN));
    outgoing->queue = grpc_completion_queue_create_for_next(NULL);
    grpc_slice method = grpc_slice_from_copied_string(path);
    outgoing->grpc = grpc_channel_create_call(channel->grpc, NULL, GRPC_PROPAGATE_DEFAULTS,
                                              outgoing->queue, method, NULL, deadline, NULL);
    grpc_slice_unref(method);
    encoding_random_id(outgoing->request_id);
    add_metadata(outgoing, "x-request-id", grpc_slice_from_static_string(outgoing->request_id));
    if (channel->authorization == NULL)
        return true;
    outgoing->authorization = secret_share(channel->authorization);
    add_metadata(outgoing, "authorization",
                 grpc_slice_from_static_buffer(secret_bytes(outgoing->authorization),
                                               secret_len(outgoing->authorization)));
    return true;
}

void outgoing_done(struct outgoing *outgoing)
{
    if (outgoing->message != NULL)
        grpc_byte_buffer_destroy(outgoing->message);
    if (outgoing->grpc != NULL)
        grpc_call_unref(outgoing->grpc);
    outgoing->authorization = secret_free(outgoing->authorization);
    if (outgoing->queue == NULL)
        return;
    grpc_completion_queue_shutdown(outgoing->queue);
    while (grpc_completion_queue_next(outgoing->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL)
               .type != GRPC_QUEUE_SHUTDOWN)
        ;
    grpc_completion_queue_destroy(outgoing->queue);
}

void ending_init(struct ending *ending)
{
    grpc_metadata_array_init(&ending->trailers);
    ending->status = GRPC_STATUS_UNKNOWN;
    ending->details = grpc_empty_slice();
}

void ending_done(struct ending *ending)
{
    grpc_metadata_array_destroy(&ending->trailers);
    grpc_slice_unref(ending->details);
}

void ending_read(const struct ending *ending, const char *request_id, struct arena *arena,
                 struct failure *ret_failure)
{
    const void *details = NULL;
    size_t details_len = 0;
    for (size_t i = 0; i < ending->trailers.count; i++) {
        const grpc_metadata *trailer = &ending->trailers.metadata[i];
        if (grpc_slice_str_cmp(trailer->key, "grpc-status-details-bin") == 0) {
            details = GRPC_SLICE_START_PTR(trailer->value);
            details_len = GRPC_SLICE_LENGTH(trailer->value);
        }
    }
    const char *message = arena_strndup(arena, (const char *)GRPC_SLICE_START_PTR(ending->details),
                                        GRPC_SLICE_LENGTH(ending->details));
    failure_read((enum status)ending->status, message == NULL ? "" : message, details, details_len,
                 arena, ret_failure);
    const char *id = arena_strdup(arena, request_id);
    ret_failure->request_id = id == NULL ? "" : id;
}

// Copies into a secret and zeroes gRPC's own copy, of which this call is the only reader.
static const ProtobufCMessage *
unpack_secret(grpc_byte_buffer *bytes, const ProtobufCMessageDescriptor *type, struct arena *arena)
{
    struct secret *copy _cleanup_(secret_freep) = secret_new(grpc_byte_buffer_length(bytes));
    grpc_byte_buffer_reader reader;
    if (grpc_byte_buffer_reader_init(&reader, bytes) == 0)
        return NULL;
    size_t len = 0;
    grpc_slice *slice;
    while (grpc_byte_buffer_reader_peek(&reader, &slice) != 0) {
        if (copy != NULL)
            memcpy(secret_bytes_mut(copy) + len, GRPC_SLICE_START_PTR(*slice),
                   GRPC_SLICE_LENGTH(*slice));
        len += GRPC_SLICE_LENGTH(*slice);
        sodium_memzero(GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
    }
    grpc_byte_buffer_reader_destroy(&reader);
    return copy == NULL ? NULL : message_unpack(type, secret_bytes(copy), len, arena);
}

const ProtobufCMessage *incoming_unpack(grpc_byte_buffer *bytes,
                                        const ProtobufCMessageDescriptor *type, bool secret,
                                        struct arena *arena)
{
    if (secret)
        return unpack_secret(bytes, type, arena);
    grpc_byte_buffer_reader reader;
    if (grpc_byte_buffer_reader_init(&reader, bytes) == 0)
        return NULL;
    grpc_slice whole = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    const ProtobufCMessage *message =
        message_unpack(type, GRPC_SLICE_START_PTR(whole), GRPC_SLICE_LENGTH(whole), arena);
    grpc_slice_unref(whole);
    return message;
}

static bool run(struct outgoing *outgoing, struct ending *ending, grpc_byte_buffer **ret_bytes)
{
    grpc_metadata_array headers;
    grpc_metadata_array_init(&headers);
    grpc_op ops[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA,
         .data.send_initial_metadata = {.count = outgoing->metadata_count,
                                        .metadata = outgoing->metadata}},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = outgoing->message},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {.op = GRPC_OP_RECV_INITIAL_METADATA,
         .data.recv_initial_metadata.recv_initial_metadata = &headers},
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = ret_bytes},
        {.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
         .data.recv_status_on_client = {.trailing_metadata = &ending->trailers,
                                        .status = &ending->status,
                                        .status_details = &ending->details}},
    };
    bool started =
        grpc_call_start_batch(outgoing->grpc, ops, ARRAY_LEN(ops), outgoing, NULL) == GRPC_CALL_OK;
    if (started)
        (void)grpc_completion_queue_next(outgoing->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC),
                                         NULL);
    grpc_metadata_array_destroy(&headers);
    return started;
}

static void fail(struct failure *ret_failure, const char *message)
{
    failure_read(STATUS_INTERNAL, message, NULL, 0, NULL, ret_failure);
}

bool channel_call(struct channel *channel, const struct channel_call *call,
                  const ProtobufCMessage **ret_response, struct failure *ret_failure)
{
    struct outgoing outgoing;
    struct ending ending;
    grpc_byte_buffer *bytes = NULL;
    bool good = outgoing_init(&outgoing, channel, call);
    ending_init(&ending);
    good = good && run(&outgoing, &ending, &bytes);
    if (!good) {
        fail(ret_failure, "the call cannot be made: no memory");
    } else if (ending.status != GRPC_STATUS_OK) {
        ending_read(&ending, outgoing.request_id, call->arena, ret_failure);
        good = false;
    } else {
        *ret_response = bytes == NULL ? NULL
                                      : incoming_unpack(bytes, call_method(call)->output,
                                                        call->secret_response, call->arena);
        good = *ret_response != NULL;
        if (!good)
            fail(ret_failure, "the server's answer cannot be read");
    }
    if (bytes != NULL)
        grpc_byte_buffer_destroy(bytes);
    ending_done(&ending);
    outgoing_done(&outgoing);
    return good;
}
