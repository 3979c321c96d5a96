// Between the files of the trail.
#pragma once

#include <pthread.h>

#include "server/audit/audit_private.h"
#include "server/audit/trail.h"
#include "server/base/cond.h"
#include "server/base/secret.h"
#include "server/base/turn.h"

enum { TRAIL_ENDS = 256, TRAIL_TENANT_BYTES = 65 };

// How far a tenant's chain had come when this process last wrote a group to it. Another may have
// written since, which the insert finds out: then the end is read.
struct trail_end {
    char tenant[TRAIL_TENANT_BYTES];
    struct audit_head head; // sequence 0: not known
};

struct trail {
    struct store *store, *janitor_store;
    struct secret *signing_key; // of libsodium's form; NULL: none
    unsigned char public_key[AUDIT_KEY_BYTES];
    char key_id[AUDIT_KEY_ID_BYTES]; // "" without a key
    int64_t mark_ms, retention_days, look_ms, heartbeat_ms;

    struct turns writes; // by tenant
    pthread_mutex_t ends_lock;
    struct trail_end ends[TRAIL_ENDS];

    pthread_mutex_t watch_lock;
    struct trail_watch *watches;
    size_t watch_count;

    pthread_mutex_t keep_lock;
    pthread_cond_t keep_wake;
    bool started, stopping;
    pthread_t keeper;
    int64_t look_at_ms; // of the keeper alone
};

// Writes the events of a group of trail_write()'s callers; `context` is the trail.
turn_work trail_write_group;
// Fills in time, key and signature of a mark.
void trail_sign(const struct trail *trail, const char *tenant, struct audit_mark *mark);
// Tells the tenant's watchers in this process that its chain has come so far.
void trail_tell(struct trail *trail, const char *tenant, int64_t sequence);
// Looks how far the chains of watched tenants have come, and which watchers were silent for long.
void trail_look(struct trail *trail);
