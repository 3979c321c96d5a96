#include "server/auth/token_cache.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

// A token's hash names one set, in which it may stand at any of a few places.
enum { WAYS = 8, SETS = TOKEN_CACHE_MAX / WAYS, LOCKS = 16 };

struct entry {
    struct token_id id;
    uint64_t generation;
    int64_t verify_time_us;
    int64_t expire_time_us;
    struct principal *principal; // one block with all that it points to; NULL: free
    size_t bytes;
    bool used; // since it was last passed over
};

struct set {
    struct entry ways[WAYS];
    unsigned hand;
};

struct token_cache {
    struct set sets[SETS];
    pthread_mutex_t locks[LOCKS]; // set i has lock i % LOCKS
    atomic_uint_fast64_t hits;
};

struct token_cache *token_cache_new(void)
{
    struct token_cache *cache = calloc(1, sizeof(*cache));
    for (size_t i = 0; cache != NULL && i < LOCKS; i++)
        (void)pthread_mutex_init(&cache->locks[i], NULL);
    return cache;
}

struct token_cache *token_cache_free(struct token_cache *cache)
{
    if (cache == NULL)
        return NULL;
    for (size_t i = 0; i < SETS; i++)
        for (size_t j = 0; j < WAYS; j++)
            free(cache->sets[i].ways[j].principal);
    for (size_t i = 0; i < LOCKS; i++)
        (void)pthread_mutex_destroy(&cache->locks[i]);
    free(cache);
    return NULL;
}

void token_cache_id(const char *token, size_t len, struct token_id *ret_id)
{
    (void)crypto_generichash(ret_id->bytes, sizeof(ret_id->bytes), (const unsigned char *)token,
                             len, NULL, 0);
}

static size_t index_of(const struct token_id *id)
{
    uint32_t number;
    memcpy(&number, id->bytes, sizeof(number));
    return number % SETS;
}

static size_t text_bytes(const char *text)
{
    return text == NULL ? 0 : strlen(text) + 1;
}

static size_t block_bytes(const struct principal *principal)
{
    size_t bytes = sizeof(*principal) + principal->company_count * sizeof(char *) +
                   text_bytes(principal->tenant) + text_bytes(principal->subject) +
                   text_bytes(principal->display_name) + text_bytes(principal->email) +
                   text_bytes(principal->company_set);
    for (size_t i = 0; i < principal->company_count; i++)
        bytes += text_bytes(principal->companies[i]);
    return bytes;
}

static const char *append(char **at, const char *text)
{
    if (text == NULL)
        return NULL;
    size_t bytes = text_bytes(text);
    char *start = *at;
    memcpy(start, text, bytes);
    *at += bytes;
    return start;
}

// Writes a principal and all that it points to into one block of block_bytes().
static struct principal *pack(const struct principal *principal, void *block)
{
    struct principal *copy = block;
    const char **companies = (const char **)(copy + 1);
    char *at = (char *)(companies + principal->company_count);
    *copy = *principal;
    copy->tenant = append(&at, principal->tenant);
    copy->subject = append(&at, principal->subject);
    copy->display_name = append(&at, principal->display_name);
    copy->email = append(&at, principal->email);
    copy->company_set = append(&at, principal->company_set);
    for (size_t i = 0; i < principal->company_count; i++)
        companies[i] = append(&at, principal->companies[i]);
    copy->companies = principal->company_count == 0 ? NULL : companies;
    return copy;
}

static bool is_id(const struct entry *entry, const struct token_id *id)
{
    return entry->principal != NULL && memcmp(entry->id.bytes, id->bytes, sizeof(id->bytes)) == 0;
}

// A clock that went back is no reason to trust what was verified later.
static bool counts(const struct entry *entry, uint64_t generation, int64_t now_us)
{
    return entry->generation == generation && entry->verify_time_us <= now_us &&
           now_us < entry->expire_time_us;
}

static void drop(struct entry *entry)
{
    free(entry->principal);
    *entry = (struct entry){0};
}

bool token_cache_find(struct token_cache *cache, const struct token_id *id, uint64_t generation,
                      int64_t now_us, struct arena *arena, const struct principal **ret_principal)
{
    size_t index = index_of(id);
    bool found = false;
    pthread_mutex_lock(&cache->locks[index % LOCKS]);
    for (size_t i = 0; i < WAYS; i++) {
        struct entry *entry = &cache->sets[index].ways[i];
        if (!is_id(entry, id))
            continue;
        void *block = NULL;
        if (!counts(entry, generation, now_us))
            drop(entry);
        else
            block = arena_alloc(arena, entry->bytes);
        found = block != NULL;
        if (found) {
            *ret_principal = pack(entry->principal, block);
            entry->used = true;
        }
        break;
    }
    pthread_mutex_unlock(&cache->locks[index % LOCKS]);
    if (found)
        atomic_fetch_add_explicit(&cache->hits, 1, memory_order_relaxed);
    return found;
}

// The place for a token: its own, one that is free or counts no more, or the next that was not used
// since the hand passed it.
static struct entry *choose(struct set *set, const struct token_id *id, uint64_t generation,
                            int64_t now_us)
{
    struct entry *place = NULL;
    for (size_t i = 0; i < WAYS; i++) {
        struct entry *entry = &set->ways[i];
        if (is_id(entry, id))
            return entry;
        if (entry->principal == NULL || !counts(entry, generation, now_us))
            place = entry;
    }
    while (place == NULL) {
        struct entry *entry = &set->ways[set->hand++ % WAYS];
        if (!entry->used)
            place = entry;
        entry->used = false;
    }
    return place;
}

void token_cache_add(struct token_cache *cache, const struct token_id *id, uint64_t generation,
                     int64_t now_us, int64_t expire_us, const struct principal *principal)
{
    size_t bytes = block_bytes(principal);
    void *block = malloc(bytes);
    if (block == NULL)
        return;
    size_t index = index_of(id);
    struct entry fresh = {.id = *id,
                          .generation = generation,
                          .verify_time_us = now_us,
                          .expire_time_us = expire_us,
                          .principal = pack(principal, block),
                          .bytes = bytes};
    pthread_mutex_lock(&cache->locks[index % LOCKS]);
    struct entry *place = choose(&cache->sets[index], id, generation, now_us);
    drop(place);
    *place = fresh;
    pthread_mutex_unlock(&cache->locks[index % LOCKS]);
}

uint64_t token_cache_hits(const struct token_cache *cache)
{
    return atomic_load_explicit(&cache->hits, memory_order_relaxed);
}

size_t token_cache_count(struct token_cache *cache)
{
    size_t count = 0;
    for (size_t i = 0; i < SETS; i++) {
        pthread_mutex_lock(&cache->locks[i % LOCKS]);
        for (size_t j = 0; j < WAYS; j++)
            count += cache->sets[i].ways[j].principal != NULL;
        pthread_mutex_unlock(&cache->locks[i % LOCKS]);
    }
    return count;
}
