#include "server/sync/document_order.h"

#include <stdlib.h>

#include "server/base/log.h"
#include "server/store/sync_cursor.h"
#include "server/sync/cursor.h"
#include "server/sync/document_end.h"
#include "server/sync/plan.h"
#include "server/sync/sync_private.h"

static enum err_code load(struct task *task, const int64_t *organization_ids, size_t count,
                          struct record_extent **ret_lists, size_t *ret_count, struct err *reterr)
{
    struct run *run = task->run;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    const struct record_extents asked = {
        .connection_id = run->lease.connection_id,
        .kind = SOURCE_DOCUMENTS,
        .organization_ids = organization_ids,
        .organization_count = count,
        .more_than = run->sync->document_page_size,
    };
    return record_extents(tx, &asked, &run->arena, ret_lists, ret_count, reterr);
}

enum err_code document_order_begin(struct task *task, struct document_order *ret_order,
                                   struct err *reterr)
{
    struct run *run = task->run;
    int64_t time_us;
    *ret_order = (struct document_order){0};
    if (run->row.mode == SYNC_MODE_FULL || task->organization_count == 0 ||
        run->connection.folder_filter != PLAN_FOLDERS_NULL)
        return ERR_OK;
    try_(cursor_order(task, SOURCE_DOCUMENTS, &time_us, &ret_order->used, reterr));
    if (!ret_order->used)
        return ERR_OK;
    ret_order->proven = plan_proof_holds(time_us, clock_wall_us());
    return load(task, task->organizations, task->organization_count, &ret_order->lists,
                &ret_order->count, reterr);
}

static int compare(const void *a, const void *b)
{
    int64_t left = ((const struct record_extent *)a)->organization_id;
    int64_t right = ((const struct record_extent *)b)->organization_id;
    return (left > right) - (left < right);
}

static const struct record_extent *find(const struct document_order *order, int64_t organization_id)
{
    const struct record_extent key = {.organization_id = organization_id};
    return order->count == 0 ? NULL
                             : bsearch(&key, order->lists, order->count, sizeof(key), compare);
}

bool document_order_covers(const struct task *task, const struct document_order *order,
                           int64_t organization_id)
{
    bool in_midst = task->text[0] != '\0' && task->at.key == organization_id;
    return order->proven && !in_midst && find(order, organization_id) != NULL;
}

bool document_order_may_cover(const struct document_order *order, int64_t organization_id)
{
    return order->used && find(order, organization_id) != NULL;
}

// Errors: those that end the task.
static enum err_code fetch(struct task *task, const int64_t *organization_id, bool newest,
                           struct document_end *end, struct err *reterr)
{
    const struct source_query query = document_end_query(*organization_id, newest);
    struct fetch fetch = {.query = &query, .page = &end->page, .once = true};
    struct err err = {0};
    document_end_init(end, organization_id);
    enum err_code code = run_fetch(task->run, &fetch, &err);
    document_end_note(end, &fetch.answer, code == ERR_OK, fetch.http_status);
    if (code == ERR_CANCELLED || code == ERR_UPSTREAM_RATE_LIMITED) {
        *reterr = err;
        return code;
    }
    return ERR_OK;
}

static enum err_code give_up(struct task *task, struct document_order *order, const char *why,
                             struct err *reterr)
{
    order->used = order->proven = false;
    log_event(LOG_INFO, "documents are read whole for a week",
              LOG_STR("connection", task->run->lease.connection_id), LOG_STR("why", why));
    return cursor_avoid(task, SOURCE_DOCUMENTS, 0, reterr);
}

static enum err_code is_stored(struct task *task, struct document_end *end, bool *ret_stored,
                               struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(task->run, false, &tx, reterr));
    return document_end_is_stored(tx, task->run->lease.connection_id, end, ret_stored, reterr);
}

enum err_code document_order_look(struct task *task, struct document_order *order,
                                  int64_t organization_id, bool *ret_unchanged, struct err *reterr)
{
    *ret_unchanged = false;
    if (!document_order_covers(task, order, organization_id))
        return ERR_OK;
    const struct record_extent *list = find(order, organization_id);
    struct document_end end _cleanup_(document_end_done);
    try_(fetch(task, &organization_id, true, &end, reterr));
    enum document_end_told told = document_end_judge(&end, list);
    if (told == DOCUMENT_END_DISORDERED)
        return give_up(task, order, "upstream does not keep to their order any more", reterr);
    if (told == DOCUMENT_END_CHANGED)
        return ERR_OK;
    try_(is_stored(task, &end, ret_unchanged, reterr));
    // What is not read again settles no issue.
    task->at.unsure = task->at.unsure || *ret_unchanged;
    return ERR_OK;
}

enum err_code document_order_prove(struct task *task, struct document_order *order,
                                   int64_t organization_id, struct err *reterr)
{
    struct record_extent *list;
    size_t count;
    if (!order->used || order->proven)
        return ERR_OK;
    try_(load(task, &organization_id, 1, &list, &count, reterr));
    if (count == 0)
        return ERR_OK;
    for (int newest = 1; newest >= 0; newest--) {
        struct document_end end _cleanup_(document_end_done);
        try_(fetch(task, &organization_id, newest == 1, &end, reterr));
        if (document_end_is_other(&end, list))
            return ERR_OK; // it changed meanwhile: another time
        if (!document_end_is_kept(&end, newest == 1, list))
            return give_up(task, order, "upstream does not keep to their order", reterr);
    }
    order->proven = true;
    log_event(LOG_INFO, "upstream keeps to the order of documents",
              LOG_STR("connection", task->run->lease.connection_id));
    return cursor_prove_order(task, SOURCE_DOCUMENTS, reterr);
}

enum err_code document_order_doubt(struct run *run, struct tx *tx, struct page *page,
                                   const enum record_change *changes, struct err *reterr)
{
    size_t count = 0, new_count;
    size_t *picks = arena_calloc(&page->arena, page->record_count + 1, sizeof(*picks));
    if (picks == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < page->record_count; i++)
        if (changes[i] == RECORD_CHANGED)
            picks[count++] = i;
    if (count == 0)
        return ERR_OK;
    try_(document_end_count_new(tx, run->lease.connection_id, page, picks, count, &new_count,
                                reterr));
    if (new_count == count)
        return ERR_OK;
    log_event(LOG_INFO, "documents change without their time; they are read whole for a week",
              LOG_STR("connection", run->lease.connection_id));
    return sync_cursor_distrust(tx, run->lease.connection_id, SOURCE_DOCUMENTS, 0, clock_wall_us(),
                                reterr);
}
