// What of a reveal goes out: the value, in the clear or sealed to the caller's key.
#pragma once

#include "docbridge/v1/password.pb-c.h"
#include "server/service/request.h"
#include "server/source/source.h"
#include "server/store/password.h"

// Checks the key that a value is to be sealed to. `*ret_sealed` is false without one. Errors:
// FIELD_INVALID for a key that is not 32 bytes long, or to which everybody could open the seal: the
// points of small order, all zeroes among them.
enum err_code reveal_check_key(const ProtobufCBinaryData *key, bool *ret_sealed,
                               struct err *reterr) _must_check_;

// Fills the answer, everything from the request's arena, which is wiped. A call whose time is over
// or whose caller has gone gets none. Errors: DEADLINE_EXCEEDED, CANCELLED.
enum err_code reveal_release(const struct request *request,
                             const Docbridge__V1__RevealPasswordRequest *in,
                             const struct password_gates *gates, const struct source_password *live,
                             int64_t outcome_sequence, Docbridge__V1__RevealPasswordResponse *out,
                             struct err *reterr) _must_check_;
