#include "server/base/guarded.h"

#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/cleanup.h"

// As many as are in use at once when every worker has a reveal in its hands.
enum { KEPT_MAX = 64 };

// In front of what was taken there are so many zeroes, by which is seen whether somebody wrote
// there.
enum { FRONT_BYTES = 16 };

// Blocks of one size that nobody uses: all zero. The last that was given is taken first, so those
// that rest are the first of them.
static struct shelf {
    size_t bytes;
    size_t count;
    size_t closed; // of the first so many no access is allowed
    size_t least;  // `count` has not been lower since unused ones were closed
    unsigned char *blocks[KEPT_MAX];
} shelves[] = {{.bytes = GUARDED_SMALL_BYTES},
               {.bytes = GUARDED_MEDIUM_BYTES},
               {.bytes = GUARDED_LARGE_BYTES}};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static struct shelf *shelf_of(size_t bytes)
{
    for (size_t i = 0; i < ARRAY_LEN(shelves); i++)
        if (bytes <= shelves[i].bytes)
            return &shelves[i];
    return NULL;
}

// What is taken is the block's end, so that the first byte too many is one of the closed page.
static size_t front_of(const struct shelf *shelf, size_t bytes)
{
    return FRONT_BYTES + shelf->bytes - bytes;
}

static bool is_zero(const unsigned char *bytes, size_t len)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

static unsigned char *take_kept(struct shelf *shelf)
{
    unsigned char *block = NULL;
    bool closed = false;
    (void)pthread_mutex_lock(&mutex);
    if (shelf->count > 0) {
        block = shelf->blocks[--shelf->count];
        closed = shelf->count < shelf->closed;
        if (closed)
            shelf->closed = shelf->count;
        if (shelf->count < shelf->least)
            shelf->least = shelf->count;
    }
    (void)pthread_mutex_unlock(&mutex);
    if (closed && sodium_mprotect_readwrite(block) != 0) {
        sodium_free(block);
        return NULL;
    }
    // Whoever wrote to it after it was given back.
    if (block != NULL && !is_zero(block, FRONT_BYTES + shelf->bytes))
        abort();
    return block;
}

static unsigned char *make(size_t bytes)
{
    unsigned char *block = sodium_init() < 0 ? NULL : sodium_malloc(bytes);
    if (block != NULL)
        sodium_memzero(block, bytes);
    return block;
}

void *guarded_take(size_t bytes)
{
    struct shelf *shelf = shelf_of(bytes);
    if (shelf == NULL)
        return make(bytes);
    unsigned char *block = take_kept(shelf);
    if (block == NULL)
        block = make(FRONT_BYTES + shelf->bytes);
    return block == NULL ? NULL : block + front_of(shelf, bytes);
}

void guarded_give(void *memory, size_t bytes)
{
    struct shelf *shelf = shelf_of(bytes);
    if (memory == NULL || shelf == NULL) {
        sodium_free(memory);
        return;
    }
    size_t front = front_of(shelf, bytes);
    unsigned char *block = (unsigned char *)memory - front;
    if (!is_zero((unsigned char *)memory - FRONT_BYTES, FRONT_BYTES))
        abort();
    sodium_memzero(block, front + bytes);
    (void)pthread_mutex_lock(&mutex);
    bool kept = shelf->count < KEPT_MAX;
    if (kept)
        shelf->blocks[shelf->count++] = block;
    (void)pthread_mutex_unlock(&mutex);
    if (!kept)
        sodium_free(block);
}

void guarded_close_unused(void)
{
    (void)pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < ARRAY_LEN(shelves); i++) {
        struct shelf *shelf = &shelves[i];
        while (shelf->closed < shelf->least &&
               sodium_mprotect_noaccess(shelf->blocks[shelf->closed]) == 0)
            shelf->closed++;
        shelf->least = shelf->count;
    }
    (void)pthread_mutex_unlock(&mutex);
}
