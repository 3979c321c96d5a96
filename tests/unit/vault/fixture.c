#include "tests/unit/vault/fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <sodium.h>

const char HEX_KEY[] = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";
const char OTHER_KEY[] = "100102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";
const char API_KEY[] = "ITG.0123456789abcdef0123456789abcdef";
const char V1[] = "xchacha20poly1305-v1";
const char V2[] = "xchacha20poly1305-v2";
const struct vault_context CONTEXT = {"tenant-a", "connection-a", "api-key", 3};
sealing *const SCHEMES[SCHEME_COUNT] = {seal, seal_v1};

char key_path[256];
struct vault *vault;
struct arena arena;

void write_key(const void *bytes, size_t len, mode_t mode)
{
    (void)unlink(key_path);
    int fd _cleanup_(closep) = open(key_path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
}

struct vault *open_with(const char *key)
{
    struct vault *opened = NULL;
    write_key(key, strlen(key), 0600);
    assert_int_equal(vault_open(key_path, &opened, NULL), ERR_OK);
    return opened;
}

int start(void **state)
{
    (void)state;
    const char *folder = getenv("TEST_TMPDIR");
    (void)snprintf(key_path, sizeof(key_path), "%s/master.key", folder == NULL ? "." : folder);
    arena_init(&arena, 1 << 20);
    vault = open_with(HEX_KEY);
    return 0;
}

int stop(void **state)
{
    (void)state;
    vault = vault_close(vault);
    arena_done(&arena);
    return 0;
}

struct sealed seal_with(const struct vault *sealer, const struct vault_context *context,
                        const char *text)
{
    struct sealed sealed;
    struct secret *plain _cleanup_(secret_freep) = secret_copy(text, strlen(text));
    assert_int_equal(vault_seal(sealer, context, plain, &arena, &sealed, NULL), ERR_OK);
    return sealed;
}

struct sealed seal(const struct vault_context *context, const char *text)
{
    return seal_with(vault, context, text);
}

size_t bind_to(const char *scheme, const char *master_key_id, const struct vault_context *context,
               unsigned char ret_binding[512])
{
    const char *parts[] = {scheme, master_key_id, context->tenant, context->connection,
                           context->purpose};
    size_t len = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i] == NULL)
            continue;
        uint64_t part_len = strlen(parts[i]);
        memcpy(ret_binding + len, &part_len, 8); // little-endian, as this machine
        memcpy(ret_binding + len + 8, parts[i], part_len);
        len += 8 + part_len;
    }
    memcpy(ret_binding + len, &context->version, 8);
    return len + 8;
}

void encrypt(unsigned char *ret_sealed, const void *plain, size_t plain_len,
             const unsigned char *binding, size_t binding_len, const unsigned char *key)
{
    randombytes_buf(ret_sealed, 24);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(ret_sealed + 24, NULL, plain, plain_len,
                                                     binding, binding_len, NULL, ret_sealed, key);
}

struct sealed seal_v1(const struct vault_context *context, const char *text)
{
    unsigned char binding[512], master[32], key[32];
    const char *ids[VAULT_KEYS_MAX];
    (void)vault_key_ids(vault, ids);
    size_t len = bind_to(V1, ids[0], context, binding), text_len = strlen(text);
    unsigned char *wrapped = arena_alloc(&arena, 72);
    unsigned char *ciphertext = arena_alloc(&arena, text_len + 40);
    (void)sodium_hex2bin(master, 32, HEX_KEY, 64, NULL, NULL, NULL);
    randombytes_buf(key, sizeof(key));
    encrypt(wrapped, key, sizeof(key), binding, len, master);
    encrypt(ciphertext, text, text_len, binding, len, key);
    return (struct sealed){V1,           arena_strdup(&arena, ids[0]), wrapped, 72, ciphertext,
                           text_len + 40};
}

void assert_opens_with(const struct vault *opener, const struct vault_context *context,
                       const struct sealed *sealed, const char *text)
{
    struct secret *plain _cleanup_(secret_freep) = NULL;
    assert_int_equal(vault_unseal(opener, context, sealed, &plain, NULL), ERR_OK);
    assert_int_equal(secret_len(plain), strlen(text));
    assert_string_equal(secret_bytes(plain), text);
}

void assert_opens(const struct vault_context *context, const struct sealed *sealed,
                  const char *text)
{
    assert_opens_with(vault, context, sealed, text);
}

void assert_unreadable(const struct vault *opener, const struct vault_context *context,
                       const struct sealed *sealed)
{
    struct secret *plain = NULL;
    struct err err = {0};
    assert_int_equal(vault_unseal(opener, context, sealed, &plain, &err),
                     ERR_VAULT_RECORD_UNREADABLE);
    assert_null(plain);
    assert_int_equal(err.code, ERR_VAULT_RECORD_UNREADABLE);
    char version[32];
    (void)snprintf(version, sizeof(version), "%lld", (long long)context->version);
    assert_string_equal(err_meta_get(&err, "key_version"), version);
    assert_null(strstr(err.text, "ITG"));
}
