// Verified tokens and their principals, so that a token's signature is computed once and not in
// each call.
//
// An entry is found by the BLAKE2b hash of the whole token, which is all that is kept of it; it
// counts for one set of keys and until the token expires. Refusals are never kept. Bounded: of
// TOKEN_CACHE_MAX tokens those used lately stay. Thread-safe; a lock covers a share of the entries
// for the time of a copy.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/auth/principal.h"
#include "server/base/arena.h"

enum { TOKEN_CACHE_MAX = 4096, TOKEN_CACHE_ID_BYTES = 32 };

struct token_id {
    unsigned char bytes[TOKEN_CACHE_ID_BYTES];
};

struct token_cache;

// NULL for want of memory.
struct token_cache *token_cache_new(void);
struct token_cache *token_cache_free(struct token_cache *cache);

void token_cache_id(const char *token, size_t len, struct token_id *ret_id);
// Copies the principal of a token into `arena`. False if the token is not there, was verified with
// keys of another generation or after `now_us`, or has expired by then.
bool token_cache_find(struct token_cache *cache, const struct token_id *id, uint64_t generation,
                      int64_t now_us, struct arena *arena, const struct principal **ret_principal);
// Keeps a copy of the principal of a token that was verified at `now_us` and counts until
// `expire_us`. Without memory it keeps nothing.
void token_cache_add(struct token_cache *cache, const struct token_id *id, uint64_t generation,
                     int64_t now_us, int64_t expire_us, const struct principal *principal);
// How often a token was found. How many are kept.
uint64_t token_cache_hits(const struct token_cache *cache);
size_t token_cache_count(struct token_cache *cache);
