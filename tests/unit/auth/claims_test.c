// Claims that are missing, wrong or out of time, and what the good ones give (AUT-01 to AUT-07).
#include <stdio.h>
#include <string.h>

#include "server/base/cleanup.h"
#include "tests/unit/auth/issuer.h"

// Good claims with one replaced by the JSON `value`; NULL leaves it out.
static json_t *claims_with(const char *name, const char *value)
{
    json_t *claims = issuer_claims();
    if (value == NULL) {
        (void)json_object_del(claims, name);
        return claims;
    }
    json_t *json = json_loads(value, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    (void)json_object_set_new(claims, name, json);
    return claims;
}

static const struct principal *accept_with(const char *name, const char *value)
{
    return issuer_accept(issuer_token(claims_with(name, value)));
}

static json_t *claims_at(int64_t iat, int64_t nbf, int64_t exp)
{
    json_t *claims = issuer_claims();
    (void)json_object_set_new(claims, "iat", json_integer(iat));
    (void)json_object_set_new(claims, "nbf", json_integer(nbf));
    (void)json_object_set_new(claims, "exp", json_integer(exp));
    return claims;
}

static void refuses_bad_claims(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *detail;
    } vectors[] = {
        {"iss", NULL, "iss is not the issuer"},
        {"iss", "1", "iss is not the issuer"},
        {"iss", "\"\"", "iss is not the issuer"},
        {"iss", "\"https://portal.example/\"", "iss is not the issuer"},
        {"iss", "[\"https://portal.example\"]", "iss is not the issuer"},
        {"aud", NULL, "aud does not have"},
        {"aud", "\"other\"", "aud does not have"},
        {"aud", "\"docbridg\"", "aud does not have"},
        {"aud", "[]", "aud does not have"},
        {"aud", "[\"a\",\"b\"]", "aud does not have"},
        {"aud", "[\"docbridge\",1]", "aud is not a string"},
        {"aud", "{\"docbridge\":1}", "aud does not have"},
        {"aud", "null", "aud does not have"},
        {"exp", NULL, "exp is missing"},
        {"exp", "\"1772366500\"", "exp is not a whole number"},
        {"exp", "1772366500.5", "exp is not a whole number"},
        {"exp", "1.7723665e9", "exp is not a whole number"},
        {"exp", "null", "exp is not a whole number"},
        {"exp", "true", "exp is not a whole number"},
        {"exp", "-1", "exp is not a whole number"},
        {"exp", "9223372036854775807", "exp is not a whole number"},
        {"exp", "253402300800", "exp is not a whole number"},
        {"iat", NULL, "iat is missing"},
        {"iat", "\"1\"", "iat is not a whole number"},
        {"iat", "-9223372036854775808", "iat is not a whole number"},
        {"nbf", "\"1\"", "nbf is not a whole number"},
        {"nbf", "false", "nbf is not a whole number"},
        {"jti", "1", "jti is not a string"},
        {"tenant", NULL, "tenant is missing"},
        {"tenant", "\"\"", "tenant is not a string"},
        {"tenant", "7", "tenant is not a string"},
        {"tenant", "[\"tenant-a\"]", "tenant is not a string"},
        {"tenant", "\"tenant a\"", "outside of"},
        {"tenant", "\"tenant/a\"", "outside of"},
        {"tenant", "\"tenant'a\"", "outside of"},
        {"tenant", "\"t\\u00e9nant\"", "outside of"},
        {"tenant", "\"tenant-a\\n\"", "outside of"},
        {"tenant", "\"12345678901234567890123456789012345678901234567890123456789012345\"",
         "tenant is not a string"},
        {"sub", NULL, "sub is missing"},
        {"sub", "\"\"", "sub is not a string"},
        {"sub", "12", "sub is not a string"},
        {"sub", "\"a\\nb\"", "cannot be shown"},
        {"sub", "\"a\\u202eb\"", "cannot be shown"},
        {"name", "1", "name is not a string"},
        {"name", "\"\"", "name is not a string"},
        {"email", "{}", "email is not a string"},
        {"email_verified", "\"true\"", "email_verified is not"},
        {"email_verified", "1", "email_verified is not"},
        {"actor", NULL, "actor is missing"},
        {"actor", "\"system\"", "actor is not human"},
        {"actor", "\"Human\"", "actor is not human"},
        {"actor", "1", "actor is not a string"},
        {"permissions", "\"read_audit\"", "permissions is not an array"},
        {"permissions", "{\"read_audit\":true}", "permissions is not an array"},
        {"permissions", "null", "permissions is not an array"},
        {"permissions", "[\"read_audit\",1]", "permissions has something"},
        {"permissions", "[[\"read_audit\"]]", "permissions has something"},
        {"companies", "\"all\"", "companies is not"},
        {"companies", "\"\"", "companies is not"},
        {"companies", "null", "companies is not"},
        {"companies", "{}", "companies is not"},
        {"companies", "true", "companies is not"},
        {"companies", "[1]", "companies has an id"},
        {"companies", "[\"a\",\"\"]", "companies has an id"},
        {"companies", "[\"a\",[\"b\"]]", "companies has an id"},
        {"company_scope", "\"emea\"", "exclude each other"},
        {"company_scope", "1", "company_scope is not a string"},
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
        issuer_refuse(issuer_token(claims_with(vectors[i].name, vectors[i].value)),
                      vectors[i].detail);
}

static void refuses_payloads_that_are_no_claims(void **state)
{
    (void)state;
    static const char *const payloads[] = {
        "[]",
        "\"x\"",
        "null",
        "{",
        "{} ,",
        "{}{}",
        "not json",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"exp\":1,\"exp\":2}",
        "{\"x\":{\"y\":1,\"y\":2}}",
        "{\"exp\":99999999999999999999}",
        "{\"x\":9223372036854775808}",
        "{\"x\":1e999}",
        "{\"x\":NaN}",
        "{'x':1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++)
        issuer_refuse(
            issuer_sign(issuer.ed, issuer_input("{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", payloads[i])),
            "the payload is not a JSON object");
}

static void keeps_to_the_times(void **state)
{
    (void)state;
    const int64_t now = ISSUER_NOW_S;
    (void)issuer_accept(issuer_token(claims_at(now - 840, now - 840, now + 60)));
    (void)issuer_accept(issuer_token(claims_at(now, now, now + 900)));
    issuer_refuse(issuer_token(claims_at(now, now, now + 901)), "too long after it");
    issuer_refuse(issuer_token(claims_at(now, now, now)), "not after iat");
    issuer_refuse(issuer_token(claims_at(now, now, now - 1)), "not after iat");
    issuer_refuse(issuer_token(claims_at(0, 0, 253402300799)), "too long after it");
    // The leeway of 60 s, to the second.
    (void)issuer_accept(issuer_token(claims_at(now + 60, now + 60, now + 120)));
    issuer_refuse(issuer_token(claims_at(now + 61, now, now + 120)), "iat is in the future");
    issuer_refuse(issuer_token(claims_at(now, now + 61, now + 120)), "nbf is in the future");
    (void)issuer_accept(issuer_token(claims_at(now - 300, now - 300, now - 59)));
    char *token = issuer_token(claims_at(now - 300, now - 300, now - 60));
    issuer_refuse_bytes(token, strlen(token), ERR_TOKEN_EXPIRED, "exp is in the past");
    (void)accept_with("nbf", NULL);
    // The same token grows old.
    token = issuer_token(issuer_claims());
    (void)issuer_accept(token);
    issuer_set_time(now + 359);
    (void)issuer_accept(token);
    issuer_set_time(now + 360);
    issuer_refuse_bytes(token, strlen(token), ERR_TOKEN_EXPIRED, "exp is in the past");
    issuer_set_time(now - 70);
    (void)issuer_accept(token);
    issuer_set_time(now - 71);
    issuer_refuse(token, "iat is in the future");
}

// An expired token that is wrong in another way too is only invalid.
static void tells_the_age_of_good_tokens_alone(void **state)
{
    (void)state;
    static const char *const names[] = {"iss", "aud", "tenant", "sub", "actor", "iat"};
    issuer_set_time(ISSUER_NOW_S + 5000);
    char *token = issuer_token(issuer_claims());
    issuer_refuse_bytes(token, strlen(token), ERR_TOKEN_EXPIRED, "exp");
    token[strlen(token) - 5] ^= 1;
    issuer_refuse(token, "signature");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        issuer_refuse(issuer_token(claims_with(names[i], NULL)), names[i]);
}

static void follows_its_settings(void **state)
{
    (void)state;
    issuer.auth = auth_free(issuer.auth);
    struct auth_settings settings = {issuer_path("jwks.json"), ISSUER_NAME, ISSUER_AUDIENCE, 1000,
                                     120000};
    assert_int_equal(auth_new(&settings, &issuer.auth, NULL), ERR_OK);
    const int64_t now = ISSUER_NOW_S;
    (void)issuer_accept(issuer_token(claims_at(now + 1, now + 1, now + 121)));
    issuer_refuse(issuer_token(claims_at(now + 2, now, now + 60)), "iat is in the future");
    issuer_refuse(issuer_token(claims_at(now, now, now + 121)), "too long after it");
    char *token = issuer_token(claims_at(now - 60, now - 60, now - 1));
    issuer_refuse_bytes(token, strlen(token), ERR_TOKEN_EXPIRED, "exp");
}

static void reads_who_calls(void **state)
{
    (void)state;
    const struct principal *principal = issuer_accept(issuer_token(issuer_claims()));
    assert_string_equal(principal->tenant, "tenant-a");
    assert_string_equal(principal->subject, "user-1");
    assert_string_equal(principal->display_name, "Ada");
    assert_null(principal->email);
    assert_int_equal(principal->actor, ACTOR_HUMAN);
    assert_int_equal(principal->issue_time_us, (ISSUER_NOW_S - 10) * INT64_C(1000000));
    assert_int_equal(principal->expire_time_us, (ISSUER_NOW_S + 300) * INT64_C(1000000));
    assert_string_equal(accept_with("name", NULL)->display_name, "user-1");
    assert_string_equal(accept_with("aud", "[\"x\",\"docbridge\"]")->subject, "user-1");
    assert_string_equal(accept_with("aud", "[\"docbridge\",\"docbridge\"]")->subject, "user-1");
    assert_int_equal(accept_with("actor", "\"service\"")->actor, ACTOR_SERVICE);
    assert_int_equal(accept_with("actor", "\"agent\"")->actor, ACTOR_AGENT);
    assert_string_equal(accept_with("sub", "\"auth0|J\\u00fcrgen\"")->subject,
                        "auth0|J\xc3\xbcrgen");
    assert_string_equal(accept_with("tenant", "\"AZaz09._-\"")->tenant, "AZaz09._-");
    assert_string_equal(accept_with("jti", "\"id\"")->tenant, "tenant-a");
    assert_string_equal(accept_with("unknown", "{\"a\":[1.5,null]}")->tenant, "tenant-a");
}

static void trusts_verified_mail_alone(void **state)
{
    (void)state;
    static const struct {
        const char *verified;
        bool trusted;
    } vectors[] = {{NULL, false}, {"false", false}, {"true", true}};
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        json_t *claims = claims_with("email", "\"ada@example.com\"");
        if (vectors[i].verified != NULL)
            (void)json_object_set_new(claims, "email_verified", json_boolean(vectors[i].trusted));
        const struct principal *principal = issuer_accept(issuer_token(claims));
        if (vectors[i].trusted)
            assert_string_equal(principal->email, "ada@example.com");
        else
            assert_null(principal->email);
    }
    assert_null(accept_with("email_verified", "true")->email);
}

static void reads_permissions(void **state)
{
    (void)state;
    assert_int_equal(accept_with("permissions", NULL)->permissions, 0);
    assert_int_equal(accept_with("permissions", "[]")->permissions, 0);
    assert_int_equal(
        accept_with("permissions", "[\"admin\",\"*\",\"\",\"READ_AUDIT\"]")->permissions, 0);
    // A role grants nothing (AUT-03).
    json_t *role = claims_with("permissions", NULL);
    (void)json_object_set_new(role, "role", json_string("administrator"));
    assert_int_equal(issuer_accept(issuer_token(role))->permissions, 0);
    for (unsigned i = 1; i < PERMISSION_COUNT; i++) {
        char value[64];
        (void)snprintf(value, sizeof(value), "[\"x\",\"%s\"]", permission_text((enum permission)i));
        const struct principal *principal = accept_with("permissions", value);
        for (unsigned j = 0; j < PERMISSION_COUNT; j++)
            assert_int_equal(principal_may(principal, (enum permission)j),
                             i == j || (i == PERMISSION_MANAGE_INTEGRATIONS &&
                                        j == PERMISSION_READ_INTEGRATIONS));
    }
}

static void reads_companies(void **state)
{
    (void)state;
    assert_true(principal_sees_company(accept_with("companies", "\"*\""), "any"));
    const struct principal *some = accept_with("companies", "[\"acme\",\"globex\"]");
    assert_false(some->all_companies);
    assert_int_equal(some->company_count, 2);
    assert_true(principal_sees_company(some, "acme"));
    assert_true(principal_sees_company(some, "globex"));
    assert_false(principal_sees_company(some, "initech"));
    // In an array the star is an id like another.
    assert_false(principal_sees_company(accept_with("companies", "[\"*\"]"), "acme"));
    assert_false(principal_sees_company(accept_with("companies", "[]"), "acme"));
    assert_false(principal_sees_company(accept_with("companies", NULL), "acme"));
    json_t *scoped = claims_with("companies", NULL);
    (void)json_object_set_new(scoped, "company_scope", json_string("emea"));
    const struct principal *principal = issuer_accept(issuer_token(scoped));
    assert_false(principal->all_companies);
    assert_false(principal_sees_company(principal, "acme"));
    assert_false(principal_sees_company(principal, "emea"));
    for (int count = 100; count <= 101; count++) {
        json_t *claims = issuer_claims(), *ids = json_array();
        for (int i = 0; i < count; i++)
            (void)json_array_append_new(ids, json_sprintf("company-%d", i));
        (void)json_object_set_new(claims, "companies", ids);
        char *token = issuer_token(claims);
        if (count > 100)
            issuer_refuse(token, "at most 100 ids");
        else
            assert_true(principal_sees_company(issuer_accept(token), "company-99"));
    }
}

static void fails_cleanly_without_memory(void **state)
{
    (void)state;
    json_t *claims = claims_with("companies", "[\"acme\",\"globex\"]");
    (void)json_object_set_new(claims, "email", json_string("ada@example.com"));
    (void)json_object_set_new(claims, "email_verified", json_true());
    char *token = issuer_token(claims);
    size_t failed = 0;
    for (size_t max = 0; max < 512; max += 16) {
        struct arena arena _cleanup_(arena_done);
        arena_init(&arena, max);
        const struct principal *principal = NULL;
        struct err err;
        enum err_code code =
            auth_verify(issuer.auth, token, strlen(token), &arena, &principal, &err);
        failed += code != ERR_OK;
        assert_true((code == ERR_OK && principal != NULL) ||
                    (code == ERR_INTERNAL && principal == NULL));
    }
    assert_in_range(failed, 5, 31);
}

#define claims_test(name) cmocka_unit_test_setup_teardown(name, issuer_start, issuer_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        claims_test(refuses_bad_claims),
        claims_test(refuses_payloads_that_are_no_claims),
        claims_test(keeps_to_the_times),
        claims_test(tells_the_age_of_good_tokens_alone),
        claims_test(follows_its_settings),
        claims_test(reads_who_calls),
        claims_test(trusts_verified_mail_alone),
        claims_test(reads_permissions),
        claims_test(reads_companies),
        claims_test(fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
