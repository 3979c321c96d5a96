#include "server/rpc/codec.h"

#include <grpc/byte_buffer_reader.h>
#include <string.h>

enum err_code codec_bytes(grpc_byte_buffer *payload, struct arena *arena,
                          const unsigned char **ret_bytes, size_t *ret_len, struct err *reterr)
{
    if (payload == NULL)
        return err_set(reterr, ERR_MESSAGE_INVALID, "the call carries no request");
    grpc_slice_buffer *slices = &payload->data.raw.slice_buffer;
    *ret_len = grpc_byte_buffer_length(payload);
    if (slices->count == 1) {
        // The slice in the buffer itself: a copy would move the bytes of an inlined one.
        *ret_bytes = GRPC_SLICE_START_PTR(slices->slices[0]);
        return ERR_OK;
    }
    unsigned char *bytes = arena_alloc(arena, *ret_len + 1);
    if (bytes == NULL)
        return err_no_memory(reterr);
    size_t at = 0;
    for (size_t i = 0; i < slices->count; i++) {
        size_t len = GRPC_SLICE_LENGTH(slices->slices[i]);
        memcpy(bytes + at, GRPC_SLICE_START_PTR(slices->slices[i]), len);
        at += len;
    }
    *ret_bytes = bytes;
    return ERR_OK;
}

// protobuf-c's allocator over an arena, with a limit of its own.
struct decoding {
    struct arena *arena;
    size_t left_bytes;
};

static void *decoding_alloc(void *context, size_t bytes)
{
    struct decoding *decoding = context;
    if (bytes > decoding->left_bytes)
        return NULL;
    decoding->left_bytes -= bytes;
    return arena_alloc(decoding->arena, bytes);
}

static void decoding_free(void *context, void *pointer)
{
    (void)context;
    (void)pointer;
}

enum err_code codec_decode(const ProtobufCMessageDescriptor *descriptor, const unsigned char *bytes,
                           size_t len, size_t max_bytes, struct arena *arena,
                           ProtobufCMessage **ret_message, struct err *reterr)
{
    struct decoding decoding = {arena, max_bytes};
    ProtobufCAllocator allocator = {decoding_alloc, decoding_free, &decoding};
    *ret_message = protobuf_c_message_unpack(descriptor, &allocator, len, bytes);
    if (*ret_message == NULL)
        return err_set(reterr, ERR_MESSAGE_INVALID, "the request cannot be decoded as %s",
                       descriptor->name);
    return ERR_OK;
}

ProtobufCMessage *codec_new(const ProtobufCMessageDescriptor *descriptor, struct arena *arena)
{
    ProtobufCMessage *message = arena_alloc(arena, descriptor->sizeof_message);
    if (message != NULL)
        protobuf_c_message_init(descriptor, message);
    return message;
}

static void wipe_and_free(void *pointer, size_t len)
{
    explicit_bzero(pointer, len);
    free(pointer);
}

static void wipe_one(void *pointer)
{
    wipe_and_free(pointer, 1);
}

// A slice over memory of its own, never an inlined one, that is wiped at the end.
static enum err_code new_secret_slice(size_t len, grpc_slice *ret_slice, struct err *reterr)
{
    void *memory = malloc(len == 0 ? 1 : len);
    if (memory == NULL)
        return err_no_memory(reterr);
    *ret_slice = len == 0 ? grpc_slice_new_with_user_data(memory, 0, wipe_one, memory)
                          : grpc_slice_new_with_len(memory, len, wipe_and_free);
    return ERR_OK;
}

enum err_code codec_encode(const ProtobufCMessage *message, size_t max_bytes, bool secret,
                           grpc_byte_buffer **ret_payload, struct err *reterr)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    if (len > max_bytes)
        return err_set(reterr, ERR_INTERNAL, "a %s has %zu bytes, more than the limit of %zu",
                       message->descriptor->name, len, max_bytes);
    grpc_slice slice;
    if (secret)
        try_(new_secret_slice(len, &slice, reterr));
    else
        slice = grpc_slice_malloc(len);
    (void)protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
    *ret_payload = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return ERR_OK;
}

void codec_wipe(grpc_byte_buffer *payload)
{
    if (payload == NULL)
        return;
    grpc_slice_buffer *slices = &payload->data.raw.slice_buffer;
    for (size_t i = 0; i < slices->count; i++)
        explicit_bzero(GRPC_SLICE_START_PTR(slices->slices[i]),
                       GRPC_SLICE_LENGTH(slices->slices[i]));
}

unsigned char *codec_pack(const ProtobufCMessage *message, struct arena *arena, size_t *ret_len)
{
    *ret_len = protobuf_c_message_get_packed_size(message);
    unsigned char *bytes = arena_alloc(arena, *ret_len + 1);
    if (bytes != NULL)
        (void)protobuf_c_message_pack(message, bytes);
    return bytes;
}
