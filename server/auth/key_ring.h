// The keys in use: the set of a file, replaced by a new one when the file is.
//
// Readers share a lock for the time of one verification; who finds the file changed reads it on the
// side and swaps the sets, so that no verification fails for it and none uses a set that is gone.
// A file that cannot be read leaves the keys as they are and is logged once.
// Lock order: `looking`, then `lock`.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "server/auth/jwk.h"

struct key_ring {
    char *file;
    pthread_rwlock_t lock; // guards `set`
    struct jwk_set set;
    // Counts the sets. Grows under `lock`.
    atomic_uint_fast64_t generation;
    pthread_mutex_t looking; // guards what follows
    struct stat seen;        // the file when it was read last
    bool failed;             // that time
    atomic_int_fast64_t next_look_ms;
};

enum key_ring_look {
    KEY_RING_WHEN_DUE, // at most once a second
    KEY_RING_NOW,      // the file may be another one: a stat, and no more if it is not
    KEY_RING_READ,     // in any case
};

// Reads the file. Errors: as jwk_set_read().
enum err_code key_ring_init(struct key_ring *ring, const char *file,
                            struct err *reterr) _must_check_;
void key_ring_done(struct key_ring *ring);
// Looks whether the file changed, and reads it if so. May read the disk.
void key_ring_look(struct key_ring *ring, enum key_ring_look how);
// The present keys, until key_ring_leave().
const struct jwk_set *key_ring_use(struct key_ring *ring, uint64_t *ret_generation);
void key_ring_leave(struct key_ring *ring);
uint64_t key_ring_generation(const struct key_ring *ring);
