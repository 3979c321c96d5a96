#include "server/source/idle.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OWNER_BYTES = 320 };

struct entry {
    struct source *source; // NULL: free
    int64_t since_ms;      // steady clock
    char owner[OWNER_BYTES];
};

struct idle_sources {
    pthread_mutex_t mutex;
    struct entry entries[IDLE_SOURCES_MAX];
};

struct idle_sources *idle_sources_new(void)
{
    struct idle_sources *idle = calloc(1, sizeof(*idle));
    if (idle != NULL && pthread_mutex_init(&idle->mutex, NULL) != 0) {
        free(idle);
        return NULL;
    }
    return idle;
}

struct idle_sources *idle_sources_free(struct idle_sources *idle)
{
    if (idle == NULL)
        return NULL;
    for (size_t i = 0; i < IDLE_SOURCES_MAX; i++)
        (void)source_close(idle->entries[i].source);
    (void)pthread_mutex_destroy(&idle->mutex);
    free(idle);
    return NULL;
}

// False if the owner is too long to be kept apart. Ids have no line feeds.
static bool write_owner(const struct source_owner *owner, char ret_text[OWNER_BYTES])
{
    int len = snprintf(ret_text, OWNER_BYTES, "%s\n%s\n%" PRId64 "\n%d\n%d", owner->tenant,
                       owner->connection, owner->credential_version, (int)owner->provider,
                       (int)owner->region);
    return len > 0 && len < OWNER_BYTES;
}

// Takes out of the table what has become too old, for the caller to close without the lock.
static size_t take_old(struct idle_sources *idle, struct source *ret_old[IDLE_SOURCES_MAX])
{
    size_t count = 0;
    int64_t oldest_ms = clock_steady_ms() - IDLE_SOURCE_MS;
    for (size_t i = 0; i < IDLE_SOURCES_MAX; i++)
        if (idle->entries[i].source != NULL && idle->entries[i].since_ms <= oldest_ms)
            ret_old[count++] = steal(idle->entries[i].source);
    return count;
}

static void close_all(struct source *const *sources, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)source_close(sources[i]);
}

static struct source *find(struct idle_sources *idle, const char *owner)
{
    struct source *old[IDLE_SOURCES_MAX], *found = NULL;
    pthread_mutex_lock(&idle->mutex);
    size_t count = take_old(idle, old);
    for (size_t i = 0; i < IDLE_SOURCES_MAX && found == NULL; i++)
        if (idle->entries[i].source != NULL && strcmp(idle->entries[i].owner, owner) == 0)
            found = steal(idle->entries[i].source);
    pthread_mutex_unlock(&idle->mutex);
    close_all(old, count);
    return found;
}

enum err_code idle_sources_take(struct idle_sources *idle, const struct source_settings *settings,
                                const struct source_owner *owner, const struct secret *key,
                                struct source **ret_source, struct err *reterr)
{
    char text[OWNER_BYTES];
    struct source *source _cleanup_(source_closep) = NULL;
    if (idle != NULL && write_owner(owner, text))
        source = find(idle, text);
    if (source == NULL)
        return source_open(settings, owner->provider, owner->region, key, ret_source, reterr);
    try_(source_set_key(source, key, reterr));
    *ret_source = steal(source);
    return ERR_OK;
}

// A free place, or that of the oldest. Under the lock.
static struct entry *place(struct idle_sources *idle)
{
    struct entry *oldest = &idle->entries[0];
    for (size_t i = 0; i < IDLE_SOURCES_MAX; i++) {
        struct entry *entry = &idle->entries[i];
        if (entry->source == NULL)
            return entry;
        if (entry->since_ms < oldest->since_ms)
            oldest = entry;
    }
    return oldest;
}

void idle_sources_give(struct idle_sources *idle, const struct source_owner *owner,
                       struct source *source)
{
    char text[OWNER_BYTES];
    struct source *old[IDLE_SOURCES_MAX + 1];
    if (idle == NULL || !write_owner(owner, text) || source_set_key(source, NULL, NULL) != ERR_OK) {
        (void)source_close(source);
        return;
    }
    pthread_mutex_lock(&idle->mutex);
    size_t count = take_old(idle, old);
    struct entry *entry = place(idle);
    if (entry->source != NULL)
        old[count++] = entry->source;
    entry->source = source;
    entry->since_ms = clock_steady_ms();
    memcpy(entry->owner, text, sizeof(text));
    pthread_mutex_unlock(&idle->mutex);
    close_all(old, count);
}

size_t idle_sources_count(struct idle_sources *idle)
{
    size_t count = 0;
    pthread_mutex_lock(&idle->mutex);
    for (size_t i = 0; i < IDLE_SOURCES_MAX; i++)
        count += idle->entries[i].source != NULL;
    pthread_mutex_unlock(&idle->mutex);
    return count;
}
