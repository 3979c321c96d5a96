// The reveal and its explanation, which have files of their own beside the rest of PasswordService.
#pragma once

#include "docbridge/v1/password.pb-c.h"
#include "server/service/request.h"

// Serves RevealPassword.
enum err_code password_reveal(struct request *request,
                              const Docbridge__V1__RevealPasswordRequest *in,
                              Docbridge__V1__RevealPasswordResponse *out,
                              struct err *reterr) _must_check_;
// Records that a caller without the permission asked for a value.
enum err_code password_reveal_denied(struct request *request,
                                     const Docbridge__V1__RevealPasswordRequest *in,
                                     struct err *reterr) _must_check_;
// Serves ExplainPasswordAccess.
enum err_code password_explain(struct request *request,
                               const Docbridge__V1__ExplainPasswordAccessRequest *in,
                               Docbridge__V1__ExplainPasswordAccessResponse *out,
                               struct err *reterr) _must_check_;
