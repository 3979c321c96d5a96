#include "server/auth/auth.h"

#include <sodium.h>
#include <string.h>

#include "server/auth/claims.h"
#include "server/auth/jws.h"
#include "server/auth/key_ring.h"
#include "server/auth/token_cache.h"
#include "server/base/clock.h"
#include "server/base/log.h"

enum { DEFAULT_LEEWAY_MS = 60 * 1000, DEFAULT_LIFETIME_MAX_MS = 15 * 60 * 1000 };

struct auth {
    struct key_ring keys;
    struct token_cache *cache;
    char *issuer;
    char *audience;
    struct claims_policy policy;
};

enum err_code auth_new(const struct auth_settings *settings, struct auth **ret_auth,
                       struct err *reterr)
{
    // An empty issuer or audience would accept what nobody meant.
    if (settings->issuer == NULL || settings->issuer[0] == '\0')
        return err_invalid(reterr, "issuer", "is missing");
    if (settings->audience == NULL || settings->audience[0] == '\0')
        return err_invalid(reterr, "audience", "is missing");
    if (settings->jwks_file == NULL || settings->jwks_file[0] == '\0')
        return err_invalid(reterr, "jwks_file", "is missing");
    if (settings->leeway_ms < 0 || settings->leeway_ms > DEFAULT_LIFETIME_MAX_MS ||
        settings->lifetime_max_ms < 0 || settings->lifetime_max_ms > DEFAULT_LIFETIME_MAX_MS)
        return err_invalid(reterr, "leeway and lifetime", "are not between 0 and 15 minutes");
    struct auth *auth _cleanup_(auth_freep) = calloc(1, sizeof(*auth));
    if (auth == NULL || sodium_init() < 0)
        return err_no_memory(reterr);
    try_(key_ring_init(&auth->keys, settings->jwks_file, reterr));
    auth->cache = token_cache_new();
    auth->issuer = strdup(settings->issuer);
    auth->audience = strdup(settings->audience);
    if (auth->cache == NULL || auth->issuer == NULL || auth->audience == NULL)
        return err_no_memory(reterr);
    int64_t leeway_ms = settings->leeway_ms;
    int64_t lifetime_max_ms = settings->lifetime_max_ms;
    auth->policy = (struct claims_policy){
        .issuer = auth->issuer,
        .audience = auth->audience,
        .leeway_us = (leeway_ms == 0 ? DEFAULT_LEEWAY_MS : leeway_ms) * 1000,
        .lifetime_max_us =
            (lifetime_max_ms == 0 ? DEFAULT_LIFETIME_MAX_MS : lifetime_max_ms) * 1000,
    };
    *ret_auth = steal(auth);
    return ERR_OK;
}

struct auth *auth_free(struct auth *auth)
{
    if (auth != NULL) {
        key_ring_done(&auth->keys);
        auth->cache = token_cache_free(auth->cache);
        free(auth->issuer);
        free(auth->audience);
        free(auth);
    }
    return NULL;
}

void auth_freep(struct auth **auth)
{
    *auth = auth_free(*auth);
}

// One answer for every fault, so that nobody learns from answers which check to work on next.
static enum err_code answer(const struct auth *auth, const struct err *fault, struct err *reterr)
{
    if (fault->code != ERR_TOKEN_INVALID && fault->code != ERR_TOKEN_EXPIRED)
        return err_set(reterr, fault->code, "%s", fault->text);
    log_event(LOG_INFO, "token refused", LOG_ERR(fault));
    (void)err_set(reterr, fault->code,
                  fault->code == ERR_TOKEN_EXPIRED ? "the token has expired"
                                                   : "the token is not accepted");
    err_meta(reterr, "audience", "%s", auth->audience);
    return fault->code;
}

static enum err_code verify(struct auth *auth, const char *token, size_t len,
                            unsigned char payload[JWS_MAX_BYTES], size_t *ret_payload_len,
                            uint64_t *ret_generation, bool *ret_unknown_key, struct err *reterr)
{
    const struct jwk_set *keys = key_ring_use(&auth->keys, ret_generation);
    enum err_code code =
        jws_verify(keys, token, len, payload, ret_payload_len, ret_unknown_key, reterr);
    key_ring_leave(&auth->keys);
    return code;
}

// Verifies signature and claims, and keeps what was accepted.
static enum err_code accept(struct auth *auth, const char *token, size_t len,
                            const struct token_id *id, struct arena *arena,
                            const struct principal **ret_principal, struct err *reterr)
{
    unsigned char payload[JWS_MAX_BYTES];
    size_t payload_len = 0;
    uint64_t generation;
    bool unknown_key;
    enum err_code code =
        verify(auth, token, len, payload, &payload_len, &generation, &unknown_key, reterr);
    if (unknown_key) {
        // The issuer may have a new key since the file was last looked at.
        key_ring_look(&auth->keys, KEY_RING_NOW);
        if (key_ring_generation(&auth->keys) != generation)
            code =
                verify(auth, token, len, payload, &payload_len, &generation, &unknown_key, reterr);
    }
    if (code != ERR_OK)
        return code;
    int64_t now_us = clock_wall_us();
    try_(claims_read(&auth->policy, payload, payload_len, now_us, arena, ret_principal, reterr));
    token_cache_add(auth->cache, id, generation, now_us,
                    (*ret_principal)->expire_time_us + auth->policy.leeway_us, *ret_principal);
    return ERR_OK;
}

enum err_code auth_verify(void *context, const char *token, size_t len, struct arena *arena,
                          const struct principal **ret_principal, struct err *reterr)
{
    struct auth *auth = context;
    struct token_id id;
    struct err fault;
    key_ring_look(&auth->keys, KEY_RING_WHEN_DUE);
    token_cache_id(token, len, &id);
    if (token_cache_find(auth->cache, &id, key_ring_generation(&auth->keys), clock_wall_us(), arena,
                         ret_principal))
        return ERR_OK;
    err_init(&fault);
    enum err_code code = accept(auth, token, len, &id, arena, ret_principal, &fault);
    return code == ERR_OK ? ERR_OK : answer(auth, &fault, reterr);
}

void auth_reload(struct auth *auth)
{
    key_ring_look(&auth->keys, KEY_RING_READ);
}

uint64_t auth_cache_hits(const struct auth *auth)
{
    return token_cache_hits(auth->cache);
}
