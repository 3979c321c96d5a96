#include "server/source/itglue/memory.h"

#include <sodium.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/guarded.h"

// The size stands in front of the bytes: neither library says it when it frees.
struct head {
    alignas(max_align_t) size_t bytes;
};

static void *fill_head(struct head *head, size_t bytes)
{
    if (head == NULL)
        return NULL;
    head->bytes = bytes;
    return head + 1;
}

static struct head *head_of(void *memory)
{
    return (struct head *)memory - 1;
}

void *itglue_malloc(size_t bytes)
{
    if (bytes > SIZE_MAX - sizeof(struct head))
        return NULL;
    return fill_head(malloc(sizeof(struct head) + bytes), bytes);
}

void *itglue_calloc(size_t count, size_t bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total))
        return NULL;
    void *memory = itglue_malloc(total);
    return memory == NULL ? NULL : memset(memory, 0, total);
}

void itglue_free(void *memory)
{
    if (memory == NULL)
        return;
    struct head *head = head_of(memory);
    sodium_memzero(memory, head->bytes);
    free(head);
}

void *itglue_realloc(void *memory, size_t bytes)
{
    void *grown = itglue_malloc(bytes);
    if (memory == NULL || grown == NULL)
        return grown;
    size_t old = head_of(memory)->bytes;
    memcpy(grown, memory, old < bytes ? old : bytes);
    itglue_free(memory);
    return grown;
}

char *itglue_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = itglue_malloc(bytes);
    return copy == NULL ? NULL : memcpy(copy, text, bytes);
}

// yajl uses what its allocator returns without a look. There is no way out of it but to stop.
static void *or_stop(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static void *wiped_malloc_for_yajl(void *context, size_t bytes)
{
    (void)context;
    return or_stop(itglue_malloc(bytes));
}

static void *wiped_realloc_for_yajl(void *context, void *memory, size_t bytes)
{
    (void)context;
    return or_stop(itglue_realloc(memory, bytes));
}

static void wiped_free_for_yajl(void *context, void *memory)
{
    (void)context;
    itglue_free(memory);
}

yajl_alloc_funcs itglue_wiped_memory = {wiped_malloc_for_yajl, wiped_realloc_for_yajl,
                                        wiped_free_for_yajl, NULL};

enum { GUARD_BYTES = GUARDED_MEDIUM_BYTES };

static bool in_region(const struct itglue_guard *guard, const void *memory)
{
    uintptr_t at = (uintptr_t)memory, start = (uintptr_t)guard->_region;
    return at >= start && at < start + GUARD_BYTES;
}

// Guarded memory is aligned if its size is.
static size_t with_head(size_t bytes)
{
    size_t align = alignof(max_align_t);
    return (sizeof(struct head) + bytes + align - 1) / align * align;
}

static void *guarded_malloc(void *context, size_t bytes)
{
    struct itglue_guard *guard = context;
    if (bytes > SIZE_MAX / 2)
        return or_stop(NULL);
    size_t rounded = with_head(bytes);
    if (rounded > GUARD_BYTES - guard->_used)
        return or_stop(fill_head(guarded_take(rounded), bytes));
    void *memory = guard->_region + guard->_used;
    guard->_used += rounded;
    return fill_head(memory, bytes);
}

static void guarded_free(void *context, void *memory)
{
    if (memory != NULL && !in_region(context, memory))
        guarded_give(head_of(memory), with_head(head_of(memory)->bytes));
}

static void *guarded_realloc(void *context, void *memory, size_t bytes)
{
    void *grown = guarded_malloc(context, bytes);
    if (memory == NULL)
        return grown;
    size_t old = head_of(memory)->bytes;
    memcpy(grown, memory, old < bytes ? old : bytes);
    guarded_free(context, memory);
    return grown;
}

bool itglue_guard_init(struct itglue_guard *guard)
{
    *guard = (struct itglue_guard){
        .funcs = {guarded_malloc, guarded_realloc, guarded_free, guard},
        ._region = guarded_take(GUARD_BYTES),
    };
    return guard->_region != NULL;
}

void itglue_guard_done(struct itglue_guard *guard)
{
    guarded_give(guard->_region, GUARD_BYTES);
    guard->_region = NULL;
}
