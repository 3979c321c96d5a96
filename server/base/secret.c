#include "server/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/base/guarded.h"

struct secret {
    atomic_size_t holders;
    size_t size; // of what was taken
    size_t len;
    unsigned char *bytes; // guarded; one byte longer than len
};

struct secret *secret_new(size_t len)
{
    if (len > SECRET_MAX_BYTES)
        return NULL;
    struct secret *secret = calloc(1, sizeof(*secret));
    if (secret == NULL)
        return NULL;
    secret->bytes = guarded_take(len + 1);
    if (secret->bytes == NULL) {
        free(secret);
        return NULL;
    }
    atomic_init(&secret->holders, 1);
    secret->size = len + 1;
    secret->len = len;
    return secret;
}

struct secret *secret_copy(const void *bytes, size_t len)
{
    struct secret *secret = secret_new(len);
    if (secret != NULL && len > 0)
        memcpy(secret->bytes, bytes, len);
    return secret;
}

struct secret *secret_share(const struct secret *secret)
{
    struct secret *shared = (struct secret *)(uintptr_t)secret;
    (void)atomic_fetch_add(&shared->holders, 1);
    return shared;
}

struct secret *secret_free(struct secret *secret)
{
    if (secret != NULL && atomic_fetch_sub(&secret->holders, 1) == 1) {
        guarded_give(secret->bytes, secret->size);
        free(secret);
    }
    return NULL;
}

void secret_freep(struct secret **secret)
{
    *secret = secret_free(*secret);
}

size_t secret_len(const struct secret *secret)
{
    return secret->len;
}

const char *secret_bytes(const struct secret *secret)
{
    return (const char *)secret->bytes;
}

unsigned char *secret_bytes_mut(struct secret *secret)
{
    return secret->bytes;
}

void secret_truncate(struct secret *secret, size_t len)
{
    if (len >= secret->len)
        return;
    sodium_memzero(secret->bytes + len, secret->len - len);
    secret->len = len;
}

static enum err_code read_all(int fd, const char *path, size_t max_bytes,
                              struct secret **ret_secret, struct err *reterr)
{
    struct secret *secret _cleanup_(secret_freep) = secret_new(max_bytes + 1);
    if (secret == NULL)
        return err_no_memory(reterr);
    size_t len = 0;
    while (len <= max_bytes) {
        ssize_t got = read(fd, secret->bytes + len, max_bytes + 1 - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_invalid(reterr, path, "cannot be read: %s", strerror(errno));
        if (got == 0)
            break;
        len += (size_t)got;
    }
    if (len > max_bytes)
        return err_invalid(reterr, path, "is longer than %zu bytes", max_bytes);
    secret_truncate(secret, len);
    *ret_secret = steal(secret);
    return ERR_OK;
}

enum err_code secret_read_file(const char *path, size_t max_bytes, struct secret **ret_secret,
                               struct err *reterr)
{
    bool from_stdin = strcmp(path, "-") == 0;
    int fd _cleanup_(closep) = from_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_invalid(reterr, path, "cannot be read: %s", strerror(errno));
    return read_all(fd, path, max_bytes, ret_secret, reterr);
}

enum err_code secret_read_private_file(const char *path, size_t max_bytes,
                                       struct secret **ret_secret, struct err *reterr)
{
    // Without O_NONBLOCK a pipe in its place would hang the start.
    int fd _cleanup_(closep) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        return err_invalid(reterr, path, "cannot be read: %s", strerror(errno));
    if (!S_ISREG(status.st_mode))
        return err_invalid(reterr, path, "is not a regular file");
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return err_invalid(reterr, path, "is open to others (mode %04o): give it mode 0400 or 0600",
                           (unsigned)status.st_mode & 07777);
    return read_all(fd, path, max_bytes, ret_secret, reterr);
}
