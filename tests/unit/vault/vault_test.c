// Sealed secrets open for their own row and key alone, whole and unchanged (SEC-02, SEC-03,
// SEC-04).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>

#include "server/vault/vault.h"

static const char HEX_KEY[] = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";
static const char OTHER_KEY[] = "100102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";
static const char API_KEY[] = "ITG.0123456789abcdef0123456789abcdef";

static const char V1[] = "xchacha20poly1305-v1", V2[] = "xchacha20poly1305-v2";

static const struct vault_context CONTEXT = {"tenant-a", "connection-a", "api-key", 3};

static char path[256];
static struct vault *vault;
static struct arena arena;

static void write_key(const void *bytes, size_t len, mode_t mode)
{
    (void)unlink(path);
    int fd _cleanup_(closep) = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
}

static struct vault *open_with(const char *key)
{
    struct vault *opened = NULL;
    write_key(key, strlen(key), 0600);
    assert_int_equal(vault_open(path, &opened, NULL), ERR_OK);
    return opened;
}

static int start(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    vault = open_with(HEX_KEY);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    vault = vault_close(vault);
    arena_done(&arena);
    return 0;
}

static struct sealed seal_with(const struct vault *sealer, const struct vault_context *context,
                               const char *text)
{
    struct sealed sealed;
    struct secret *plain _cleanup_(secret_freep) = secret_copy(text, strlen(text));
    assert_int_equal(vault_seal(sealer, context, plain, &arena, &sealed, NULL), ERR_OK);
    return sealed;
}

static struct sealed seal(const struct vault_context *context, const char *text)
{
    return seal_with(vault, context, text);
}

// The formats of the README, made with libsodium alone: what another program would make, and undo.
// `master_key_id` NULL leaves it out.
static size_t bind_to(const char *scheme, const char *master_key_id,
                      const struct vault_context *context, unsigned char ret_binding[512])
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

static void encrypt(unsigned char *ret_sealed, const void *plain, size_t plain_len,
                    const unsigned char *binding, size_t binding_len, const unsigned char *key)
{
    randombytes_buf(ret_sealed, 24);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(ret_sealed + 24, NULL, plain, plain_len,
                                                     binding, binding_len, NULL, ret_sealed, key);
}

// As the first release sealed: the ciphertext is bound to the master key's id too.
static struct sealed seal_v1(const struct vault_context *context, const char *text)
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

typedef struct sealed sealer(const struct vault_context *context, const char *text);
static sealer *const schemes[] = {seal, seal_v1};

static void assert_opens_with(const struct vault *opener, const struct vault_context *context,
                              const struct sealed *sealed, const char *text)
{
    struct secret *plain _cleanup_(secret_freep) = NULL;
    assert_int_equal(vault_unseal(opener, context, sealed, &plain, NULL), ERR_OK);
    assert_int_equal(secret_len(plain), strlen(text));
    assert_string_equal(secret_bytes(plain), text);
}

static void assert_opens(const struct vault_context *context, const struct sealed *sealed,
                         const char *text)
{
    assert_opens_with(vault, context, sealed, text);
}

static void assert_unreadable(const struct vault *opener, const struct vault_context *context,
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

static void opens_what_it_sealed(void **state)
{
    (void)state;
    struct sealed sealed = seal(&CONTEXT, API_KEY);
    assert_string_equal(sealed.scheme, VAULT_SCHEME);
    assert_string_equal(sealed.scheme, V2);
    assert_int_equal(strlen(sealed.master_key_id), 16);
    assert_int_equal(sealed.wrapped_key_len, 24 + 32 + 16);
    assert_int_equal(sealed.ciphertext_len, 24 + strlen(API_KEY) + 16);
    assert_null(memmem(sealed.ciphertext, sealed.ciphertext_len, "ITG.", 4));
    assert_opens(&CONTEXT, &sealed, API_KEY);
    vault = vault_close(vault);
    vault = open_with(HEX_KEY);
    assert_opens(&CONTEXT, &sealed, API_KEY);
}

static void seals_from_one_byte_to_the_longest(void **state)
{
    (void)state;
    struct secret *longest _cleanup_(secret_freep) = secret_new(SECRET_MAX_BYTES);
    memset(secret_bytes_mut(longest), 'k', SECRET_MAX_BYTES);
    struct sealed sealed = seal(&CONTEXT, "k");
    assert_opens(&CONTEXT, &sealed, "k");
    sealed = seal(&CONTEXT, secret_bytes(longest));
    assert_opens(&CONTEXT, &sealed, secret_bytes(longest));
}

static void never_seals_twice_alike(void **state)
{
    (void)state;
    struct sealed a = seal(&CONTEXT, API_KEY), b = seal(&CONTEXT, API_KEY);
    assert_memory_not_equal(a.wrapped_key, b.wrapped_key, 24);
    assert_memory_not_equal(a.wrapped_key + 24, b.wrapped_key + 24, 48);
    assert_memory_not_equal(a.ciphertext, b.ciphertext, 24);
    assert_memory_not_equal(a.ciphertext + 24, b.ciphertext + 24, 16);
    // A new data key each: one's key does not open the other's ciphertext.
    struct sealed mixed = a;
    mixed.wrapped_key = b.wrapped_key;
    assert_unreadable(vault, &CONTEXT, &mixed);
}

static void refuses_every_flipped_bit_of(sealer *seal_as)
{
    struct sealed sealed = seal_as(&CONTEXT, API_KEY);
    for (int blob = 0; blob < 2; blob++) {
        size_t len = blob == 0 ? sealed.wrapped_key_len : sealed.ciphertext_len;
        unsigned char *copy = arena_alloc(&arena, len);
        memcpy(copy, blob == 0 ? sealed.wrapped_key : sealed.ciphertext, len);
        struct sealed changed = sealed;
        if (blob == 0)
            changed.wrapped_key = copy;
        else
            changed.ciphertext = copy;
        for (size_t bit = 0; bit < 8 * len; bit++) {
            copy[bit / 8] ^= (unsigned char)(1u << bit % 8);
            assert_unreadable(vault, &CONTEXT, &changed);
            copy[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
        assert_opens(&CONTEXT, &changed, API_KEY);
    }
}

static void refuses_every_flipped_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        refuses_every_flipped_bit_of(schemes[i]);
}

static void refuses_every_truncation_of(sealer *seal_as)
{
    struct sealed sealed = seal_as(&CONTEXT, API_KEY), cut = sealed;
    for (cut.wrapped_key_len = 0; cut.wrapped_key_len < sealed.wrapped_key_len;
         cut.wrapped_key_len++)
        assert_unreadable(vault, &CONTEXT, &cut);
    for (cut.ciphertext_len = 0; cut.ciphertext_len < sealed.ciphertext_len; cut.ciphertext_len++)
        assert_unreadable(vault, &CONTEXT, &cut);
    assert_opens(&CONTEXT, &cut, API_KEY);
    // Longer, by a byte and by more than a secret may have.
    unsigned char *longer = arena_alloc(&arena, sealed.ciphertext_len + 1);
    memcpy(longer, sealed.ciphertext, sealed.ciphertext_len);
    cut.ciphertext = longer;
    cut.ciphertext_len = sealed.ciphertext_len + 1;
    assert_unreadable(vault, &CONTEXT, &cut);
    cut.ciphertext_len = SIZE_MAX;
    assert_unreadable(vault, &CONTEXT, &cut);
    cut = sealed;
    cut.wrapped_key_len++;
    assert_unreadable(vault, &CONTEXT, &cut);
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        refuses_every_truncation_of(schemes[i]);
}

static void refuses_another_row_of(sealer *seal_as)
{
    static const struct vault_context others[] = {
        {"tenant-b", "connection-a", "api-key", 3},
        {"tenant-a", "connection-b", "api-key", 3},
        {"tenant-a", "connection-a", "password", 3},
        {"tenant-a", "connection-a", "api-key", 2},
        {"tenant-a", "connection-a", "api-key", 4},
        {"tenant-a", "connection-a", "api-key", -3},
        // The same letters, cut elsewhere.
        {"tenant-aconnection-a", "", "api-key", 3},
        {"tenant-", "aconnection-a", "api-key", 3},
        {"tenant-a", "connection-aapi-key", "", 3},
        {"", "tenant-aconnection-a", "api-key", 3},
        {"connection-a", "tenant-a", "api-key", 3},
        {"Tenant-a", "connection-a", "api-key", 3},
    };
    struct sealed sealed = seal_as(&CONTEXT, API_KEY);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_unreadable(vault, &others[i], &sealed);
        struct sealed other = seal_as(&others[i], API_KEY);
        assert_unreadable(vault, &CONTEXT, &other);
        assert_opens(&others[i], &other, API_KEY);
        struct sealed swapped = sealed;
        swapped.ciphertext = other.ciphertext;
        assert_unreadable(vault, &CONTEXT, &swapped);
        assert_unreadable(vault, &others[i], &swapped);
    }
}

static void refuses_another_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        refuses_another_row_of(schemes[i]);
}

static void refuses_unknown_schemes(void **state)
{
    (void)state;
    static const char *const unknown[] = {
        "", "plain", "base64", "xchacha20poly1305-v3", "XChaCha20Poly1305-v1", NULL};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct sealed changed = schemes[i](&CONTEXT, API_KEY);
        for (size_t k = 0; k < ARRAY_LEN(unknown); k++) {
            changed.scheme = unknown[k];
            assert_unreadable(vault, &CONTEXT, &changed);
        }
        // One that is known, but another's.
        changed.scheme = schemes[i] == seal ? V1 : V2;
        assert_unreadable(vault, &CONTEXT, &changed);
    }
}

static void refuses_unknown_keys(void **state)
{
    (void)state;
    struct vault *other _cleanup_(vault_closep) = open_with(OTHER_KEY);
    struct sealed theirs = seal_with(other, &CONTEXT, "x");
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct sealed sealed = schemes[i](&CONTEXT, API_KEY);
        assert_unreadable(other, &CONTEXT, &sealed);
        assert_string_not_equal(theirs.master_key_id, sealed.master_key_id);
        // Which key it takes is said.
        struct secret *plain = NULL;
        struct err err = {0};
        assert_int_equal(vault_unseal(other, &CONTEXT, &sealed, &plain, &err),
                         ERR_VAULT_RECORD_UNREADABLE);
        assert_string_equal(err_meta_get(&err, "master_key_id"), sealed.master_key_id);
        assert_non_null(strstr(err.text, sealed.master_key_id));
        // A forged id does not help.
        struct sealed forged = sealed;
        forged.master_key_id = theirs.master_key_id;
        assert_unreadable(vault, &CONTEXT, &forged);
        assert_unreadable(other, &CONTEXT, &forged);
        forged.master_key_id = NULL;
        assert_unreadable(vault, &CONTEXT, &forged);
    }
}

// The key of HEX_KEY opens beside OTHER_KEY, which seals.
static struct vault *open_changed(void)
{
    struct vault *changed = open_with(OTHER_KEY);
    write_key(HEX_KEY, strlen(HEX_KEY), 0600);
    assert_int_equal(vault_add_key(changed, path, NULL), ERR_OK);
    return changed;
}

static void opens_with_an_earlier_key_and_seals_with_the_new(void **state)
{
    (void)state;
    struct vault *changed _cleanup_(vault_closep) = open_changed();
    struct vault *other _cleanup_(vault_closep) = open_with(OTHER_KEY);
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct sealed sealed = schemes[i](&CONTEXT, API_KEY);
        assert_opens_with(changed, &CONTEXT, &sealed, API_KEY);
        assert_false(vault_is_current(changed, &sealed));
        // Whichever key it says, only its own opens it.
        const char *ids[VAULT_KEYS_MAX];
        assert_int_equal(vault_key_ids(changed, ids), 2);
        assert_string_equal(ids[1], sealed.master_key_id);
        sealed.master_key_id = ids[0];
        assert_unreadable(changed, &CONTEXT, &sealed);
    }
    struct sealed fresh = seal_with(changed, &CONTEXT, API_KEY);
    assert_true(vault_is_current(changed, &fresh));
    assert_opens_with(other, &CONTEXT, &fresh, API_KEY);
    assert_unreadable(vault, &CONTEXT, &fresh);
}

static void holds_so_many_keys_and_each_once(void **state)
{
    (void)state;
    struct vault *full _cleanup_(vault_closep) = open_with(HEX_KEY);
    const char *ids[VAULT_KEYS_MAX];
    struct err err = {0};
    char hex[65];
    assert_int_equal(vault_add_key(full, path, NULL), ERR_OK);
    assert_int_equal(vault_key_ids(full, ids), 1);
    for (int i = 1; i < VAULT_KEYS_MAX; i++) {
        (void)snprintf(hex, sizeof(hex), "%02x%s", i, OTHER_KEY + 2);
        write_key(hex, 64, 0600);
        assert_int_equal(vault_add_key(full, path, NULL), ERR_OK);
    }
    assert_int_equal(vault_key_ids(full, ids), VAULT_KEYS_MAX);
    assert_int_equal(vault_add_key(full, path, NULL), ERR_OK);
    write_key(OTHER_KEY, 64, 0600);
    assert_int_equal(vault_add_key(full, path, &err), ERR_FIELD_INVALID);
    assert_string_equal(err.field, path);
    assert_int_equal(vault_add_key(full, "", &err), ERR_FIELD_INVALID);
}

static void rewraps_the_key_and_leaves_the_ciphertext(void **state)
{
    (void)state;
    struct vault *changed _cleanup_(vault_closep) = open_changed();
    struct vault *other _cleanup_(vault_closep) = open_with(OTHER_KEY);
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct sealed old = schemes[i](&CONTEXT, API_KEY), fresh;
        char made[VAULT_FINGERPRINT_BYTES], wanted[VAULT_FINGERPRINT_BYTES];
        assert_int_equal(vault_rewrap(changed, &CONTEXT, &old, &arena, &fresh, made, NULL), ERR_OK);
        assert_true(vault_is_current(changed, &fresh));
        assert_string_equal(fresh.scheme, V2);
        assert_memory_not_equal(fresh.wrapped_key, old.wrapped_key, 72);
        // The first scheme's ciphertext is bound to the key that goes: it is sealed anew.
        assert_int_equal(fresh.ciphertext_len, old.ciphertext_len);
        if (schemes[i] == seal)
            assert_memory_equal(fresh.ciphertext, old.ciphertext, old.ciphertext_len);
        else
            assert_memory_not_equal(fresh.ciphertext, old.ciphertext, old.ciphertext_len);
        assert_opens_with(other, &CONTEXT, &fresh, API_KEY);
        assert_unreadable(vault, &CONTEXT, &fresh);
        // Who read the old row a moment ago opens it still.
        assert_opens_with(changed, &CONTEXT, &old, API_KEY);
        struct secret *plain _cleanup_(secret_freep) = secret_copy(API_KEY, strlen(API_KEY));
        vault_fingerprint(other, "tenant-a", plain, wanted);
        assert_string_equal(made, wanted);
    }
}

static void rewraps_only_what_opens_whole(void **state)
{
    (void)state;
    static const struct vault_context elsewhere = {"tenant-b", "connection-a", "api-key", 3};
    struct vault *changed _cleanup_(vault_closep) = open_changed();
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct sealed sealed = schemes[i](&CONTEXT, API_KEY), fresh = {0};
        char made[VAULT_FINGERPRINT_BYTES];
        assert_int_equal(vault_rewrap(changed, &elsewhere, &sealed, &arena, &fresh, made, NULL),
                         ERR_VAULT_RECORD_UNREADABLE);
        // The wrapped key opens, the ciphertext does not: wrapping it would only hide that.
        unsigned char *damaged = arena_alloc(&arena, sealed.ciphertext_len);
        memcpy(damaged, sealed.ciphertext, sealed.ciphertext_len);
        damaged[30] ^= 1;
        sealed.ciphertext = damaged;
        assert_int_equal(vault_rewrap(changed, &CONTEXT, &sealed, &arena, &fresh, made, NULL),
                         ERR_VAULT_RECORD_UNREADABLE);
        assert_null(fresh.ciphertext);
    }
}

static void has_no_empty_secrets(void **state)
{
    (void)state;
    struct sealed sealed = {0};
    struct secret *empty _cleanup_(secret_freep) = secret_new(0);
    assert_int_equal(vault_seal(vault, &CONTEXT, empty, &arena, &sealed, NULL), ERR_INTERNAL);
    assert_null(sealed.ciphertext);
}

static void fails_without_memory(void **state)
{
    (void)state;
    struct secret *plain _cleanup_(secret_freep) = secret_copy(API_KEY, strlen(API_KEY));
    for (size_t max = 0; max < 240; max += 16) {
        struct arena small _cleanup_(arena_done);
        arena_init(&small, max);
        struct sealed sealed = {0};
        if (vault_seal(vault, &CONTEXT, plain, &small, &sealed, NULL) == ERR_OK)
            assert_opens(&CONTEXT, &sealed, API_KEY);
        else
            assert_null(sealed.ciphertext);
    }
}

static void reads_both_forms_of_the_key(void **state)
{
    (void)state;
    unsigned char raw[32];
    char with_newline[66];
    for (unsigned char i = 0; i < sizeof(raw); i++)
        raw[i] = i;
    (void)snprintf(with_newline, sizeof(with_newline), "%s\n", HEX_KEY);
    struct sealed sealed = seal(&CONTEXT, API_KEY);
    vault = vault_close(vault);
    write_key(raw, sizeof(raw), 0400);
    assert_int_equal(vault_open(path, &vault, NULL), ERR_OK);
    assert_opens(&CONTEXT, &sealed, API_KEY);
    vault = vault_close(vault);
    vault = open_with(with_newline);
    assert_opens(&CONTEXT, &sealed, API_KEY);
    // 32 bytes that end in what looks like a newline are a key too.
    raw[31] = '\n';
    vault = vault_close(vault);
    write_key(raw, sizeof(raw), 0400);
    assert_int_equal(vault_open(path, &vault, NULL), ERR_OK);
}

static void assert_no_key(struct err *ret_err)
{
    struct vault *opened = NULL;
    assert_int_equal(vault_open(path, &opened, ret_err), ERR_FIELD_INVALID);
    assert_null(opened);
    assert_string_equal(ret_err->field, path);
    assert_null(strstr(ret_err->text, "000102"));
}

static void refuses_bad_key_files(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } contents[] = {
        {"", 0},
        {"\n", 1},
        {"\x01", 1},
        {"\x01\x02\x03\x04\x05\x06\x07\x08\x01\x02\x03\x04\x05\x06\x07\x08"
         "\x01\x02\x03\x04\x05\x06\x07\x08\x01\x02\x03\x04\x05\x06\x07",
         31},
        {"\x01\x02\x03\x04\x05\x06\x07\x08\x01\x02\x03\x04\x05\x06\x07\x08"
         "\x01\x02\x03\x04\x05\x06\x07\x08\x01\x02\x03\x04\x05\x06\x07\x08\n",
         33},
        {"000102030405060708090a0b0c0d0e0f", 32},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1", 63},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g", 64},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1\n", 64},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fa", 65},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\r\n", 66},
        {"0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 64},
        {"0000000000000000000000000000000000000000000000000000000000000000", 64},
        {"0000000000000000000000000000000000000000000000000000000000000000\n", 65},
        {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32},
    };
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        write_key(contents[i].bytes, contents[i].len, 0600);
        assert_no_key(&err);
    }
    static const mode_t modes[] = {0640, 0604, 0660, 0644, 0440, 0602};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        write_key(HEX_KEY, strlen(HEX_KEY), modes[i]);
        assert_no_key(&err);
    }
    (void)unlink(path);
    assert_no_key(&err);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_no_key(&err);
    (void)unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_no_key(&err);
    assert_int_equal(rmdir(path), 0);
    struct vault *opened = NULL;
    assert_int_equal(vault_open("", &opened, NULL), ERR_FIELD_INVALID);
    assert_int_equal(vault_open(NULL, &opened, NULL), ERR_FIELD_INVALID);
    assert_null(vault_close(NULL));
}

static void fingerprint(const struct vault *keyed, const char *tenant, const char *text,
                        char ret_text[VAULT_FINGERPRINT_BYTES])
{
    struct secret *secret _cleanup_(secret_freep) = secret_copy(text, strlen(text));
    vault_fingerprint(keyed, tenant, secret, ret_text);
    assert_int_equal(strlen(ret_text), 16);
    assert_int_equal(strspn(ret_text, "0123456789abcdef"), 16);
}

static void tells_keys_apart_by_fingerprint(void **state)
{
    (void)state;
    char first[VAULT_FINGERPRINT_BYTES], again[VAULT_FINGERPRINT_BYTES],
        other[VAULT_FINGERPRINT_BYTES];
    fingerprint(vault, "a", API_KEY, first);
    fingerprint(vault, "a", API_KEY, again);
    assert_string_equal(first, again);
    fingerprint(vault, "a", "ITG.other", other);
    assert_string_not_equal(first, other);
    fingerprint(vault, "b", API_KEY, other);
    assert_string_not_equal(first, other);
    fingerprint(vault, "aI", API_KEY + 1, other);
    assert_string_not_equal(first, other);
    struct vault *rekeyed _cleanup_(vault_closep) = open_with(OTHER_KEY);
    fingerprint(rekeyed, "a", API_KEY, other);
    assert_string_not_equal(first, other);
}

static void subkey(const struct vault *keyed, const char *purpose, unsigned char ret_key[32])
{
    unsigned char keys[VAULT_KEYS_MAX][32];
    assert_int_equal(vault_subkeys(keyed, purpose, keys), 1);
    memcpy(ret_key, keys[0], 32);
}

static void derives_a_key_for_each_purpose(void **state)
{
    (void)state;
    unsigned char first[32], again[32], other[32], master[32];
    subkey(vault, "page-token", first);
    subkey(vault, "page-token", again);
    assert_memory_equal(first, again, 32);
    subkey(vault, "page-token2", other);
    assert_memory_not_equal(first, other, 32);
    (void)sodium_hex2bin(master, 32, HEX_KEY, 64, NULL, NULL, NULL);
    assert_memory_not_equal(first, master, 32);
    struct vault *rekeyed _cleanup_(vault_closep) = open_with(OTHER_KEY);
    subkey(rekeyed, "page-token", other);
    assert_memory_not_equal(first, other, 32);
    // No purpose gives the id's bytes, which are public.
    const char *ids[VAULT_KEYS_MAX];
    (void)vault_key_ids(vault, ids);
    char text[17];
    static const char *const purposes[] = {"", "master key id", "fingerprint"};
    for (size_t i = 0; i < ARRAY_LEN(purposes); i++) {
        subkey(vault, purposes[i], other);
        (void)sodium_bin2hex(text, sizeof(text), other, 8);
        assert_string_not_equal(text, ids[0]);
    }
}

static void derives_a_key_from_each_master_key(void **state)
{
    (void)state;
    struct vault *changed _cleanup_(vault_closep) = open_changed();
    struct vault *other _cleanup_(vault_closep) = open_with(OTHER_KEY);
    unsigned char keys[VAULT_KEYS_MAX][32], wanted[32];
    assert_int_equal(vault_subkeys(changed, "page-token", keys), 2);
    subkey(other, "page-token", wanted);
    assert_memory_equal(keys[0], wanted, 32);
    subkey(vault, "page-token", wanted);
    assert_memory_equal(keys[1], wanted, 32);
}

// Undone with libsodium alone: what a recovery without this program would do.
static void is_the_format_that_the_readme_describes(void **state)
{
    (void)state;
    struct sealed sealed = seal(&CONTEXT, API_KEY);
    unsigned char binding[512], master[32], key[32], plain[64];
    size_t len = bind_to(V2, sealed.master_key_id, &CONTEXT, binding);
    (void)sodium_hex2bin(master, 32, HEX_KEY, 64, NULL, NULL, NULL);
    assert_int_equal(
        crypto_aead_xchacha20poly1305_ietf_decrypt(key, NULL, NULL, sealed.wrapped_key + 24, 48,
                                                   binding, len, sealed.wrapped_key, master),
        0);
    len = bind_to(V2, NULL, &CONTEXT, binding);
    assert_int_equal(crypto_aead_xchacha20poly1305_ietf_decrypt(
                         plain, NULL, NULL, sealed.ciphertext + 24, sealed.ciphertext_len - 24,
                         binding, len, sealed.ciphertext, key),
                     0);
    assert_memory_equal(plain, API_KEY, strlen(API_KEY));
    // Well sealed, but empty: it must not open.
    unsigned char empty[40];
    encrypt(empty, "", 0, binding, len, key);
    sealed.ciphertext = empty;
    sealed.ciphertext_len = sizeof(empty);
    assert_unreadable(vault, &CONTEXT, &sealed);
    // The first scheme, made by hand.
    sealed = seal_v1(&CONTEXT, API_KEY);
    assert_opens(&CONTEXT, &sealed, API_KEY);
}

#define vault_test(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const char *folder = getenv("TEST_TMPDIR");
    (void)snprintf(path, sizeof(path), "%s/master.key", folder == NULL ? "." : folder);
    const struct CMUnitTest tests[] = {
        vault_test(opens_what_it_sealed),
        vault_test(seals_from_one_byte_to_the_longest),
        vault_test(never_seals_twice_alike),
        vault_test(refuses_every_flipped_bit),
        vault_test(refuses_every_truncation),
        vault_test(refuses_another_row),
        vault_test(refuses_unknown_schemes),
        vault_test(refuses_unknown_keys),
        vault_test(opens_with_an_earlier_key_and_seals_with_the_new),
        vault_test(holds_so_many_keys_and_each_once),
        vault_test(rewraps_the_key_and_leaves_the_ciphertext),
        vault_test(rewraps_only_what_opens_whole),
        vault_test(has_no_empty_secrets),
        vault_test(fails_without_memory),
        vault_test(reads_both_forms_of_the_key),
        vault_test(refuses_bad_key_files),
        vault_test(tells_keys_apart_by_fingerprint),
        vault_test(derives_a_key_for_each_purpose),
        vault_test(derives_a_key_from_each_master_key),
        vault_test(is_the_format_that_the_readme_describes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
