// Master keys: their files, several at once, another in the place of one, and what is derived from
// them (SEC-04, SEC-05).
#include "tests/unit/vault/fixture.h"

#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void refuses_unknown_keys(void **state)
{
    (void)state;
    struct vault *other _cleanup_(vault_closep) = open_with(OTHER_KEY);
    struct sealed theirs = seal_with(other, &CONTEXT, "x");
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        struct sealed sealed = SCHEMES[i](&CONTEXT, API_KEY);
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
    assert_int_equal(vault_add_key(changed, key_path, NULL), ERR_OK);
    return changed;
}

static void opens_with_an_earlier_key_and_seals_with_the_new(void **state)
{
    (void)state;
    struct vault *changed _cleanup_(vault_closep) = open_changed();
    struct vault *other _cleanup_(vault_closep) = open_with(OTHER_KEY);
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        struct sealed sealed = SCHEMES[i](&CONTEXT, API_KEY);
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
    assert_int_equal(vault_add_key(full, key_path, NULL), ERR_OK);
    assert_int_equal(vault_key_ids(full, ids), 1);
    for (int i = 1; i < VAULT_KEYS_MAX; i++) {
        (void)snprintf(hex, sizeof(hex), "%02x%s", i, OTHER_KEY + 2);
        write_key(hex, 64, 0600);
        assert_int_equal(vault_add_key(full, key_path, NULL), ERR_OK);
    }
    assert_int_equal(vault_key_ids(full, ids), VAULT_KEYS_MAX);
    assert_int_equal(vault_add_key(full, key_path, NULL), ERR_OK);
    write_key(OTHER_KEY, 64, 0600);
    assert_int_equal(vault_add_key(full, key_path, &err), ERR_FIELD_INVALID);
    assert_string_equal(err.field, key_path);
    assert_int_equal(vault_add_key(full, "", &err), ERR_FIELD_INVALID);
}

static void rewraps_the_key_and_leaves_the_ciphertext(void **state)
{
    (void)state;
    struct vault *changed _cleanup_(vault_closep) = open_changed();
    struct vault *other _cleanup_(vault_closep) = open_with(OTHER_KEY);
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        struct sealed old = SCHEMES[i](&CONTEXT, API_KEY), fresh;
        char made[VAULT_FINGERPRINT_BYTES], wanted[VAULT_FINGERPRINT_BYTES];
        assert_int_equal(vault_rewrap(changed, &CONTEXT, &old, &arena, &fresh, made, NULL), ERR_OK);
        assert_true(vault_is_current(changed, &fresh));
        assert_string_equal(fresh.scheme, V2);
        assert_memory_not_equal(fresh.wrapped_key, old.wrapped_key, 72);
        // The first scheme's ciphertext is bound to the key that goes: it is sealed anew.
        assert_int_equal(fresh.ciphertext_len, old.ciphertext_len);
        if (SCHEMES[i] == seal)
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
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        struct sealed sealed = SCHEMES[i](&CONTEXT, API_KEY), fresh = {0};
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
    assert_int_equal(vault_open(key_path, &vault, NULL), ERR_OK);
    assert_opens(&CONTEXT, &sealed, API_KEY);
    vault = vault_close(vault);
    vault = open_with(with_newline);
    assert_opens(&CONTEXT, &sealed, API_KEY);
    // 32 bytes that end in what looks like a newline are a key too.
    raw[31] = '\n';
    vault = vault_close(vault);
    write_key(raw, sizeof(raw), 0400);
    assert_int_equal(vault_open(key_path, &vault, NULL), ERR_OK);
}

static void assert_no_key(struct err *ret_err)
{
    struct vault *opened = NULL;
    assert_int_equal(vault_open(key_path, &opened, ret_err), ERR_FIELD_INVALID);
    assert_null(opened);
    assert_string_equal(ret_err->field, key_path);
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
    (void)unlink(key_path);
    assert_no_key(&err);
    assert_int_equal(mkfifo(key_path, 0600), 0);
    assert_no_key(&err);
    (void)unlink(key_path);
    assert_int_equal(mkdir(key_path, 0700), 0);
    assert_no_key(&err);
    assert_int_equal(rmdir(key_path), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        vault_test(refuses_unknown_keys),
        vault_test(opens_with_an_earlier_key_and_seals_with_the_new),
        vault_test(holds_so_many_keys_and_each_once),
        vault_test(rewraps_the_key_and_leaves_the_ciphertext),
        vault_test(rewraps_only_what_opens_whole),
        vault_test(reads_both_forms_of_the_key),
        vault_test(refuses_bad_key_files),
        vault_test(tells_keys_apart_by_fingerprint),
        vault_test(derives_a_key_for_each_purpose),
        vault_test(derives_a_key_from_each_master_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
