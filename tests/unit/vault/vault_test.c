// Sealed secrets open for their own row and key alone, whole and unchanged, in both schemes
// (SEC-02, SEC-03).
#include "tests/unit/vault/fixture.h"

#include <sodium.h>

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

static void refuses_every_flipped_bit_of(sealing *seal_as)
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
    for (size_t i = 0; i < SCHEME_COUNT; i++)
        refuses_every_flipped_bit_of(SCHEMES[i]);
}

static void refuses_every_truncation_of(sealing *seal_as)
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
    for (size_t i = 0; i < SCHEME_COUNT; i++)
        refuses_every_truncation_of(SCHEMES[i]);
}

static void refuses_another_row_of(sealing *seal_as)
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
    for (size_t i = 0; i < SCHEME_COUNT; i++)
        refuses_another_row_of(SCHEMES[i]);
}

static void refuses_unknown_schemes(void **state)
{
    (void)state;
    static const char *const unknown[] = {
        "", "plain", "base64", "xchacha20poly1305-v3", "XChaCha20Poly1305-v1", NULL};
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        struct sealed changed = SCHEMES[i](&CONTEXT, API_KEY);
        for (size_t k = 0; k < ARRAY_LEN(unknown); k++) {
            changed.scheme = unknown[k];
            assert_unreadable(vault, &CONTEXT, &changed);
        }
        // One that is known, but another's.
        changed.scheme = SCHEMES[i] == seal ? V1 : V2;
        assert_unreadable(vault, &CONTEXT, &changed);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        vault_test(opens_what_it_sealed),     vault_test(seals_from_one_byte_to_the_longest),
        vault_test(never_seals_twice_alike),  vault_test(refuses_every_flipped_bit),
        vault_test(refuses_every_truncation), vault_test(refuses_another_row),
        vault_test(refuses_unknown_schemes),  vault_test(has_no_empty_secrets),
        vault_test(fails_without_memory),     vault_test(is_the_format_that_the_readme_describes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
