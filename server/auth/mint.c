#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <jose/jws.h>
#include <openssl/err.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "server/auth/auth.h"
#include "server/auth/jwk.h"
#include "server/base/clock.h"
#include "server/base/encoding.h"
#include "server/base/secret.h"

enum {
    PRIVATE_FILE_MAX_BYTES = 16 * 1024,
    NUMBER_TEXT_BYTES = ENCODING_BASE64_BYTES(32),
};

#define OKP_MEMBERS "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"sig\",\"alg\":\"EdDSA\""

// Never over a file that is there: the key in it may sign tokens in use.
static enum err_code write_new_file(const char *path, mode_t mode, const char *text, size_t len,
                                    struct err *reterr)
{
    int fd _cleanup_(closep) =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return err_invalid(reterr, path, "cannot be made: %s", strerror(errno));
    while (len > 0) {
        ssize_t wrote = write(fd, text, len);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0) {
            int why = errno;
            (void)unlink(path);
            return err_invalid(reterr, path, "cannot be written: %s", strerror(why));
        }
        text += wrote;
        len -= (size_t)wrote;
    }
    return ERR_OK;
}

// RFC 7638: the members that make the key, in this order and with no space.
static void make_thumbprint(const char *x, char ret_text[NUMBER_TEXT_BYTES])
{
    char members[128];
    unsigned char hash[crypto_hash_sha256_BYTES];
    int len =
        snprintf(members, sizeof(members), "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", x);
    (void)crypto_hash_sha256(hash, (const unsigned char *)members, (unsigned long long)len);
    encoding_base64url(hash, sizeof(hash), ret_text);
}

enum err_code auth_mint_keys(const char *private_file, const char *jwks_file, struct err *reterr)
{
    struct secret *pair _cleanup_(secret_freep) = secret_new(crypto_sign_SECRETKEYBYTES);
    struct secret *text _cleanup_(secret_freep) = secret_new(512);
    struct secret *seed _cleanup_(secret_freep) = secret_new(NUMBER_TEXT_BYTES);
    if (pair == NULL || text == NULL || seed == NULL)
        return err_no_memory(reterr);
    unsigned char public[crypto_sign_PUBLICKEYBYTES];
    char x[NUMBER_TEXT_BYTES], kid[NUMBER_TEXT_BYTES], set[512];
    (void)crypto_sign_keypair(public, secret_bytes_mut(pair));
    encoding_base64url(public, sizeof(public), x);
    make_thumbprint(x, kid);
    // libsodium's secret key begins with the seed, which is what a JWK calls d.
    encoding_base64url(secret_bytes(pair), crypto_sign_SEEDBYTES, (char *)secret_bytes_mut(seed));
    int text_len = snprintf((char *)secret_bytes_mut(text), secret_len(text),
                            "{" OKP_MEMBERS ",\"kid\":\"%s\",\"x\":\"%s\",\"d\":\"%s\"}\n", kid, x,
                            secret_bytes(seed));
    int set_len = snprintf(set, sizeof(set),
                           "{\"keys\":[{" OKP_MEMBERS ",\"kid\":\"%s\",\"x\":\"%s\"}]}\n", kid, x);
    try_(write_new_file(private_file, 0600, secret_bytes(text), (size_t)text_len, reterr));
    enum err_code code = write_new_file(jwks_file, 0644, set, (size_t)set_len, reterr);
    if (code != ERR_OK)
        (void)unlink(private_file);
    return code;
}

static json_t *make_array(const char *const *texts, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, json_string(texts[i]));
    return array;
}

static json_t *make_claims(const struct auth_claims *claims)
{
    char id[ENCODING_ID_BYTES];
    encoding_random_id(id);
    int64_t now_s = clock_wall_us() / 1000000;
    json_t *json =
        json_pack("{s:s*, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*, s:s, s:I, s:I}", "iss",
                  claims->issuer, "aud", claims->audience, "tenant", claims->tenant, "sub",
                  claims->subject, "name", claims->name, "email", claims->email, "actor",
                  claims->actor, "jti", id, "iat", (json_int_t)now_s, "nbf", (json_int_t)now_s);
    if (json == NULL)
        return NULL;
    if (claims->lifetime_s != 0)
        (void)json_object_set_new(json, "exp", json_integer(now_s + claims->lifetime_s));
    if (claims->email != NULL)
        (void)json_object_set_new(json, "email_verified", json_true());
    if (claims->permissions != NULL)
        (void)json_object_set_new(json, "permissions",
                                  make_array(claims->permissions, claims->permission_count));
    (void)json_object_set_new(json, "companies",
                              claims->companies == NULL
                                  ? json_string("*")
                                  : make_array(claims->companies, claims->company_count));
    return json;
}

// The JSON as base64url in the arena.
static enum err_code encode(const json_t *json, struct arena *arena, const char **ret_text,
                            struct err *reterr)
{
    char *text _cleanup_(freep) = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    size_t len = text == NULL ? 0 : strlen(text);
    char *encoded = text == NULL ? NULL : arena_alloc(arena, ENCODING_BASE64_BYTES(len));
    if (encoded == NULL)
        return err_no_memory(reterr);
    encoding_base64url(text, len, encoded);
    *ret_text = encoded;
    return ERR_OK;
}

static enum err_code sign_by_sodium(const json_t *json, const struct jwk *key, const char *input,
                                    struct arena *arena, const char **ret_signature,
                                    struct err *reterr)
{
    struct secret *seed _cleanup_(secret_freep) = secret_new(crypto_sign_SEEDBYTES);
    struct secret *pair _cleanup_(secret_freep) = secret_new(crypto_sign_SECRETKEYBYTES);
    char *text = arena_alloc(arena, ENCODING_BASE64_BYTES(crypto_sign_BYTES));
    if (seed == NULL || pair == NULL || text == NULL)
        return err_no_memory(reterr);
    const json_t *d = json_object_get(json, "d");
    unsigned char public[crypto_sign_PUBLICKEYBYTES], signature[crypto_sign_BYTES];
    size_t len;
    if (!encoding_base64url_decode(json_string_value(d), json_string_length(d),
                                   secret_bytes_mut(seed), crypto_sign_SEEDBYTES, &len) ||
        len != crypto_sign_SEEDBYTES)
        return err_invalid(reterr, "d", "is not 32 bytes in base64url");
    (void)crypto_sign_seed_keypair(public, secret_bytes_mut(pair),
                                   (const unsigned char *)secret_bytes(seed));
    if (memcmp(public, key->ed25519, sizeof(public)) != 0)
        return err_invalid(reterr, "d", "is not the private part of x");
    (void)crypto_sign_detached(signature, NULL, (const unsigned char *)input, strlen(input),
                               (const unsigned char *)secret_bytes(pair));
    encoding_base64url(signature, sizeof(signature), text);
    *ret_signature = text;
    return ERR_OK;
}

static enum err_code sign_by_jose(const struct jwk *key, const char *header, const char *payload,
                                  struct arena *arena, const char **ret_signature,
                                  struct err *reterr)
{
    json_auto_t *jws = json_pack("{s:s}", "payload", payload);
    json_auto_t *signature = json_pack("{s:s}", "protected", header);
    jose_cfg_auto_t *cfg = jwk_quiet();
    if (jws == NULL || signature == NULL || cfg == NULL)
        return err_no_memory(reterr);
    bool good = jose_jws_sig(cfg, jws, signature, key->numbers);
    ERR_clear_error();
    const char *text = json_string_value(json_object_get(jws, "signature"));
    if (!good || text == NULL)
        return err_invalid(reterr, "d", "cannot sign");
    *ret_signature = arena_strdup(arena, text);
    return *ret_signature == NULL ? err_no_memory(reterr) : ERR_OK;
}

enum err_code auth_mint(const char *private_file, const struct auth_claims *claims,
                        struct arena *arena, const char **ret_token, struct err *reterr)
{
    struct secret *text _cleanup_(secret_freep) = NULL;
    try_(secret_read_private_file(private_file, PRIVATE_FILE_MAX_BYTES, &text, reterr));
    json_auto_t *json =
        json_loadb(secret_bytes(text), secret_len(text), JSON_REJECT_DUPLICATES, NULL);
    struct jwk key _cleanup_(jwk_done) = {0};
    const char *fault = json == NULL ? "it is not JSON" : jwk_init(&key, json, true);
    if (fault != NULL)
        return err_invalid(reterr, private_file, "is not a private JWK: %s", fault);
    json_auto_t *header = json_pack("{s:s, s:s, s:s}", "alg", jwk_algorithm_text(key.algorithm),
                                    "kid", key.kid, "typ", "JWT");
    json_auto_t *body = make_claims(claims);
    const char *header_text, *payload_text, *signature = NULL;
    try_(encode(header, arena, &header_text, reterr));
    try_(encode(body, arena, &payload_text, reterr));
    const char *input = arena_printf(arena, "%s.%s", header_text, payload_text);
    if (input == NULL)
        return err_no_memory(reterr);
    if (key.algorithm == JWK_EDDSA)
        try_(sign_by_sodium(json, &key, input, arena, &signature, reterr));
    else
        try_(sign_by_jose(&key, header_text, payload_text, arena, &signature, reterr));
    *ret_token = arena_printf(arena, "%s.%s", input, signature);
    return *ret_token == NULL ? err_no_memory(reterr) : ERR_OK;
}
