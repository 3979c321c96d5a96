// The age of a key: upstream revokes one that nobody used for 90 days.
#pragma once

#include "server/base/arena.h"
#include "server/base/err.h"

// When a key that was last accepted at `used_us` is revoked. 0 for 0: not known.
int64_t key_age_revocation_us(int64_t used_us);
// A sentence about a key that was last accepted 75 days before `now_us` or earlier; `*ret_text` is
// NULL for any other.
enum err_code key_age_warning(struct arena *arena, int64_t used_us, int64_t now_us, char **ret_text,
                              struct err *reterr) _must_check_;
