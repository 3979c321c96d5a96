// Handing a password on to somebody for one reveal.
#pragma once

#include "docbridge/v1/password.pb-c.h"
#include "server/service/name.h"
#include "server/service/request.h"
#include "server/store/password_handoff.h"

// Reads the name of a hand-off to the caller, which must be of `password`; "" is none, whose id is
// NULL. Errors: FIELD_INVALID.
enum err_code handoff_read(const struct request *request, const char *text,
                           const struct name *password, struct password_handoff *ret_handoff,
                           struct err *reterr) _must_check_;
// Finds it open, in a transaction of its own. Errors: HANDOFF_NOT_OPEN, whatever the cause.
enum err_code handoff_find(const struct request *request, const struct password_handoff *handoff,
                           struct err *reterr) _must_check_;
// Uses it up, in the transaction of the intent and once all other gates are open: what is denied
// leaves it open. `*ret_broken` tells a failure from a verdict. Errors: HANDOFF_NOT_OPEN.
enum err_code handoff_use(struct tx *tx, const struct password_handoff *handoff, bool *ret_broken,
                          struct err *reterr) _must_check_;

// CreatePasswordHandoff and DeletePasswordHandoff.
enum err_code password_hand_off(struct request *request,
                                const Docbridge__V1__CreatePasswordHandoffRequest *in,
                                Docbridge__V1__PasswordHandoff *out,
                                struct err *reterr) _must_check_;
enum err_code password_withdraw(struct request *request,
                                const Docbridge__V1__DeletePasswordHandoffRequest *in,
                                struct err *reterr) _must_check_;
// Records that a caller without the permission wanted to hand one on.
enum err_code password_hand_off_denied(struct request *request,
                                       const Docbridge__V1__CreatePasswordHandoffRequest *in,
                                       struct err *reterr) _must_check_;
