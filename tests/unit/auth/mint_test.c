// Development keys and tokens, verified by OpenSSL and by the server's own verifier.
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "server/base/cleanup.h"
#include "server/base/encoding.h"
#include "tests/unit/auth/issuer.h"

static const char *const PERMISSIONS[] = {"manage_integrations", "read_audit"};
static const char *const COMPANIES[] = {"acme", "globex"};

static const struct auth_claims CLAIMS = {
    .issuer = ISSUER_NAME,
    .audience = ISSUER_AUDIENCE,
    .tenant = "tenant-a",
    .subject = "user-1",
    .name = "Ada \"the first\" L\xc3\xb6w",
    .email = "ada@example.com",
    .actor = "human",
    .permissions = PERMISSIONS,
    .permission_count = 2,
    .companies = COMPANIES,
    .company_count = 2,
    .lifetime_s = 600,
};

static char *write_private(EVP_PKEY *key, const char *kid)
{
    json_auto_t *jwk = issuer_jwk(key, kid, true);
    char *text _cleanup_(freep) = json_dumps(jwk, 0);
    char *path = issuer_path("private.jwk");
    issuer_write(path, text, 0600);
    return path;
}

static const char *mint(const char *path, const struct auth_claims *claims)
{
    const char *token = NULL;
    struct err err = {0};
    if (auth_mint(path, claims, &issuer.arena, &token, &err) != ERR_OK)
        fail_msg("not minted: %s", err.text);
    return token;
}

static void check_principal(const struct principal *principal)
{
    assert_string_equal(principal->tenant, CLAIMS.tenant);
    assert_string_equal(principal->subject, CLAIMS.subject);
    assert_string_equal(principal->display_name, CLAIMS.name);
    assert_string_equal(principal->email, CLAIMS.email);
    assert_int_equal(principal->actor, ACTOR_HUMAN);
    assert_true(principal_may(principal, PERMISSION_READ_INTEGRATIONS));
    assert_true(principal_may(principal, PERMISSION_READ_AUDIT));
    assert_false(principal_may(principal, PERMISSION_READ_DOCUMENTATION));
    assert_true(principal_sees_company(principal, "globex"));
    assert_false(principal_sees_company(principal, "initech"));
    assert_int_equal(principal->expire_time_us - principal->issue_time_us, 600000000);
}

static void mints_with_each_kind_of_key(void **state)
{
    (void)state;
    const struct {
        EVP_PKEY *key;
        const char *kid;
    } kinds[] = {{issuer.rsa, "rsa"}, {issuer.ec, "ec"}, {issuer.ed, "ed"}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const char *token = mint(write_private(kinds[i].key, kinds[i].kid), &CLAIMS);
        assert_true(issuer_verify(kinds[i].key, token));
        check_principal(issuer_accept(token));
    }
    EVP_PKEY *other = issuer_ec("P-256");
    assert_false(issuer_verify(other, mint(write_private(issuer.ec, "ec"), &CLAIMS)));
    EVP_PKEY_free(other);
}

static void makes_keys_that_fit(void **state)
{
    (void)state;
    char *private_file = issuer_path("made.jwk"), *jwks_file = issuer_path("made.json");
    (void)unlink(private_file);
    (void)unlink(jwks_file);
    assert_int_equal(auth_mint_keys(private_file, jwks_file, NULL), ERR_OK);
    struct stat status;
    assert_int_equal(stat(private_file, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    const char *token = mint(private_file, &CLAIMS);
    issuer.auth = auth_free(issuer.auth);
    struct auth_settings settings = {jwks_file, ISSUER_NAME, ISSUER_AUDIENCE, 0, 0};
    assert_int_equal(auth_new(&settings, &issuer.auth, NULL), ERR_OK);
    check_principal(issuer_accept(token));
    // OpenSSL reads the same key out of the file and agrees.
    json_auto_t *set = json_load_file(jwks_file, 0, NULL);
    const char *x = NULL, *kid = NULL;
    assert_int_equal(json_unpack(set, "{s:[{s:s, s:s}]}", "keys", "x", &x, "kid", &kid), 0);
    unsigned char bytes[32], hash[32];
    size_t len;
    assert_true(encoding_base64url_decode(x, strlen(x), bytes, sizeof(bytes), &len));
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, len);
    assert_true(issuer_verify(key, token));
    EVP_PKEY_free(key);
    // The kid is the thumbprint of RFC 7638.
    const char *members =
        arena_printf(&issuer.arena, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", x);
    assert_int_equal(EVP_Digest(members, strlen(members), hash, NULL, EVP_sha256(), NULL), 1);
    assert_string_equal(kid, issuer_encode(hash, sizeof(hash)));
    // Neither file is ever overwritten, and a half-made pair does not stay.
    assert_int_equal(auth_mint_keys(private_file, jwks_file, NULL), ERR_FIELD_INVALID);
    char *second = issuer_path("second.jwk");
    assert_int_equal(auth_mint_keys(second, jwks_file, NULL), ERR_FIELD_INVALID);
    assert_int_equal(access(second, F_OK), -1);
    (void)issuer_accept(mint(private_file, &CLAIMS));
}

static void leaves_claims_out(void **state)
{
    (void)state;
    const char *path = write_private(issuer.ed, "ed");
    struct auth_claims claims = CLAIMS;
    claims.companies = NULL;
    claims.company_count = 0;
    assert_true(issuer_accept(mint(path, &claims))->all_companies);
    claims.companies = COMPANIES;
    assert_false(principal_sees_company(issuer_accept(mint(path, &claims)), "acme"));
    claims = CLAIMS;
    claims.permissions = NULL;
    claims.name = claims.email = NULL;
    const struct principal *principal = issuer_accept(mint(path, &claims));
    assert_int_equal(principal->permissions, 0);
    assert_string_equal(principal->display_name, CLAIMS.subject);
    assert_null(principal->email);
    claims.actor = NULL;
    issuer_refuse(mint(path, &claims), "actor is missing");
    claims = CLAIMS;
    claims.lifetime_s = 0;
    issuer_refuse(mint(path, &claims), "exp is missing");
    claims.lifetime_s = 901;
    issuer_refuse(mint(path, &claims), "too long");
    claims = CLAIMS;
    claims.issuer = "https://other.example";
    issuer_refuse(mint(path, &claims), "iss");
    claims = CLAIMS;
    claims.tenant = NULL;
    issuer_refuse(mint(path, &claims), "tenant is missing");
}

static void refuse_mint(const char *path, const char *detail)
{
    const char *token = NULL;
    struct err err = {0};
    assert_int_equal(auth_mint(path, &CLAIMS, &issuer.arena, &token, &err), ERR_FIELD_INVALID);
    if (strstr(err.text, detail) == NULL)
        fail_msg("expected \"%s\", got \"%s\"", detail, err.text);
    assert_null(token);
}

static void refuses_bad_private_keys(void **state)
{
    (void)state;
    char *path = write_private(issuer.ed, "ed");
    assert_int_equal(chmod(path, 0640), 0);
    refuse_mint(path, "open to others");
    issuer_write(path, "not json", 0600);
    refuse_mint(path, "is not JSON");
    issuer_write(path, "{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"c2VjcmV0\"}", 0600);
    refuse_mint(path, "kty is not");
    json_auto_t *public = issuer_jwk(issuer.ed, "ed", false);
    char *text _cleanup_(freep) = json_dumps(public, 0);
    issuer_write(path, text, 0600);
    refuse_mint(path, "no private part");
    // The private part of another key would sign what nobody can verify.
    json_auto_t *mixed = issuer_jwk(issuer.ed, "ed", true);
    json_auto_t *other = issuer_jwk(issuer.ed_other, "ed", true);
    (void)json_object_set(mixed, "d", json_object_get(other, "d"));
    char *mixed_text _cleanup_(freep) = json_dumps(mixed, 0);
    issuer_write(path, mixed_text, 0600);
    refuse_mint(path, "not the private part of x");
    (void)unlink(path);
    refuse_mint(path, "cannot be read");
}

static void fails_without_memory(void **state)
{
    (void)state;
    const char *path = write_private(issuer.ed, "ed");
    for (size_t max = 0; max < 2000; max += 200) {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, max);
        const char *token = NULL;
        enum err_code code = auth_mint(path, &CLAIMS, &arena, &token, NULL);
        assert_true(code == ERR_OK ? token != NULL : code == ERR_INTERNAL);
    }
}

#define mint_test(name) cmocka_unit_test_setup_teardown(name, issuer_start, issuer_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        mint_test(mints_with_each_kind_of_key), mint_test(makes_keys_that_fit),
        mint_test(leaves_claims_out),           mint_test(refuses_bad_private_keys),
        mint_test(fails_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
