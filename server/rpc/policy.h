// The policy of the contract as text, and the rules that its requests must keep.
//
// For tests and for people: a golden copy of the table shows every method that is weakened.
#pragma once

#include <stddef.h>

#include "server/base/buffer.h"
#include "server/base/err.h"

// Appends one line a method of package docbridge.v1: service, method, kind, read or WRITE, whether
// a secret goes in or comes out, the number of its permission, and "tenant" if it is only for
// callers of all companies. `set` is a FileDescriptorSet.
enum err_code rpc_policy_print(const unsigned char *set, size_t len, struct buffer *out,
                               struct err *reterr) _must_check_;

// Refuses a set in which a request of package docbridge.v1 holds a recursive type, a map,
// google.protobuf.Struct, Value, ListValue or Any. Errors: FIELD_INVALID that names the message.
enum err_code rpc_policy_check_requests(const unsigned char *set, size_t len,
                                        struct err *reterr) _must_check_;
