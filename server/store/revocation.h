// Subjects whose tokens were ended.
//
// The look at them is made in tx.c, before the first statement of each call.
#pragma once

#include "server/store/store.h"

enum {
    // How long a revocation is kept. No token outlives it: 15 minutes of life and as much of leeway
    // at the most.
    REVOCATION_KEPT_S = 30 * 60,
};

// Ends the tokens of `subject` issued until `time_us`; a later revocation that stands already
// stays.
// `*ret_time_us` is the one that counts. Drops the tenant's revocations that have had their time.
enum err_code revocation_put(struct tx *tx, const char *subject, int64_t time_us,
                             int64_t *ret_time_us, struct err *reterr) _must_check_;
