// The bounds of the cache of tokens: how many, how long, for which keys.
#include "server/auth/token_cache.h"

#include <pthread.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NOW_US = 1000, END_US = 2000, THREADS = 4, TURNS = 20000 };

static struct token_id id_of(unsigned number)
{
    struct token_id id;
    token_cache_id((const char *)&number, sizeof(number), &id);
    return id;
}

static void add(struct token_cache *cache, unsigned number, uint64_t generation)
{
    char subject[32];
    const char *const companies[] = {"one", subject};
    (void)snprintf(subject, sizeof(subject), "user-%u", number);
    struct principal principal = {.tenant = "t",
                                  .subject = subject,
                                  .display_name = subject,
                                  .companies = companies,
                                  .company_count = 2};
    struct token_id id = id_of(number);
    token_cache_add(cache, &id, generation, NOW_US, END_US, &principal);
}

static bool has(struct token_cache *cache, unsigned number, uint64_t generation, int64_t now_us)
{
    struct arena arena _cleanup_(arena_done) = {0};
    const struct principal *principal = NULL;
    struct token_id id = id_of(number);
    char subject[32];
    arena_init(&arena, 4096);
    if (!token_cache_find(cache, &id, generation, now_us, &arena, &principal))
        return false;
    (void)snprintf(subject, sizeof(subject), "user-%u", number);
    assert_string_equal(principal->tenant, "t");
    assert_string_equal(principal->subject, subject);
    assert_string_equal(principal->display_name, subject);
    assert_null(principal->email);
    assert_int_equal(principal->company_count, 2);
    assert_string_equal(principal->companies[0], "one");
    assert_string_equal(principal->companies[1], subject);
    return true;
}

static void counts_for_its_time_and_keys(void **state)
{
    (void)state;
    struct token_cache *cache = token_cache_new();
    assert_false(has(cache, 1, 7, NOW_US));
    add(cache, 1, 7);
    add(cache, 1, 7);
    assert_int_equal(token_cache_count(cache), 1);
    assert_true(has(cache, 1, 7, NOW_US));
    assert_true(has(cache, 1, 7, END_US - 1));
    assert_int_equal(token_cache_hits(cache), 2);
    assert_false(has(cache, 2, 7, NOW_US));
    // Whatever ends it, it is gone.
    assert_false(has(cache, 1, 7, END_US));
    assert_int_equal(token_cache_count(cache), 0);
    add(cache, 1, 7);
    assert_false(has(cache, 1, 8, NOW_US));
    assert_false(has(cache, 1, 7, NOW_US));
    add(cache, 1, 7);
    assert_false(has(cache, 1, 7, NOW_US - 1));
    assert_int_equal(token_cache_count(cache), 0);
    assert_int_equal(token_cache_hits(cache), 2);
    assert_null(token_cache_free(cache));
    assert_null(token_cache_free(NULL));
}

static void keeps_so_many(void **state)
{
    (void)state;
    struct token_cache *cache = token_cache_new();
    unsigned kept = 0;
    add(cache, 0, 1);
    for (unsigned i = 1; i < 4 * TOKEN_CACHE_MAX; i++) {
        add(cache, i, 1);
        // What is used stays, however many come by.
        assert_true(has(cache, 0, 1, NOW_US));
    }
    assert_int_equal(token_cache_count(cache), TOKEN_CACHE_MAX);
    for (unsigned i = 3 * TOKEN_CACHE_MAX; i < 4 * TOKEN_CACHE_MAX; i++)
        kept += has(cache, i, 1, NOW_US);
    assert_in_range(kept, TOKEN_CACHE_MAX / 2, TOKEN_CACHE_MAX);
    // New keys: all places are free again.
    for (unsigned i = 0; i < TOKEN_CACHE_MAX / 2; i++)
        add(cache, 100000 + i, 2);
    kept = 0;
    for (unsigned i = 0; i < TOKEN_CACHE_MAX / 2; i++)
        kept += has(cache, 100000 + i, 2, NOW_US);
    assert_in_range(kept, TOKEN_CACHE_MAX / 2 - TOKEN_CACHE_MAX / 20, TOKEN_CACHE_MAX / 2);
    assert_null(token_cache_free(cache));
}

static void does_without_memory(void **state)
{
    (void)state;
    struct token_cache *cache = token_cache_new();
    struct arena arena;
    const struct principal *principal = NULL;
    struct token_id id = id_of(1);
    add(cache, 1, 1);
    arena_init(&arena, 16);
    assert_false(token_cache_find(cache, &id, 1, NOW_US, &arena, &principal));
    assert_null(principal);
    arena_done(&arena);
    assert_true(has(cache, 1, 1, NOW_US));
    assert_null(token_cache_free(cache));
}

static void *add_and_find(void *context)
{
    struct token_cache *cache = context;
    for (unsigned i = 0; i < TURNS; i++) {
        add(cache, i % 6000, i / 5000);
        (void)has(cache, i * 7 % 6000, i / 5000, NOW_US);
    }
    return NULL;
}

static void many_threads_share_it(void **state)
{
    (void)state;
    struct token_cache *cache = token_cache_new();
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_and_find, cache), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_in_range(token_cache_count(cache), 1, TOKEN_CACHE_MAX);
    assert_null(token_cache_free(cache));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_for_its_time_and_keys),
        cmocka_unit_test(keeps_so_many),
        cmocka_unit_test(does_without_memory),
        cmocka_unit_test(many_threads_share_it),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
