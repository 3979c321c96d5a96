// What a verified token says: its claims (RFC 7519 and our own) to a principal.
//
// README.md lists the claims. Reads the payload of a signature that holds, but trusts nothing in
// it: a wrong type, a number outside int64 or a repeated name refuses the token. Thread-safe.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/auth/principal.h"
#include "server/base/arena.h"
#include "server/base/err.h"

enum {
    CLAIMS_TENANT_MAX_BYTES = 64,
    CLAIMS_TEXT_MAX_BYTES = 256, // name, email, company_scope
    CLAIMS_COMPANIES_MAX = 100,
    CLAIMS_COMPANY_MAX_BYTES = 128,
};

struct claims_policy {
    const char *issuer;
    const char *audience;
    int64_t leeway_us;
    int64_t lifetime_max_us;
};

// Reads `payload` as of `now_us`. Everything that the principal points to is in `arena`. Errors:
// TOKEN_INVALID with a text for the log that names the claim; TOKEN_EXPIRED for a token that is
// good but for its age; INTERNAL for want of memory.
enum err_code claims_read(const struct claims_policy *policy, const unsigned char *payload,
                          size_t len, int64_t now_us, struct arena *arena,
                          const struct principal **ret_principal, struct err *reterr) _must_check_;
