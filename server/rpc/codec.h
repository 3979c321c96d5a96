// Messages between gRPC's byte buffers and protobuf-c, in a call's arena.
//
// No function keeps what it is given. Not thread-safe for one call.
#pragma once

#include <grpc/grpc.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "server/base/arena.h"
#include "server/base/err.h"

// The bytes of `payload` in one piece: where they are, or copied into `arena` if they came in many.
// They live as long as both.
enum err_code codec_bytes(grpc_byte_buffer *payload, struct arena *arena,
                          const unsigned char **ret_bytes, size_t *ret_len,
                          struct err *reterr) _must_check_;
// Decodes checked bytes into `arena`, of which it takes at most `max_bytes`. Errors:
// MESSAGE_INVALID.
enum err_code codec_decode(const ProtobufCMessageDescriptor *descriptor, const unsigned char *bytes,
                           size_t len, size_t max_bytes, struct arena *arena,
                           ProtobufCMessage **ret_message, struct err *reterr) _must_check_;
// An initialised message of its type in `arena`; NULL for want of memory.
ProtobufCMessage *codec_new(const ProtobufCMessageDescriptor *descriptor, struct arena *arena);
// Encodes `message`. With `secret` the memory is wiped when gRPC lets go of it. The caller destroys
// the buffer. Errors: INTERNAL if it has more than `max_bytes`.
enum err_code codec_encode(const ProtobufCMessage *message, size_t max_bytes, bool secret,
                           grpc_byte_buffer **ret_payload, struct err *reterr) _must_check_;
// Zeroes what was received, before it is destroyed: for requests that carry a secret.
void codec_wipe(grpc_byte_buffer *payload);
// Packs a message into `arena`. NULL for want of memory.
unsigned char *codec_pack(const ProtobufCMessage *message, struct arena *arena, size_t *ret_len);
