#include "server/auth/jws.h"

#include <jose/jws.h>
#include <openssl/err.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "server/base/encoding.h"

// Bounds what an unverified caller makes us parse: nesting included.
enum { HEADER_MAX_BYTES = 1024 };

struct segment {
    const char *text;
    size_t len;
};

// header.payload.signature, none of them empty.
enum { HEADER, PAYLOAD, SIGNATURE, SEGMENTS };

static enum err_code refuse(struct err *reterr, const char *why)
{
    return err_set(reterr, ERR_TOKEN_INVALID, "%s", why);
}

static bool split(const char *token, size_t len, struct segment ret_segments[SEGMENTS])
{
    const char *end = token + len;
    for (size_t i = 0; i < SEGMENTS; i++) {
        const char *dot = memchr(token, '.', (size_t)(end - token));
        if ((dot == NULL) != (i == SEGMENTS - 1))
            return false;
        const char *stop = dot == NULL ? end : dot;
        if (stop == token)
            return false;
        ret_segments[i] = (struct segment){token, (size_t)(stop - token)};
        token = stop + 1;
    }
    return true;
}

static enum err_code check_header(const json_t *header, const struct jwk_set *keys,
                                  const struct jwk **ret_key, bool *ret_unknown_key,
                                  struct err *reterr)
{
    const char *alg = json_string_value(json_object_get(header, "alg"));
    const char *kid = json_string_value(json_object_get(header, "kid"));
    const json_t *typ = json_object_get(header, "typ");
    if (json_object_get(header, "crit") != NULL || json_object_get(header, "b64") != NULL)
        return refuse(reterr, "the header has crit or b64");
    if (kid == NULL)
        return refuse(reterr, "the header has no kid");
    if (typ != NULL &&
        (!json_is_string(typ) || (strcasecmp(json_string_value(typ), "JWT") != 0 &&
                                  strcasecmp(json_string_value(typ), "at+jwt") != 0)))
        return refuse(reterr, "the header's typ is not JWT or at+jwt");
    const struct jwk *key = jwk_set_find(keys, kid);
    *ret_unknown_key = key == NULL;
    if (key == NULL)
        return err_set(reterr, ERR_TOKEN_INVALID, "no key has the kid \"%.*s\"", JWK_KID_MAX_BYTES,
                       kid);
    // The key names the algorithm; the token may only agree. This is what keeps out `none`, HS256
    // and a switch of families.
    if (alg == NULL || strcmp(alg, jwk_algorithm_text(key->algorithm)) != 0)
        return refuse(reterr, "the header's alg is not the key's");
    *ret_key = key;
    return ERR_OK;
}

static enum err_code read_header(struct segment segment, const struct jwk_set *keys,
                                 const struct jwk **ret_key, bool *ret_unknown_key,
                                 struct err *reterr)
{
    char text[HEADER_MAX_BYTES];
    size_t len;
    if (!encoding_base64url_decode(segment.text, segment.len, text, sizeof(text), &len))
        return refuse(reterr, "the header is not base64url or too long");
    json_auto_t *header = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(header))
        return refuse(reterr, "the header is not a JSON object");
    return check_header(header, keys, ret_key, ret_unknown_key, reterr);
}

static enum err_code verify_by_jose(const struct jwk *key, const struct segment *segments,
                                    struct err *reterr)
{
    json_auto_t *jws =
        json_pack("{s:s%, s:s%, s:s%}", "protected", segments[HEADER].text, segments[HEADER].len,
                  "payload", segments[PAYLOAD].text, segments[PAYLOAD].len, "signature",
                  segments[SIGNATURE].text, segments[SIGNATURE].len);
    jose_cfg_auto_t *cfg = jwk_quiet();
    if (jws == NULL || cfg == NULL)
        return err_no_memory(reterr);
    bool good = jose_jws_ver(cfg, jws, NULL, key->numbers, false);
    // What OpenSSL queued would otherwise look like a fault of the thread's next TLS call.
    ERR_clear_error();
    return good ? ERR_OK : refuse(reterr, "the signature is wrong");
}

static enum err_code verify(const struct jwk *key, const char *token,
                            const struct segment *segments, struct err *reterr)
{
    unsigned char signature[JWK_RSA_MAX_BYTES];
    size_t len;
    if (!encoding_base64url_decode(segments[SIGNATURE].text, segments[SIGNATURE].len, signature,
                                   sizeof(signature), &len) ||
        len != key->signature_bytes)
        return refuse(reterr, "the signature is not base64url or has the wrong length");
    if (key->algorithm != JWK_EDDSA)
        return verify_by_jose(key, segments, reterr);
    size_t signed_len = segments[HEADER].len + 1 + segments[PAYLOAD].len;
    if (crypto_sign_verify_detached(signature, (const unsigned char *)token, signed_len,
                                    key->ed25519) != 0)
        return refuse(reterr, "the signature is wrong");
    return ERR_OK;
}

enum err_code jws_verify(const struct jwk_set *keys, const char *token, size_t len,
                         unsigned char ret_payload[JWS_MAX_BYTES], size_t *ret_payload_len,
                         bool *ret_unknown_key, struct err *reterr)
{
    struct segment segments[SEGMENTS];
    const struct jwk *key;
    *ret_unknown_key = false;
    if (len > JWS_MAX_BYTES)
        return refuse(reterr, "the token is longer than 8 KiB");
    if (!split(token, len, segments))
        return refuse(reterr, "the token has not three segments");
    try_(read_header(segments[HEADER], keys, &key, ret_unknown_key, reterr));
    try_(verify(key, token, segments, reterr));
    if (!encoding_base64url_decode(segments[PAYLOAD].text, segments[PAYLOAD].len, ret_payload,
                                   JWS_MAX_BYTES, ret_payload_len))
        return refuse(reterr, "the payload is not base64url");
    return ERR_OK;
}
