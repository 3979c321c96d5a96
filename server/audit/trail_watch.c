// Who watches which tenant's chain, and how far each has read. A watcher reads the events from the
// database by itself, so a slow one holds nothing up and nothing is kept for it.
#include <stdlib.h>
#include <string.h>

#include "server/audit/trail_private.h"
#include "server/base/log.h"
#include "server/store/audit_mark.h"

enum { LOOK_MS = 5000, TENANTS_MAX = 10000, ARENA_BYTES = 4 * 1024 * 1024 };

struct trail_watch {
    struct trail_watch *next;
    struct trail *trail;
    struct stream_waker waker;
    int64_t read;     // up to here
    int64_t told;     // it was woken for what is up to here
    int64_t spoke_ms; // when it last said something, or was woken to
    char tenant[];
};

enum err_code trail_watch_open(struct trail *trail, const char *tenant,
                               const struct stream_waker *waker, struct trail_watch **ret_watch,
                               struct err *reterr)
{
    size_t size = strlen(tenant) + 1;
    struct trail_watch *watch = calloc(1, sizeof(*watch) + size);
    if (watch == NULL)
        return err_no_memory(reterr);
    memcpy(watch->tenant, tenant, size);
    watch->trail = trail;
    watch->waker = *waker;
    watch->spoke_ms = clock_steady_ms();
    (void)pthread_mutex_lock(&trail->watch_lock);
    watch->next = trail->watches;
    trail->watches = watch;
    trail->watch_count++;
    (void)pthread_mutex_unlock(&trail->watch_lock);
    *ret_watch = watch;
    return ERR_OK;
}

void trail_watch_close(struct trail_watch *watch)
{
    if (watch == NULL)
        return;
    struct trail *trail = watch->trail;
    (void)pthread_mutex_lock(&trail->watch_lock);
    struct trail_watch **at = &trail->watches;
    while (*at != watch)
        at = &(*at)->next;
    *at = watch->next;
    trail->watch_count--;
    (void)pthread_mutex_unlock(&trail->watch_lock);
    free(watch);
}

void trail_watch_note(struct trail_watch *watch, int64_t sequence, bool spoke)
{
    (void)pthread_mutex_lock(&watch->trail->watch_lock);
    // Told of more since it looked: it is woken again.
    if (watch->told > sequence)
        watch->waker.wake(watch->waker.context);
    watch->read = sequence;
    if (spoke)
        watch->spoke_ms = clock_steady_ms();
    (void)pthread_mutex_unlock(&watch->trail->watch_lock);
}

bool trail_watch_silent(struct trail_watch *watch)
{
    (void)pthread_mutex_lock(&watch->trail->watch_lock);
    bool silent = clock_steady_ms() - watch->spoke_ms >= watch->trail->heartbeat_ms;
    (void)pthread_mutex_unlock(&watch->trail->watch_lock);
    return silent;
}

static void tell(struct trail_watch *watch, int64_t sequence)
{
    if (sequence <= watch->told || sequence <= watch->read)
        return;
    watch->told = sequence;
    watch->waker.wake(watch->waker.context);
}

void trail_tell(struct trail *trail, const char *tenant, int64_t sequence)
{
    (void)pthread_mutex_lock(&trail->watch_lock);
    for (struct trail_watch *watch = trail->watches; watch != NULL; watch = watch->next)
        if (strcmp(watch->tenant, tenant) == 0)
            tell(watch, sequence);
    (void)pthread_mutex_unlock(&trail->watch_lock);
}

// The tenants that are watched, each once, copied.
static const char **watched(struct trail *trail, struct arena *arena, size_t *ret_count)
{
    (void)pthread_mutex_lock(&trail->watch_lock);
    size_t most = trail->watch_count < TENANTS_MAX ? trail->watch_count : TENANTS_MAX, count = 0;
    const char **tenants = most == 0 ? NULL : arena_calloc(arena, most, sizeof(*tenants));
    for (struct trail_watch *watch = trail->watches; watch != NULL && tenants != NULL;
         watch = watch->next) {
        size_t i = 0;
        while (i < count && strcmp(tenants[i], watch->tenant) != 0)
            i++;
        if (i == count && count < most) {
            tenants[count] = arena_strdup(arena, watch->tenant);
            count += tenants[count] != NULL;
        }
    }
    (void)pthread_mutex_unlock(&trail->watch_lock);
    *ret_count = count;
    return tenants;
}

static enum err_code read_ends(struct trail *trail, const char *const *tenants, size_t count,
                               int64_t *ret_ends, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(store_begin(trail->janitor_store, NULL, deadline_in(LOOK_MS), NULL, &tx, reterr));
    tx_commit_with_next(tx);
    try_(audit_mark_ends(tx, tenants, count, ret_ends, reterr));
    return tx_commit(&tx, reterr);
}

static void wake_silent(struct trail *trail)
{
    int64_t now_ms = clock_steady_ms();
    (void)pthread_mutex_lock(&trail->watch_lock);
    for (struct trail_watch *watch = trail->watches; watch != NULL; watch = watch->next)
        if (now_ms - watch->spoke_ms >= trail->heartbeat_ms)
            watch->waker.wake(watch->waker.context);
    (void)pthread_mutex_unlock(&trail->watch_lock);
}

void trail_look(struct trail *trail)
{
    struct err err;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, ARENA_BYTES);
    size_t count;
    const char **tenants = watched(trail, &arena, &count);
    int64_t *ends = count == 0 ? NULL : arena_calloc(&arena, count, sizeof(*ends));
    if (ends == NULL)
        return;
    if (read_ends(trail, tenants, count, ends, &err) != ERR_OK)
        log_event(LOG_WARN, "watched audit trails could not be read", LOG_ERR(&err));
    else
        for (size_t i = 0; i < count; i++)
            trail_tell(trail, tenants[i], ends[i]);
    wake_silent(trail);
}
