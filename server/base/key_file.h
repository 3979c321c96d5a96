// A file that holds one key of 32 bytes.
#pragma once

#include "server/base/err.h"
#include "server/base/secret.h"

enum { KEY_FILE_BYTES = 32 };

// Reads a file of 32 raw bytes, or of 64 hexadecimal digits with an optional newline. Errors:
// FIELD_INVALID for a missing, short, long or group- or world-readable file, and for a key of
// zeros.
enum err_code key_file_read(const char *path, struct secret **ret_key,
                            struct err *reterr) _must_check_;
