#include "server/auth/key_ring.h"

#include <string.h>

#include "server/base/clock.h"
#include "server/base/log.h"

enum { LOOK_MS = 1000 };

static struct stat identify(const char *file)
{
    struct stat now;
    return stat(file, &now) == 0 ? now : (struct stat){0};
}

// The time of the last change of any kind, because a copy may bring an old time of writing along.
static bool is_same(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino &&
           one->st_size == other->st_size && one->st_ctim.tv_sec == other->st_ctim.tv_sec &&
           one->st_ctim.tv_nsec == other->st_ctim.tv_nsec;
}

static enum err_code init_locks(struct key_ring *ring, struct err *reterr)
{
    pthread_rwlockattr_t attributes;
    (void)pthread_rwlockattr_init(&attributes);
    // Else a steady stream of verifications would keep new keys out.
    (void)pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    int error = pthread_rwlock_init(&ring->lock, &attributes);
    (void)pthread_rwlockattr_destroy(&attributes);
    if (error != 0)
        return err_no_memory(reterr);
    (void)pthread_mutex_init(&ring->looking, NULL);
    return ERR_OK;
}

enum err_code key_ring_init(struct key_ring *ring, const char *file, struct err *reterr)
{
    struct jwk_set set _cleanup_(jwk_set_done) = {0};
    *ring = (struct key_ring){.seen = identify(file)};
    try_(jwk_set_read(file, &set, reterr));
    ring->file = strdup(file);
    if (ring->file == NULL)
        return err_no_memory(reterr);
    enum err_code code = init_locks(ring, reterr);
    if (code != ERR_OK) {
        free(ring->file);
        ring->file = NULL;
        return code;
    }
    ring->set = set;
    set = (struct jwk_set){0};
    atomic_store(&ring->next_look_ms, clock_steady_ms() + LOOK_MS);
    return ERR_OK;
}

void key_ring_done(struct key_ring *ring)
{
    if (ring->file == NULL)
        return;
    jwk_set_done(&ring->set);
    (void)pthread_rwlock_destroy(&ring->lock);
    (void)pthread_mutex_destroy(&ring->looking);
    free(ring->file);
    ring->file = NULL;
}

static void replace(struct key_ring *ring, struct jwk_set *set)
{
    pthread_rwlock_wrlock(&ring->lock);
    struct jwk_set old = ring->set;
    ring->set = *set;
    atomic_fetch_add(&ring->generation, 1);
    pthread_rwlock_unlock(&ring->lock);
    *set = old;
}

// Under `looking`.
static void look(struct key_ring *ring, enum key_ring_look how)
{
    // Before it is read: what changes meanwhile is another file the next time.
    struct stat now = identify(ring->file);
    bool changed = !is_same(&now, &ring->seen) || how == KEY_RING_READ;
    // What failed may have been for want of descriptors or memory. Strangers cannot bring about
    // another try.
    if (!changed && !(ring->failed && how == KEY_RING_WHEN_DUE))
        return;
    struct jwk_set set _cleanup_(jwk_set_done) = {0};
    struct err err;
    bool failed = jwk_set_read(ring->file, &set, &err) != ERR_OK;
    if (failed && (changed || !ring->failed))
        log_event(LOG_ERROR, "keys not reloaded", LOG_ERR(&err));
    ring->seen = now;
    ring->failed = failed;
    if (failed)
        return;
    log_event(LOG_INFO, "keys reloaded", LOG_INT("count", set.count));
    replace(ring, &set);
}

void key_ring_look(struct key_ring *ring, enum key_ring_look how)
{
    int64_t now_ms = clock_steady_ms();
    if (how == KEY_RING_WHEN_DUE) {
        if (now_ms < atomic_load_explicit(&ring->next_look_ms, memory_order_relaxed) ||
            pthread_mutex_trylock(&ring->looking) != 0)
            return;
    } else {
        pthread_mutex_lock(&ring->looking);
    }
    atomic_store_explicit(&ring->next_look_ms, now_ms + LOOK_MS, memory_order_relaxed);
    look(ring, how);
    pthread_mutex_unlock(&ring->looking);
}

const struct jwk_set *key_ring_use(struct key_ring *ring, uint64_t *ret_generation)
{
    pthread_rwlock_rdlock(&ring->lock);
    *ret_generation = atomic_load(&ring->generation);
    return &ring->set;
}

void key_ring_leave(struct key_ring *ring)
{
    pthread_rwlock_unlock(&ring->lock);
}

uint64_t key_ring_generation(const struct key_ring *ring)
{
    return atomic_load(&ring->generation);
}
