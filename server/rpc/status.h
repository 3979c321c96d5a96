// An error as the wire carries it: gRPC's code and text, and the standard google.rpc.Status.
//
// Here alone is decided what of an error leaves the process: the text and the metadata of INTERNAL,
// UNKNOWN and DATA_LOSS do not.
#pragma once

#include <stddef.h>

#include "server/base/arena.h"
#include "server/base/err.h"

struct status_message {
    enum status code;
    const char *text;
    // A packed google.rpc.Status, for grpc-status-details-bin; NULL for want of memory.
    const unsigned char *details;
    size_t details_len;
};

// Fills `ret_status` from an error; what it points to lives in `arena` or is static. Cannot fail:
// without memory the details are missing.
void status_from_error(const struct err *err, const char *domain, const char *request_id,
                       struct arena *arena, struct status_message *ret_status);
