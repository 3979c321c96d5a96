// Parameters in the form libpq wants.
//
// Everything but text travels in binary with its type named: a number is bigint, an array text[],
// bigint[] and so on, whatever the statement does with it. Text is sent untyped, so that it fits
// jsonb, numeric or any other column; where the server cannot tell, the statement casts ($2::text).
#pragma once

#include <stddef.h>

#include <libpq-fe.h>

#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/store/store.h"

enum { ARGS_MAX = 64 };

struct args_bound {
    int count;
    Oid types[ARGS_MAX];
    const char *values[ARGS_MAX];
    int lengths[ARGS_MAX];
    int formats[ARGS_MAX];
};

// Encodes into `arena`; text and bytes are borrowed. Errors: INTERNAL for too many or too large.
enum err_code args_bind(const struct arg *args, size_t count, struct arena *arena,
                        struct args_bound *ret_bound, struct err *reterr) _must_check_;
