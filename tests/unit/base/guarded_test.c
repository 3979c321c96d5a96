// Guarded memory that is kept for the next one: wiped, closed while it rests, and whole when it
// comes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/base/cleanup.h"
#include "server/base/guarded.h"

static const size_t sizes[] = {1,
                               16,
                               GUARDED_SMALL_BYTES - 1,
                               GUARDED_SMALL_BYTES,
                               GUARDED_SMALL_BYTES + 1,
                               GUARDED_MEDIUM_BYTES,
                               GUARDED_MEDIUM_BYTES + 1,
                               GUARDED_LARGE_BYTES,
                               GUARDED_LARGE_BYTES + 1};

static void is_zero_whoever_had_it_before(void **state)
{
    (void)state;
    static const unsigned char zeroes[GUARDED_LARGE_BYTES + 1];
    for (int turn = 0; turn < 3; turn++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            unsigned char *memory = guarded_take(sizes[i]);
            assert_non_null(memory);
            assert_memory_equal(memory, zeroes, sizes[i]);
            memset(memory, 'x', sizes[i]);
            guarded_give(memory, sizes[i]);
        }
    }
    guarded_give(NULL, 1);
}

// More than are kept, all at once and each for itself.
static void many_are_apart(void **state)
{
    (void)state;
    unsigned char *all[100];
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
            all[i] = guarded_take(32);
            assert_non_null(all[i]);
            memset(all[i], (int)i + 1, 32);
        }
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
            assert_int_equal(all[i][0], i + 1);
            assert_int_equal(all[i][31], i + 1);
            guarded_give(all[i], 32);
        }
    }
}

enum misuse { READ_BEHIND, READ_AFTER, WRITE_AFTER, WRITE_IN_FRONT, MISUSES };

static void misuse(enum misuse how, size_t size)
{
    volatile unsigned char *memory = guarded_take(size);
    if (how == WRITE_IN_FRONT)
        memory[-1] ^= 'x'; // a large block has random bytes there
    if (how != READ_BEHIND)
        guarded_give((void *)(uintptr_t)memory, size);
    if (how == READ_AFTER) {
        // It was used since the first.
        guarded_close_unused();
        guarded_close_unused();
    }
    if (how == READ_BEHIND)
        (void)memory[size];
    else if (how == READ_AFTER)
        (void)memory[0];
    if (how == WRITE_AFTER) {
        memory[size - 1] = 'x';
        (void)guarded_take(size);
    }
}

// Those that are needed again and again stay open, whatever else rests.
static void what_is_used_is_not_closed(void **state)
{
    (void)state;
    volatile unsigned char *used = guarded_take(32), *resting = guarded_take(32);
    guarded_give((void *)(uintptr_t)resting, 32);
    guarded_give((void *)(uintptr_t)used, 32);
    for (int i = 0; i < 3; i++) {
        guarded_close_unused();
        assert_ptr_equal(guarded_take(32), used);
        guarded_give((void *)(uintptr_t)used, 32);
    }
    assert_int_equal(used[0], 0);
    guarded_close_unused();
    guarded_close_unused();
    // Closed by now, and open for whoever takes it.
    assert_ptr_equal(guarded_take(32), used);
    used[0] = 'x';
    assert_ptr_equal(guarded_take(32), resting);
    resting[0] = 'x';
    guarded_give((void *)(uintptr_t)resting, 32);
    guarded_give((void *)(uintptr_t)used, 32);
}

// Of a block that was just made, and of one that was kept.
static void misuse_ends_the_process(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes) * MISUSES * 2; i++) {
        size_t size = sizes[i % ARRAY_LEN(sizes)];
        enum misuse how = (enum misuse)(i / ARRAY_LEN(sizes) % MISUSES);
        bool kept = i >= ARRAY_LEN(sizes) * MISUSES;
        pid_t child = fork();
        if (child == 0) {
            (void)signal(SIGSEGV, SIG_DFL); // cmocka's handler would go on in the child
            (void)signal(SIGABRT, SIG_DFL);
            if (kept)
                guarded_give(guarded_take(size), size);
            misuse(how, size);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_zero_whoever_had_it_before),
        cmocka_unit_test(many_are_apart),
        cmocka_unit_test(what_is_used_is_not_closed),
        cmocka_unit_test(misuse_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
