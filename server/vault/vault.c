#include "server/vault/vault.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/buffer.h"
#include "server/base/encoding.h"
#include "server/vault/master_key.h"

const char VAULT_SCHEME[] = "xchacha20poly1305-v2";
// Its ciphertext was bound to the master key too, so that wrapping alone could not change that.
static const char SCHEME_V1[] = "xchacha20poly1305-v1";

enum {
    KEY_BYTES = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    OVERHEAD_BYTES = NONCE_BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES,
    WRAPPED_BYTES = OVERHEAD_BYTES + KEY_BYTES,
    HASH_BYTES = crypto_generichash_BYTES,
    BINDING_MAX_BYTES = 64 * 1024,
};

struct vault {
    struct master_key keys[VAULT_KEYS_MAX]; // the first seals
    size_t key_count;
    struct secret *fingerprint_key;
};

static const unsigned char *bytes_of(const struct secret *secret)
{
    return (const unsigned char *)secret_bytes(secret);
}

// NULL: the vault has no key of this id.
static const struct master_key *find_key(const struct vault *vault, const char *id)
{
    for (size_t i = 0; id != NULL && i < vault->key_count; i++)
        if (strcmp(vault->keys[i].id, id) == 0)
            return &vault->keys[i];
    return NULL;
}

enum err_code vault_add_key(struct vault *vault, const char *master_key_file, struct err *reterr)
{
    struct master_key key = {0};
    if (master_key_file == NULL || master_key_file[0] == '\0')
        return err_invalid(reterr, "master key file", "is not named");
    try_(master_key_read(master_key_file, &key, reterr));
    bool known = find_key(vault, key.id) != NULL;
    if (known || vault->key_count == VAULT_KEYS_MAX) {
        master_key_done(&key);
        return known ? ERR_OK
                     : err_invalid(reterr, master_key_file,
                                   "is one master key too many: at most %d", VAULT_KEYS_MAX);
    }
    vault->keys[vault->key_count++] = key;
    return ERR_OK;
}

enum err_code vault_open(const char *master_key_file, struct vault **ret_vault, struct err *reterr)
{
    struct vault *vault _cleanup_(vault_closep) = calloc(1, sizeof(*vault));
    if (vault == NULL || sodium_init() < 0)
        return err_no_memory(reterr);
    try_(vault_add_key(vault, master_key_file, reterr));
    vault->fingerprint_key = secret_new(HASH_BYTES);
    if (vault->fingerprint_key == NULL)
        return err_no_memory(reterr);
    master_key_derive(&vault->keys[0], "fingerprint", "", secret_bytes_mut(vault->fingerprint_key));
    *ret_vault = steal(vault);
    return ERR_OK;
}

struct vault *vault_close(struct vault *vault)
{
    if (vault != NULL) {
        for (size_t i = 0; i < vault->key_count; i++)
            master_key_done(&vault->keys[i]);
        (void)secret_free(vault->fingerprint_key);
        free(vault);
    }
    return NULL;
}

void vault_closep(struct vault **vault)
{
    *vault = vault_close(*vault);
}

size_t vault_key_ids(const struct vault *vault, const char *ret_ids[VAULT_KEYS_MAX])
{
    for (size_t i = 0; i < vault->key_count; i++)
        ret_ids[i] = vault->keys[i].id;
    return vault->key_count;
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

// Associated data. Each text stands after its length, so that no two contexts give the same bytes.
static void bind_to(const char *scheme, const char *master_key_id,
                    const struct vault_context *context, struct buffer *ret_binding)
{
    append_text(ret_binding, scheme);
    if (master_key_id != NULL)
        append_text(ret_binding, master_key_id);
    append_text(ret_binding, context->tenant);
    append_text(ret_binding, context->connection);
    append_text(ret_binding, context->purpose);
    append_number(ret_binding, (uint64_t)context->version);
}

// What the two ciphertexts of a record are bound to.
struct binding {
    struct buffer key, secret;
};

static void binding_done(struct binding *binding)
{
    buffer_done(&binding->key);
    buffer_done(&binding->secret);
}

// False: no memory.
static bool binding_init(struct binding *binding, const char *scheme, const char *master_key_id,
                         const struct vault_context *context)
{
    bool first = strcmp(scheme, SCHEME_V1) == 0;
    buffer_init(&binding->key, BINDING_MAX_BYTES);
    buffer_init(&binding->secret, BINDING_MAX_BYTES);
    bind_to(scheme, master_key_id, context, &binding->key);
    bind_to(scheme, first ? master_key_id : NULL, context, &binding->secret);
    return !binding->key.failed && !binding->secret.failed;
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

// Wraps `data_key` with the key that seals.
static enum err_code wrap(const struct vault *vault, const struct secret *data_key,
                          const struct binding *binding, struct arena *arena,
                          struct sealed *ret_sealed, struct err *reterr)
{
    unsigned char *wrapped_key = arena_alloc(arena, WRAPPED_BYTES);
    char *master_key_id = arena_strdup(arena, vault->keys[0].id);
    if (wrapped_key == NULL || master_key_id == NULL)
        return err_no_memory(reterr);
    encrypt(data_key, vault->keys[0].bytes, &binding->key, wrapped_key);
    ret_sealed->scheme = VAULT_SCHEME;
    ret_sealed->master_key_id = master_key_id;
    ret_sealed->wrapped_key = wrapped_key;
    ret_sealed->wrapped_key_len = WRAPPED_BYTES;
    return ERR_OK;
}

enum err_code vault_seal(const struct vault *vault, const struct vault_context *context,
                         const struct secret *plain, struct arena *arena, struct sealed *ret_sealed,
                         struct err *reterr)
{
    // An empty credential would let anybody in who sends none.
    if (secret_len(plain) == 0)
        return err_set(reterr, ERR_INTERNAL, "an empty secret was to be sealed");
    struct binding binding _cleanup_(binding_done);
    struct sealed sealed = {.ciphertext_len = secret_len(plain) + OVERHEAD_BYTES};
    bool bound = binding_init(&binding, VAULT_SCHEME, vault->keys[0].id, context);
    unsigned char *ciphertext = arena_alloc(arena, sealed.ciphertext_len);
    if (!bound || ciphertext == NULL)
        return err_no_memory(reterr);
    struct secret *data_key _cleanup_(secret_freep) = secret_new(KEY_BYTES);
    if (data_key == NULL)
        return no_guarded_memory(reterr);
    randombytes_buf(secret_bytes_mut(data_key), KEY_BYTES);
    try_(wrap(vault, data_key, &binding, arena, &sealed, reterr));
    encrypt(plain, data_key, &binding.secret, ciphertext);
    sealed.ciphertext = ciphertext;
    *ret_sealed = sealed;
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

static enum err_code no_such_key(const struct vault_context *context, const char *id,
                                 struct err *reterr)
{
    char why[80];
    (void)snprintf(why, sizeof(why), "master key %.16s is not configured", id == NULL ? "" : id);
    (void)unreadable(context, why, reterr);
    err_meta(reterr, "master_key_id", "%.16s", id == NULL ? "" : id);
    return ERR_VAULT_RECORD_UNREADABLE;
}

// The data key and the secret of a record, or neither.
static enum err_code open_record(const struct vault *vault, const struct vault_context *context,
                                 const struct sealed *sealed, struct secret **ret_data_key,
                                 struct secret **ret_plain, struct err *reterr)
{
    if (sealed->scheme == NULL ||
        (strcmp(sealed->scheme, VAULT_SCHEME) != 0 && strcmp(sealed->scheme, SCHEME_V1) != 0))
        return unreadable(context, "its scheme is unknown", reterr);
    const struct master_key *master_key = find_key(vault, sealed->master_key_id);
    if (master_key == NULL)
        return no_such_key(context, sealed->master_key_id, reterr);
    if (sealed->wrapped_key_len != WRAPPED_BYTES || sealed->ciphertext_len <= OVERHEAD_BYTES ||
        sealed->ciphertext_len > OVERHEAD_BYTES + SECRET_MAX_BYTES)
        return unreadable(context, "it has not the length of a sealed secret", reterr);
    struct binding binding _cleanup_(binding_done);
    if (!binding_init(&binding, sealed->scheme, master_key->id, context))
        return err_no_memory(reterr);
    struct secret *data_key _cleanup_(secret_freep) = secret_new(KEY_BYTES);
    struct secret *plain _cleanup_(secret_freep) =
        secret_new(sealed->ciphertext_len - OVERHEAD_BYTES);
    if (data_key == NULL || plain == NULL)
        return no_guarded_memory(reterr);
    if (!decrypt(sealed->wrapped_key, sealed->wrapped_key_len, master_key->bytes, &binding.key,
                 data_key))
        return unreadable(context, "its wrapped key was changed or belongs elsewhere", reterr);
    if (!decrypt(sealed->ciphertext, sealed->ciphertext_len, data_key, &binding.secret, plain))
        return unreadable(context, "its ciphertext was changed or belongs elsewhere", reterr);
    *ret_data_key = steal(data_key);
    *ret_plain = steal(plain);
    return ERR_OK;
}

enum err_code vault_unseal(const struct vault *vault, const struct vault_context *context,
                           const struct sealed *sealed, struct secret **ret_plain,
                           struct err *reterr)
{
    struct secret *data_key _cleanup_(secret_freep) = NULL;
    return open_record(vault, context, sealed, &data_key, ret_plain, reterr);
}

bool vault_is_current(const struct vault *vault, const struct sealed *sealed)
{
    return strcmp(sealed->scheme, VAULT_SCHEME) == 0 &&
           strcmp(sealed->master_key_id, vault->keys[0].id) == 0;
}

enum err_code vault_rewrap(const struct vault *vault, const struct vault_context *context,
                           const struct sealed *sealed, struct arena *arena,
                           struct sealed *ret_sealed, char ret_fingerprint[VAULT_FINGERPRINT_BYTES],
                           struct err *reterr)
{
    struct secret *data_key _cleanup_(secret_freep) = NULL;
    struct secret *plain _cleanup_(secret_freep) = NULL;
    try_(open_record(vault, context, sealed, &data_key, &plain, reterr));
    vault_fingerprint(vault, context->tenant, plain, ret_fingerprint);
    if (strcmp(sealed->scheme, VAULT_SCHEME) != 0)
        return vault_seal(vault, context, plain, arena, ret_sealed, reterr);
    struct binding binding _cleanup_(binding_done);
    if (!binding_init(&binding, VAULT_SCHEME, vault->keys[0].id, context))
        return err_no_memory(reterr);
    *ret_sealed = *sealed;
    return wrap(vault, data_key, &binding, arena, ret_sealed, reterr);
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

size_t vault_subkeys(const struct vault *vault, const char *purpose,
                     unsigned char ret_keys[VAULT_KEYS_MAX][32])
{
    for (size_t i = 0; i < vault->key_count; i++)
        master_key_derive(&vault->keys[i], "subkey", purpose, ret_keys[i]);
    return vault->key_count;
}
