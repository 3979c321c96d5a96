// What an estimate rests on in the database.
#include "server/base/clock.h"
#include "server/service/begin.h"
#include "server/service/parent.h"
#include "server/service/sync_estimate_private.h"
#include "server/store/record.h"
#include "server/store/sync_cursor.h"

static enum err_code load_list(struct tx *tx, struct estimate *estimate, enum source_kind kind,
                               int64_t type_id, struct estimate_list *ret_list,
                               struct sync_cursor *ret_cursor, struct err *reterr)
{
    size_t count = kind == SOURCE_ORGANIZATIONS ? 0 : estimate->organization_count;
    *ret_list = (struct estimate_list){.kind = kind, .type_id = type_id, .total_count = -1};
    *ret_cursor = (struct sync_cursor){.total_count = -1};
    if (estimate->full)
        return ERR_OK;
    try_(sync_cursor_load(tx, estimate->connection_id, (int)kind, type_id, estimate->organizations,
                          count, estimate->request->arena, ret_cursor, reterr));
    if (ret_cursor->covers && plan_trusts(ret_cursor->distrust_time_us, clock_wall_us())) {
        ret_list->since_us = plan_since(ret_cursor->update_time_us);
        ret_list->total_count = ret_cursor->total_count;
    }
    return ERR_OK;
}

static enum err_code load_lists(struct tx *tx, struct estimate *estimate, struct err *reterr)
{
    struct sync_cursor cursor;
    struct estimate_list all;
    estimate->type_changes = arena_calloc(estimate->request->arena, estimate->type_count + 1,
                                          sizeof(*estimate->type_changes));
    if (estimate->type_changes == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < estimate->type_count; i++) {
        struct estimate_list *list = &estimate->type_changes[i];
        try_(load_list(tx, estimate, SOURCE_FLEXIBLE_ASSETS, estimate->types[i].id, list, &cursor,
                       reterr));
        if (list->since_us != 0)
            (void)plan_glance_add(&estimate->glance, list->total_count);
    }
    try_(load_list(tx, estimate, SOURCE_FLEXIBLE_ASSETS, 0, &all, &cursor, reterr));
    if (!plan_trusts(cursor.distrust_time_us, clock_wall_us()) || estimate->organization_count < 2)
        estimate->glance = (struct plan_glance){0};
    try_(load_list(tx, estimate, SOURCE_ORGANIZATIONS, 0, &estimate->organization_changes, &cursor,
                   reterr));
    try_(
        load_list(tx, estimate, SOURCE_PASSWORDS, 0, &estimate->password_changes, &cursor, reterr));
    return load_list(tx, estimate, SOURCE_CHECKLISTS, 0, &estimate->checklist_changes, &cursor,
                     reterr);
}

// As a run does when its task begins (document_order_begin).
static enum err_code load_order(struct tx *tx, struct estimate *estimate, struct err *reterr)
{
    const struct record_extents asked = {
        .connection_id = estimate->connection_id,
        .kind = SOURCE_DOCUMENTS,
        .organization_ids = estimate->organizations,
        .organization_count = estimate->organization_count,
        .more_than = estimate->limit.document_page_size,
    };
    struct sync_cursor cursor;
    if (estimate->full || estimate->organization_count == 0 ||
        estimate->connection.folder_filter != PLAN_FOLDERS_NULL)
        return ERR_OK;
    try_(sync_cursor_load(tx, estimate->connection_id, SOURCE_DOCUMENTS, 0, estimate->organizations,
                          estimate->organization_count, estimate->request->arena, &cursor, reterr));
    int64_t now_us = clock_wall_us();
    estimate->order_used = plan_trusts(cursor.distrust_time_us, now_us);
    estimate->order_proven = estimate->order_used && plan_proof_holds(cursor.order_time_us, now_us);
    if (!estimate->order_used)
        return ERR_OK;
    return record_extents(tx, &asked, estimate->request->arena, &estimate->long_lists,
                          &estimate->long_list_count, reterr);
}

static enum err_code load_stored(struct tx *tx, const struct estimate *estimate,
                                 enum source_kind kind, int page_size,
                                 struct sync_estimate *ret_stored, struct err *reterr)
{
    return sync_estimate_load(tx, estimate->connection_id, (int)kind, estimate->organizations,
                              estimate->organization_count, page_size, ret_stored, reterr);
}

enum err_code sync_estimate_gather(struct estimate *estimate, const char *parent,
                                   struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct arena *arena = estimate->request->arena;
    const char *id = estimate->connection_id;
    struct connection *connection;
    try_(request_begin(estimate->request, &tx, reterr));
    try_(parent_connection(tx, estimate->request, id, parent, &connection, reterr));
    try_(sync_connection_load(tx, id, false, arena, &estimate->connection, reterr));
    try_(sync_connection_mapped(tx, id, NULL, 0, arena, &estimate->organizations,
                                &estimate->organization_count, reterr));
    try_(sync_connection_inventory(tx, id, &estimate->inventory_count, reterr));
    try_(type_sync_load_enabled(tx, id, arena, &estimate->types, &estimate->type_count, reterr));
    try_(load_lists(tx, estimate, reterr));
    try_(load_order(tx, estimate, reterr));
    const struct record_open open = {id, NULL, SOURCE_CHECKLISTS, estimate->organizations,
                                     estimate->organization_count};
    try_(record_count_open(tx, &open, &estimate->open_checklists, reterr));
    struct sync_psa_witness witness;
    try_(sync_connection_psa_witness(tx, id, arena, &witness, reterr));
    estimate->psa_probes = witness.organization_id != 0;
    const struct sync_limit *limit = &estimate->limit;
    try_(load_stored(tx, estimate, SOURCE_DOCUMENTS, limit->document_page_size,
                     &estimate->documents, reterr));
    try_(load_stored(tx, estimate, SOURCE_PASSWORDS, limit->page_size, &estimate->passwords,
                     reterr));
    try_(load_stored(tx, estimate, SOURCE_CHECKLISTS, limit->page_size, &estimate->checklists,
                     reterr));
    return sync_estimate_used(tx, id, &estimate->used, reterr);
}
