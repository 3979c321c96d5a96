#include "server/sync/document_order.h"

#include <stdlib.h>

#include "server/base/log.h"
#include "server/store/sync_cursor.h"
#include "server/sync/cursor.h"
#include "server/sync/judge.h"
#include "server/sync/plan.h"
#include "server/sync/sync_private.h"

static const int64_t PROOF_US = 24 * 3600 * INT64_C(1000000);

enum {
    ROWS = 10,    // of a look: their bodies come with them
    DISTINCT = 3, // times at each end of a list whose order is a proof
};

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
    int64_t now_us = clock_wall_us(), time_us;
    *ret_order = (struct document_order){0};
    if (run->row.mode == SYNC_MODE_FULL || task->organization_count == 0 ||
        run->connection.folder_filter != PLAN_FOLDERS_NULL)
        return ERR_OK;
    try_(cursor_order(task, SOURCE_DOCUMENTS, &time_us, &ret_order->used, reterr));
    if (!ret_order->used)
        return ERR_OK;
    ret_order->proven = time_us != 0 && time_us <= now_us && now_us - time_us < PROOF_US;
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

// One end of a list.
struct end {
    struct page page;
    struct source_page answer;
    bool good;    // there is an answer
    bool refused; // upstream does not take the order
};

static void end_done(struct end *end)
{
    page_done(&end->page);
}

// Errors: those that end the task.
static enum err_code fetch(struct task *task, const int64_t *organization_id, bool newest,
                           struct end *end, struct err *reterr)
{
    const struct source_query query = {
        .kind = SOURCE_DOCUMENTS,
        .organization_id = *organization_id,
        .folder_filter = SOURCE_FOLDER_NULL,
        .page_number = 1,
        .page_size = ROWS,
        .newest_first = newest,
        .oldest_first = !newest,
    };
    struct fetch fetch = {.query = &query, .page = &end->page, .once = true};
    struct err err = {0};
    page_init(&end->page);
    end->page.organizations = organization_id;
    end->page.organization_count = 1;
    end->page.asked_organization = *organization_id;
    enum err_code code = run_fetch(task->run, &fetch, &err);
    end->answer = fetch.answer;
    end->good = code == ERR_OK && end->page.bad_count == 0 && end->page.violation_count == 0;
    end->refused = fetch.http_status == 400 || fetch.http_status == 422;
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

static enum err_code count_new(struct run *run, struct tx *tx, struct page *page,
                               const size_t *picks, size_t count, size_t *ret_count,
                               struct err *reterr)
{
    const int64_t *new_ids;
    int64_t *ids = arena_calloc(&page->arena, count + 1, sizeof(*ids));
    int64_t *times = arena_calloc(&page->arena, count + 1, sizeof(*times));
    if (ids == NULL || times == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        ids[i] = page->records[picks[i]].id;
        times[i] = page->records[picks[i]].update_time_us;
    }
    return record_new(tx, run->lease.connection_id, SOURCE_DOCUMENTS, ids, times, count,
                      &page->arena, &new_ids, ret_count, reterr);
}

// Whether all rows of the page are stored with their times.
static enum err_code is_stored(struct task *task, struct page *page, bool *ret_stored,
                               struct err *reterr)
{
    size_t picks[ROWS], new_count;
    *ret_stored = false;
    if (page->record_count > ROWS)
        return ERR_OK;
    for (size_t i = 0; i < page->record_count; i++)
        picks[i] = i;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(task->run, false, &tx, reterr));
    try_(count_new(task->run, tx, page, picks, page->record_count, &new_count, reterr));
    *ret_stored = new_count == 0;
    return ERR_OK;
}

enum err_code document_order_look(struct task *task, struct document_order *order,
                                  int64_t organization_id, bool *ret_unchanged, struct err *reterr)
{
    *ret_unchanged = false;
    if (!document_order_covers(task, order, organization_id))
        return ERR_OK;
    const struct record_extent *list = find(order, organization_id);
    struct end end _cleanup_(end_done);
    try_(fetch(task, &organization_id, true, &end, reterr));
    if (!end.good)
        return ERR_OK;
    // The latest change that is stored is not among the first, though nothing went.
    bool later_first =
        end.answer.total_count >= list->count && end.page.newest_us < list->newest_us;
    if (end.page.out_of_order || later_first)
        return give_up(task, order, "upstream does not keep to their order any more", reterr);
    if (end.answer.total_count != list->count || end.page.newest_us != list->newest_us ||
        !(end.answer.next_page == 0 || judge_reaches(&end.page, plan_since(list->newest_us))))
        return ERR_OK;
    try_(is_stored(task, &end.page, ret_unchanged, reterr));
    // What is not read again settles no issue.
    task->at.unsure = task->at.unsure || *ret_unchanged;
    return ERR_OK;
}

// Whether the end of the list is in its order and begins with what is stored.
static bool is_kept(const struct end *end, bool newest, const struct record_extent *list)
{
    const struct page *page = &end->page;
    size_t distinct = 1;
    if (!end->good || page->record_count == 0 ||
        page->records[0].update_time_us != (newest ? list->newest_us : list->oldest_us))
        return false;
    for (size_t i = 1; i < page->record_count; i++) {
        int64_t before_us = page->records[i - 1].update_time_us;
        int64_t time_us = page->records[i].update_time_us;
        if (time_us == 0 || (newest ? time_us > before_us : time_us < before_us))
            return false;
        distinct += time_us != before_us;
    }
    return distinct >= DISTINCT;
}

// Whether an answer that is no proof speaks of another list than the one that is stored.
static bool is_other(const struct end *end, const struct record_extent *list)
{
    return end->good ? end->answer.total_count != list->count : !end->refused;
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
        struct end end _cleanup_(end_done);
        try_(fetch(task, &organization_id, newest == 1, &end, reterr));
        if (is_other(&end, list))
            return ERR_OK; // it changed meanwhile: another time
        if (!is_kept(&end, newest == 1, list))
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
    try_(count_new(run, tx, page, picks, count, &new_count, reterr));
    if (new_count == count)
        return ERR_OK;
    log_event(LOG_INFO, "documents change without their time; they are read whole for a week",
              LOG_STR("connection", run->lease.connection_id));
    return sync_cursor_distrust(tx, run->lease.connection_id, SOURCE_DOCUMENTS, 0, clock_wall_us(),
                                reterr);
}
