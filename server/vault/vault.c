#include "server/vault/vault.h"

#include <sodium.h>
#include <string.h>

#include "server/base/buffer.h"
#include "server/base/encoding.h"

const char VAULT_SCHEME[] = "xchacha20poly1305-v1";

enum {
    KEY_BYTES = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    OVERHEAD_BYTES = NONCE_BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES,
    WRAPPED_BYTES = OVERHEAD_BYTES + KEY_BYTES,
    ID_BYTES = 8,
    HASH_BYTES = crypto_generichash_BYTES,
    BINDING_MAX_BYTES = 64 * 1024,
};

struct vault {
    struct secret *master_key;
    struct secret *fingerprint_key;
    char master_key_id[2 * ID_BYTES + 1];
};

static const unsigned char *bytes_of(const struct secret *secret)
{
    return (const unsigned char *)secret_bytes(secret);
}

// A keyed hash under the master key. `label` keeps what the vault itself derives apart from each
// other and from subkeys, whatever a caller's purpose is.
static void derive(const struct secret *master_key, const char *label, const char *purpose,
                   unsigned char ret_hash[HASH_BYTES])
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, bytes_of(master_key), KEY_BYTES, HASH_BYTES);
    (void)crypto_generichash_update(&state, (const unsigned char *)label, strlen(label) + 1);
    (void)crypto_generichash_update(&state, (const unsigned char *)purpose, strlen(purpose) + 1);
    (void)crypto_generichash_final(&state, ret_hash, HASH_BYTES);
    sodium_memzero(&state, sizeof(state));
}

static bool is_hex(const struct secret *text, size_t digits)
{
    return secret_len(text) >= digits &&
           strspn(secret_bytes(text), "0123456789abcdefABCDEF") >= digits;
}

// The file's content to the key.
static enum err_code parse_key(const char *path, const struct secret *content,
                               struct secret **ret_key, struct err *reterr)
{
    size_t len = secret_len(content);
    bool newline = len > 0 && secret_bytes(content)[len - 1] == '\n';
    struct secret *key _cleanup_(secret_freep) = secret_new(KEY_BYTES);
    if (key == NULL)
        return err_no_memory(reterr);
    if (len - newline == 2 * KEY_BYTES && is_hex(content, 2 * KEY_BYTES)) {
        (void)sodium_hex2bin(secret_bytes_mut(key), KEY_BYTES, secret_bytes(content), 2 * KEY_BYTES,
                             NULL, NULL, NULL);
    } else if (len != KEY_BYTES) {
        return err_invalid(reterr, path, "is neither %d bytes nor %d hexadecimal digits", KEY_BYTES,
                           2 * KEY_BYTES);
    } else if (is_hex(content, KEY_BYTES)) {
        // Half a key written in full: random bytes never look like this.
        return err_invalid(reterr, path, "has %d hexadecimal digits instead of %d", KEY_BYTES,
                           2 * KEY_BYTES);
    } else {
        memcpy(secret_bytes_mut(key), secret_bytes(content), KEY_BYTES);
    }
    if (sodium_is_zero(bytes_of(key), KEY_BYTES))
        return err_invalid(reterr, path, "is a key of zeros");
    *ret_key = steal(key);
    return ERR_OK;
}

enum err_code vault_open(const char *master_key_file, struct vault **ret_vault, struct err *reterr)
{
    if (master_key_file == NULL || master_key_file[0] == '\0')
        return err_invalid(reterr, "master key file", "is not named");
    struct vault *vault _cleanup_(vault_closep) = calloc(1, sizeof(*vault));
    if (vault == NULL || sodium_init() < 0)
        return err_no_memory(reterr);
    struct secret *content _cleanup_(secret_freep) = NULL;
    try_(secret_read_private_file(master_key_file, 2 * KEY_BYTES + 1, &content, reterr));
    try_(parse_key(master_key_file, content, &vault->master_key, reterr));
    vault->fingerprint_key = secret_new(HASH_BYTES);
    if (vault->fingerprint_key == NULL)
        return err_no_memory(reterr);
    derive(vault->master_key, "fingerprint", "", secret_bytes_mut(vault->fingerprint_key));
    unsigned char id[HASH_BYTES];
    derive(vault->master_key, "master key id", "", id);
    encoding_hex(id, ID_BYTES, vault->master_key_id);
    *ret_vault = steal(vault);
    return ERR_OK;
}

struct vault *vault_close(struct vault *vault)
{
    if (vault != NULL) {
        (void)secret_free(vault->master_key);
        (void)secret_free(vault->fingerprint_key);
        free(vault);
    }
    return NULL;
}

void vault_closep(struct vault **vault)
{
    *vault = vault_close(*vault);
}

static void append_number(struct buffer *buffer, uint64_t number)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(number >> 8 * i);
    (void)buffer_append(buffer, bytes, sizeof(bytes));
}

static void append_text(struct buffer *buffer, const char *text)
{
    size_t len = strlen(text);
    append_number(buffer, len);
    (void)buffer_append(buffer, text, len);
}

// The associated data of both ciphertexts. Each text stands after its length, so that no two
// contexts give the same bytes.
static bool bind_context(const struct vault *vault, const struct vault_context *context,
                         struct buffer *ret_binding)
{
    append_text(ret_binding, VAULT_SCHEME);
    append_text(ret_binding, vault->master_key_id);
    append_text(ret_binding, context->tenant);
    append_text(ret_binding, context->connection);
    append_text(ret_binding, context->purpose);
    append_number(ret_binding, (uint64_t)context->version);
    return !ret_binding->failed;
}

// nonce, ciphertext and tag of `plain`; OVERHEAD_BYTES longer than it.
static void encrypt(const struct secret *plain, const struct secret *key,
                    const struct buffer *binding, unsigned char *ret_sealed)
{
    randombytes_buf(ret_sealed, NONCE_BYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        ret_sealed + NONCE_BYTES, NULL, bytes_of(plain), secret_len(plain),
        (const unsigned char *)binding->data, binding->len, NULL, ret_sealed, bytes_of(key));
}

// False if a byte differs. `len` is over OVERHEAD_BYTES, `ret_plain` that much shorter.
static bool decrypt(const unsigned char *sealed, size_t len, const struct secret *key,
                    const struct buffer *binding, struct secret *ret_plain)
{
    return crypto_aead_xchacha20poly1305_ietf_decrypt(
               secret_bytes_mut(ret_plain), NULL, NULL, sealed + NONCE_BYTES, len - NONCE_BYTES,
               (const unsigned char *)binding->data, binding->len, sealed, bytes_of(key)) == 0;
}

static enum err_code no_guarded_memory(struct err *reterr)
{
    (void)err_set(reterr, ERR_VAULT_UNAVAILABLE, "the vault has no guarded memory left");
    err_retry_after(reterr, 1000);
    return ERR_VAULT_UNAVAILABLE;
}

enum err_code vault_seal(const struct vault *vault, const struct vault_context *context,
                         const struct secret *plain, struct arena *arena, struct sealed *ret_sealed,
                         struct err *reterr)
{
    // An empty credential would let anybody in who sends none.
    if (secret_len(plain) == 0)
        return err_set(reterr, ERR_INTERNAL, "an empty secret was to be sealed");
    struct buffer binding _cleanup_(buffer_done);
    buffer_init(&binding, BINDING_MAX_BYTES);
    size_t ciphertext_len = secret_len(plain) + OVERHEAD_BYTES;
    unsigned char *wrapped_key = arena_alloc(arena, WRAPPED_BYTES);
    unsigned char *ciphertext = arena_alloc(arena, ciphertext_len);
    char *master_key_id = arena_strdup(arena, vault->master_key_id);
    if (wrapped_key == NULL || ciphertext == NULL || master_key_id == NULL ||
        !bind_context(vault, context, &binding))
        return err_no_memory(reterr);
    struct secret *data_key _cleanup_(secret_freep) = secret_new(KEY_BYTES);
    if (data_key == NULL)
        return no_guarded_memory(reterr);
    randombytes_buf(secret_bytes_mut(data_key), KEY_BYTES);
    encrypt(data_key, vault->master_key, &binding, wrapped_key);
    encrypt(plain, data_key, &binding, ciphertext);
    *ret_sealed = (struct sealed){VAULT_SCHEME,  master_key_id, wrapped_key,
                                  WRAPPED_BYTES, ciphertext,    ciphertext_len};
    return ERR_OK;
}

static enum err_code unreadable(const struct vault_context *context, const char *why,
                                struct err *reterr)
{
    (void)err_set(reterr, ERR_VAULT_RECORD_UNREADABLE, "the sealed %s of connection %s: %s",
                  context->purpose, context->connection, why);
    err_meta(reterr, "key_version", "%lld", (long long)context->version);
    return ERR_VAULT_RECORD_UNREADABLE;
}

enum err_code vault_unseal(const struct vault *vault, const struct vault_context *context,
                           const struct sealed *sealed, struct secret **ret_plain,
                           struct err *reterr)
{
    if (sealed->scheme == NULL || strcmp(sealed->scheme, VAULT_SCHEME) != 0)
        return unreadable(context, "its scheme is unknown", reterr);
    if (sealed->master_key_id == NULL || strcmp(sealed->master_key_id, vault->master_key_id) != 0)
        return unreadable(context, "it was sealed with another master key", reterr);
    if (sealed->wrapped_key_len != WRAPPED_BYTES || sealed->ciphertext_len <= OVERHEAD_BYTES ||
        sealed->ciphertext_len > OVERHEAD_BYTES + SECRET_MAX_BYTES)
        return unreadable(context, "it has not the length of a sealed secret", reterr);
    struct buffer binding _cleanup_(buffer_done);
    buffer_init(&binding, BINDING_MAX_BYTES);
    if (!bind_context(vault, context, &binding))
        return err_no_memory(reterr);
    struct secret *data_key _cleanup_(secret_freep) = secret_new(KEY_BYTES);
    struct secret *plain _cleanup_(secret_freep) =
        secret_new(sealed->ciphertext_len - OVERHEAD_BYTES);
    if (data_key == NULL || plain == NULL)
        return no_guarded_memory(reterr);
    if (!decrypt(sealed->wrapped_key, sealed->wrapped_key_len, vault->master_key, &binding,
                 data_key))
        return unreadable(context, "its wrapped key was changed or belongs elsewhere", reterr);
    if (!decrypt(sealed->ciphertext, sealed->ciphertext_len, data_key, &binding, plain))
        return unreadable(context, "its ciphertext was changed or belongs elsewhere", reterr);
    *ret_plain = steal(plain);
    return ERR_OK;
}

void vault_fingerprint(const struct vault *vault, const char *tenant, const struct secret *secret,
                       char ret_text[VAULT_FINGERPRINT_BYTES])
{
    unsigned char hash[HASH_BYTES];
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, bytes_of(vault->fingerprint_key), HASH_BYTES, HASH_BYTES);
    // With its NUL, so that where the tenant ends is part of what is hashed.
    (void)crypto_generichash_update(&state, (const unsigned char *)tenant, strlen(tenant) + 1);
    (void)crypto_generichash_update(&state, bytes_of(secret), secret_len(secret));
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    sodium_memzero(&state, sizeof(state));
    encoding_hex(hash, VAULT_FINGERPRINT_BYTES / 2, ret_text);
}

void vault_subkey(const struct vault *vault, const char *purpose, unsigned char ret_key[32])
{
    derive(vault->master_key, "subkey", purpose, ret_key);
}
