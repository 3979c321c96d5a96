#include "server/source/idle.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OWNER_BYTES = 320 };

struct entry {
    struct source *source; // NULL: free
    int64_t since_ms;      // steady clock
    char owner[OWNER_BYTES];
};

struct idle_sources {
    pthread_mutex_t mutex; // guards all below
    struct entry entries[IDLE_SOURCES_MAX];
    int64_t keep_ms;
    pthread_cond_t wake; // of the sweeper
    bool nothing_due;    // the sweeper waits for the first source
    bool stopping;
    pthread_t sweeper;
};

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
    int64_t oldest_ms = clock_steady_ms() - idle->keep_ms;
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

// Until the next source is too old; -1: there is none.
static int64_t due_in_ms(const struct idle_sources *idle)
{
    int64_t least = -1;
    for (size_t i = 0; i < IDLE_SOURCES_MAX; i++) {
        int64_t left = idle->entries[i].since_ms + idle->keep_ms - clock_steady_ms();
        if (idle->entries[i].source != NULL && (least < 0 || left < least))
            least = left > 0 ? left : 0;
    }
    return least;
}

static void wait_until_due(struct idle_sources *idle)
{
    int64_t ms = due_in_ms(idle);
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    idle->nothing_due = ms < 0;
    if (idle->nothing_due)
        (void)pthread_cond_wait(&idle->wake, &idle->mutex);
    else
        (void)pthread_cond_timedwait(&idle->wake, &idle->mutex, &until);
    idle->nothing_due = false;
}

static void *sweep(void *context)
{
    struct idle_sources *idle = context;
    struct source *old[IDLE_SOURCES_MAX];
    (void)pthread_mutex_lock(&idle->mutex);
    while (!idle->stopping) {
        size_t count = take_old(idle, old);
        if (count == 0) {
            wait_until_due(idle);
            continue;
        }
        (void)pthread_mutex_unlock(&idle->mutex);
        close_all(old, count);
        (void)pthread_mutex_lock(&idle->mutex);
    }
    (void)pthread_mutex_unlock(&idle->mutex);
    return NULL;
}

struct idle_sources *idle_sources_new(int64_t keep_ms)
{
    pthread_condattr_t steady;
    struct idle_sources *idle = calloc(1, sizeof(*idle));
    if (idle == NULL)
        return NULL;
    idle->keep_ms = keep_ms;
    (void)pthread_mutex_init(&idle->mutex, NULL);
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&idle->wake, &steady);
    (void)pthread_condattr_destroy(&steady);
    if (pthread_create(&idle->sweeper, NULL, sweep, idle) == 0)
        return idle;
    (void)pthread_cond_destroy(&idle->wake);
    (void)pthread_mutex_destroy(&idle->mutex);
    free(idle);
    return NULL;
}

struct idle_sources *idle_sources_free(struct idle_sources *idle)
{
    if (idle == NULL)
        return NULL;
    (void)pthread_mutex_lock(&idle->mutex);
    idle->stopping = true;
    (void)pthread_cond_signal(&idle->wake);
    (void)pthread_mutex_unlock(&idle->mutex);
    (void)pthread_join(idle->sweeper, NULL);
    for (size_t i = 0; i < IDLE_SOURCES_MAX; i++)
        (void)source_close(idle->entries[i].source);
    (void)pthread_cond_destroy(&idle->wake);
    (void)pthread_mutex_destroy(&idle->mutex);
    free(idle);
    return NULL;
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
    // Whatever waits already is due before it.
    if (idle->nothing_due)
        (void)pthread_cond_signal(&idle->wake);
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
