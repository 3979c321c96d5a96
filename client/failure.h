// Why a call failed: gRPC's status and the google.rpc.Status that came in its trailers.
//
// Strings live in the arena given to failure_read() and are as the server sent them: escape them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/base/arena.h"
#include "server/base/buffer.h"
#include "server/base/err.h"

enum { FAILURE_PAIRS_MAX = 16 };

struct failure_pair {
    const char *key;
    const char *value;
};

struct failure {
    enum status status;
    const char *message;
    const char *reason; // of ErrorInfo; "": none came
    struct failure_pair meta[FAILURE_PAIRS_MAX];
    size_t meta_count;
    struct failure_pair fields[FAILURE_PAIRS_MAX]; // of BadRequest
    size_t field_count;
    const char *resource;   // of ResourceInfo; "": none
    int64_t retry_after_ms; // of RetryInfo; 0: none
    const char *request_id; // what this call was sent with
};

// Fills `ret_failure`. `details` are the bytes of grpc-status-details-bin, NULL if there are none;
// bytes that cannot be read are ignored.
void failure_read(enum status status, const char *message, const void *details, size_t details_len,
                  struct arena *arena, struct failure *ret_failure);
// Appends what a person should see: text, reason, metadata, remedy, the resource to change.
// `method` is what was called, `server` the address for a server that cannot be reached; NULL is
// fine for each.
bool failure_write(struct buffer *buffer, const struct failure *failure, const char *method,
                   const char *server);
// The name of a status such as NOT_FOUND.
const char *failure_status_name(enum status status);
