#include "server/sync/walk.h"

#include <inttypes.h>
#include <string.h>

#include "server/base/log.h"
#include "server/sync/cursor.h"
#include "server/sync/judge.h"
#include "server/sync/list_issue.h"
#include "server/sync/plan.h"
#include "server/sync/sync_private.h"

enum {
    AHEAD_BYTES = 16 * 1024 * 1024, // of pages that wait to be stored, of one run
};

static const char UNFILTERED[] =
    "Upstream ignores the filter for an organization: the list of the whole account is fetched, "
    "which takes more requests, and the rows of others are dropped";

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

struct walk walk_of_organization(enum source_kind kind, const int64_t *organization_id)
{
    return (struct walk){
        .kind = kind,
        .key = *organization_id,
        .organization_id = *organization_id,
        .organizations = organization_id,
        .organization_count = 1,
        .parts = 1,
        .last_part = true,
    };
}

char *walk_scope(const struct walk *walk, enum source_folder_filter filter, int64_t folder_id,
                 bool confirm, struct arena *arena)
{
    const char *folder = folder_id == 0 ? "" : arena_printf(arena, " folder=%" PRId64, folder_id);
    if (folder == NULL)
        return NULL;
    return arena_printf(arena, "organization=%" PRId64 " type=%" PRId64 " filter=%d%s%s%s",
                        walk->organization_id, walk->type_id, (int)filter, folder,
                        confirm ? " confirm" : "", walk->since_us != 0 ? " changes" : "");
}

// Where the checkpoint stands against a walk: negative before it, 0 in it, positive past it.
static int compare(const struct checkpoint *at, const struct walk *walk)
{
    if (at->stage != walk->stage)
        return at->stage - walk->stage;
    if (at->key != walk->key)
        return at->key < walk->key ? -1 : 1;
    if (at->filter != (int)walk->folder_filter)
        return at->filter - (int)walk->folder_filter;
    return (at->folder > walk->folder_id) - (at->folder < walk->folder_id);
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
        .folder = walk->folder_id,
        .doubt = task->at.doubt,
        .page_size = first_page_size(task->run, walk->kind),
        .total = -1,
        .unsure = task->at.unsure,
        .since_us = walk->since_us,
        .newest_us = walk->begins_pass ? 0 : task->at.newest_us,
    };
}

static struct source_query query_at(const struct walk *walk, int64_t offset, int page_size)
{
    return (struct source_query){
        .kind = walk->kind,
        .organization_id = walk->organization_id,
        .type_id = walk->type_id,
        .folder_filter = walk->folder_filter,
        .folder_id = walk->folder_id,
        .page_number = (int)(offset / page_size) + 1,
        .page_size = page_size,
        .secret_traits = walk->secret_traits,
        .secret_trait_count = walk->secret_trait_count,
        .known_traits = walk->known_traits,
        .known_trait_count = walk->known_trait_count,
        .newest_first = walk->since_us != 0,
    };
}

// Has the pages after `page` read while it is stored, as far as they surely exist, and as many as
// together stay small in memory.
static void read_ahead(struct task *task, const struct walk *walk, const struct checkpoint *to,
                       const struct page *page)
{
    if (walk->since_us != 0)
        return;
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

static enum err_code end(struct task *task, const struct walk *walk, enum walk_end how,
                         struct err *reterr)
{
    struct checkpoint to = task->at;
    to.complete = true;
    to.unsure = to.unsure || (how != WALK_SURE && !walk->optional);
    // A walk of changes that reached what is known has read what it was for.
    if (how == WALK_UNSURE || (how == WALK_SILENT && walk->since_us == 0))
        to.newest_us = CHECKPOINT_SPOILED;
    try_(apply_end(task, walk, &to, how, reterr));
    return walk->ends_pass ? cursor_advance(task, walk, reterr) : ERR_OK;
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

// Notes on the first page of a pass how far it will reach; of checklists on that where the
// completed ones begin, since the others are read each time.
static void note_newest(struct checkpoint *at, const struct page *page)
{
    int64_t now_us = clock_wall_us();
    if (page->open_first && page->oldest_us == 0)
        return;
    if (at->newest_us == 0)
        at->newest_us = page->newest_us == 0       ? 1
                        : page->newest_us < now_us ? page->newest_us
                                                   : now_us;
}

// Whether the page speaks against going on with this walk: of the whole account its total does, of
// changes that there are as many pages as the lists of the organizations would take at least.
static bool leaves(const struct task *task, const struct walk *walk, const struct page *page,
                   const struct source_page *answer)
{
    const struct checkpoint *at = &task->at;
    if (!walk->may_leave || at->again)
        return false;
    if (walk->since_us != 0)
        return at->offset / at->page_size + 1 >= (int64_t)walk->organization_count &&
               answer->next_page != 0 && !judge_reaches(page, walk->since_us);
    return at->offset == 0 &&
           plan_choose(answer->total_count, at->page_size, walk->organization_count,
                       task->inventory_count) != PLAN_ACCOUNT;
}

static enum walk_end how_it_ends(const struct task *task, const struct walk *walk,
                                 const struct progress *progress)
{
    if (walk->since_us != 0)
        return progress->sure ? WALK_SILENT : WALK_UNSURE;
    // Of a row that cannot be read there is an issue already.
    return progress->sure                     ? WALK_SURE
           : walk->optional || task->at.blind ? WALK_SILENT
                                              : WALK_UNSURE;
}

// What follows a page that was fetched, stored and judged. `*ret_over`: the walk is.
static enum err_code conclude_page(struct task *task, const struct walk *walk,
                                   struct progress *progress, int page_number, bool *ret_over,
                                   struct err *reterr)
{
    bool confirm = false, repeats = false;
    if (progress->sure && walk->since_us == 0 && page_number > 1)
        try_(apply_repeats(task, walk, &repeats, reterr));
    if (repeats)
        *progress = (struct progress){.last = true, .moved = !task->at.again};
    if (progress->sure && walk->since_us == 0)
        try_(needs_confirmation(task, walk, page_number, &confirm, reterr));
    *ret_over = progress->last && !progress->moved && !confirm;
    if (*ret_over)
        return end(task, walk, how_it_ends(task, walk, progress), reterr);
    return progress->last ? restart(task, walk, confirm, reterr) : ERR_OK;
}

static enum err_code walk_pages(struct task *task, const struct walk *walk, struct page *page,
                                bool *ret_left, struct err *reterr)
{
    struct checkpoint *at = &task->at;
    struct fetch fetch = {.page = page};
    struct trace trace = {.count = 0};
    for (bool over = false; !over;) {
        enum err_code code = fetch_page(task, walk, &fetch, reterr);
        if (is_absent(walk, code))
            return end(task, walk, WALK_SILENT, reterr);
        try_(code);
        if (walk->since_us != 0 && page->out_of_order) {
            *ret_left = true;
            at->newest_us = CHECKPOINT_SPOILED;
            return cursor_distrust(task, walk, reterr);
        }
        if (walk->filtered && judge_unfiltered(page)) {
            *ret_left = task->filters_ignored = true;
            return list_issue_tell(task, walk, SYNC_ISSUE_ORDER_IGNORED, UNFILTERED, reterr);
        }
        note_newest(at, page);
        if (leaves(task, walk, page, &fetch.answer)) {
            *ret_left = true;
            return ERR_OK;
        }
        int page_number = (int)(at->offset / at->page_size) + 1;
        struct checkpoint to = *at;
        if (at->offset == 0)
            to.total = fetch.answer.total_count;
        to.rows += fetch.answer.record_count;
        to.offset += at->page_size;
        to.blind = to.blind || judge_blind(page);
        struct progress progress = walk->since_us != 0
                                       ? judge_changes(&to, page, &fetch.answer, page_number)
                                       : judge_page(&to, &fetch.answer, page_number);
        // What the folder says it has and its list does not.
        if (progress.sure && to.rows < walk->at_least)
            progress = (struct progress){.last = true, .moved = !at->again};
        if (judge_repeated(&trace, page) && !(progress.last && walk->since_us != 0))
            progress = (struct progress){.last = true, .moved = !at->again};
        if (judge_endless(&to, &fetch.answer, page_number))
            progress = (struct progress){.last = true};
        if (!progress.last) {
            grow(task, walk, &to);
            read_ahead(task, walk, &to, page);
        }
        int64_t began_ms = clock_steady_ms();
        try_(apply_page(task, walk, page, &to, reterr));
        task->run->page_sizes[walk->kind] = at->page_size;
        try_(conclude_page(task, walk, &progress, page_number, &over, reterr));
        (void)atomic_fetch_add(&task->run->sync->busy_ms, clock_steady_ms() - began_ms);
        if (progress.last)
            trace.count = 0;
    }
    return ERR_OK;
}

static void take_scope(struct page *page, const struct walk *walk)
{
    page_init(page);
    page->organizations = walk->organizations;
    page->organization_count = walk->organization_count;
    page->asked_organization = walk->organization_id;
    page->open_first = walk->kind == SOURCE_CHECKLISTS && walk->since_us != 0;
    page->any_organization = walk->any_organization;
    page->asked_type = walk->type_id;
}

enum err_code walk_run(struct task *task, const struct walk *walk, bool *ret_left,
                       struct err *reterr)
{
    int order = task->text[0] == '\0' ? -1 : compare(&task->at, walk);
    if (order > 0)
        return ERR_OK;
    // A walk of changes that gave way to one of the whole, or must now.
    bool other = order == 0 && (task->at.since_us != 0) != (walk->since_us != 0);
    if (order == 0 && !other && task->at.complete)
        return walk->ends_pass ? cursor_advance(task, walk, reterr) : ERR_OK;
    if (order < 0 || other) {
        if (task->text[0] == '\0' || task->at.key != walk->key || task->at.stage != walk->stage)
            task->sure_parts = 0;
        begin(task, walk);
    }
    struct page page _cleanup_(page_done);
    take_scope(&page, walk);
    bool left = false;
    enum err_code code = walk_pages(task, walk, &page, &left, reterr);
    if (left && ret_left != NULL)
        *ret_left = true;
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

enum err_code walk_changes_or_all(struct task *task, const struct walk *walk, struct err *reterr)
{
    struct walk changes = *walk;
    struct cursor_point point;
    bool left = false;
    try_(cursor_since(task, walk->kind, walk->type_id, walk->basis == NULL ? "" : walk->basis,
                      &point, reterr));
    changes.since_us = point.since_us;
    if (changes.since_us != 0)
        try_(walk_run(task, &changes, &left, reterr));
    bool over = (changes.since_us != 0 && !left) || (walk->filtered && task->filters_ignored);
    return over ? ERR_OK : walk_run(task, walk, NULL, reterr);
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
    if (moved == SYNC_TASK_ELSEWHERE)
        return run_go_back(run, reterr);
    if (moved == SYNC_TASK_MOVED_BEFORE) {
        // What was counted then is in the database alone.
        try_(sync_run_load(*tx, run->lease.connection_id, run->lease.run_id, &run->arena, &run->row,
                           reterr));
        tx_abortp(tx);
    } else {
        // A crash of the database takes the checkpoint back with what it stands for: that is done
        // again. So nobody else's commit waits behind the disk for this one.
        tx_commit_lazily(*tx);
        try_(tx_commit(tx, reterr));
        add_counts(run_task(run, task->kind), add);
        run->row.request_count += run->requests;
        run->row.checkpoint_time_us = step.now_us;
    }
    run->requests = 0;
    run->stepped = true;
    run_task(run, task->kind)->organization_id = walk->organization_id;
    task->at = *to;
    memcpy(task->text, text, sizeof(text));
    memcpy(run->checkpoints[task->kind - 1], text, sizeof(text));
    return ERR_OK;
}
