#include "server/vault/master_key.h"

#include <sodium.h>
#include <string.h>

#include "server/base/encoding.h"

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
    struct secret *key _cleanup_(secret_freep) = secret_new(MASTER_KEY_BYTES);
    if (key == NULL)
        return err_no_memory(reterr);
    if (len - newline == 2 * MASTER_KEY_BYTES && is_hex(content, 2 * MASTER_KEY_BYTES)) {
        (void)sodium_hex2bin(secret_bytes_mut(key), MASTER_KEY_BYTES, secret_bytes(content),
                             2 * MASTER_KEY_BYTES, NULL, NULL, NULL);
    } else if (len != MASTER_KEY_BYTES) {
        return err_invalid(reterr, path, "is neither %d bytes nor %d hexadecimal digits",
                           MASTER_KEY_BYTES, 2 * MASTER_KEY_BYTES);
    } else if (is_hex(content, MASTER_KEY_BYTES)) {
        // Half a key written in full: random bytes never look like this.
        return err_invalid(reterr, path, "has %d hexadecimal digits instead of %d",
                           MASTER_KEY_BYTES, 2 * MASTER_KEY_BYTES);
    } else {
        memcpy(secret_bytes_mut(key), secret_bytes(content), MASTER_KEY_BYTES);
    }
    if (sodium_is_zero(secret_bytes_mut(key), MASTER_KEY_BYTES))
        return err_invalid(reterr, path, "is a key of zeros");
    *ret_key = steal(key);
    return ERR_OK;
}

enum err_code master_key_read(const char *path, struct master_key *ret_key, struct err *reterr)
{
    struct secret *content _cleanup_(secret_freep) = NULL;
    struct master_key key = {0};
    unsigned char id[DERIVED_BYTES];
    try_(secret_read_private_file(path, 2 * MASTER_KEY_BYTES + 1, &content, reterr));
    try_(parse(path, content, &key.bytes, reterr));
    master_key_derive(&key, "master key id", "", id);
    encoding_hex(id, MASTER_KEY_ID_BYTES / 2, key.id);
    *ret_key = key;
    return ERR_OK;
}

void master_key_done(struct master_key *key)
{
    key->bytes = secret_free(key->bytes);
}

void master_key_derive(const struct master_key *key, const char *label, const char *purpose,
                       unsigned char ret_hash[DERIVED_BYTES])
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, (const unsigned char *)secret_bytes(key->bytes),
                                  MASTER_KEY_BYTES, DERIVED_BYTES);
    (void)crypto_generichash_update(&state, (const unsigned char *)label, strlen(label) + 1);
    (void)crypto_generichash_update(&state, (const unsigned char *)purpose, strlen(purpose) + 1);
    (void)crypto_generichash_final(&state, ret_hash, DERIVED_BYTES);
    sodium_memzero(&state, sizeof(state));
}
