#include "server/base/arena.h"

#include <sodium.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_BYTES = 4096 };

struct arena_block {
    struct arena_block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

void arena_init(struct arena *arena, size_t max_bytes)
{
    *arena = (struct arena){._max_bytes = max_bytes};
}

void arena_done(struct arena *arena)
{
    for (struct arena_block *block = arena->_blocks; block != NULL;) {
        struct arena_block *next = block->next;
        if (arena->_wipe)
            sodium_memzero(block->bytes, block->size); // a text may have begun behind `used`
        free(block);
        block = next;
    }
    arena->_blocks = NULL;
    arena->_used_bytes = 0;
}

void arena_wipe_on_done(struct arena *arena)
{
    arena->_wipe = true;
}

size_t arena_used(const struct arena *arena)
{
    return arena->_used_bytes;
}

// As arena_alloc, with the memory as it is.
static void *take(struct arena *arena, size_t bytes)
{
    size_t align = alignof(max_align_t);
    if (bytes > arena->_max_bytes || arena->_used_bytes > arena->_max_bytes - bytes)
        return NULL;
    size_t need = (bytes + align - 1) / align * align;
    struct arena_block *block = arena->_blocks;
    if (block == NULL || block->size - block->used < need) {
        size_t size = need > BLOCK_BYTES ? need : BLOCK_BYTES;
        block = malloc(sizeof(*block) + size);
        if (block == NULL)
            return NULL;
        *block = (struct arena_block){.next = arena->_blocks, .size = size};
        arena->_blocks = block;
    }
    void *memory = block->bytes + block->used;
    block->used += need;
    arena->_used_bytes += need;
    return memory;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    void *memory = take(arena, bytes);
    return memory == NULL ? NULL : memset(memory, 0, bytes);
}

void *arena_calloc(struct arena *arena, size_t count, size_t bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total))
        return NULL;
    return arena_alloc(arena, total);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
    if (text == NULL)
        return NULL;
    char *copy = arena_alloc(arena, len + 1);
    if (copy != NULL)
        memcpy(copy, text, len);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    // Written where take() will point to, it needs no second pass, if there is room.
    struct arena_block *block = arena->_blocks;
    size_t room = block == NULL ? 0 : block->size - block->used;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(room == 0 ? NULL : (char *)block->bytes + block->used, room, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : take(arena, (size_t)len + 1);
    if (text == NULL || (size_t)len < room)
        return text;
    va_start(args, format);
    (void)vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}
