// Keys that change under a running verifier, and tokens that need no second verification.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/base/cleanup.h"
#include "tests/unit/auth/issuer.h"

enum { LOOK_MS = 1000, THREADS = 4, CHANGES = 40 };

// Puts a set of one or two Ed25519 keys into the file, as an issuer would: at once.
static void put_keys(const char *kid, EVP_PKEY *key, const char *other_kid, EVP_PKEY *other)
{
    json_auto_t *set = json_pack("{s:[o]}", "keys", issuer_jwk(key, kid, false));
    if (other != NULL)
        (void)json_array_append_new(json_object_get(set, "keys"),
                                    issuer_jwk(other, other_kid, false));
    char *text _cleanup_(freep) = json_dumps(set, 0);
    issuer_write(issuer_path("fresh.json"), text, 0644);
    assert_int_equal(rename(issuer_path("fresh.json"), issuer_path("jwks.json")), 0);
}

static char *token_of(EVP_PKEY *key, const char *kid, const char *subject)
{
    char header[64];
    json_auto_t *claims = issuer_claims();
    (void)json_object_set_new(claims, "sub", json_string(subject));
    char *payload _cleanup_(freep) = json_dumps(claims, JSON_COMPACT);
    (void)snprintf(header, sizeof(header), "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", kid);
    return issuer_sign(key, issuer_input(header, payload));
}

static enum err_code verify(const char *token)
{
    struct arena arena _cleanup_(arena_done) = {0};
    const struct principal *principal = NULL;
    arena_init(&arena, 1 << 20);
    return auth_verify(issuer.auth, token, strlen(token), &arena, &principal, NULL);
}

static void looks_once_a_second(void **state)
{
    (void)state;
    char *old = token_of(issuer.ed, "ed", "old");
    assert_int_equal(verify(old), ERR_OK);
    put_keys("ed", issuer.ed_other, NULL, NULL);
    issuer_set_clocks(ISSUER_NOW_S, LOOK_MS - 1);
    assert_int_equal(verify(old), ERR_OK);
    issuer_set_clocks(ISSUER_NOW_S, LOOK_MS);
    assert_int_equal(verify(old), ERR_TOKEN_INVALID);
    assert_int_equal(verify(token_of(issuer.ed_other, "ed", "new")), ERR_OK);
    assert_int_equal(issuer_logged("keys reloaded"), 1);
    issuer_set_clocks(ISSUER_NOW_S, 10 * LOOK_MS);
    assert_int_equal(verify(token_of(issuer.ed_other, "ed", "newer")), ERR_OK);
    assert_int_equal(issuer_logged("keys reloaded"), 0);
}

static void looks_at_once_for_an_unknown_key(void **state)
{
    (void)state;
    assert_int_equal(verify(token_of(issuer.ed_other, "next", "a")), ERR_TOKEN_INVALID);
    put_keys("ed", issuer.ed, "next", issuer.ed_other);
    // The clock stands still.
    assert_int_equal(verify(token_of(issuer.ed_other, "next", "a")), ERR_OK);
    assert_int_equal(issuer_logged("keys reloaded"), 1);
    // Strangers make it look, not read.
    for (int i = 0; i < 100; i++)
        assert_int_equal(verify(token_of(issuer.ed_other, "strange", "a")), ERR_TOKEN_INVALID);
    assert_int_equal(issuer_logged("keys reloaded"), 0);
}

static void keeps_keys_when_the_file_is_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "{\"keys\":[]}", "{\"keys\":[{\"kty\":\"oct\"}]}", NULL};
    int64_t now_ms = 0;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char subject[16];
        (void)snprintf(subject, sizeof(subject), "%zu", i);
        if (bad[i] == NULL)
            assert_int_equal(unlink(issuer_path("jwks.json")), 0);
        else
            issuer_write(issuer_path("jwks.json"), bad[i], 0644);
        for (int again = 0; again < 5; again++) {
            issuer_set_clocks(ISSUER_NOW_S, now_ms += LOOK_MS);
            assert_int_equal(verify(token_of(issuer.ed, "ed", subject)), ERR_OK);
            assert_int_equal(verify(token_of(issuer.ed_other, "no", "x")), ERR_TOKEN_INVALID);
        }
        assert_int_equal(issuer_logged("keys not reloaded"), 1);
    }
    put_keys("ed", issuer.ed_other, NULL, NULL);
    issuer_set_clocks(ISSUER_NOW_S, now_ms + LOOK_MS);
    assert_int_equal(verify(token_of(issuer.ed, "ed", "0")), ERR_TOKEN_INVALID);
    assert_int_equal(verify(token_of(issuer.ed_other, "ed", "0")), ERR_OK);
}

static void tries_again_what_failed(void **state)
{
    (void)state;
    const char *path = issuer_path("jwks.json");
    put_keys("ed", issuer.ed_other, NULL, NULL);
    // As for want of descriptors: the file stays as it is.
    struct rlimit limit, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    issuer_set_clocks(ISSUER_NOW_S, LOOK_MS);
    enum err_code code = verify(token_of(issuer.ed, "ed", "a"));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(code, ERR_OK);
    assert_int_equal(issuer_logged("keys not reloaded"), 1);
    issuer_set_clocks(ISSUER_NOW_S, 2 * LOOK_MS);
    assert_int_equal(verify(token_of(issuer.ed_other, "ed", "a")), ERR_OK);
    assert_int_equal(access(path, R_OK), 0);
}

static void reads_when_told_to(void **state)
{
    (void)state;
    auth_reload(issuer.auth);
    assert_int_equal(issuer_logged("keys reloaded"), 1);
    put_keys("ed", issuer.ed_other, NULL, NULL);
    auth_reload(issuer.auth);
    assert_int_equal(verify(token_of(issuer.ed, "ed", "a")), ERR_TOKEN_INVALID);
    assert_int_equal(verify(token_of(issuer.ed_other, "ed", "a")), ERR_OK);
}

static atomic_bool changing;
static atomic_int verified, refused;

static void *verify_all_the_time(void *context)
{
    const char *const *tokens = context;
    for (size_t i = 0; atomic_load(&changing); i++) {
        bool good = verify(tokens[i % 4]) == ERR_OK;
        atomic_fetch_add(good ? &verified : &refused, 1);
    }
    return NULL;
}

static void no_call_fails_while_keys_change(void **state)
{
    (void)state;
    const char *tokens[4];
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
        tokens[i] = token_of(issuer.ed, "ed", i % 2 == 0 ? "a" : "b");
    pthread_t threads[THREADS];
    atomic_store(&changing, true);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_all_the_time, tokens), 0);
    for (int i = 0; i < CHANGES; i++) {
        put_keys("ed", issuer.ed, i % 2 == 0 ? "x" : "y", issuer.ed_other);
        if (i % 2 == 0)
            auth_reload(issuer.auth);
        else
            assert_int_equal(verify(token_of(issuer.ed_other, "y", "c")), ERR_OK);
    }
    while (atomic_load(&verified) + atomic_load(&refused) <= CHANGES)
        (void)usleep(1000);
    atomic_store(&changing, false);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(refused, 0);
    assert_true(verified > CHANGES);
    assert_int_equal(issuer_logged("keys reloaded"), CHANGES);
}

static void computes_a_signature_once(void **state)
{
    (void)state;
    json_t *claims = issuer_claims();
    (void)json_object_set_new(claims, "email", json_string("ada@example.com"));
    (void)json_object_set_new(claims, "email_verified", json_true());
    (void)json_object_set_new(claims, "companies", json_pack("[s, s]", "one", "two"));
    const char *token = issuer_token(claims);
    for (uint64_t i = 0; i < 5; i++) {
        const struct principal *principal = issuer_accept(token);
        assert_int_equal(auth_cache_hits(issuer.auth), i);
        assert_string_equal(principal->tenant, "tenant-a");
        assert_string_equal(principal->subject, "user-1");
        assert_string_equal(principal->display_name, "Ada");
        assert_string_equal(principal->email, "ada@example.com");
        assert_int_equal(principal->actor, ACTOR_HUMAN);
        assert_true(principal_may(principal, PERMISSION_READ_DOCUMENTATION));
        assert_false(principal_may(principal, PERMISSION_READ_AUDIT));
        assert_true(principal_sees_company(principal, "two"));
        assert_false(principal_sees_company(principal, "three"));
        assert_int_equal(principal->expire_time_us, (ISSUER_NOW_S + 300) * INT64_C(1000000));
    }
}

static void a_kept_token_ends_with_its_time(void **state)
{
    (void)state;
    const char *token = issuer_token(issuer_claims());
    (void)issuer_accept(token);
    issuer_set_time(ISSUER_NOW_S + 300 + 59);
    (void)issuer_accept(token);
    assert_int_equal(auth_cache_hits(issuer.auth), 1);
    issuer_set_time(ISSUER_NOW_S + 300 + 60);
    issuer_refuse_bytes(token, strlen(token), ERR_TOKEN_EXPIRED, "exp is in the past");
    // The clock goes back to before it was valid: verified anew, and refused.
    issuer_set_time(ISSUER_NOW_S);
    (void)issuer_accept(token);
    issuer_set_time(ISSUER_NOW_S - 100);
    issuer_refuse(token, "is in the future");
}

static void a_change_of_a_token_never_finds_it(void **state)
{
    (void)state;
    const char *token = issuer_token(issuer_claims());
    size_t len = strlen(token);
    (void)issuer_accept(token);
    for (size_t i = 0; i < len; i++) {
        char *changed = arena_strdup(&issuer.arena, token);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_int_not_equal(verify(changed), ERR_OK);
        // Nor does the second try find the first.
        assert_int_not_equal(verify(changed), ERR_OK);
    }
    assert_int_not_equal(verify(arena_strndup(&issuer.arena, token, len - 1)), ERR_OK);
    assert_int_not_equal(verify(arena_printf(&issuer.arena, "%sA", token)), ERR_OK);
    assert_int_equal(auth_cache_hits(issuer.auth), 0);
    assert_int_equal(verify(token), ERR_OK);
    assert_int_equal(auth_cache_hits(issuer.auth), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(looks_once_a_second, issuer_start, issuer_stop),
        cmocka_unit_test_setup_teardown(looks_at_once_for_an_unknown_key, issuer_start,
                                        issuer_stop),
        cmocka_unit_test_setup_teardown(keeps_keys_when_the_file_is_bad, issuer_start, issuer_stop),
        cmocka_unit_test_setup_teardown(tries_again_what_failed, issuer_start, issuer_stop),
        cmocka_unit_test_setup_teardown(reads_when_told_to, issuer_start, issuer_stop),
        cmocka_unit_test_setup_teardown(no_call_fails_while_keys_change, issuer_start, issuer_stop),
        cmocka_unit_test_setup_teardown(computes_a_signature_once, issuer_start, issuer_stop),
        cmocka_unit_test_setup_teardown(a_kept_token_ends_with_its_time, issuer_start, issuer_stop),
        cmocka_unit_test_setup_teardown(a_change_of_a_token_never_finds_it, issuer_start,
                                        issuer_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
