// What every call passes before its handler runs, and in which order.
//
// gate_enter() runs on the poller: it refuses cheaply, without a worker. gate_decode() runs where
// the handler will.
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "server/rpc/call.h"

// Admits, authenticates, authorises and sets the deadline. Errors: SHUTTING_DOWN, SERVER_BUSY,
// PEER_NOT_ALLOWED, TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED, MISSING_PERMISSION,
// ALL_COMPANIES_REQUIRED, DEADLINE_REQUIRED, DEADLINE_EXCEEDED.
enum err_code gate_enter(struct call *call, struct err *reterr) _must_check_;
// Whether the caller holds the method's permission, and sees as far as the method reaches. Errors:
// MISSING_PERMISSION, ALL_COMPANIES_REQUIRED.
enum err_code gate_authorise(struct call *call, struct err *reterr) _must_check_;
// Checks the bytes of the request, decodes them into the call's arena and lets go of what was
// received. Errors: CANCELLED, DEADLINE_EXCEEDED, MESSAGE_INVALID, FIELD_INVALID.
enum err_code gate_decode(struct call *call, ProtobufCMessage **ret_in,
                          struct err *reterr) _must_check_;
// The refusal of a call for which a lane has no room.
enum err_code gate_busy(struct err *reterr);
// The lane of a method; NULL if it runs on the poller: built in, or declared as LANE_NONE.
struct lane *gate_lane(const struct call *call);
// The time that a step of a stream may take: the client's deadline, or the general maximum from now
// on if that is earlier.
struct deadline gate_step_deadline(const struct call *call);
