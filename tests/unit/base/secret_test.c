// Guarded memory and the reading of secret files.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "server/base/guarded.h"
#include "server/base/secret.h"

static char path[256];

static void write_file(const char *bytes, size_t len, mode_t mode)
{
    (void)unlink(path);
    int fd _cleanup_(closep) = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
}

static void holds_bytes_with_a_nul(void **state)
{
    (void)state;
    struct secret *secret _cleanup_(secret_freep) = secret_copy("a\0b", 3);
    assert_int_equal(secret_len(secret), 3);
    assert_memory_equal(secret_bytes(secret), "a\0b", 4);
    secret_truncate(secret, 9);
    assert_int_equal(secret_len(secret), 3);
    secret_truncate(secret, 1);
    assert_int_equal(secret_len(secret), 1);
    assert_memory_equal(secret_bytes(secret), "a\0\0", 4);
    struct secret *empty _cleanup_(secret_freep) = secret_copy(NULL, 0);
    assert_string_equal(secret_bytes(empty), "");
    assert_null(secret_free(NULL));
}

static void has_a_longest(void **state)
{
    (void)state;
    struct secret *most _cleanup_(secret_freep) = secret_new(SECRET_MAX_BYTES);
    assert_non_null(most);
    assert_int_equal(secret_bytes(most)[SECRET_MAX_BYTES - 1], 0);
    assert_null(secret_new(SECRET_MAX_BYTES + 1));
    assert_null(secret_new(SIZE_MAX));
}

static void close_what_rests(void)
{
    guarded_close_unused(); // it was used since the last time
    guarded_close_unused();
}

// libsodium's guard: a write past the end, or a read some time after the release, ends the process.
static void is_guarded(void **state)
{
    (void)state;
    for (int released = 0; released <= 1; released++) {
        pid_t child = fork();
        if (child == 0) {
            (void)signal(SIGSEGV, SIG_DFL); // cmocka's handler would go on in the child
            struct secret *secret = secret_copy("secret", 6);
            volatile const char *bytes = secret_bytes(secret);
            if (released)
                (void)secret_free(secret);
            close_what_rests();
            // The end of the guarded run is the end of a page.
            _exit(bytes[released ? 0 : 4096] == 0 ? 0 : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
    }
}

// The last holder's release is the end of it.
static void is_there_for_all_who_share_it(void **state)
{
    (void)state;
    for (int releases = 1; releases <= 2; releases++) {
        pid_t child = fork();
        if (child == 0) {
            (void)signal(SIGSEGV, SIG_DFL);
            struct secret *secret = secret_copy("secret", 6);
            struct secret *shared = secret_share(secret);
            volatile const char *bytes = secret_bytes(shared);
            (void)secret_free(secret);
            if (releases == 2)
                (void)secret_free(shared);
            close_what_rests();
            _exit(bytes[0] == 's' ? 0 : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(releases == 1 ? WIFEXITED(status) && WEXITSTATUS(status) == 0
                                  : WIFSIGNALED(status));
    }
}

static void reads_a_file_whole(void **state)
{
    (void)state;
    struct secret *secret = NULL;
    write_file(" key\n", 5, 0644);
    assert_int_equal(secret_read_file(path, 5, &secret, NULL), ERR_OK);
    assert_int_equal(secret_len(secret), 5);
    assert_memory_equal(secret_bytes(secret), " key\n", 6);
    secret = secret_free(secret);
    struct err err;
    assert_int_equal(secret_read_file(path, 4, &secret, &err), ERR_FIELD_INVALID);
    assert_string_equal(err.field, path);
    assert_null(strstr(err.text, "key"));
    assert_null(secret);
    (void)unlink(path);
    assert_int_equal(secret_read_file(path, 4, &secret, &err), ERR_FIELD_INVALID);
    assert_int_equal(secret_read_file("/", 4, &secret, &err), ERR_FIELD_INVALID);
}

static void reads_standard_input(void **state)
{
    (void)state;
    int pipe_fds[2], saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(write(pipe_fds[1], "typed", 5), 5);
    (void)close(pipe_fds[1]);
    assert_true(dup2(pipe_fds[0], STDIN_FILENO) >= 0);
    (void)close(pipe_fds[0]);
    struct secret *secret _cleanup_(secret_freep) = NULL;
    assert_int_equal(secret_read_file("-", 10, &secret, NULL), ERR_OK);
    assert_string_equal(secret_bytes(secret), "typed");
    (void)dup2(saved, STDIN_FILENO);
    (void)close(saved);
}

static void keeps_private_files_private(void **state)
{
    (void)state;
    static const mode_t good[] = {0400, 0600, 0700};
    static const mode_t bad[] = {0640, 0620, 0610, 0604, 0602, 0601, 0644, 0440, 0666};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct secret *secret _cleanup_(secret_freep) = NULL;
        write_file("key", 3, good[i]);
        assert_int_equal(secret_read_private_file(path, 3, &secret, NULL), ERR_OK);
        assert_string_equal(secret_bytes(secret), "key");
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct secret *secret = NULL;
        struct err err;
        write_file("key", 3, bad[i]);
        assert_int_equal(secret_read_private_file(path, 3, &secret, &err), ERR_FIELD_INVALID);
        assert_non_null(strstr(err.text, "open to others"));
        assert_null(secret);
    }
    struct secret *secret = NULL;
    write_file("keys", 4, 0600);
    assert_int_equal(secret_read_private_file(path, 3, &secret, NULL), ERR_FIELD_INVALID);
    (void)unlink(path);
    assert_int_equal(secret_read_private_file(path, 3, &secret, NULL), ERR_FIELD_INVALID);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(secret_read_private_file(path, 3, &secret, NULL), ERR_FIELD_INVALID);
    (void)unlink(path);
    assert_int_equal(secret_read_private_file("/", 3, &secret, NULL), ERR_FIELD_INVALID);
}

int main(void)
{
    const char *folder = getenv("TEST_TMPDIR");
    (void)snprintf(path, sizeof(path), "%s/secret", folder == NULL ? "." : folder);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_bytes_with_a_nul),
        cmocka_unit_test(has_a_longest),
        cmocka_unit_test(is_guarded),
        cmocka_unit_test(is_there_for_all_who_share_it),
        cmocka_unit_test(reads_a_file_whole),
        cmocka_unit_test(reads_standard_input),
        cmocka_unit_test(keeps_private_files_private),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
