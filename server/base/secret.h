// The only place where a secret lives: guarded, locked memory that is wiped on release.
//
// Has no printable form and no copy but secret_copy(); whoever only reads it longer shares it.
// Reading takes secret_bytes(), so that `grep secret_bytes` lists every place that sees one. Memory
// is outside of core dumps (libsodium's guarded allocation).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/base/err.h"

// The longest secret: an API key or a password value.
enum { SECRET_MAX_BYTES = 64 * 1024 };

struct secret;

// A secret of `len` zero bytes, to be filled through secret_bytes_mut(). NULL: no memory or too
// long.
struct secret *secret_new(size_t len);
// A secret with a copy of `bytes`; the caller wipes its own.
struct secret *secret_copy(const void *bytes, size_t len);
// The same secret for one more holder, who releases it too: no further copy of its bytes, which
// nobody changes any more. Never NULL.
struct secret *secret_share(const struct secret *secret);
// Releases, and wipes once nobody holds it. NULL is fine. Returns NULL.
struct secret *secret_free(struct secret *secret);
void secret_freep(struct secret **secret);

size_t secret_len(const struct secret *secret);
// The bytes, closed by a NUL that the length does not count. Borrowed.
const char *secret_bytes(const struct secret *secret);
unsigned char *secret_bytes_mut(struct secret *secret);
// Shortens it; the bytes cut off are wiped.
void secret_truncate(struct secret *secret, size_t len);

// Reads a secret of at most `max_bytes` from a regular file, or from a stream such as standard
// input when `path` is "-". Does not trim. Errors: FIELD_INVALID naming the path, never the
// content.
enum err_code secret_read_file(const char *path, size_t max_bytes, struct secret **ret_secret,
                               struct err *reterr) _must_check_;
// As secret_read_file, of a regular file that group and others may neither read nor write.
enum err_code secret_read_private_file(const char *path, size_t max_bytes,
                                       struct secret **ret_secret, struct err *reterr) _must_check_;
