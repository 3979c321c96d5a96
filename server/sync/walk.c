#include "server/sync/walk.h"

#include <inttypes.h>
#include <string.h>

#include "server/base/log.h"
#include "server/sync/plan.h"
#include "server/sync/sync_private.h"

enum {
    PAGES_MAX = 10000,              // of a list whose length upstream does not tell
    SOURCE_PAGE_MAX = 1000,         // rows
    AHEAD_BYTES = 16 * 1024 * 1024, // of pages that wait to be stored, of one run
};

const char *walk_collection(enum source_kind kind)
{
    static const char *const names[SOURCE_KIND_COUNT] = {
        [SOURCE_ORGANIZATIONS] = "organizations",
        [SOURCE_FLEXIBLE_ASSET_TYPES] = "flexibleAssetTypes",
        [SOURCE_PASSWORD_CATEGORIES] = "passwordCategories",
        [SOURCE_DOCUMENT_FOLDERS] = "documentFolders",
        [SOURCE_DOCUMENTS] = "documents",
        [SOURCE_FLEXIBLE_ASSETS] = "flexibleAssets",
        [SOURCE_CHECKLISTS] = "checklists",
        [SOURCE_CHECKLIST_TEMPLATES] = "checklistTemplates",
        [SOURCE_PASSWORD_FOLDERS] = "passwordFolders",
        [SOURCE_PASSWORDS] = "passwords",
    };
    return names[kind];
}

char *walk_scope(const struct walk *walk, enum source_folder_filter filter, bool confirm,
                 struct arena *arena)
{
    return arena_printf(arena, "organization=%" PRId64 " type=%" PRId64 " filter=%d%s",
                        walk->organization_id, walk->type_id, (int)filter,
                        confirm ? " confirm" : "");
}

// Where the checkpoint stands against a walk: negative before it, 0 in it, positive past it.
static int compare(const struct checkpoint *at, const struct walk *walk)
{
    if (at->stage != walk->stage)
        return at->stage - walk->stage;
    if (at->key != walk->key)
        return at->key < walk->key ? -1 : 1;
    return at->filter - (int)walk->folder_filter;
}

static int page_size_most(const struct run *run, enum source_kind kind)
{
    return kind == SOURCE_DOCUMENTS ? run->sync->document_page_size : run->sync->page_size;
}

static int first_page_size(const struct run *run, enum source_kind kind)
{
    int size = run->page_sizes[kind];
    return size != 0 ? size : page_size_most(run, kind);
}

static void begin(struct task *task, const struct walk *walk)
{
    task->at = (struct checkpoint){
        .mode = walk->organization_id == 0 ? PLAN_ACCOUNT : PLAN_ORGANIZATIONS,
        .stage = walk->stage,
        .key = walk->key,
        .filter = (int)walk->folder_filter,
        .page_size = first_page_size(task->run, walk->kind),
        .total = -1,
        .unsure = task->at.unsure,
    };
}

static struct source_query query_at(const struct walk *walk, int64_t offset, int page_size)
{
    return (struct source_query){
        .kind = walk->kind,
        .organization_id = walk->organization_id,
        .type_id = walk->type_id,
        .folder_filter = walk->folder_filter,
        .page_number = (int)(offset / page_size) + 1,
        .page_size = page_size,
        .secret_traits = walk->secret_traits,
        .secret_trait_count = walk->secret_trait_count,
        .known_traits = walk->known_traits,
        .known_trait_count = walk->known_trait_count,
    };
}

// Has the pages after `page` read while it is stored, as far as they surely exist, and as many as
// together stay small in memory.
static void read_ahead(struct task *task, const struct walk *walk, const struct checkpoint *to,
                       const struct page *page)
{
    size_t page_bytes = arena_used(&page->arena) + 1;
    size_t bytes = page_bytes;
    for (int64_t offset = to->offset; offset < to->total && bytes + page_bytes < AHEAD_BYTES;
         offset += to->page_size) {
        struct source_query query = query_at(walk, offset, to->page_size);
        if (!ahead_hint(task->run->ahead, &query, page))
            return;
        bytes += page_bytes;
    }
}

// Fetches the page at the checkpoint, in smaller pieces if upstream cannot bear it.
static enum err_code fetch_page(struct task *task, const struct walk *walk, struct fetch *fetch,
                                struct err *reterr)
{
    struct run *run = task->run;
    struct checkpoint *at = &task->at;
    for (;;) {
        struct source_query query = query_at(walk, at->offset, at->page_size);
        fetch->query = &query;
        enum err_code code = run_fetch(run, fetch, reterr);
        fetch->query = NULL;
        if (code == ERR_OK || !fetch->too_heavy || at->page_size == 1)
            return code;
        at->page_size = checkpoint_smaller(at->page_size);
        run->page_sizes[walk->kind] = at->page_size;
        log_event(LOG_INFO, "upstream cannot bear the page, asking for less",
                  LOG_STR("kind", walk_collection(walk->kind)),
                  LOG_INT("page_size", at->page_size));
    }
}

// A list that upstream does not give, although nothing is wrong: a newer resource, an organization
// that has just gone.
static bool is_absent(const struct walk *walk, enum err_code code)
{
    if (code == ERR_UPSTREAM_RECORD_GONE)
        return walk->optional || walk->organization_id != 0;
    return walk->optional && code == ERR_UPSTREAM_ACCESS_DENIED;
}

static enum err_code end(struct task *task, const struct walk *walk, bool sure, struct err *reterr)
{
    struct checkpoint to = task->at;
    to.complete = true;
    to.unsure = to.unsure || (!sure && !walk->optional);
    return apply_end(task, walk, &to, sure, reterr);
}

// What the page says of the walk.
struct progress {
    bool last;  // nothing follows
    bool sure;  // and nothing was missed
    bool moved; // the count changed on the way: once more
};

static struct progress judge(const struct checkpoint *at, const struct source_page *answer,
                             int page_number)
{
    struct progress progress = {.last =
                                    answer->next_page <= page_number || answer->record_count == 0};
    if (!progress.last || at->total < 0)
        return progress;
    bool agrees =
        answer->next_page == 0 && at->rows == at->total && answer->total_count == at->total;
    progress.sure = agrees && !at->blind;
    progress.moved = !agrees && !at->again;
    return progress;
}

// Whether upstream delivers far more than there can be: it ignores which page is asked for.
static bool is_endless(const struct checkpoint *at, const struct source_page *answer,
                       int page_number)
{
    int64_t most = at->total > answer->total_count ? at->total : answer->total_count;
    if (most < 0)
        return page_number >= PAGES_MAX;
    return at->rows - 10 * (int64_t)at->page_size > 2 * most;
}

// The ids of a page, to notice when the next one is the same.
struct trace {
    int64_t ids[SOURCE_PAGE_MAX];
    size_t count;
};

// Rows that were passed over left no id: nothing is said of such a page.
static bool is_repeated(struct trace *trace, const struct page *page)
{
    size_t count =
        page->passed_over == 0 && page->record_count <= SOURCE_PAGE_MAX ? page->record_count : 0;
    bool same = count > 0 && count == trace->count;
    for (size_t i = 0; i < count; i++) {
        same = same && trace->ids[i] == page->records[i].id;
        trace->ids[i] = page->records[i].id;
    }
    trace->count = count;
    return same;
}

static bool is_blind(const struct page *page)
{
    for (size_t i = 0; i < page->bad_count; i++)
        if (page->bad[i].id == 0)
            return true;
    return false;
}

// Tries larger pages again, but not at once: each refusal costs as long as upstream's timeout.
static void grow(const struct task *task, const struct walk *walk, struct checkpoint *to)
{
    int larger =
        checkpoint_larger(to->page_size, page_size_most(task->run, walk->kind), to->offset);
    if (to->offset % (4 * (int64_t)larger) == 0)
        to->page_size = larger;
}

static enum err_code restart(struct task *task, const struct walk *walk, bool confirm,
                             struct err *reterr)
{
    struct checkpoint to = task->at;
    to.again = true;
    to.confirm = confirm;
    to.blind = false;
    to.offset = to.rows = 0;
    to.total = -1;
    return apply_restart(task, walk, &to, reterr);
}

// Whether a walk that is sure must be confirmed: a row that slipped from one page to another, while
// another took its place, looks as if it were gone.
static enum err_code needs_confirmation(struct task *task, const struct walk *walk, int page_number,
                                        bool *ret_needs, struct err *reterr)
{
    *ret_needs = false;
    if (page_number == 1 || task->at.confirm || !walk->last_part ||
        task->sure_parts + 1 != walk->parts)
        return ERR_OK;
    return apply_would_delete(task, walk, ret_needs, reterr);
}

static enum err_code walk_pages(struct task *task, const struct walk *walk, struct page *page,
                                bool *ret_left, struct err *reterr)
{
    struct checkpoint *at = &task->at;
    struct fetch fetch = {.page = page};
    struct trace trace = {.count = 0};
    for (;;) {
        enum err_code code = fetch_page(task, walk, &fetch, reterr);
        if (is_absent(walk, code))
            return end(task, walk, false, reterr);
        try_(code);
        if (walk->may_leave && at->offset == 0 && !at->again &&
            plan_choose(fetch.answer.total_count, at->page_size, walk->organization_count) !=
                PLAN_ACCOUNT) {
            *ret_left = true;
            return ERR_OK;
        }
        int page_number = (int)(at->offset / at->page_size) + 1;
        struct checkpoint to = *at;
        if (at->offset == 0)
            to.total = fetch.answer.total_count;
        to.rows += fetch.answer.record_count;
        to.offset += at->page_size;
        to.blind = to.blind || is_blind(page);
        struct progress progress = judge(&to, &fetch.answer, page_number);
        if (is_repeated(&trace, page))
            progress = (struct progress){.last = true, .moved = !at->again};
        if (is_endless(&to, &fetch.answer, page_number))
            progress = (struct progress){.last = true};
        if (!progress.last) {
            grow(task, walk, &to);
            read_ahead(task, walk, &to, page);
        }
        try_(apply_page(task, walk, page, &to, reterr));
        task->run->page_sizes[walk->kind] = at->page_size;
        bool confirm = false;
        if (progress.sure)
            try_(needs_confirmation(task, walk, page_number, &confirm, reterr));
        if (progress.last && !progress.moved && !confirm)
            return end(task, walk, progress.sure, reterr);
        if (progress.last) {
            try_(restart(task, walk, confirm, reterr));
            trace.count = 0;
        }
    }
}

static void take_scope(struct page *page, const struct walk *walk)
{
    page_init(page);
    page->organizations = walk->organizations;
    page->organization_count = walk->organization_count;
    page->asked_organization = walk->organization_id;
    page->any_organization = walk->any_organization;
}

enum err_code walk_run(struct task *task, const struct walk *walk, bool *ret_left,
                       struct err *reterr)
{
    int order = task->text[0] == '\0' ? -1 : compare(&task->at, walk);
    if (order > 0 || (order == 0 && task->at.complete))
        return ERR_OK;
    if (order < 0) {
        if (task->text[0] == '\0' || task->at.key != walk->key || task->at.stage != walk->stage)
            task->sure_parts = 0;
        begin(task, walk);
    }
    struct page page _cleanup_(page_done);
    take_scope(&page, walk);
    enum err_code code = walk_pages(task, walk, &page, ret_left, reterr);
    struct source_query list = query_at(walk, 0, 1);
    ahead_forget(task->run->ahead, &list);
    return code;
}

bool walk_hint(struct task *task, const struct walk *walk)
{
    if (task->text[0] != '\0' && compare(&task->at, walk) >= 0)
        return true;
    struct page scope;
    take_scope(&scope, walk);
    struct source_query query = query_at(walk, 0, first_page_size(task->run, walk->kind));
    return ahead_hint(task->run->ahead, &query, &scope);
}

static void add_counts(struct sync_task_row *row, const struct sync_counts *add)
{
    row->counts.done += add->done;
    row->counts.total += add->total;
    if (row->counts.total < row->counts.done)
        row->counts.total = row->counts.done;
    row->counts.created += add->created;
    row->counts.updated += add->updated;
    row->counts.unchanged += add->unchanged;
    row->counts.deleted += add->deleted;
    row->counts.failed += add->failed;
}

enum err_code walk_step(struct task *task, struct tx **tx, const struct walk *walk,
                        const struct sync_counts *add, const struct checkpoint *to,
                        struct err *reterr)
{
    struct run *run = task->run;
    char text[CHECKPOINT_BYTES];
    checkpoint_text(to, text);
    struct sync_task_step step = {
        .connection_id = run->lease.connection_id,
        .run_id = run->lease.run_id,
        .kind = task->kind,
        .add = *add,
        .requests = run->requests,
        .organization_id = walk->organization_id,
        .old_checkpoint = task->text,
        .new_checkpoint = text,
        .now_us = clock_wall_us(),
    };
    enum sync_task_moved moved;
    try_(sync_task_step(*tx, &step, &moved, reterr));
    if (moved == SYNC_TASK_ELSEWHERE) {
        // A standby that lacked our last commits, say: its checkpoint is the truth now.
        log_event(LOG_WARN, "the database lost commits, going back to its checkpoint",
                  LOG_STR("run", run->lease.run_id));
        run_stop(run, RUN_STOP_HAND_OVER);
        return run_stopped(run, reterr);
    }
    if (moved == SYNC_TASK_MOVED_BEFORE) {
        // What was counted then is in the database alone.
        try_(sync_run_load(*tx, run->lease.connection_id, run->lease.run_id, &run->arena, &run->row,
                           reterr));
        tx_abortp(tx);
    } else {
        try_(tx_commit(tx, reterr));
        add_counts(run_task(run, task->kind), add);
        run->row.request_count += run->requests;
        run->row.checkpoint_time_us = step.now_us;
    }
    run->requests = 0;
    run_task(run, task->kind)->organization_id = walk->organization_id;
    task->at = *to;
    memcpy(task->text, text, sizeof(text));
    return ERR_OK;
}
