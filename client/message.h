// Messages in arenas: unpacked at once, released at once.
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "server/base/arena.h"

// Unpacks bytes into `arena`. NULL: no such message, or no memory.
const ProtobufCMessage *message_unpack(const ProtobufCMessageDescriptor *type, const void *bytes,
                                       size_t len, struct arena *arena);
// An empty message of a type known at run time. NULL: no memory.
ProtobufCMessage *message_new(const ProtobufCMessageDescriptor *type, struct arena *arena);
