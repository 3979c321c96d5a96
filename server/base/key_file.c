#include "server/base/key_file.h"

#include <sodium.h>
#include <string.h>

static bool is_hex(const struct secret *text, size_t digits)
{
    return secret_len(text) >= digits &&
           strspn(secret_bytes(text), "0123456789abcdefABCDEF") >= digits;
}

// The file's content to the key.
static enum err_code parse(const char *path, const struct secret *content, struct secret **ret_key,
                           struct err *reterr)
{
    size_t len = secret_len(content);
    bool newline = len > 0 && secret_bytes(content)[len - 1] == '\n';
    struct secret *key _cleanup_(secret_freep) = secret_new(KEY_FILE_BYTES);
    if (key == NULL)
        return err_no_memory(reterr);
    if (len - newline == 2 * KEY_FILE_BYTES && is_hex(content, 2 * KEY_FILE_BYTES)) {
        (void)sodium_hex2bin(secret_bytes_mut(key), KEY_FILE_BYTES, secret_bytes(content),
                             2 * KEY_FILE_BYTES, NULL, NULL, NULL);
    } else if (len != KEY_FILE_BYTES) {
        return err_invalid(reterr, path, "is neither %d bytes nor %d hexadecimal digits",
                           KEY_FILE_BYTES, 2 * KEY_FILE_BYTES);
    } else if (is_hex(content, KEY_FILE_BYTES)) {
        // Half a key written in full: random bytes never look like this.
        return err_invalid(reterr, path, "has %d hexadecimal digits instead of %d", KEY_FILE_BYTES,
                           2 * KEY_FILE_BYTES);
    } else {
        memcpy(secret_bytes_mut(key), secret_bytes(content), KEY_FILE_BYTES);
    }
    if (sodium_is_zero(secret_bytes_mut(key), KEY_FILE_BYTES))
        return err_invalid(reterr, path, "is a key of zeros");
    *ret_key = steal(key);
    return ERR_OK;
}

enum err_code key_file_read(const char *path, struct secret **ret_key, struct err *reterr)
{
    struct secret *content _cleanup_(secret_freep) = NULL;
    try_(secret_read_private_file(path, 2 * KEY_FILE_BYTES + 1, &content, reterr));
    return parse(path, content, ret_key, reterr);
}
