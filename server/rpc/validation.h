// The check of a request's wire bytes before anything is decoded.
//
// Needed because protobuf-c neither checks UTF-8 nor sees that an embedded NUL shortens a string,
// and because small messages can decode to very large ones. Pure: no memory, no I/O.
#pragma once

#include <stddef.h>

#include "server/rpc/rule.h"

// Errors: MESSAGE_INVALID for bytes that are no message of the type (truncated or overlong
// numbers, groups, wrong wire types, too deep, too long); FIELD_INVALID for a value out of bounds:
// a string with a NUL or bad UTF-8, a string or bytes value too long, too many items, a nested
// message given twice. Both name the field's path if there is one. Unknown fields are skipped.
enum err_code validation_check(const struct rule *rule, const unsigned char *bytes, size_t len,
                               size_t max_bytes, struct err *reterr) _must_check_;
