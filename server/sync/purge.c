// Purging: records of what has been turned off for long enough go, a batch a transaction, each told
// in the audit trail by the transaction that removes it.
#include <inttypes.h>
#include <stdio.h>

#include "server/audit/audit.h"
#include "server/base/log.h"
#include "server/store/purge.h"
#include "server/store/record.h"
#include "server/sync/sync_private.h"

enum { BATCH_ROWS = 2000, TX_MS = 60000, PURGE_ARENA_BYTES = 1024 * 1024, SWITCHES = 4 };

// What a switch stands for: its field in events, the kinds of its records, the ones in them first,
// and its task, whose data is fresh no longer.
struct part {
    const char *field;
    enum source_kind kinds[2]; // the second 0: none
    int task_kind;
    bool due;
    const int64_t *type_ids;
    size_t type_count;
};

static enum err_code tell(struct tx *tx, const char *connection_id, const struct part *part,
                          int64_t removed, struct err *reterr)
{
    char resource[200], text[24];
    (void)snprintf(resource, sizeof(resource), "connections/%s", connection_id);
    (void)snprintf(text, sizeof(text), "%" PRId64, removed);
    const struct audit_change changes[] = {{part->field, text, "0"}};
    return audit_append_system(tx, "remover",
                               &(struct audit_event){.type = AUDIT_RETENTION,
                                                     .phase = AUDIT_SINGLE,
                                                     .outcome = AUDIT_SUCCEEDED,
                                                     .resource = resource,
                                                     .changes = changes,
                                                     .change_count = ARRAY_LEN(changes)},
                               NULL, reterr);
}

static enum err_code remove_part(struct tx *tx, const char *connection_id, const struct part *part,
                                 struct err *reterr)
{
    int64_t all = 0;
    for (size_t i = 0; i < ARRAY_LEN(part->kinds) && part->kinds[i] != 0; i++) {
        int64_t removed;
        try_(purge_forget(tx, connection_id, (int)part->kinds[i], part->type_ids, part->type_count,
                          part->task_kind, reterr));
        try_(record_purge(tx, connection_id, (int)part->kinds[i], part->type_ids, part->type_count,
                          BATCH_ROWS, &removed, reterr));
        all += removed;
    }
    return tell(tx, connection_id, part, all, reterr);
}

// One batch. `*ret_more` is false when nothing is left.
static enum err_code purge_batch(struct sync *sync, const struct purge_due *due, bool *ret_more,
                                 struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct arena arena _cleanup_(arena_done);
    struct purge_plan plan;
    arena_init(&arena, PURGE_ARENA_BYTES);
    try_(store_begin(sync->background_store, due->tenant, deadline_in(TX_MS), NULL, &tx, reterr));
    try_(purge_plan(tx, due->connection_id, sync->disabled_retention_days, &arena, &plan, reterr));
    const struct part parts[SWITCHES] = {
        {"documents", {SOURCE_DOCUMENTS, SOURCE_DOCUMENT_FOLDERS}, 2, plan.documents, NULL, 0},
        {"passwords", {SOURCE_PASSWORDS, SOURCE_PASSWORD_FOLDERS}, 3, plan.passwords, NULL, 0},
        {"checklists",
         {SOURCE_CHECKLISTS, SOURCE_CHECKLIST_TEMPLATES},
         5,
         plan.checklists,
         NULL,
         0},
        // Those of other types are as fresh as before.
        {"flexible_assets",
         {SOURCE_FLEXIBLE_ASSETS},
         0,
         plan.type_count > 0,
         plan.type_ids,
         plan.type_count},
    };
    *ret_more = false;
    for (size_t i = 0; i < ARRAY_LEN(parts) && !*ret_more; i++) {
        *ret_more = parts[i].due;
        if (parts[i].due)
            try_(remove_part(tx, due->connection_id, &parts[i], reterr));
    }
    return tx_commit(&tx, reterr);
}

static enum err_code take(struct sync *sync, struct arena *arena, struct purge_due *ret_due,
                          struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(store_begin(sync->scheduler_store, "", deadline_in(TX_MS), NULL, &tx, reterr));
    try_(purge_take(tx, arena, ret_due, reterr));
    return tx_commit(&tx, reterr);
}

bool purge_next(struct sync *sync)
{
    struct err err = {0};
    struct purge_due due = {0};
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, PURGE_ARENA_BYTES);
    enum err_code code = take(sync, &arena, &due, &err);
    for (bool more = due.tenant != NULL;
         code == ERR_OK && more && !atomic_load(&sync->keeper_stop);)
        code = purge_batch(sync, &due, &more, &err);
    if (code != ERR_OK)
        log_event(LOG_WARN, "what is turned off could not be purged",
                  LOG_STR("connection", due.tenant == NULL ? "" : due.connection_id),
                  LOG_ERR(&err));
    return code == ERR_OK && due.tenant != NULL;
}
