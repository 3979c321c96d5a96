// The trail's one thread: enters exposures and marks chains that grew, removes events whose time is
// over, looks for events of other processes.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/audit/canonical.h"
#include "server/audit/trail_private.h"
#include "server/base/log.h"
#include "server/store/audit_mark.h"
#include "server/store/exposure.h"
#include "server/store/gate_change.h"

enum {
    TX_MS = 60000,
    TENANTS_EACH = 200,
    REMOVED_EACH = 5000,
    RETAIN_EVERY_MS = 3600000,
    ARENA_BYTES = 1024 * 1024,
    CHECKED_EACH = 500,
    CHANGES_BYTES = 1024 * 1024,
    CHECKED_BYTES = 16 * 1024 * 1024,
};

static bool is_stopping(struct trail *trail)
{
    (void)pthread_mutex_lock(&trail->keep_lock);
    bool stopping = trail->stopping;
    (void)pthread_mutex_unlock(&trail->keep_lock);
    return stopping;
}

static void look(struct trail *trail)
{
    trail_look(trail);
    trail->look_at_ms = clock_steady_ms() + trail->look_ms;
}

// Between two steps of what may take long: whoever watches waits neither for events nor for a sign
// of life until all of it is done.
static void look_if_due(struct trail *trail)
{
    if (clock_steady_ms() >= trail->look_at_ms)
        look(trail);
}

static enum err_code mark_tenant(struct trail *trail, const char *tenant, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    int64_t sequence;
    try_(store_begin(trail->store, tenant, deadline_in(TX_MS), NULL, &tx, reterr));
    try_(trail_mark(trail, tx, &sequence, reterr));
    return tx_commit(&tx, reterr);
}

// So that whoever reads the ledger finds little to enter.
static enum err_code enter_exposures(struct trail *trail, const char *tenant, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(store_begin(trail->store, tenant, deadline_in(TX_MS), NULL, &tx, reterr));
    tx_commit_with_next(tx);
    try_(exposure_update(tx, reterr));
    return tx_commit(&tx, reterr);
}

// What is gone through in the order of tenants goes on behind this one; NULL: it ends.
static enum err_code go_on_behind(char **after, const char *tenant, struct err *reterr)
{
    free(*after);
    *after = tenant == NULL ? NULL : strdup(tenant);
    return tenant == NULL || *after != NULL ? ERR_OK : err_no_memory(reterr);
}

static enum err_code list_due(struct trail *trail, const char *after, struct arena *arena,
                              const char *const **ret_tenants, size_t *ret_count,
                              struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(store_begin(trail->janitor_store, NULL, deadline_in(TX_MS), NULL, &tx, reterr));
    tx_commit_with_next(tx);
    try_(audit_mark_due(tx, after, TENANTS_EACH, arena, ret_tenants, ret_count, reterr));
    return tx_commit(&tx, reterr);
}

// Those of a page. `*after` is where it begins, and then where the next does; NULL: there is none.
static enum err_code mark_some(struct trail *trail, char **after, struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, ARENA_BYTES);
    const char *const *tenants;
    struct err err;
    size_t count;
    try_(list_due(trail, *after, &arena, &tenants, &count, reterr));
    for (size_t i = 0; i < count && !is_stopping(trail); i++) {
        if (enter_exposures(trail, tenants[i], &err) != ERR_OK)
            log_event(LOG_WARN, "exposures were not entered", LOG_ERR(&err));
        if (mark_tenant(trail, tenants[i], &err) != ERR_OK)
            log_event(LOG_WARN, "a chain was not marked", LOG_ERR(&err));
        look_if_due(trail);
    }
    bool more = count == TENANTS_EACH;
    return go_on_behind(after, more ? tenants[count - 1] : NULL, reterr);
}

void trail_mark_all(struct trail *trail)
{
    struct err err;
    char *after _cleanup_(freep) = NULL;
    enum err_code code = go_on_behind(&after, "", &err);
    while (code == ERR_OK && after != NULL && !is_stopping(trail))
        code = mark_some(trail, &after, &err);
    if (code != ERR_OK)
        log_event(LOG_WARN, "chains to mark cannot be found", LOG_ERR(&err));
}

static bool is_as_written(const struct audit_event_row *row, int64_t sequence,
                          const unsigned char previous[AUDIT_HASH_BYTES])
{
    unsigned char hash[AUDIT_HASH_BYTES];
    audit_hash(row, hash);
    return row->sequence == sequence && memcmp(hash, row->hash, sizeof(hash)) == 0 &&
           memcmp(previous, row->previous_hash, sizeof(hash)) == 0;
}

// Follows the chain over some of its events; `*next` and `previous` go on behind them.
static enum err_code follow_some(struct tx *tx, int64_t last, int64_t cutoff_us, int64_t *next,
                                 unsigned char previous[AUDIT_HASH_BYTES], struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, CHECKED_BYTES);
    struct audit_event_row *rows;
    size_t count;
    try_(audit_event_range(tx, *next, last, CHECKED_EACH, CHANGES_BYTES, &arena, &rows, &count,
                           reterr));
    bool holds = count > 0;
    for (size_t i = 0; i < count && holds; i++) {
        holds = is_as_written(&rows[i], *next, previous) && rows[i].event_time_us < cutoff_us;
        memcpy(previous, rows[i].hash, AUDIT_HASH_BYTES);
        *next += holds;
    }
    return holds ? ERR_OK
                 : err_set(reterr, ERR_INTERNAL,
                           "event %" PRId64 " is not as it was written, so it stays", *next);
}

// Who owns the database can make events look old: they would then be removed by the server itself,
// with its signature on it.
static enum err_code check_batch(struct trail *trail, const char *tenant, int64_t last,
                                 int64_t cutoff_us, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, ARENA_BYTES);
    struct audit_mark before;
    try_(store_begin(trail->store, tenant, deadline_in(TX_MS), NULL, &tx, reterr));
    try_(audit_retained_get(tx, &arena, &before, reterr));
    for (int64_t next = before.sequence + 1; next <= last;)
        try_(follow_some(tx, last, cutoff_us, &next, before.hash, reterr));
    return tx_commit(&tx, reterr);
}

// One batch. `*ret_mark` has sequence 0 if nothing is left to remove.
static enum err_code remove_batch(struct trail *trail, const char *tenant, int64_t cutoff_us,
                                  struct audit_mark *ret_mark, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    int64_t removed;
    try_(store_begin(trail->janitor_store, NULL, deadline_in(TX_MS), NULL, &tx, reterr));
    try_(audit_retained_find(tx, tenant, cutoff_us, REMOVED_EACH, ret_mark, reterr));
    if (ret_mark->sequence == 0)
        return ERR_OK;
    try_(check_batch(trail, tenant, ret_mark->sequence, cutoff_us, reterr));
    trail_sign(trail, tenant, ret_mark);
    try_(audit_retained_put(tx, tenant, ret_mark, &removed, reterr));
    return tx_commit(&tx, reterr);
}

// What was removed is told in the trail itself.
static enum err_code tell_removal(struct trail *trail, const char *tenant, int64_t sequence,
                                  struct err *reterr)
{
    char first[24];
    (void)snprintf(first, sizeof(first), "%" PRId64, sequence + 1);
    const struct audit_change changes[] = {{"first_sequence", NULL, first}};
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(store_begin(trail->store, tenant, deadline_in(TX_MS), NULL, &tx, reterr));
    try_(audit_append_system(tx, "retention",
                             &(struct audit_event){.type = AUDIT_RETENTION,
                                                   .phase = AUDIT_SINGLE,
                                                   .outcome = AUDIT_SUCCEEDED,
                                                   .changes = changes,
                                                   .change_count = ARRAY_LEN(changes)},
                             NULL, reterr));
    return tx_commit(&tx, reterr);
}

static enum err_code retain_tenant(struct trail *trail, const char *tenant, int64_t cutoff_us,
                                   struct err *reterr)
{
    struct audit_mark mark = {.sequence = 0};
    int64_t last = 0;
    enum err_code code;
    // What is removed tells the ledger nothing any more.
    try_(enter_exposures(trail, tenant, reterr));
    do {
        code = remove_batch(trail, tenant, cutoff_us, &mark, reterr);
        last = code == ERR_OK && mark.sequence > last ? mark.sequence : last;
        look_if_due(trail);
    } while (code == ERR_OK && mark.sequence != 0 && !is_stopping(trail));
    // Also what went before a batch that failed.
    struct err untold;
    if (last != 0 && tell_removal(trail, tenant, last, &untold) != ERR_OK && code == ERR_OK) {
        *reterr = untold;
        code = untold.code;
    }
    return code;
}

static enum err_code find_due(struct trail *trail, int64_t cutoff_us, const char *after,
                              struct arena *arena, const char **ret_tenant, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(store_begin(trail->janitor_store, NULL, deadline_in(TX_MS), NULL, &tx, reterr));
    tx_commit_with_next(tx);
    try_(audit_retained_due(tx, cutoff_us, after, arena, ret_tenant, reterr));
    return tx_commit(&tx, reterr);
}

static enum err_code forget_gate_changes(struct trail *trail, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(store_begin(trail->janitor_store, NULL, deadline_in(TX_MS), NULL, &tx, reterr));
    tx_commit_with_next(tx);
    try_(gate_change_purge(tx, reterr));
    return tx_commit(&tx, reterr);
}

// That of the next tenant, as mark_some() goes on. One that fails is tried again in an hour, and
// holds up nobody else.
static enum err_code retain_next(struct trail *trail, int64_t cutoff_us, char **after,
                                 struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, ARENA_BYTES);
    const char *tenant;
    struct err err;
    try_(find_due(trail, cutoff_us, *after, &arena, &tenant, reterr));
    if (tenant != NULL && retain_tenant(trail, tenant, cutoff_us, &err) != ERR_OK)
        log_event(LOG_WARN, "old audit events of a tenant were not removed",
                  LOG_STR("tenant", tenant), LOG_ERR(&err));
    return go_on_behind(after, tenant, reterr);
}

void trail_retain_all(struct trail *trail)
{
    struct err err;
    if (forget_gate_changes(trail, &err) != ERR_OK)
        log_event(LOG_WARN, "old changes of gates were not removed", LOG_ERR(&err));
    int64_t cutoff_us = clock_wall_us() - trail->retention_days * 24 * 3600 * INT64_C(1000000);
    char *after _cleanup_(freep) = NULL;
    enum err_code code = go_on_behind(&after, "", &err);
    while (code == ERR_OK && after != NULL && !is_stopping(trail))
        code = retain_next(trail, cutoff_us, &after, &err);
    if (code != ERR_OK)
        log_event(LOG_WARN, "old audit events were not removed", LOG_ERR(&err));
}

static void *keep(void *context)
{
    struct trail *trail = context;
    int64_t mark_at_ms = clock_steady_ms() + trail->mark_ms, retain_at_ms = clock_steady_ms();
    bool stopping = false;
    while (!stopping) {
        look(trail);
        if (clock_steady_ms() >= mark_at_ms) {
            trail_mark_all(trail);
            mark_at_ms = clock_steady_ms() + trail->mark_ms;
        }
        if (clock_steady_ms() >= retain_at_ms) {
            trail_retain_all(trail);
            retain_at_ms = clock_steady_ms() + RETAIN_EVERY_MS;
        }
        (void)pthread_mutex_lock(&trail->keep_lock);
        if (!trail->stopping)
            cond_wait_ms(&trail->keep_wake, &trail->keep_lock, trail->look_ms);
        stopping = trail->stopping;
        (void)pthread_mutex_unlock(&trail->keep_lock);
    }
    return NULL;
}

enum err_code trail_start(struct trail *trail, struct err *reterr)
{
    trail->started = pthread_create(&trail->keeper, NULL, keep, trail) == 0;
    return trail->started ? ERR_OK : err_set(reterr, ERR_INTERNAL, "no thread for the trail");
}

void trail_stop(struct trail *trail)
{
    if (!trail->started)
        return;
    (void)pthread_mutex_lock(&trail->keep_lock);
    trail->stopping = true;
    (void)pthread_cond_signal(&trail->keep_wake);
    (void)pthread_mutex_unlock(&trail->keep_lock);
    (void)pthread_join(trail->keeper, NULL);
    trail->started = false;
}
