#include "server/wipe.h"

#include <jansson.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

// Of whatever size the allocation really is; it may be older than this function's being asked for.
static void free_wiped(void *memory)
{
    if (memory == NULL)
        return;
    explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

static void *malloc_for_openssl(size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    return malloc(bytes);
}

static void *realloc_for_openssl(void *memory, size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    void *grown = bytes == 0 ? NULL : malloc(bytes);
    if (bytes > 0 && grown == NULL)
        return NULL;
    size_t old = memory == NULL ? 0 : malloc_usable_size(memory);
    if (grown != NULL && memory != NULL)
        memcpy(grown, memory, old < bytes ? old : bytes);
    free_wiped(memory);
    return grown;
}

static void free_for_openssl(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free_wiped(memory);
}

static bool taken;

// OpenSSL takes these before its first allocation only, and the initialisers of libraries that use
// it come before main(). An executable's pre-initialiser comes before those; a sanitizer's too.
__attribute__((no_sanitize("address", "thread", "undefined"))) static void come_first(void)
{
    taken = CRYPTO_set_mem_functions(malloc_for_openssl, realloc_for_openssl, free_for_openssl);
}
__attribute__((section(".preinit_array"),
               used)) static void (*const preinitialiser)(void) = come_first;

bool wipe_what_is_freed(void)
{
    json_set_alloc_funcs(malloc, free_wiped);
    return taken;
}
