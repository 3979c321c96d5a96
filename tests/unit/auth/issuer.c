#include "tests/unit/auth/issuer.h"

#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "server/base/cleanup.h"
#include "server/base/clock.h"
#include "server/base/encoding.h"
#include "server/base/log.h"

struct issuer issuer;
static int log_file = -1;

EVP_PKEY *issuer_rsa(unsigned bits)
{
    EVP_PKEY *key = EVP_RSA_gen(bits);
    assert_non_null(key);
    return key;
}

EVP_PKEY *issuer_ec(const char *curve)
{
    EVP_PKEY *key = EVP_EC_gen(curve);
    assert_non_null(key);
    return key;
}

EVP_PKEY *issuer_ed25519(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_non_null(key);
    return key;
}

void issuer_set_time(int64_t now_s)
{
    issuer_set_clocks(now_s, 0);
}

void issuer_set_clocks(int64_t now_s, int64_t steady_ms)
{
    clock_fake(true, now_s * 1000000, steady_ms);
}

static void forget_log(void)
{
    assert_int_equal(ftruncate(log_file, 0), 0);
    (void)lseek(log_file, 0, SEEK_SET);
}

size_t issuer_logged(const char *message)
{
    char text[16384] = {0};
    (void)!pread(log_file, text, sizeof(text) - 1, 0);
    forget_log();
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, message)) != NULL; at += strlen(message))
        count++;
    return count;
}

char *issuer_path(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % ARRAY_LEN(paths)];
    const char *folder = getenv("TEST_TMPDIR");
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder == NULL ? "." : folder, name);
    return path;
}

void issuer_write(const char *path, const char *text, unsigned mode)
{
    (void)unlink(path);
    int fd _cleanup_(closep) = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
}

char *issuer_encode(const void *bytes, size_t len)
{
    char *text = arena_alloc(&issuer.arena, ENCODING_BASE64_BYTES(len));
    assert_non_null(text);
    encoding_base64url(bytes, len, text);
    return text;
}

static void set_number(json_t *jwk, const char *member, const EVP_PKEY *key, const char *parameter,
                       int len)
{
    BIGNUM *number = NULL;
    unsigned char bytes[1024];
    assert_int_equal(EVP_PKEY_get_bn_param(key, parameter, &number), 1);
    int used = len > 0 ? len : BN_num_bytes(number);
    assert_int_equal(BN_bn2binpad(number, bytes, used), used);
    BN_clear_free(number);
    (void)json_object_set_new(jwk, member, json_string(issuer_encode(bytes, (size_t)used)));
}

static void set_rsa(json_t *jwk, const EVP_PKEY *key, bool is_private)
{
    set_number(jwk, "n", key, OSSL_PKEY_PARAM_RSA_N, 0);
    set_number(jwk, "e", key, OSSL_PKEY_PARAM_RSA_E, 0);
    if (!is_private)
        return;
    set_number(jwk, "d", key, OSSL_PKEY_PARAM_RSA_D, 0);
    set_number(jwk, "p", key, OSSL_PKEY_PARAM_RSA_FACTOR1, 0);
    set_number(jwk, "q", key, OSSL_PKEY_PARAM_RSA_FACTOR2, 0);
    set_number(jwk, "dp", key, OSSL_PKEY_PARAM_RSA_EXPONENT1, 0);
    set_number(jwk, "dq", key, OSSL_PKEY_PARAM_RSA_EXPONENT2, 0);
    set_number(jwk, "qi", key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, 0);
}

static void set_ec(json_t *jwk, const EVP_PKEY *key, bool is_private)
{
    int len = (EVP_PKEY_get_bits(key) + 7) / 8;
    (void)json_object_set_new(jwk, "crv", json_string(len == 32 ? "P-256" : "P-384"));
    set_number(jwk, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, len);
    set_number(jwk, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, len);
    if (is_private)
        set_number(jwk, "d", key, OSSL_PKEY_PARAM_PRIV_KEY, len);
}

static void set_okp(json_t *jwk, const EVP_PKEY *key, bool is_private)
{
    unsigned char bytes[32];
    size_t len = sizeof(bytes);
    assert_int_equal(EVP_PKEY_get_raw_public_key(key, bytes, &len), 1);
    (void)json_object_set_new(jwk, "crv", json_string("Ed25519"));
    (void)json_object_set_new(jwk, "x", json_string(issuer_encode(bytes, len)));
    if (!is_private)
        return;
    assert_int_equal(EVP_PKEY_get_raw_private_key(key, bytes, &len), 1);
    (void)json_object_set_new(jwk, "d", json_string(issuer_encode(bytes, len)));
}

json_t *issuer_jwk(const EVP_PKEY *key, const char *kid, bool is_private)
{
    int kind = EVP_PKEY_get_base_id(key);
    json_t *jwk = json_pack("{s:s, s:s}", "kid", kid, "kty",
                            kind == EVP_PKEY_RSA  ? "RSA"
                            : kind == EVP_PKEY_EC ? "EC"
                                                  : "OKP");
    if (kind == EVP_PKEY_RSA)
        set_rsa(jwk, key, is_private);
    else if (kind == EVP_PKEY_EC)
        set_ec(jwk, key, is_private);
    else
        set_okp(jwk, key, is_private);
    return jwk;
}

char *issuer_input(const char *header, const char *payload)
{
    char *text = arena_printf(&issuer.arena, "%s.%s", issuer_encode(header, strlen(header)),
                              issuer_encode(payload, strlen(payload)));
    assert_non_null(text);
    return text;
}

static const EVP_MD *digest_of(const EVP_PKEY *key)
{
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

size_t issuer_signature(EVP_PKEY *key, const char *input, unsigned char ret_bytes[1024])
{
    size_t len = 1024;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, digest_of(key), NULL, key), 1);
    assert_int_equal(
        EVP_DigestSign(context, ret_bytes, &len, (const unsigned char *)input, strlen(input)), 1);
    EVP_MD_CTX_free(context);
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC)
        return len;
    int half = (EVP_PKEY_get_bits(key) + 7) / 8;
    const unsigned char *der = ret_bytes;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
    assert_non_null(pair);
    (void)BN_bn2binpad(ECDSA_SIG_get0_r(pair), ret_bytes, half);
    (void)BN_bn2binpad(ECDSA_SIG_get0_s(pair), ret_bytes + half, half);
    ECDSA_SIG_free(pair);
    return 2 * (size_t)half;
}

char *issuer_sign(EVP_PKEY *key, const char *input)
{
    unsigned char bytes[1024];
    size_t len = issuer_signature(key, input, bytes);
    char *token = arena_printf(&issuer.arena, "%s.%s", input, issuer_encode(bytes, len));
    assert_non_null(token);
    return token;
}

bool issuer_verify(EVP_PKEY *key, const char *token)
{
    const char *dot = strrchr(token, '.');
    unsigned char bytes[1024], der[128];
    size_t len;
    assert_true(encoding_base64url_decode(dot + 1, strlen(dot + 1), bytes, sizeof(bytes), &len));
    const unsigned char *signature = bytes;
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
        ECDSA_SIG *pair = ECDSA_SIG_new();
        unsigned char *end = der;
        assert_int_equal(len, 64);
        (void)ECDSA_SIG_set0(pair, BN_bin2bn(bytes, 32, NULL), BN_bin2bn(bytes + 32, 32, NULL));
        len = (size_t)i2d_ECDSA_SIG(pair, &end);
        signature = der;
        ECDSA_SIG_free(pair);
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, digest_of(key), NULL, key), 1);
    bool good = EVP_DigestVerify(context, signature, len, (const unsigned char *)token,
                                 (size_t)(dot - token)) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

json_t *issuer_claims(void)
{
    json_t *claims = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:[s, s], s:s, s:i, s:i, s:i}", "iss", ISSUER_NAME, "aud",
        ISSUER_AUDIENCE, "tenant", "tenant-a", "sub", "user-1", "name", "Ada", "actor", "human",
        "permissions", "read_integrations", "read_documentation", "companies", "*", "iat",
        ISSUER_NOW_S - 10, "nbf", ISSUER_NOW_S - 10, "exp", ISSUER_NOW_S + 300);
    assert_non_null(claims);
    return claims;
}

char *issuer_token(json_t *claims)
{
    char *payload _cleanup_(freep) = json_dumps(claims, JSON_COMPACT);
    json_decref(claims);
    assert_non_null(payload);
    return issuer_sign(issuer.ed, issuer_input("{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", payload));
}

static enum err_code verify(const char *token, size_t len, const struct principal **ret_principal,
                            struct err *reterr)
{
    forget_log();
    // A copy without a NUL: a read beyond its end is a memory error.
    char *copy _cleanup_(freep) = malloc(len > 0 ? len : 1);
    memcpy(copy, token, len);
    return auth_verify(issuer.auth, copy, len, &issuer.arena, ret_principal, reterr);
}

const struct principal *issuer_accept(const char *token)
{
    const struct principal *principal = NULL;
    struct err err = {0};
    char line[2048] = {0};
    enum err_code code = verify(token, strlen(token), &principal, &err);
    (void)!pread(log_file, line, sizeof(line) - 1, 0);
    if (code != ERR_OK)
        fail_msg("refused: %s %s", err_reason(code), line);
    assert_non_null(principal);
    assert_string_equal(line, "");
    return principal;
}

void issuer_refuse_bytes(const char *token, size_t len, enum err_code code, const char *detail)
{
    const struct principal *principal = NULL;
    struct err err = {0};
    char line[2048] = {0};
    enum err_code got = verify(token, len, &principal, &err);
    (void)!pread(log_file, line, sizeof(line) - 1, 0);
    if (got != code || strstr(line, detail) == NULL)
        fail_msg("expected %s with \"%s\", got %s with %s", err_reason(code), detail,
                 err_reason(got), line);
    assert_null(principal);
    assert_int_equal(err.code, code);
    // The answer is the same for every fault of its code.
    assert_string_equal(err.text, code == ERR_TOKEN_EXPIRED ? "the token has expired"
                                                            : "the token is not accepted");
    assert_string_equal(err_meta_get(&err, "audience"), ISSUER_AUDIENCE);
}

void issuer_refuse(const char *token, const char *detail)
{
    issuer_refuse_bytes(token, strlen(token), ERR_TOKEN_INVALID, detail);
}

int issuer_start(void **state)
{
    (void)state;
    arena_init(&issuer.arena, 64 << 20);
    issuer_set_time(ISSUER_NOW_S);
    if (issuer.rsa == NULL) {
        issuer.rsa = issuer_rsa(2048);
        issuer.ec = issuer_ec("P-256");
        issuer.ed = issuer_ed25519();
        issuer.ed_other = issuer_ed25519();
        log_file = memfd_create("log", MFD_CLOEXEC);
        log_set_fd(log_file);
    }
    forget_log();
    json_auto_t *set =
        json_pack("{s:[o, o, o, o]}", "keys", issuer_jwk(issuer.rsa, "rsa", false),
                  issuer_jwk(issuer.ec, "ec", false), issuer_jwk(issuer.ed, "ed", false),
                  issuer_jwk(issuer.ed_other, "ed-other", false));
    char *text _cleanup_(freep) = json_dumps(set, 0);
    const char *path = issuer_path("jwks.json");
    issuer_write(path, text, 0644);
    struct auth_settings settings = {path, ISSUER_NAME, ISSUER_AUDIENCE, 0, 0};
    assert_int_equal(auth_new(&settings, &issuer.auth, NULL), ERR_OK);
    return 0;
}

int issuer_stop(void **state)
{
    (void)state;
    issuer.auth = auth_free(issuer.auth);
    arena_done(&issuer.arena);
    return 0;
}

__attribute__((destructor)) static void release_keys(void)
{
    EVP_PKEY_free(issuer.rsa);
    EVP_PKEY_free(issuer.ec);
    EVP_PKEY_free(issuer.ed);
    EVP_PKEY_free(issuer.ed_other);
}
