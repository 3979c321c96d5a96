// Pages to the database: compare, store what differs, note what was seen, move the checkpoint.
#include "server/sync/walk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/encoding.h"
#include "server/base/log.h"
#include "server/store/organization_sync.h"
#include "server/store/sync_page.h"
#include "server/sync/document_order.h"
#include "server/sync/sync_private.h"

// Text in one statement; a page of documents is stored by several.
enum { STATEMENT_BYTES = 8 * 1024 * 1024, ISSUES_PER_PAGE_MAX = 100 };

static enum err_code diff(struct run *run, const struct walk *walk, struct tx *tx,
                          const int64_t *ids, const struct bytes *hashes, size_t count,
                          enum record_change *ret_changes, struct err *reterr)
{
    if (walk->kind == SOURCE_ORGANIZATIONS)
        return organization_diff(tx, run->lease.connection_id, ids, hashes, count, ret_changes,
                                 reterr);
    return record_diff(tx, run->lease.connection_id, (int)walk->kind, ids, hashes, count,
                       ret_changes, reterr);
}

static enum err_code put(struct run *run, const struct walk *walk, const struct page *page,
                         struct tx *tx, const size_t *picks, size_t count, bool new,
                         struct err *reterr)
{
    struct arena arena _cleanup_(arena_done);
    arena_init(&arena, PAGE_MAX_BYTES);
    bool keyed = walk->kind == SOURCE_ORGANIZATIONS;
    struct record_batch batch;
    if (!page_batch(page, picks, count, keyed, &arena, &batch))
        return err_no_memory(reterr);
    if (keyed)
        return organization_put(tx, run->lease.connection_id, &batch, clock_wall_us(), reterr);
    return record_put(tx, run->lease.connection_id, (int)walk->kind, &batch, new, reterr);
}

// `new`: the database has none of them.
static enum err_code put_all(struct run *run, const struct walk *walk, const struct page *page,
                             struct tx *tx, const size_t *picks, size_t count, bool new,
                             struct err *reterr)
{
    size_t from = 0, bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += page->records[picks[i]].body_len;
        if (bytes < STATEMENT_BYTES && i + 1 < count)
            continue;
        try_(put(run, walk, page, tx, picks + from, i + 1 - from, new, reterr));
        from = i + 1;
        bytes = 0;
    }
    return ERR_OK;
}

static char *subject(const struct walk *walk, int64_t id, struct arena *arena)
{
    return arena_printf(arena, "%s/%" PRId64, walk_collection(walk->kind), id);
}

// One issue of a record. Its id is made here; `opened` tells whether it is new.
struct found {
    struct sync_issue issue;
    char id[ENCODING_ID_BYTES];
    bool opened;
};

static enum err_code open_issue(struct task *task, const struct walk *walk, struct tx *tx,
                                struct found *found, enum sync_issue_kind kind, int64_t id,
                                const char *message, struct arena *arena, struct err *reterr)
{
    encoding_random_id(found->id);
    found->issue = (struct sync_issue){
        .id = found->id,
        .kind = kind,
        .state = SYNC_ISSUE_OPEN,
        .run_id = task->run->lease.run_id,
        .task_kind = task->kind,
        .subject = subject(walk, id, arena),
        .message = message,
        .create_time_us = clock_wall_us(),
        .revision = 1,
    };
    if (found->issue.subject == NULL || message == NULL)
        return err_no_memory(reterr);
    return sync_issue_open(tx, task->run->lease.connection_id, &found->issue, &found->opened,
                           reterr);
}

// Opens issues for what was set aside; `*ret_count` of them in `found`.
static enum err_code open_issues(struct task *task, const struct walk *walk, struct page *page,
                                 struct tx *tx, struct found *found, size_t *ret_count,
                                 struct err *reterr)
{
    size_t count = 0;
    for (size_t i = 0; i < page->bad_count && count < ISSUES_PER_PAGE_MAX; i++) {
        const struct page_bad *bad = &page->bad[i];
        const char *message =
            arena_printf(&page->arena, "The record could not be read (%s): %s", bad->reason,
                         bad->detail[0] == '\0' ? "no details" : bad->detail);
        try_(open_issue(task, walk, tx, &found[count++], SYNC_ISSUE_QUARANTINED, bad->id, message,
                        &page->arena, reterr));
    }
    for (size_t i = 0; i < page->violation_count && count < ISSUES_PER_PAGE_MAX; i++) {
        const char *message = arena_printf(
            &page->arena,
            walk->type_id != 0
                ? "A record of another type or organization came in the list of type %" PRId64
                  "; it was not stored"
                : "A record of another organization came in the list of organization %" PRId64
                  "; it was not stored",
            walk->type_id != 0 ? walk->type_id : walk->organization_id);
        try_(open_issue(task, walk, tx, &found[count++], SYNC_ISSUE_SCOPE_VIOLATION,
                        page->violations[i], message, &page->arena, reterr));
    }
    *ret_count = count;
    return ERR_OK;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

// Settles the issues of records that came in well this time.
static enum err_code resolve_issues(struct task *task, const struct walk *walk, struct page *page,
                                    struct tx *tx, struct err *reterr)
{
    if (task->quarantined_count == 0)
        return ERR_OK;
    const char **subjects = arena_calloc(&page->arena, page->record_count + 1, sizeof(*subjects));
    if (subjects == NULL)
        return err_no_memory(reterr);
    size_t count = 0;
    for (size_t i = 0; i < page->record_count; i++) {
        if (bsearch(&page->records[i].id, task->quarantined, task->quarantined_count,
                    sizeof(*task->quarantined), compare_ids) == NULL)
            continue;
        subjects[count] = subject(walk, page->records[i].id, &page->arena);
        if (subjects[count++] == NULL)
            return err_no_memory(reterr);
    }
    if (count == 0)
        return ERR_OK;
    return sync_issue_resolve(tx, task->run->lease.connection_id, SYNC_ISSUE_QUARANTINED,
                              task->kind, subjects, count, clock_wall_us(), reterr);
}

// What the page adds to the counters. A second walk counts no row twice: what is unchanged then was
// counted by the first.
static struct sync_counts count_page(const struct page *page, const enum record_change *changes,
                                     const struct checkpoint *at, const struct checkpoint *to)
{
    struct sync_counts add = {.failed = (int64_t)(page->bad_count + page->violation_count)};
    for (size_t i = 0; i < page->record_count; i++) {
        add.created += changes[i] == RECORD_NEW;
        add.updated += changes[i] == RECORD_CHANGED;
        add.unchanged += changes[i] == RECORD_SAME;
    }
    if (at->again) {
        add.unchanged = add.failed = 0;
    } else if (at->since_us == 0) {
        add.total = (at->offset == 0 && to->total > 0 ? to->total : 0) - page->passed_over;
    }
    add.done = add.created + add.updated + add.unchanged + add.failed;
    return add;
}

// Stores what differs: what is new, then what changed.
static enum err_code put_changes(struct run *run, const struct walk *walk, const struct page *page,
                                 struct tx *tx, const enum record_change *changes, size_t *picks,
                                 struct err *reterr)
{
    static const enum record_change order[] = {RECORD_NEW, RECORD_CHANGED};
    for (size_t k = 0; k < ARRAY_LEN(order); k++) {
        size_t count = 0;
        for (size_t i = 0; i < page->record_count; i++)
            if (changes[i] == order[k])
                picks[count++] = i;
        try_(put_all(run, walk, page, tx, picks, count, order[k] == RECORD_NEW, reterr));
    }
    return ERR_OK;
}

// One try at storing a page. `*ret_refused` tells that Postgres refused a row's data.
static enum err_code apply_once(struct task *task, const struct walk *walk, struct page *page,
                                const struct checkpoint *to, bool *ret_refused, struct err *reterr)
{
    struct run *run = task->run;
    size_t id_count;
    int64_t *ids;
    struct bytes *hashes;
    char *scope =
        walk_scope(walk, walk->folder_filter, walk->folder_id, task->at.confirm, &page->arena);
    enum record_change *changes =
        arena_calloc(&page->arena, page->record_count + 1, sizeof(*changes));
    size_t *picks = arena_calloc(&page->arena, page->record_count + 1, sizeof(*picks));
    struct found *found = arena_calloc(&page->arena, ISSUES_PER_PAGE_MAX, sizeof(*found));
    if (scope == NULL || changes == NULL || picks == NULL || found == NULL ||
        !page_ids(page, &ids, &id_count, &hashes))
        return err_no_memory(reterr);
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(run, false, &tx, reterr));
    try_(diff(run, walk, tx, ids, hashes, page->record_count, changes, reterr));
    if (walk->kind == SOURCE_DOCUMENTS)
        try_(document_order_doubt(run, tx, page, changes, reterr));
    size_t found_count = 0;
    enum err_code code = put_changes(run, walk, page, tx, changes, picks, reterr);
    *ret_refused = code == ERR_FIELD_INVALID || code == ERR_INTERNAL;
    try_(code);
    try_(sync_page_put(tx, run->lease.connection_id, run->lease.run_id, (int)walk->kind, scope,
                       task->at.offset, ids, id_count, reterr));
    try_(open_issues(task, walk, page, tx, found, &found_count, reterr));
    try_(resolve_issues(task, walk, page, tx, reterr));
    struct sync_counts add = count_page(page, changes, &task->at, to);
    try_(walk_step(task, &tx, walk, &add, to, reterr));
    run_publish(run);
    for (size_t i = 0; i < found_count; i++)
        if (found[i].opened)
            feed_issue(run->sync->feed, run->feed, &found[i].issue);
    return ERR_OK;
}

// Whether Postgres takes these records; tried and taken back.
static enum err_code trial(struct task *task, const struct walk *walk, const struct page *page,
                           const size_t *picks, size_t count, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(task->run, false, &tx, reterr));
    return put_all(task->run, walk, page, tx, picks, count, false, reterr);
}

// Why a record was refused.
enum refusal { TAKEN, FOR_ITS_DATA, FOR_OUR_FAULT };

// Marks the records that Postgres refuses, by halves.
static enum err_code find_refused(struct task *task, const struct walk *walk,
                                  const struct page *page, const size_t *picks, size_t count,
                                  enum refusal *refused, struct err *reterr)
{
    enum err_code code = trial(task, walk, page, picks, count, reterr);
    if (code != ERR_FIELD_INVALID && code != ERR_INTERNAL)
        return code;
    if (count == 1) {
        refused[picks[0]] = code == ERR_FIELD_INVALID ? FOR_ITS_DATA : FOR_OUR_FAULT;
        return ERR_OK;
    }
    try_(find_refused(task, walk, page, picks, count / 2, refused, reterr));
    return find_refused(task, walk, page, picks + count / 2, count - count / 2, refused, reterr);
}

static enum err_code set_refused_aside(struct task *task, const struct walk *walk,
                                       struct page *page, const struct err *why, struct err *reterr)
{
    size_t all = page->record_count, count = 0, ours = 0;
    enum refusal *refused = arena_calloc(&page->arena, all + 1, sizeof(*refused));
    size_t *picks = arena_calloc(&page->arena, all + 1, sizeof(*picks));
    if (refused == NULL || picks == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < all; i++)
        picks[i] = i;
    try_(find_refused(task, walk, page, picks, all, refused, reterr));
    for (size_t i = 0; i < all; i++)
        count += refused[i] != TAKEN;
    for (size_t i = 0; i < all; i++)
        ours += refused[i] == FOR_OUR_FAULT;
    // Single records are at fault, never all of them: that would be us.
    if (count == 0 || (ours > 1 && ours == all)) {
        *reterr = *why;
        return why->code;
    }
    for (size_t i = all; i-- > 0;)
        if (refused[i] != TAKEN &&
            !page_set_aside(page, i, "RECORD_MALFORMED", "the database refuses its content"))
            return err_no_memory(reterr);
    log_event(LOG_WARN, "the database refuses records", LOG_INT("count", count),
              LOG_STR("kind", walk_collection(walk->kind)), LOG_ERR(why));
    return ERR_OK;
}

enum err_code apply_page(struct task *task, const struct walk *walk, struct page *page,
                         const struct checkpoint *to, struct err *reterr)
{
    page_sort(page);
    bool divided = false;
    for (int tries = 0;;) {
        bool refused = false;
        struct err err = {0};
        enum err_code code = apply_once(task, walk, page, to, &refused, &err);
        if (code == ERR_OK)
            return ERR_OK;
        if (refused && !divided) {
            divided = true;
            struct err why = err;
            code = set_refused_aside(task, walk, page, &why, &err);
            if (code == ERR_OK)
                continue;
        }
        if (run_try_again(task->run, code, &tries))
            continue;
        if (reterr != NULL)
            *reterr = err;
        return code;
    }
}
