// The remover: takes away, batch by batch, the rows of connections that are deleted and of accounts
// that a key was changed from; and what is turned off for long (purge.c). One thread a process, one
// removal at a time.
//
// A batch is a transaction that first prolongs the removal's lease: a removal whose process went
// silent is taken over, and goes on with what is left.
#include <inttypes.h>
#include <stdio.h>

#include "server/audit/audit.h"
#include "server/base/log.h"
#include "server/store/removal.h"
#include "server/sync/sync_private.h"

enum { BATCH_ROWS = 1000, TX_MS = 60000, REMOVAL_ARENA_BYTES = 256 * 1024 };

// Errors: CANCELLED if the removal is another's.
static enum err_code begin(struct sync *sync, const struct work_lease *removal, struct tx **ret_tx,
                           struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    bool held;
    try_(store_begin(sync->background_store, removal->tenant, deadline_in(TX_MS), NULL, &tx,
                     reterr));
    try_(removal_hold(tx, removal, sync->owner, sync->lease_ms, &held, reterr));
    if (!held)
        return err_set(reterr, ERR_CANCELLED, "another process carries the removal on");
    *ret_tx = steal(tx);
    return ERR_OK;
}

static enum err_code remove_batch(struct sync *sync, const struct work_lease *removal, size_t step,
                                  int64_t *ret_removed, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(begin(sync, removal, &tx, reterr));
    try_(removal_step(tx, removal, step, BATCH_ROWS, ret_removed, reterr));
    return tx_commit(&tx, reterr);
}

// What a deletion removed, as changes from so many to none.
static enum err_code audit_end(struct tx *tx, const struct deletion_receipt *receipt,
                               struct err *reterr)
{
    static const char *const fields[REMOVAL_KINDS] = {
        [REMOVAL_CREDENTIAL] = "credentials",
        [REMOVAL_MAPPING] = "mappings",
        [REMOVAL_SETTING] = "settings",
        [REMOVAL_DOCUMENT] = "documents",
        [REMOVAL_FLEXIBLE_ASSET] = "flexible_assets",
        [REMOVAL_CHECKLIST] = "checklists",
        [REMOVAL_PASSWORD] = "passwords",
        [REMOVAL_FOLDER] = "folders",
        [REMOVAL_TYPE] = "types",
        [REMOVAL_ORGANIZATION] = "organizations",
        [REMOVAL_SYNC_RUN] = "sync_runs",
        [REMOVAL_SYNC_ISSUE] = "sync_issues",
    };
    char resource[160], texts[REMOVAL_KINDS][24];
    struct audit_change changes[REMOVAL_KINDS] = {{"state", "DELETING", NULL}};
    size_t count = 1;
    for (size_t kind = 1; kind < REMOVAL_KINDS; kind++) {
        if (receipt->counts[kind] == 0)
            continue;
        (void)snprintf(texts[kind], sizeof(texts[kind]), "%" PRId64, receipt->counts[kind]);
        changes[count++] = (struct audit_change){fields[kind], texts[kind], "0"};
    }
    (void)snprintf(resource, sizeof(resource), "connections/%s", receipt->connection_id);
    return audit_append_system(tx, "remover",
                               &(struct audit_event){.type = AUDIT_CONNECTION_DELETE,
                                                     .phase = AUDIT_SINGLE,
                                                     .outcome = AUDIT_SUCCEEDED,
                                                     .resource = resource,
                                                     .resource_display_name = receipt->display_name,
                                                     .changes = changes,
                                                     .change_count = count},
                               NULL, reterr);
}

static enum err_code end_deletion(struct tx *tx, const struct work_lease *removal,
                                  struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, REMOVAL_ARENA_BYTES);
    struct deletion_receipt *receipt;
    try_(deletion_receipt_get(tx, removal->connection_id, &arena, &receipt, reterr));
    return receipt == NULL ? err_set(reterr, ERR_INTERNAL, "a deletion has no receipt")
                           : audit_end(tx, receipt, reterr);
}

// The former account is gone: the organizations of the new one are fetched, unless syncs are held.
static enum err_code fetch_anew(struct tx *tx, const struct work_lease *removal, struct err *reterr)
{
    char run_id[SYNC_RUN_ID_BYTES];
    bool joined;
    const struct sync_request asked = {.connection_id = removal->connection_id,
                                       .tasks = SYNC_TASK_ORGANIZATIONS,
                                       .trigger = SYNC_TRIGGER_CONNECT};
    enum err_code code = sync_request_run(tx, NULL, &asked, run_id, &joined, reterr);
    return connection_refused_use(code) ? ERR_OK : code;
}

static enum err_code end(struct sync *sync, const struct work_lease *removal, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(begin(sync, removal, &tx, reterr));
    try_(removal_end(tx, removal, clock_wall_us(), reterr));
    try_(removal->whole ? end_deletion(tx, removal, reterr) : fetch_anew(tx, removal, reterr));
    try_(tx_commit(&tx, reterr));
    sync_wake(sync);
    log_event(LOG_INFO, "removal done", LOG_STR("connection", removal->connection_id));
    return ERR_OK;
}

static enum err_code carry_out(struct sync *sync, const struct work_lease *removal,
                               struct err *reterr)
{
    log_event(LOG_INFO, "removal taken", LOG_STR("connection", removal->connection_id),
              LOG_INT("fence", removal->fence));
    for (size_t step = 0; step < removal_step_count(); step++) {
        int64_t removed = BATCH_ROWS;
        while (removed == BATCH_ROWS) {
            try_(worker_goes_on(&sync->remover, reterr));
            try_(remove_batch(sync, removal, step, &removed, reterr));
        }
    }
    return end(sync, removal, reterr);
}

const struct worker_work remover_work = {
    .name = "remover",
    .arena_bytes = REMOVAL_ARENA_BYTES,
    .claim = removal_claim,
    .release = removal_release,
    .carry_on = carry_out,
    .otherwise = purge_next,
};
