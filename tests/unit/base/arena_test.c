// Bounds, alignment, copies and wiping of the arena.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/arena.h"

static void gives_zeroed_and_aligned_memory(void **state)
{
    (void)state;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1 << 20);
    for (size_t bytes = 0; bytes < 300; bytes++) {
        unsigned char *memory = arena_alloc(&arena, bytes);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xff, bytes);
    }
}

static void serves_more_than_a_block(void **state)
{
    (void)state;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1 << 20);
    char *large = arena_alloc(&arena, 100000);
    char *small = arena_alloc(&arena, 10);
    assert_non_null(large);
    assert_non_null(small);
    memset(large, 1, 100000);
    memset(small, 2, 10);
    assert_int_equal(large[99999], 1);
}

static void fails_at_its_maximum(void **state)
{
    (void)state;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1024);
    assert_null(arena_alloc(&arena, 1025));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    size_t given = 0;
    while (arena_alloc(&arena, 64) != NULL)
        given += 64;
    assert_int_equal(given, 1024);
    assert_int_equal(arena_used(&arena), 1024);
    assert_null(arena_strdup(&arena, "x"));
    assert_null(arena_printf(&arena, "%d", 1));
    arena_done(&arena);
    assert_int_equal(arena_used(&arena), 0);
    assert_non_null(arena_alloc(&arena, 1024));
}

static void gives_nothing_without_init(void **state)
{
    (void)state;
    struct arena arena = {0};
    assert_null(arena_alloc(&arena, 1));
    arena_done(&arena);
    arena_done(&arena);
}

static void refuses_a_product_that_overflows(void **state)
{
    (void)state;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, SIZE_MAX);
    assert_null(arena_calloc(&arena, SIZE_MAX / 2 + 1, 2));
    assert_non_null(arena_calloc(&arena, 10, 10));
}

static void copies_text(void **state)
{
    (void)state;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 4096);
    assert_null(arena_strdup(&arena, NULL));
    assert_null(arena_strndup(&arena, NULL, 3));
    assert_string_equal(arena_strdup(&arena, "caf\xc3\xa9"), "caf\xc3\xa9");
    assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
    assert_string_equal(arena_printf(&arena, "%s-%d", "a", 7), "a-7");
}

// Texts of each length, so that they end before, at and behind the end of a block.
static void prints_across_blocks(void **state)
{
    (void)state;
    enum { TEXTS = 400 };
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, 1 << 20);
    char *texts[TEXTS];
    for (int i = 0; i < TEXTS; i++) {
        texts[i] = arena_printf(&arena, "%0*d", i + 1, i);
        assert_non_null(texts[i]);
        const unsigned char *next = arena_alloc(&arena, 16);
        assert_int_equal(next[0] | next[15], 0);
    }
    for (int i = 0; i < TEXTS; i++) {
        assert_int_equal(strlen(texts[i]), i + 1);
        int number = -1;
        assert_int_equal(sscanf(texts[i], "%d", &number), 1);
        assert_int_equal(number, i);
    }
}

// The block that free() gets: the last wiping is seen from here.
static unsigned char *watched;
static size_t watched_len;
static int watched_zeros;

void __wrap_free(void *memory);
void __real_free(void *memory);
void __wrap_free(void *memory)
{
    if (watched != NULL) {
        watched_zeros = 0;
        for (size_t i = 0; i < watched_len; i++)
            watched_zeros += watched[i] == 0;
        watched = NULL;
    }
    __real_free(memory);
}

static void wipes_when_told(void **state)
{
    (void)state;
    enum { BLOCK = 4096 };
    for (int wipe = 0; wipe <= 1; wipe++) {
        struct arena arena;
        arena_init(&arena, BLOCK);
        if (wipe)
            arena_wipe_on_done(&arena);
        watched = arena_alloc(&arena, 64);
        watched_len = BLOCK;
        memset(watched, 0xaa, 64);
        // Too long for the block and the arena, which shows only when some of it is written.
        assert_null(arena_printf(&arena, "%0*d", 2 * BLOCK, 1));
        assert_int_equal(watched[64], '0');
        arena_done(&arena);
        assert_int_equal(watched_zeros == BLOCK, wipe);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_zeroed_and_aligned_memory),
        cmocka_unit_test(serves_more_than_a_block),
        cmocka_unit_test(fails_at_its_maximum),
        cmocka_unit_test(gives_nothing_without_init),
        cmocka_unit_test(refuses_a_product_that_overflows),
        cmocka_unit_test(copies_text),
        cmocka_unit_test(prints_across_blocks),
        cmocka_unit_test(wipes_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
