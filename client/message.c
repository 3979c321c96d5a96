#include "client/message.h"

static void *allocate(void *context, size_t bytes)
{
    return arena_alloc(context, bytes);
}

// The arena releases all of it together.
static void release(void *context, void *pointer)
{
    (void)context;
    (void)pointer;
}

const ProtobufCMessage *message_unpack(const ProtobufCMessageDescriptor *type, const void *bytes,
                                       size_t len, struct arena *arena)
{
    ProtobufCAllocator allocator = {allocate, release, arena};
    return protobuf_c_message_unpack(type, &allocator, len, bytes);
}

ProtobufCMessage *message_new(const ProtobufCMessageDescriptor *type, struct arena *arena)
{
    ProtobufCMessage *message = arena_alloc(arena, type->sizeof_message);
    if (message != NULL)
        protobuf_c_message_init(type, message);
    return message;
}
