#include "server/auth/jwk.h"

#include <errno.h>
#include <fcntl.h>
#include <jose/openssl.h>
#include <openssl/err.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "server/base/encoding.h"

static const char *const algorithm_texts[JWK_ALGORITHM_COUNT] = {
    [JWK_RS256] = "RS256",
    [JWK_ES256] = "ES256",
    [JWK_EDDSA] = "EdDSA",
};

const char *jwk_algorithm_text(enum jwk_algorithm algorithm)
{
    return algorithm_texts[algorithm];
}

static void print_nothing(void *misc, const char *file, int line, uint64_t code, const char *format,
                          va_list args)
{
    (void)misc, (void)file, (void)line, (void)code, (void)format, (void)args;
}

jose_cfg_t *jwk_quiet(void)
{
    jose_cfg_t *cfg = jose_cfg();
    if (cfg != NULL)
        jose_cfg_set_err_func(cfg, print_nothing, NULL);
    return cfg;
}

// Decodes the member `name`. False if it is absent, no string, not canonical or too long.
static bool get_bytes(const json_t *json, const char *name, unsigned char *ret_bytes,
                      size_t max_bytes, size_t *ret_len)
{
    const json_t *member = json_object_get(json, name);
    return json_is_string(member) &&
           encoding_base64url_decode(json_string_value(member), json_string_length(member),
                                     ret_bytes, max_bytes, ret_len);
}

static bool is_text(const json_t *json, const char *name, const char *text)
{
    const char *value = json_string_value(json_object_get(json, name));
    return value != NULL && strcmp(value, text) == 0;
}

// The numbers alone: José must not see other members, whose meaning it would judge by its own
// policy.
static const char *keep_numbers(struct jwk *key, const json_t *json, const char *const *names,
                                size_t count)
{
    key->numbers = json_object();
    for (size_t i = 0; i < count; i++) {
        json_t *member = json_object_get(json, names[i]);
        if (member != NULL && json_object_set(key->numbers, names[i], member) != 0)
            return "there is no memory for it";
    }
    jose_cfg_auto_t *cfg = jwk_quiet();
    EVP_PKEY *point = cfg == NULL ? NULL : jose_openssl_jwk_to_EVP_PKEY(cfg, key->numbers);
    EVP_PKEY_free(point);
    ERR_clear_error();
    return point == NULL ? "its numbers are not a key" : NULL;
}

static const char *init_rsa(struct jwk *key, const json_t *json)
{
    static const char *const names[] = {"kty", "n", "e", "d", "p", "q", "dp", "dq", "qi"};
    unsigned char n[JWK_RSA_MAX_BYTES], e[4];
    size_t n_len, e_len;
    if (!get_bytes(json, "n", n, sizeof(n), &n_len))
        return "n is missing, not base64url or longer than 8192 bits";
    // The first byte decides: leading zeros do not make a modulus longer.
    if (n_len < JWK_RSA_MIN_BYTES || n[0] == 0 || (n_len == JWK_RSA_MIN_BYTES && n[0] < 0x80))
        return "its modulus is shorter than 2048 bits";
    if (!get_bytes(json, "e", e, sizeof(e), &e_len))
        return "e is missing, not base64url or longer than 32 bits";
    uint64_t exponent = 0;
    for (size_t i = 0; i < e_len; i++)
        exponent = exponent << 8 | e[i];
    if (exponent < 65537 || exponent % 2 == 0 || n[n_len - 1] % 2 == 0)
        return "its exponent is below 65537, or a number is even";
    key->algorithm = JWK_RS256;
    key->signature_bytes = n_len;
    return keep_numbers(key, json, names, ARRAY_LEN(names));
}

static const char *init_ec(struct jwk *key, const json_t *json)
{
    static const char *const names[] = {"kty", "crv", "x", "y", "d"};
    unsigned char number[32];
    size_t len;
    if (!is_text(json, "crv", "P-256"))
        return "its curve is not P-256";
    if (!get_bytes(json, "x", number, sizeof(number), &len) || len != sizeof(number) ||
        !get_bytes(json, "y", number, sizeof(number), &len) || len != sizeof(number))
        return "x and y are not two numbers of 32 bytes in base64url";
    key->algorithm = JWK_ES256;
    key->signature_bytes = 64;
    return keep_numbers(key, json, names, ARRAY_LEN(names));
}

static const char *init_okp(struct jwk *key, const json_t *json)
{
    size_t len;
    if (!is_text(json, "crv", "Ed25519"))
        return "its curve is not Ed25519";
    if (!get_bytes(json, "x", key->ed25519, sizeof(key->ed25519), &len) ||
        len != sizeof(key->ed25519) || crypto_core_ed25519_is_valid_point(key->ed25519) != 1)
        return "x is not a point of Ed25519 in base64url";
    key->algorithm = JWK_EDDSA;
    key->signature_bytes = crypto_sign_BYTES;
    return NULL;
}

// What a key says that it may be used for, if it says so.
static const char *check_use(const json_t *json, const char *operation)
{
    if (json_object_get(json, "use") != NULL && !is_text(json, "use", "sig"))
        return "its use is not sig";
    const json_t *operations = json_object_get(json, "key_ops");
    if (operations == NULL)
        return NULL;
    for (size_t i = 0; i < json_array_size(operations); i++) {
        const char *text = json_string_value(json_array_get(operations, i));
        if (text != NULL && strcmp(text, operation) == 0)
            return NULL;
    }
    return "its key_ops do not have what it is used for";
}

static const char *check_private(const json_t *json, bool is_private)
{
    static const char *const members[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};
    if (is_private)
        return json_is_string(json_object_get(json, "d")) ? NULL : "it has no private part d";
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (json_object_get(json, members[i]) != NULL)
            return "it has a private part, which does not belong in a set of public keys";
    return NULL;
}

static const struct {
    const char *kty;
    const char *(*init)(struct jwk *key, const json_t *json);
} kinds[] = {{"RSA", init_rsa}, {"EC", init_ec}, {"OKP", init_okp}};

static const char *init(struct jwk *key, const json_t *json, bool is_private)
{
    const json_t *kid = json_object_get(json, "kid");
    size_t kid_len = json_string_length(kid);
    if (!json_is_string(kid) || kid_len == 0 || kid_len > JWK_KID_MAX_BYTES)
        return "its kid is missing, empty or longer than 128 bytes";
    if ((key->kid = strdup(json_string_value(kid))) == NULL)
        return "there is no memory for it";
    // Before the private parts, so that an `oct` key is called what it is.
    const char *(*init_kind)(struct jwk *, const json_t *) = NULL;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (is_text(json, "kty", kinds[i].kty))
            init_kind = kinds[i].init;
    if (init_kind == NULL)
        return "its kty is not RSA, EC or OKP";
    const char *fault = check_private(json, is_private);
    if (fault == NULL)
        fault = check_use(json, is_private ? "sign" : "verify");
    if (fault == NULL)
        fault = init_kind(key, json);
    if (fault == NULL && json_object_get(json, "alg") != NULL &&
        !is_text(json, "alg", jwk_algorithm_text(key->algorithm)))
        fault = "its alg does not fit its kty and crv";
    return fault;
}

const char *jwk_init(struct jwk *key, const json_t *json, bool is_private)
{
    *key = (struct jwk){0};
    const char *fault = init(key, json, is_private);
    if (fault != NULL)
        jwk_done(key);
    return fault;
}

void jwk_done(struct jwk *key)
{
    free(key->kid);
    json_decref(key->numbers);
    *key = (struct jwk){0};
}

static enum err_code load(const char *file, json_t **ret_json, struct err *reterr)
{
    int fd _cleanup_(closep) = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        return err_invalid(reterr, file, "cannot be read: %s", strerror(errno));
    if (!S_ISREG(status.st_mode) || status.st_size > JWK_FILE_MAX_BYTES)
        return err_invalid(reterr, file, "is not a regular file of at most %d bytes",
                           JWK_FILE_MAX_BYTES);
    // Who can write here can be any caller of any tenant.
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return err_invalid(reterr, file, "can be written by others (mode %04o)",
                           (unsigned)status.st_mode & 07777);
    json_error_t where;
    *ret_json = json_loadfd(fd, JSON_REJECT_DUPLICATES, &where);
    if (*ret_json == NULL)
        return err_invalid(reterr, file, "line %d is not JSON: %s", where.line, where.text);
    return ERR_OK;
}

enum err_code jwk_set_read(const char *file, struct jwk_set *ret_set, struct err *reterr)
{
    json_auto_t *json = NULL;
    struct jwk_set set _cleanup_(jwk_set_done) = {0};
    try_(load(file, &json, reterr));
    const json_t *keys = json_object_get(json, "keys");
    size_t count = json_array_size(keys);
    if (count == 0 || count > JWK_SET_MAX_KEYS)
        return err_invalid(reterr, file, "has no array `keys` of 1 to %d keys", JWK_SET_MAX_KEYS);
    set.keys = calloc(count, sizeof(*set.keys));
    if (set.keys == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        const json_t *key = json_array_get(keys, i);
        const char *kid = json_string_value(json_object_get(key, "kid"));
        const char *fault = kid != NULL && jwk_set_find(&set, kid) != NULL
                                ? "its kid stands twice"
                                : jwk_init(&set.keys[i], key, false);
        if (fault != NULL)
            return err_invalid(reterr, file, "key %zu, kid \"%.*s\": %s", i + 1, JWK_KID_MAX_BYTES,
                               kid == NULL ? "" : kid, fault);
        set.count++;
    }
    *ret_set = set;
    set = (struct jwk_set){0};
    return ERR_OK;
}

void jwk_set_done(struct jwk_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        jwk_done(&set->keys[i]);
    free(set->keys);
    *set = (struct jwk_set){0};
}

const struct jwk *jwk_set_find(const struct jwk_set *set, const char *kid)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->keys[i].kid, kid) == 0)
            return &set->keys[i];
    return NULL;
}
