#include "server/base/guarded.h"

#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>

#include "server/base/cleanup.h"

// As many as are in use at once when every worker has a reveal in its hands.
enum { KEPT_MAX = 64 };

// In front of what was taken there are so many zeroes, by which is seen whether somebody wrote
// there.
enum { FRONT_BYTES = 16 };

// Blocks of one size that nobody uses: all zero, and no access allowed.
static struct shelf {
    size_t bytes;
    size_t count;
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

static unsigned char *take_kept(struct shelf *shelf)
{
    unsigned char *block = NULL;
    (void)pthread_mutex_lock(&mutex);
    if (shelf->count > 0)
        block = shelf->blocks[--shelf->count];
    (void)pthread_mutex_unlock(&mutex);
    if (block != NULL && sodium_mprotect_readwrite(block) != 0) {
        sodium_free(block);
        return NULL;
    }
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
    if (!sodium_is_zero((unsigned char *)memory - FRONT_BYTES, FRONT_BYTES))
        abort();
    sodium_memzero(block, front + bytes);
    bool kept = false;
    if (sodium_mprotect_noaccess(block) == 0) {
        (void)pthread_mutex_lock(&mutex);
        kept = shelf->count < KEPT_MAX;
        if (kept)
            shelf->blocks[shelf->count++] = block;
        (void)pthread_mutex_unlock(&mutex);
    }
    if (!kept)
        sodium_free(block);
}
