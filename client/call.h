// The inside of a channel: for channel.c, call.c and stream.c alone.
#pragma once

#include <grpc/grpc.h>

#include "client/channel.h"
#include "server/base/encoding.h"
#include "server/base/secret.h"

struct channel {
    grpc_channel *grpc;
    struct secret *authorization; // "Bearer ..."; NULL: none
};

// A call in the making: what must live until its first batch has ended.
struct outgoing {
    grpc_call *grpc;
    grpc_completion_queue *queue;
    grpc_metadata metadata[2];
    size_t metadata_count;
    grpc_byte_buffer *message;
    struct secret *authorization; // what the metadata points to
    char request_id[ENCODING_ID_BYTES];
};

// What comes at the end of a call.
struct ending {
    grpc_metadata_array trailers;
    grpc_status_code status;
    grpc_slice details;
};

// Makes the call and packs its request. False: no memory.
bool outgoing_init(struct outgoing *outgoing, struct channel *channel,
                   const struct channel_call *call);
// The queue must have no operation outstanding.
void outgoing_done(struct outgoing *outgoing);

void ending_init(struct ending *ending);
void ending_done(struct ending *ending);
// The failure that the ending says.
void ending_read(const struct ending *ending, const char *request_id, struct arena *arena,
                 struct failure *ret_failure);

// Unpacks what was received and, if it is secret, wipes it. NULL: not this message, or no memory.
const ProtobufCMessage *incoming_unpack(grpc_byte_buffer *bytes,
                                        const ProtobufCMessageDescriptor *type, bool secret,
                                        struct arena *arena);
// The method of a service that must have it.
const ProtobufCMethodDescriptor *call_method(const struct channel_call *call);
