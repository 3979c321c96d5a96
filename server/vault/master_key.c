#include "server/vault/master_key.h"

#include <sodium.h>
#include <string.h>

#include "server/base/encoding.h"
#include "server/base/key_file.h"

enum err_code master_key_read(const char *path, struct master_key *ret_key, struct err *reterr)
{
    struct master_key key = {0};
    unsigned char id[DERIVED_BYTES];
    try_(key_file_read(path, &key.bytes, reterr));
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
