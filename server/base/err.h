// The one table of errors, and the details of one error.
//
// Everything that can fail returns an `enum err_code`, ERR_OK on success, and on failure fills the
// caller's `struct err *reterr` if there is one. The names are the machine-readable reasons of the
// contract (docbridge.v1.ErrorReason without its prefix); a test holds the two against each other.
// Not for control flow between two files that know each other: use a bool or an enum there.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/cleanup.h"

// The numbers of gRPC's status codes (grpc/status.h), named here so that only rpc/ and client/ need
// that library.
enum status {
    STATUS_OK = 0,
    STATUS_CANCELLED = 1,
    STATUS_UNKNOWN = 2,
    STATUS_INVALID_ARGUMENT = 3,
    STATUS_DEADLINE_EXCEEDED = 4,
    STATUS_NOT_FOUND = 5,
    STATUS_ALREADY_EXISTS = 6,
    STATUS_PERMISSION_DENIED = 7,
    STATUS_RESOURCE_EXHAUSTED = 8,
    STATUS_FAILED_PRECONDITION = 9,
    STATUS_ABORTED = 10,
    STATUS_OUT_OF_RANGE = 11,
    STATUS_UNIMPLEMENTED = 12,
    STATUS_INTERNAL = 13,
    STATUS_UNAVAILABLE = 14,
    STATUS_DATA_LOSS = 15,
    STATUS_UNAUTHENTICATED = 16,
};

// X(reason, status). Order does not matter; the wire carries the name.
#define ERR_TABLE(X)                                          \
    X(TOKEN_MISSING, UNAUTHENTICATED)                         \
    X(TOKEN_EXPIRED, UNAUTHENTICATED)                         \
    X(TOKEN_INVALID, UNAUTHENTICATED)                         \
    X(TOKEN_REVOKED, UNAUTHENTICATED)                         \
    X(PEER_NOT_ALLOWED, PERMISSION_DENIED)                    \
    X(MISSING_PERMISSION, PERMISSION_DENIED)                  \
    X(ALL_COMPANIES_REQUIRED, PERMISSION_DENIED)              \
    X(UPSTREAM_RECORD_RESTRICTED, PERMISSION_DENIED)          \
    X(ANOTHER_PERSON_REQUIRED, PERMISSION_DENIED)             \
    X(ACTOR_NOT_ALLOWED, PERMISSION_DENIED)                   \
    X(RESOURCE_NOT_FOUND, NOT_FOUND)                          \
    X(MESSAGE_INVALID, INVALID_ARGUMENT)                      \
    X(FIELD_INVALID, INVALID_ARGUMENT)                        \
    X(UNKNOWN_REGION, INVALID_ARGUMENT)                       \
    X(API_KEY_MALFORMED, INVALID_ARGUMENT)                    \
    X(PAGE_TOKEN_INVALID, INVALID_ARGUMENT)                   \
    X(RESUME_TOKEN_EXPIRED, OUT_OF_RANGE)                     \
    X(DEADLINE_REQUIRED, INVALID_ARGUMENT)                    \
    X(INTERVAL_TOO_SHORT, INVALID_ARGUMENT)                   \
    X(REVEAL_REASON_REQUIRED, INVALID_ARGUMENT)               \
    X(TICKET_REQUIRED, INVALID_ARGUMENT)                      \
    X(SEALED_REVEAL_REQUIRED, INVALID_ARGUMENT)               \
    X(COMPANY_ALREADY_MAPPED, ALREADY_EXISTS)                 \
    X(ORGANIZATION_ALREADY_MAPPED, ALREADY_EXISTS)            \
    X(DOCUMENTATION_PROVIDER_ACTIVE, FAILED_PRECONDITION)     \
    X(CONNECTION_NOT_ACTIVE, FAILED_PRECONDITION)             \
    X(INVALID_STATE_TRANSITION, FAILED_PRECONDITION)          \
    X(COMPANY_MAPPED, FAILED_PRECONDITION)                    \
    X(SYNCS_PAUSED, FAILED_PRECONDITION)                      \
    X(DELETION_GUARD, FAILED_PRECONDITION)                    \
    X(PROVIDER_NOT_SUPPORTED, FAILED_PRECONDITION)            \
    X(REVEALS_PAUSED, FAILED_PRECONDITION)                    \
    X(REVEALS_FROZEN, FAILED_PRECONDITION)                    \
    X(HANDOFF_NOT_ALLOWED, FAILED_PRECONDITION)               \
    X(HANDOFF_NOT_OPEN, FAILED_PRECONDITION)                  \
    X(CONNECTION_NOT_EMPTY, FAILED_PRECONDITION)              \
    X(UPSTREAM_ACCOUNT_CHANGED, FAILED_PRECONDITION)          \
    X(UPSTREAM_KEY_REJECTED, FAILED_PRECONDITION)             \
    X(UPSTREAM_API_NOT_ENABLED, FAILED_PRECONDITION)          \
    X(UPSTREAM_ACCESS_DENIED, FAILED_PRECONDITION)            \
    X(UPSTREAM_PASSWORD_ACCESS_DISABLED, FAILED_PRECONDITION) \
    X(UPSTREAM_IMAGE_UNAVAILABLE, FAILED_PRECONDITION)        \
    X(PASSWORD_SHARING_DISABLED, FAILED_PRECONDITION)         \
    X(COMPANY_NO_ACCESS, FAILED_PRECONDITION)                 \
    X(CATEGORY_NOT_ALLOWED, FAILED_PRECONDITION)              \
    X(PASSWORD_VAULTED_UPSTREAM, FAILED_PRECONDITION)         \
    X(PASSWORD_ARCHIVED_UPSTREAM, FAILED_PRECONDITION)        \
    X(PASSWORD_PERSONAL_UPSTREAM, FAILED_PRECONDITION)        \
    X(ETAG_MISMATCH, ABORTED)                                 \
    X(CONFLICT, ABORTED)                                      \
    X(UPSTREAM_RATE_LIMITED, RESOURCE_EXHAUSTED)              \
    X(REVEAL_BUDGET_EXCEEDED, RESOURCE_EXHAUSTED)             \
    X(SERVER_BUSY, RESOURCE_EXHAUSTED)                        \
    X(UPSTREAM_UNREACHABLE, UNAVAILABLE)                      \
    X(UPSTREAM_ERROR, UNAVAILABLE)                            \
    X(UPSTREAM_UNEXPECTED_REDIRECT, UNAVAILABLE)              \
    X(UPSTREAM_ANSWER_INVALID, UNAVAILABLE)                   \
    X(UPSTREAM_RECORD_GONE, NOT_FOUND)                        \
    X(AUDIT_UNAVAILABLE, UNAVAILABLE)                         \
    X(VAULT_UNAVAILABLE, UNAVAILABLE)                         \
    X(STORE_UNAVAILABLE, UNAVAILABLE)                         \
    X(SHUTTING_DOWN, UNAVAILABLE)                             \
    X(UPSTREAM_TIMEOUT, DEADLINE_EXCEEDED)                    \
    X(DEADLINE_EXCEEDED, DEADLINE_EXCEEDED)                   \
    X(CANCELLED, CANCELLED)                                   \
    X(METHOD_UNKNOWN, UNIMPLEMENTED)                          \
    X(VAULT_RECORD_UNREADABLE, DATA_LOSS)                     \
    X(UPSTREAM_SCOPE_VIOLATION, INTERNAL)                     \
    X(INTERNAL, INTERNAL)

// ERR_<reason>; ERR_OK is no error.
enum err_code {
    ERR_OK = 0,
#define X(reason, status) ERR_##reason,
    ERR_TABLE(X)
#undef X
        ERR_CODE_COUNT,
};

enum {
    ERR_TEXT_BYTES = 384,
    ERR_META_MAX = 8,
    ERR_META_KEY_BYTES = 32,
    ERR_META_VALUE_BYTES = 200,
};

// One error in full. Lives on the caller's stack; needs no release.
struct err {
    enum err_code code;
    // For a person. Of INTERNAL, DATA_LOSS and UNKNOWN it goes to the log alone.
    char text[ERR_TEXT_BYTES];
    // ErrorInfo.metadata: which resource, which permission, which bounds. Never a secret.
    struct {
        char key[ERR_META_KEY_BYTES];
        char value[ERR_META_VALUE_BYTES];
    } meta[ERR_META_MAX];
    size_t meta_count;
    // The path of the request's field at fault, for BadRequest. Empty: none.
    char field[ERR_META_VALUE_BYTES];
    // When a retry may help, for RetryInfo. 0: not said.
    int64_t retry_after_ms;
};

// The name of `code` as the wire carries it, such as "TOKEN_MISSING"; "OK" for ERR_OK.
const char *err_reason(enum err_code code);
// The code whose wire name is `reason`; ERR_INTERNAL for an unknown one.
enum err_code err_from_reason(const char *reason);
// gRPC's status for `code`.
enum status err_status(enum err_code code);
// Whether the same call may succeed later without a change: UNAVAILABLE and RESOURCE_EXHAUSTED.
bool err_retryable(enum err_code code);

// Makes `err` no error, and no more of it: an error takes some kilobytes, and most calls need none.
void err_init(struct err *err);
// Starts an error: sets code and text, clears the rest. Returns `code`. `reterr` may be NULL.
enum err_code err_set(struct err *reterr, enum err_code code, const char *format, ...)
    _printf_(3, 4);
// Adds a line of metadata, cut at its bounds. No-op for NULL or when full.
void err_meta(struct err *reterr, const char *key, const char *format, ...) _printf_(3, 4);
// Names the field at fault.
void err_field(struct err *reterr, const char *format, ...) _printf_(2, 3);
// Sets the delay of RetryInfo.
void err_retry_after(struct err *reterr, int64_t delay_ms);
// The value of a line of metadata; NULL if there is none.
const char *err_meta_get(const struct err *err, const char *key);

// FIELD_INVALID about `field` in one call. Returns ERR_FIELD_INVALID.
enum err_code err_invalid(struct err *reterr, const char *field, const char *format, ...)
    _printf_(3, 4);
// RESOURCE_NOT_FOUND about the resource `name`: one text for what is absent and what is hidden.
enum err_code err_not_found(struct err *reterr, const char *name);
// INTERNAL for want of memory.
enum err_code err_no_memory(struct err *reterr);

// Returns from the function with the code of a failed call.
#define try_(call)                    \
    do {                              \
        enum err_code _code = (call); \
        if (_code != ERR_OK)          \
            return _code;             \
    } while (0)
