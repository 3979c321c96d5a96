// Tokens whose form or signature is wrong in one way each (AUT-07).
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "server/base/cleanup.h"
#include "server/base/encoding.h"
#include "tests/unit/auth/issuer.h"

#define ED_HEADER "{\"alg\":\"EdDSA\",\"kid\":\"ed\"}"
#define EC_HEADER "{\"alg\":\"ES256\",\"kid\":\"ec\"}"
#define RSA_HEADER "{\"alg\":\"RS256\",\"kid\":\"rsa\"}"

static char *payload(void)
{
    json_auto_t *claims = issuer_claims();
    char *text _cleanup_(freep) = json_dumps(claims, JSON_COMPACT);
    return arena_strdup(&issuer.arena, text);
}

static char *sign(EVP_PKEY *key, const char *header)
{
    return issuer_sign(key, issuer_input(header, payload()));
}

static char *with_signature(const char *input, const void *bytes, size_t len)
{
    return arena_printf(&issuer.arena, "%s.%s", input, issuer_encode(bytes, len));
}

static void accepts_the_three_algorithms(void **state)
{
    (void)state;
    static const char *const types[] = {"", ",\"typ\":\"JWT\"", ",\"typ\":\"at+jwt\"",
                                        ",\"typ\":\"jwt\",\"x\":[1]"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        char header[128];
        (void)snprintf(header, sizeof(header), "{\"alg\":\"RS256\",\"kid\":\"rsa\"%s}", types[i]);
        assert_string_equal(issuer_accept(sign(issuer.rsa, header))->tenant, "tenant-a");
        (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"ec\"%s}", types[i]);
        assert_string_equal(issuer_accept(sign(issuer.ec, header))->tenant, "tenant-a");
        (void)snprintf(header, sizeof(header), "{\"alg\":\"EdDSA\",\"kid\":\"ed\"%s}", types[i]);
        assert_string_equal(issuer_accept(sign(issuer.ed, header))->tenant, "tenant-a");
    }
}

static void refuses_bad_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header, *detail;
    } vectors[] = {
        {"{\"alg\":\"none\",\"kid\":\"ed\"}", "alg is not the key's"},
        {"{\"alg\":\"None\",\"kid\":\"ed\"}", "alg is not the key's"},
        {"{\"alg\":\"HS256\",\"kid\":\"ed\"}", "alg is not the key's"},
        {"{\"alg\":\"ES256\",\"kid\":\"ed\"}", "alg is not the key's"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"ec\"}", "alg is not the key's"},
        {"{\"alg\":\"Ed25519\",\"kid\":\"ed\"}", "alg is not the key's"},
        {"{\"alg\":\"PS256\",\"kid\":\"rsa\"}", "alg is not the key's"},
        {"{\"alg\":\"RS512\",\"kid\":\"rsa\"}", "alg is not the key's"},
        {"{\"alg\":\"ES384\",\"kid\":\"ec\"}", "alg is not the key's"},
        {"{\"kid\":\"ed\"}", "alg is not the key's"},
        {"{\"alg\":1,\"kid\":\"ed\"}", "alg is not the key's"},
        {"{\"alg\":[\"EdDSA\"],\"kid\":\"ed\"}", "alg is not the key's"},
        {"{\"alg\":\"EdDSA\"}", "has no kid"},
        {"{\"alg\":\"EdDSA\",\"kid\":1}", "has no kid"},
        {"{\"alg\":\"EdDSA\",\"kid\":null}", "has no kid"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"\"}", "no key has the kid"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"eD\"}", "no key has the kid"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"ed\\u001b[2J\"}", "\\u001b[2J"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"../../etc/passwd\"}", "no key has the kid"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"ed-other\"}", "signature is wrong"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"crit\":[\"exp\"]}", "crit or b64"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"crit\":[]}", "crit or b64"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"crit\":null}", "crit or b64"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"b64\":false}", "crit or b64"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"typ\":\"JWE\"}", "typ is not"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"typ\":\"logout+jwt\"}", "typ is not"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"typ\":1}", "typ is not"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"kid\":\"ed\"}", "header is not a JSON object"},
        {"{\"alg\":\"none\",\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "header is not a JSON object"},
        {"[\"EdDSA\",\"ed\"]", "header is not a JSON object"},
        {"\"EdDSA\"", "header is not a JSON object"},
        {"{}x", "header is not a JSON object"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"ed\"} {}", "header is not a JSON object"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"ed", "header is not a JSON object"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"e\\u0000d\"}", "header is not a JSON object"},
        {"{\"alg\":\"EdDSA\",\"kid\":\"\xff\"}", "header is not a JSON object"},
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
        issuer_refuse(sign(issuer.ed, vectors[i].header), vectors[i].detail);
    char *nested = arena_alloc(&issuer.arena, 5001);
    memset(nested, '[', 5000);
    issuer_refuse(sign(issuer.ed, nested), "not base64url or too long");
    nested[1000] = '\0';
    issuer_refuse(sign(issuer.ed, nested), "header is not a JSON object");
}

static void ignores_keys_that_the_token_brings(void **state)
{
    (void)state;
    EVP_PKEY *mine = issuer_ed25519();
    json_auto_t *header = json_pack("{s:s, s:s, s:o, s:s}", "alg", "EdDSA", "kid", "ed", "jwk",
                                    issuer_jwk(mine, "ed", false), "jku", "https://evil.example");
    char *text _cleanup_(freep) = json_dumps(header, JSON_COMPACT);
    issuer_refuse(sign(mine, text), "signature is wrong");
    EVP_PKEY_free(mine);
}

static void refuses_a_hash_keyed_with_a_public_key(void **state)
{
    (void)state;
    json_auto_t *jwk = issuer_jwk(issuer.rsa, "rsa", false);
    char *key _cleanup_(freep) = json_dumps(jwk, JSON_COMPACT);
    const char *input = issuer_input("{\"alg\":\"HS256\",\"kid\":\"rsa\"}", payload());
    unsigned char mac[32];
    unsigned len = sizeof(mac);
    (void)HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)input, strlen(input),
               mac, &len);
    issuer_refuse(with_signature(input, mac, len), "alg is not the key's");
}

static void refuses_other_numbers_of_segments(void **state)
{
    (void)state;
    const char *good = sign(issuer.ed, ED_HEADER), *input = issuer_input(ED_HEADER, payload());
    const char *signature = strrchr(good, '.') + 1;
    const char *const tokens[] = {
        "",
        ".",
        "..",
        "...",
        "token",
        input,
        arena_printf(&issuer.arena, "%s.", input),
        arena_printf(&issuer.arena, "%s.%s", good, signature),
        arena_printf(&issuer.arena, "%s.", good),
        arena_printf(&issuer.arena, ".%s", good),
        arena_printf(&issuer.arena, "%s..", good),
        arena_printf(&issuer.arena, "%s.x.y", good),
        arena_printf(&issuer.arena, ".%s.%s", strchr(input, '.') + 1, signature),
        "{\"payload\":\"e30\",\"protected\":\"e30\",\"signature\":\"e30\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
        issuer_refuse(tokens[i], "not three segments");
}

static void refuses_other_base64(void **state)
{
    (void)state;
    const char *good = sign(issuer.ed, ED_HEADER);
    size_t len = strlen(good);
    (void)issuer_accept(good);
    issuer_refuse(arena_printf(&issuer.arena, "%s=", good), "signature is not base64url");
    issuer_refuse(arena_printf(&issuer.arena, "%s==", good), "signature is not base64url");
    issuer_refuse(arena_printf(&issuer.arena, "%s\n", good), "signature is not base64url");
    issuer_refuse(arena_printf(&issuer.arena, "%s ", good), "signature is not base64url");
    issuer_refuse(arena_printf(&issuer.arena, " %s", good), "header is not base64url");
    issuer_refuse(arena_printf(&issuer.arena, "+%s", good), "header is not base64url");
    issuer_refuse_bytes(good, len + 1, ERR_TOKEN_INVALID, "signature is not base64url");
    // 64 bytes leave four bits of the last letter unused: only one of 16 spellings is canonical.
    char *other = arena_strdup(&issuer.arena, good);
    other[len - 1]++;
    issuer_refuse(other, "signature is not base64url");
    // A payload that is signed as it stands, but padded or with a space.
    static const char *const payloads[] = {"e30=", "e3 0", "e30\n", "e31", "+_-/"};
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++)
        issuer_refuse(
            issuer_sign(issuer.ed,
                        arena_printf(&issuer.arena, "%s.%s",
                                     issuer_encode(ED_HEADER, strlen(ED_HEADER)), payloads[i])),
            "payload is not base64url");
}

static void bounds_the_size(void **state)
{
    (void)state;
    char filler[8192] = {0};
    size_t longest = 0;
    for (size_t len = 5500; len < 5900; len++) {
        memset(filler, 'x', len);
        json_t *claims = issuer_claims();
        (void)json_object_set_new(claims, "filler", json_string(filler));
        const char *token = issuer_token(claims);
        if (strlen(token) > 8192) {
            issuer_refuse(token, "longer than 8 KiB");
            break;
        }
        (void)issuer_accept(token);
        longest = strlen(token);
    }
    assert_in_range(longest, 8190, 8192);
    char *huge = arena_alloc(&issuer.arena, 1 << 20);
    memset(huge, 'A', (1 << 20) - 1);
    issuer_refuse(huge, "longer than 8 KiB");
}

static void refuses_every_changed_character(void **state)
{
    (void)state;
    char *const tokens[] = {sign(issuer.rsa, RSA_HEADER), sign(issuer.ec, EC_HEADER),
                            sign(issuer.ed, ED_HEADER)};
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        (void)issuer_accept(tokens[i]);
        for (char *at = tokens[i]; *at != '\0'; at++) {
            char was = *at;
            *at = was == 'A' ? 'B' : 'A';
            issuer_refuse(tokens[i], "");
            *at = was;
        }
        for (size_t len = 0; len < strlen(tokens[i]); len++)
            issuer_refuse_bytes(tokens[i], len, ERR_TOKEN_INVALID, "");
        (void)issuer_accept(tokens[i]);
    }
}

static void refuses_signatures_of_the_wrong_length(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        EVP_PKEY **key;
    } kinds[] = {{RSA_HEADER, &issuer.rsa}, {EC_HEADER, &issuer.ec}, {ED_HEADER, &issuer.ed}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const char *input = issuer_input(kinds[i].header, payload());
        unsigned char bytes[1025] = {0};
        size_t len = issuer_signature(*kinds[i].key, input, bytes);
        (void)issuer_accept(with_signature(input, bytes, len));
        issuer_refuse(with_signature(input, bytes, len - 1), "wrong length");
        issuer_refuse(with_signature(input, bytes, len + 1), "wrong length");
        issuer_refuse(with_signature(input, bytes, 1), "wrong length");
        issuer_refuse(with_signature(input, bytes, 1025), "wrong length");
        memset(bytes, 0, len);
        issuer_refuse(with_signature(input, bytes, len), "signature is wrong");
        memset(bytes, 0xff, len);
        issuer_refuse(with_signature(input, bytes, len), "signature is wrong");
    }
    // ECDSA as OpenSSL writes it, and of another curve.
    const char *input = issuer_input(EC_HEADER, payload());
    unsigned char der[128];
    size_t len = sizeof(der);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, issuer.ec), 1);
    (void)EVP_DigestSign(context, der, &len, (const unsigned char *)input, strlen(input));
    EVP_MD_CTX_free(context);
    issuer_refuse(with_signature(input, der, len), "wrong length");
    EVP_PKEY *large = issuer_ec("P-384");
    issuer_refuse(issuer_sign(large, input), "wrong length");
    EVP_PKEY_free(large);
}

static void refuses_another_key_of_the_same_kind(void **state)
{
    (void)state;
    EVP_PKEY *rsa = issuer_rsa(2048), *ec = issuer_ec("P-256"), *ed = issuer_ed25519();
    issuer_refuse(sign(rsa, RSA_HEADER), "signature is wrong");
    issuer_refuse(sign(ec, EC_HEADER), "signature is wrong");
    issuer_refuse(sign(ed, ED_HEADER), "signature is wrong");
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ed);
}

// PSS under the name of PKCS #1 1.5.
static void refuses_another_rsa_padding(void **state)
{
    (void)state;
    const char *input = issuer_input(RSA_HEADER, payload());
    unsigned char bytes[1024];
    size_t len = sizeof(bytes);
    EVP_PKEY_CTX *options = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, &options, EVP_sha256(), NULL, issuer.rsa), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) > 0);
    (void)EVP_DigestSign(context, bytes, &len, (const unsigned char *)input, strlen(input));
    EVP_MD_CTX_free(context);
    issuer_refuse(with_signature(input, bytes, len), "signature is wrong");
}

// Ed25519 with the order of the group added to S: the same equation, another spelling.
static void refuses_a_second_spelling_of_ed25519(void **state)
{
    (void)state;
    static const unsigned char order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
                                            0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
                                            0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    const char *input = issuer_input(ED_HEADER, payload());
    unsigned char bytes[1024];
    size_t len = issuer_signature(issuer.ed, input, bytes);
    unsigned carry = 0;
    for (size_t i = 0; i < sizeof(order); i++) {
        carry += (unsigned)bytes[32 + i] + order[i];
        bytes[32 + i] = (unsigned char)carry;
        carry >>= 8;
    }
    issuer_refuse(with_signature(input, bytes, len), "signature is wrong");
}

static void prints_nothing(void **state)
{
    (void)state;
    int quiet = memfd_create("stderr", MFD_CLOEXEC), saved = dup(STDERR_FILENO);
    (void)dup2(quiet, STDERR_FILENO);
    const struct principal *principal;
    char *token = sign(issuer.rsa, RSA_HEADER);
    token[strlen(token) - 10] ^= 1;
    enum err_code rsa =
        auth_verify(issuer.auth, token, strlen(token), &issuer.arena, &principal, NULL);
    token = sign(issuer.ec, EC_HEADER);
    token[strlen(token) - 10] ^= 1;
    enum err_code ec =
        auth_verify(issuer.auth, token, strlen(token), &issuer.arena, &principal, NULL);
    (void)dup2(saved, STDERR_FILENO);
    (void)close(saved);
    assert_int_equal(rsa, ERR_TOKEN_INVALID);
    assert_int_equal(ec, ERR_TOKEN_INVALID);
    assert_int_equal(lseek(quiet, 0, SEEK_END), 0);
    (void)close(quiet);
}

static void *verify_many(void *token)
{
    for (int i = 0; i < 100; i++) {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, 4096);
        const struct principal *principal;
        if (auth_verify(issuer.auth, token, strlen(token), &arena, &principal, NULL) != ERR_OK)
            return token;
    }
    return NULL;
}

static void verifies_in_threads(void **state)
{
    (void)state;
    char *const tokens[] = {sign(issuer.rsa, RSA_HEADER), sign(issuer.ec, EC_HEADER),
                            sign(issuer.ed, ED_HEADER), sign(issuer.rsa, RSA_HEADER)};
    pthread_t threads[ARRAY_LEN(tokens)];
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_many, tokens[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

#define token_test(name) cmocka_unit_test_setup_teardown(name, issuer_start, issuer_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        token_test(accepts_the_three_algorithms),
        token_test(refuses_bad_headers),
        token_test(ignores_keys_that_the_token_brings),
        token_test(refuses_a_hash_keyed_with_a_public_key),
        token_test(refuses_other_numbers_of_segments),
        token_test(refuses_other_base64),
        token_test(bounds_the_size),
        token_test(refuses_every_changed_character),
        token_test(refuses_signatures_of_the_wrong_length),
        token_test(refuses_another_key_of_the_same_kind),
        token_test(refuses_another_rsa_padding),
        token_test(refuses_a_second_spelling_of_ed25519),
        token_test(prints_nothing),
        token_test(verifies_in_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
