// A vault with HEX_KEY for each test, secrets sealed in both schemes, and what must open or not.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

#include "server/vault/vault.h"

extern const char HEX_KEY[], OTHER_KEY[], API_KEY[], V1[], V2[];
extern const struct vault_context CONTEXT;

extern char key_path[256];
extern struct vault *vault;
extern struct arena arena;

int start(void **state);
int stop(void **state);
#define vault_test(name) cmocka_unit_test_setup_teardown(name, start, stop)

// The file at key_path, anew.
void write_key(const void *bytes, size_t len, mode_t mode);
struct vault *open_with(const char *key);

struct sealed seal_with(const struct vault *sealer, const struct vault_context *context,
                        const char *text);
struct sealed seal(const struct vault_context *context, const char *text);
// As the first release sealed, made with libsodium alone: the ciphertext is bound to the master
// key's id too.
struct sealed seal_v1(const struct vault_context *context, const char *text);
typedef struct sealed sealing(const struct vault_context *context, const char *text);
enum { SCHEME_COUNT = 2 };
extern sealing *const SCHEMES[SCHEME_COUNT];

// The formats of the README, made with libsodium alone: what another program would make, and undo.
// `master_key_id` NULL leaves it out.
size_t bind_to(const char *scheme, const char *master_key_id, const struct vault_context *context,
               unsigned char ret_binding[512]);
void encrypt(unsigned char *ret_sealed, const void *plain, size_t plain_len,
             const unsigned char *binding, size_t binding_len, const unsigned char *key);

void assert_opens_with(const struct vault *opener, const struct vault_context *context,
                       const struct sealed *sealed, const char *text);
void assert_opens(const struct vault_context *context, const struct sealed *sealed,
                  const char *text);
void assert_unreadable(const struct vault *opener, const struct vault_context *context,
                       const struct sealed *sealed);
