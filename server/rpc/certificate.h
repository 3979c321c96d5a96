// Whether what was read can be shown in a handshake. gRPC tells only that something is wrong, and
// when it is too late to say which file.
#pragma once

#include "server/base/err.h"

// A PEM file and what it holds.
struct certificate_file {
    const char *path;
    const char *pem;
};

// `authorities` of the other side. `pem` NULL, of them or of the certificate: none is wanted.
// Errors: FIELD_INVALID, with a text that begins with the file at fault.
enum err_code certificate_check(const struct certificate_file *certificate,
                                const struct certificate_file *key,
                                const struct certificate_file *authorities,
                                struct err *reterr) _must_check_;
