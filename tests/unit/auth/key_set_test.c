// Which sets of public keys a verifier starts with: one bad key refuses the file, by name.
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "server/base/cleanup.h"
#include "tests/unit/auth/issuer.h"

static enum err_code open_set(const char *text, struct err *ret_err)
{
    const char *path = issuer_path("set.json");
    struct auth *auth _cleanup_(auth_freep) = NULL;
    struct auth_settings settings = {path, ISSUER_NAME, ISSUER_AUDIENCE, 0, 0};
    issuer_write(path, text, 0644);
    enum err_code code = auth_new(&settings, &auth, ret_err);
    assert_int_equal(auth == NULL, code != ERR_OK);
    if (code != ERR_OK)
        assert_string_equal(ret_err->field, path);
    return code;
}

static void refuse_set(const char *text, const char *detail)
{
    struct err err = {0};
    if (open_set(text, &err) != ERR_FIELD_INVALID || strstr(err.text, detail) == NULL)
        fail_msg("expected \"%s\", got \"%s\" for %s", detail, err.text, text);
}

// A set of a good key and `key`, which it releases.
static char *set_with(json_t *key)
{
    json_auto_t *set = json_pack("{s:[o, o]}", "keys", issuer_jwk(issuer.ed, "good", false), key);
    char *text = json_dumps(set, JSON_COMPACT);
    assert_non_null(text);
    return text;
}

static void refuse_key(json_t *key, const char *detail)
{
    char *text _cleanup_(freep) = set_with(key);
    refuse_set(text, detail);
    struct err err = {0};
    (void)open_set(text, &err);
    assert_non_null(strstr(err.text, "key 2, kid \""));
}

static void accept_key(json_t *key)
{
    char *text _cleanup_(freep) = set_with(key);
    struct err err = {0};
    if (open_set(text, &err) != ERR_OK)
        fail_msg("refused: %s", err.text);
}

static json_t *changed(EVP_PKEY *key, const char *member, const char *value)
{
    json_t *jwk = issuer_jwk(key, "the-bad-one", false);
    json_t *json = value == NULL ? NULL : json_loads(value, JSON_DECODE_ANY, NULL);
    if (json == NULL)
        (void)json_object_del(jwk, member);
    else
        (void)json_object_set_new(jwk, member, json);
    return jwk;
}

static void accepts_what_says_its_use(void **state)
{
    (void)state;
    accept_key(changed(issuer.rsa, "alg", "\"RS256\""));
    accept_key(changed(issuer.ec, "alg", "\"ES256\""));
    accept_key(changed(issuer.ed_other, "alg", "\"EdDSA\""));
    accept_key(changed(issuer.rsa, "use", "\"sig\""));
    accept_key(changed(issuer.rsa, "key_ops", "[\"verify\"]"));
    accept_key(changed(issuer.rsa, "x5t", "\"anything\""));
    EVP_PKEY *large = issuer_rsa(3072);
    accept_key(issuer_jwk(large, "large", false));
    EVP_PKEY_free(large);
}

static void refuses_files_that_are_no_set(void **state)
{
    (void)state;
    refuse_set("", "is not JSON");
    refuse_set("{\"keys\":[}", "is not JSON");
    refuse_set("{\"keys\":[],\"keys\":[]}", "is not JSON");
    refuse_set("{}", "no array `keys`");
    refuse_set("[]", "no array `keys`");
    refuse_set("{\"keys\":{}}", "no array `keys`");
    refuse_set("{\"keys\":[]}", "no array `keys`");
    refuse_set("{\"keys\":[1]}", "kid is missing");
    refuse_set("{\"keys\":[{}]}", "kid is missing");
    char *huge _cleanup_(freep) = malloc(300 * 1024);
    memset(huge, ' ', 300 * 1024 - 1);
    huge[300 * 1024 - 1] = '\0';
    refuse_set(huge, "regular file");
    json_auto_t *many = json_pack("{s:[]}", "keys");
    for (int i = 0; i < 101; i++) {
        char kid[16];
        (void)snprintf(kid, sizeof(kid), "key-%d", i);
        (void)json_array_append_new(json_object_get(many, "keys"),
                                    issuer_jwk(issuer.ed, kid, false));
    }
    char *text _cleanup_(freep) = json_dumps(many, 0);
    refuse_set(text, "1 to 100 keys");
    struct auth *auth = NULL;
    static const char *const names[] = {"absent.json", "."};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct auth_settings settings = {issuer_path(names[i]), ISSUER_NAME, ISSUER_AUDIENCE, 0, 0};
        assert_int_equal(auth_new(&settings, &auth, NULL), ERR_FIELD_INVALID);
    }
}

static void refuses_weak_rsa(void **state)
{
    (void)state;
    EVP_PKEY *weak = issuer_rsa(1024), *almost = issuer_rsa(2040);
    refuse_key(issuer_jwk(weak, "weak", false), "kid \"weak\": its modulus is shorter");
    refuse_key(issuer_jwk(almost, "almost", false), "its modulus is shorter");
    // Zeros before it do not make it strong.
    BIGNUM *number = NULL;
    (void)EVP_PKEY_get_bn_param(weak, "n", &number);
    for (int len = 255; len <= 260; len++) {
        unsigned char n[260];
        json_t *padded = issuer_jwk(weak, "padded", false);
        (void)BN_bn2binpad(number, n, len);
        (void)json_object_set_new(padded, "n", json_string(issuer_encode(n, (size_t)len)));
        refuse_key(padded, "its modulus is shorter");
    }
    BN_free(number);
    refuse_key(changed(issuer.rsa, "n", NULL), "n is missing");
    refuse_key(changed(issuer.rsa, "n", "1"), "n is missing");
    refuse_key(changed(issuer.rsa, "n", "\"\""), "its modulus is shorter");
    refuse_key(changed(issuer.rsa, "n", "\"not base64!\""), "n is missing");
    refuse_key(changed(issuer.rsa, "e", NULL), "e is missing");
    refuse_key(changed(issuer.rsa, "e", "\"AQ\""), "exponent is below");   // 1
    refuse_key(changed(issuer.rsa, "e", "\"Aw\""), "exponent is below");   // 3
    refuse_key(changed(issuer.rsa, "e", "\"AQAA\""), "exponent is below"); // 65536
    refuse_key(changed(issuer.rsa, "e", "\"AQACAQAC\""), "e is missing");
    EVP_PKEY_free(weak);
    EVP_PKEY_free(almost);
}

static void refuses_other_curves(void **state)
{
    (void)state;
    EVP_PKEY *large = issuer_ec("P-384");
    refuse_key(issuer_jwk(large, "large", false), "kid \"large\": its curve is not P-256");
    json_t *lies = issuer_jwk(large, "lies", false);
    (void)json_object_set_new(lies, "crv", json_string("P-256"));
    refuse_key(lies, "x and y are not");
    EVP_PKEY_free(large);
    refuse_key(changed(issuer.ec, "crv", NULL), "curve is not P-256");
    refuse_key(changed(issuer.ec, "crv", "\"secp256k1\""), "curve is not P-256");
    refuse_key(changed(issuer.ec, "y", NULL), "x and y are not");
    refuse_key(changed(issuer.ec, "y", "\"AAAA\""), "x and y are not");
    // A point that is not on the curve.
    const char *x = "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"";
    refuse_key(changed(issuer.ec, "x", x), "are not a key");
    refuse_key(changed(issuer.ed, "crv", "\"X25519\""), "curve is not Ed25519");
    refuse_key(changed(issuer.ed, "crv", "\"Ed448\""), "curve is not Ed25519");
    refuse_key(changed(issuer.ed, "x", "\"AAAA\""), "not a point");
    refuse_key(changed(issuer.ed, "x", NULL), "not a point");
    // Points of small order: everything would verify.
    refuse_key(changed(issuer.ed, "x", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""),
               "not a point");
    refuse_key(changed(issuer.ed, "x", "\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""),
               "not a point");
}

static void refuses_keys_for_other_things(void **state)
{
    (void)state;
    json_t *hmac = json_pack("{s:s, s:s, s:s}", "kty", "oct", "kid", "hmac", "k",
                             "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0");
    refuse_key(hmac, "kid \"hmac\": its kty is not RSA, EC or OKP");
    refuse_key(changed(issuer.ed, "kty", "\"AKP\""), "kty is not");
    refuse_key(changed(issuer.ed, "kty", NULL), "kty is not");
    refuse_key(changed(issuer.rsa, "kty", "\"EC\""), "curve is not P-256");
    refuse_key(changed(issuer.rsa, "use", "\"enc\""), "use is not sig");
    refuse_key(changed(issuer.rsa, "use", "1"), "use is not sig");
    refuse_key(changed(issuer.rsa, "key_ops", "[\"sign\"]"), "key_ops do not");
    refuse_key(changed(issuer.rsa, "key_ops", "[]"), "key_ops do not");
    refuse_key(changed(issuer.rsa, "key_ops", "\"verify\""), "key_ops do not");
    refuse_key(changed(issuer.rsa, "alg", "\"RS512\""), "alg does not fit");
    refuse_key(changed(issuer.rsa, "alg", "\"HS256\""), "alg does not fit");
    refuse_key(changed(issuer.rsa, "alg", "\"ES256\""), "alg does not fit");
    refuse_key(changed(issuer.rsa, "alg", "1"), "alg does not fit");
    refuse_key(changed(issuer.ec, "alg", "\"ES384\""), "alg does not fit");
    refuse_key(changed(issuer.ed, "alg", "\"RS256\""), "alg does not fit");
}

static void refuses_private_parts(void **state)
{
    (void)state;
    refuse_key(issuer_jwk(issuer.rsa, "leaked", true), "kid \"leaked\": it has a private part");
    refuse_key(issuer_jwk(issuer.ec, "leaked", true), "it has a private part");
    refuse_key(issuer_jwk(issuer.ed, "leaked", true), "it has a private part");
    struct err err = {0};
    char *text _cleanup_(freep) = set_with(issuer_jwk(issuer.ed, "leaked", true));
    (void)open_set(text, &err);
    json_auto_t *jwk = issuer_jwk(issuer.ed, "leaked", true);
    assert_null(strstr(err.text, json_string_value(json_object_get(jwk, "d"))));
}

static void refuses_unclear_kids(void **state)
{
    (void)state;
    refuse_key(changed(issuer.ec, "kid", NULL), "kid is missing");
    refuse_key(changed(issuer.ec, "kid", "\"\""), "kid is missing");
    refuse_key(changed(issuer.ec, "kid", "5"), "kid is missing");
    refuse_key(changed(issuer.ec, "kid", "\"good\""), "kid \"good\": its kid stands twice");
    char kid[132] = "\"";
    memset(kid + 1, 'k', 129);
    kid[130] = '"';
    refuse_key(changed(issuer.ec, "kid", kid), "longer than 128");
}

static void refuses_settings_that_accept_anything(void **state)
{
    (void)state;
    const char *path = issuer_path("jwks.json");
    const struct auth_settings bad[] = {
        {path, "", ISSUER_AUDIENCE, 0, 0},
        {path, NULL, ISSUER_AUDIENCE, 0, 0},
        {path, ISSUER_NAME, "", 0, 0},
        {path, ISSUER_NAME, NULL, 0, 0},
        {NULL, ISSUER_NAME, ISSUER_AUDIENCE, 0, 0},
        {"", ISSUER_NAME, ISSUER_AUDIENCE, 0, 0},
        {path, ISSUER_NAME, ISSUER_AUDIENCE, -1, 0},
        {path, ISSUER_NAME, ISSUER_AUDIENCE, INT64_MAX, 0},
        {path, ISSUER_NAME, ISSUER_AUDIENCE, 0, -1},
        {path, ISSUER_NAME, ISSUER_AUDIENCE, 0, 900001},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct auth *auth = NULL;
        assert_int_equal(auth_new(&bad[i], &auth, NULL), ERR_FIELD_INVALID);
        assert_null(auth);
    }
    assert_null(auth_free(NULL));
}

#define key_test(name) cmocka_unit_test_setup_teardown(name, issuer_start, issuer_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        key_test(accepts_what_says_its_use),
        key_test(refuses_files_that_are_no_set),
        key_test(refuses_weak_rsa),
        key_test(refuses_other_curves),
        key_test(refuses_keys_for_other_things),
        key_test(refuses_private_parts),
        key_test(refuses_unclear_kids),
        key_test(refuses_settings_that_accept_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
