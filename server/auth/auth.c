#include "server/auth/auth.h"

#include <sodium.h>
#include <string.h>

#include "server/auth/claims.h"
#include "server/auth/jwk.h"
#include "server/auth/jws.h"
#include "server/base/clock.h"
#include "server/base/log.h"

enum { DEFAULT_LEEWAY_MS = 60 * 1000, DEFAULT_LIFETIME_MAX_MS = 15 * 60 * 1000 };

struct auth {
    struct jwk_set keys;
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
    try_(jwk_set_read(settings->jwks_file, &auth->keys, reterr));
    auth->issuer = strdup(settings->issuer);
    auth->audience = strdup(settings->audience);
    if (auth->issuer == NULL || auth->audience == NULL)
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
        jwk_set_done(&auth->keys);
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

enum err_code auth_verify(void *context, const char *token, size_t len, struct arena *arena,
                          const struct principal **ret_principal, struct err *reterr)
{
    const struct auth *auth = context;
    unsigned char payload[JWS_MAX_BYTES];
    size_t payload_len = 0;
    struct err fault = {0};
    enum err_code code = jws_verify(&auth->keys, token, len, payload, &payload_len, &fault);
    if (code == ERR_OK)
        code = claims_read(&auth->policy, payload, payload_len, clock_wall_us(), arena,
                           ret_principal, &fault);
    return code == ERR_OK ? ERR_OK : answer(auth, &fault, reterr);
}
