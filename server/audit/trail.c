#include "server/audit/trail_private.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/base/key_file.h"
#include "server/store/audit_mark.h"

static enum err_code read_key(struct trail *trail, const char *path, struct err *reterr)
{
    struct secret *seed _cleanup_(secret_freep) = NULL;
    if (path == NULL || path[0] == '\0')
        return ERR_OK;
    try_(key_file_read(path, &seed, reterr));
    trail->signing_key = secret_new(crypto_sign_SECRETKEYBYTES);
    if (trail->signing_key == NULL)
        return err_no_memory(reterr);
    (void)crypto_sign_seed_keypair(trail->public_key, secret_bytes_mut(trail->signing_key),
                                   (const unsigned char *)secret_bytes(seed));
    audit_key_id(trail->public_key, trail->key_id);
    return ERR_OK;
}

enum err_code trail_new(const struct trail_settings *settings, struct trail **ret_trail,
                        struct err *reterr)
{
    struct trail *trail = calloc(1, sizeof(*trail));
    if (trail == NULL)
        return err_no_memory(reterr);
    trail->store = settings->store;
    trail->janitor_store = settings->janitor_store;
    trail->mark_ms = settings->mark_ms == 0 ? 60000 : settings->mark_ms;
    trail->retention_days = settings->retention_days == 0 ? 400 : settings->retention_days;
    trail->look_ms = settings->look_ms == 0 ? 1000 : settings->look_ms;
    trail->heartbeat_ms = settings->heartbeat_ms == 0 ? 10000 : settings->heartbeat_ms;
    turns_init(&trail->writes, trail_write_group, trail);
    (void)pthread_mutex_init(&trail->ends_lock, NULL);
    (void)pthread_mutex_init(&trail->watch_lock, NULL);
    (void)pthread_mutex_init(&trail->keep_lock, NULL);
    cond_init_steady(&trail->keep_wake);
    enum err_code code = read_key(trail, settings->signing_key_file, reterr);
    if (code != ERR_OK)
        trail = trail_free(trail);
    *ret_trail = trail;
    return code;
}

struct trail *trail_free(struct trail *trail)
{
    if (trail == NULL)
        return NULL;
    trail_stop(trail);
    (void)secret_free(trail->signing_key);
    (void)pthread_cond_destroy(&trail->keep_wake);
    (void)pthread_mutex_destroy(&trail->keep_lock);
    (void)pthread_mutex_destroy(&trail->watch_lock);
    turns_done(&trail->writes);
    (void)pthread_mutex_destroy(&trail->ends_lock);
    free(trail);
    return NULL;
}

bool trail_public_key(const struct trail *trail, unsigned char ret_key[AUDIT_KEY_BYTES])
{
    memcpy(ret_key, trail->public_key, AUDIT_KEY_BYTES);
    return trail->signing_key != NULL;
}

void trail_sign(const struct trail *trail, const char *tenant, struct audit_mark *mark)
{
    unsigned char digest[AUDIT_HASH_BYTES];
    mark->time_us = clock_wall_us();
    mark->key_id = trail->key_id;
    memset(mark->signature, 0, sizeof(mark->signature));
    if (trail->signing_key == NULL)
        return;
    audit_mark_digest(mark, tenant, digest);
    (void)crypto_sign_detached(mark->signature, NULL, digest, sizeof(digest),
                               (const unsigned char *)secret_bytes(trail->signing_key));
}

enum err_code trail_mark(const struct trail *trail, struct tx *tx, int64_t *ret_sequence,
                         struct err *reterr)
{
    struct audit_head head;
    struct audit_mark mark = {.kind = AUDIT_MARK_HEAD};
    try_(audit_event_end(tx, &head, reterr));
    *ret_sequence = head.sequence;
    if (head.sequence == 0)
        return ERR_OK;
    mark.sequence = head.sequence;
    memcpy(mark.hash, head.hash, sizeof(head.hash));
    trail_sign(trail, tx_tenant(tx), &mark);
    return audit_mark_put(tx, &mark, reterr);
}
