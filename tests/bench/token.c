// Verifications a second of each algorithm: tokens never seen before, one token over and over, and
// as floor the bare signature. token DIR COUNT ROUNDS makes its keys in DIR and prints JSON lines.
#include <fcntl.h>
#include <jansson.h>
#include <jose/jwk.h>
#include <jose/openssl.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/auth/auth.h"
#include "server/base/encoding.h"

enum {
    PATH_BYTES = 512,
    SIGNATURE_MAX_BYTES = 1024,
    ARENA_BYTES = 64 << 20,
    CALL_BYTES = 64 * 1024
};

static const char ISSUER[] = "https://portal.example";
static const char *const permissions[] = {"manage_integrations", "read_documentation",
                                          "read_documentation_passwords", "read_audit"};

struct algorithm {
    const char *name;
    const char *template; // for José to generate from; NULL: Ed25519
};

static const struct algorithm algorithms[] = {
    {"EdDSA", NULL},
    {"ES256", "{\"alg\":\"ES256\"}"},
    {"RS256", "{\"alg\":\"RS256\",\"bits\":2048}"},
};

// One algorithm's keys and tokens.
struct bench {
    const struct algorithm *algorithm;
    struct auth *auth;
    struct arena arena;
    const char **tokens;
    size_t count;
    EVP_PKEY *key; // NULL: Ed25519
};

static _Noreturn void fail(const char *what, const struct err *err)
{
    fprintf(stderr, "token: %s: %s\n", what, err == NULL ? "" : err->text);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void write_json(const char *path, mode_t mode, json_t *json)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 || json_dumpfd(json, fd, JSON_COMPACT) != 0)
        fail(path, NULL);
    (void)close(fd);
}

static void make_jose_keys(struct bench *bench, const char *private_file, const char *jwks_file)
{
    json_auto_t *private = json_loads(bench->algorithm->template, 0, NULL);
    if (!jose_jwk_gen(NULL, private))
        fail("José makes no key", NULL);
    (void)json_object_del(private, "bits");
    (void)json_object_del(private, "key_ops");
    (void)json_object_set_new(private, "kid", json_string("bench"));
    (void)json_object_set_new(private, "use", json_string("sig"));
    json_auto_t *public = json_deep_copy(private);
    if (!jose_jwk_pub(NULL, public))
        fail("José makes no public key", NULL);
    json_auto_t *set = json_pack("{s:[O]}", "keys", public);
    write_json(private_file, 0600, private);
    write_json(jwks_file, 0644, set);
    bench->key = jose_openssl_jwk_to_EVP_PKEY(NULL, private);
    if (bench->key == NULL)
        fail("OpenSSL reads no key", NULL);
}

static void prepare(struct bench *bench, const char *dir)
{
    char private_file[PATH_BYTES], jwks_file[PATH_BYTES], subject[32];
    struct err err = {0};
    (void)snprintf(private_file, sizeof(private_file), "%s/%s.jwk", dir, bench->algorithm->name);
    (void)snprintf(jwks_file, sizeof(jwks_file), "%s/%s.json", dir, bench->algorithm->name);
    if (bench->algorithm->template != NULL)
        make_jose_keys(bench, private_file, jwks_file);
    else if (auth_mint_keys(private_file, jwks_file, &err) != ERR_OK)
        fail("no keys", &err);
    const struct auth_settings settings = {
        .jwks_file = jwks_file, .issuer = ISSUER, .audience = "docbridge"};
    if (auth_new(&settings, &bench->auth, &err) != ERR_OK)
        fail("no verifier", &err);
    arena_init(&bench->arena, ARENA_BYTES);
    bench->tokens = calloc(bench->count, sizeof(*bench->tokens));
    for (size_t i = 0; bench->tokens != NULL && i < bench->count; i++) {
        (void)snprintf(subject, sizeof(subject), "user-%zu", i);
        const struct auth_claims claims = {.issuer = ISSUER,
                                           .audience = "docbridge",
                                           .tenant = "bench",
                                           .subject = subject,
                                           .name = "Ada Admin",
                                           .actor = "human",
                                           .permissions = permissions,
                                           .permission_count = ARRAY_LEN(permissions),
                                           .lifetime_s = 900};
        if (auth_mint(private_file, &claims, &bench->arena, &bench->tokens[i], &err) != ERR_OK)
            fail("no token", &err);
    }
}

static void verify(struct bench *bench, const char *token)
{
    const struct principal *principal;
    struct arena arena;
    struct err err = {0};
    arena_init(&arena, CALL_BYTES);
    if (auth_verify(bench->auth, token, strlen(token), &arena, &principal, &err) != ERR_OK)
        fail("a good token is refused", &err);
    arena_done(&arena);
}

// Verifications a second of `count` tokens from `first` on.
static double fresh(struct bench *bench, size_t first, size_t count)
{
    double start = now();
    for (size_t i = 0; i < count; i++)
        verify(bench, bench->tokens[first + i]);
    return (double)count / (now() - start);
}

static double warm(struct bench *bench, size_t count)
{
    verify(bench, bench->tokens[0]);
    double start = now();
    for (size_t i = 0; i < count; i++)
        verify(bench, bench->tokens[0]);
    return (double)count / (now() - start);
}

// What was signed: the token without its signature.
static size_t signed_len(const char *token)
{
    return (size_t)(strrchr(token, '.') - token);
}

static double bare_ed25519(struct bench *bench, size_t count)
{
    unsigned char public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES],
        signature[crypto_sign_BYTES];
    const unsigned char *text = (const unsigned char *)bench->tokens[0];
    size_t len = signed_len(bench->tokens[0]);
    (void)crypto_sign_keypair(public, secret);
    (void)crypto_sign_detached(signature, NULL, text, len, secret);
    double start = now();
    for (size_t i = 0; i < count; i++)
        if (crypto_sign_verify_detached(signature, text, len, public) != 0)
            fail("bare Ed25519", NULL);
    return (double)count / (now() - start);
}

static double bare_openssl(struct bench *bench, size_t count)
{
    unsigned char signature[SIGNATURE_MAX_BYTES];
    size_t signature_len = sizeof(signature), len = signed_len(bench->tokens[0]);
    const unsigned char *text = (const unsigned char *)bench->tokens[0];
    EVP_MD_CTX *signer = EVP_MD_CTX_new();
    if (EVP_DigestSignInit(signer, NULL, EVP_sha256(), NULL, bench->key) != 1 ||
        EVP_DigestSign(signer, signature, &signature_len, text, len) != 1)
        fail("bare signature", NULL);
    EVP_MD_CTX_free(signer);
    double start = now();
    for (size_t i = 0; i < count; i++) {
        EVP_MD_CTX *verifier = EVP_MD_CTX_new();
        if (EVP_DigestVerifyInit(verifier, NULL, EVP_sha256(), NULL, bench->key) != 1 ||
            EVP_DigestVerify(verifier, signature, signature_len, text, len) != 1)
            fail("bare verification", NULL);
        EVP_MD_CTX_free(verifier);
    }
    return (double)count / (now() - start);
}

int main(int argc, char **argv)
{
    if (argc != 4 || sodium_init() < 0)
        fail("token DIR COUNT ROUNDS", NULL);
    int64_t given, turns;
    if (!encoding_int64(argv[2], strlen(argv[2]), &given) ||
        !encoding_int64(argv[3], strlen(argv[3]), &turns) || given < 1 || turns < 1)
        fail("COUNT and ROUNDS are numbers", NULL);
    size_t count = (size_t)given, rounds = (size_t)turns;
    for (size_t a = 0; a < ARRAY_LEN(algorithms); a++) {
        struct bench bench = {.algorithm = &algorithms[a], .count = count * rounds + 1};
        prepare(&bench, argv[1]);
        for (size_t i = 0; i < rounds; i++)
            printf("{\"algorithm\": \"%s\", \"fresh\": %.0f, \"warm\": %.0f, \"bare\": %.0f}\n",
                   algorithms[a].name, fresh(&bench, 1 + i * count, count),
                   warm(&bench, count * 20),
                   bench.key == NULL ? bare_ed25519(&bench, count) : bare_openssl(&bench, count));
        bench.auth = auth_free(bench.auth);
        EVP_PKEY_free(bench.key);
        arena_done(&bench.arena);
        free(bench.tokens);
    }
    return 0;
}
