#include "server/sync/folders.h"

#include <stdlib.h>
#include <string.h>

#include "server/sync/sync_private.h"

enum { PAGES_MAX = 100 };

struct folder {
    int64_t id, parent_id;
    int64_t count;    // -1: it does not say
    int64_t at_least; // without those that its subfolders say
};

struct folders {
    struct folder *items;
    size_t count;
};

static int compare(const void *a, const void *b)
{
    const struct folder *left = a, *right = b;
    return (left->id > right->id) - (left->id < right->id);
}

static enum err_code add(struct folders *folders, const struct page *page, struct arena *arena,
                         struct err *reterr)
{
    struct folder *items =
        arena_calloc(arena, folders->count + page->record_count + 1, sizeof(*items));
    if (items == NULL)
        return err_no_memory(reterr);
    if (folders->count > 0)
        memcpy(items, folders->items, folders->count * sizeof(*items));
    for (size_t i = 0; i < page->record_count; i++) {
        const struct source_record *record = &page->records[i];
        items[folders->count++] = (struct folder){record->id, record->folder_id,
                                                  record->document_count, record->document_count};
    }
    folders->items = items;
    return ERR_OK;
}

static enum err_code fetch(struct task *task, const int64_t *organization_id,
                           struct folders *folders, struct folder_list *list, struct err *reterr)
{
    struct run *run = task->run;
    struct page page _cleanup_(page_done);
    struct source_query query = {
        .kind = SOURCE_DOCUMENT_FOLDERS,
        .organization_id = *organization_id,
        .page_number = 1,
        .page_size = run->sync->page_size,
    };
    struct fetch fetch = {.query = &query, .page = &page};
    int64_t rows = 0;
    page_init(&page);
    page.organizations = organization_id;
    page.organization_count = 1;
    page.asked_organization = *organization_id;
    list->complete = true;
    do {
        enum err_code code = run_fetch(run, &fetch, reterr);
        if (code == ERR_UPSTREAM_ACCESS_DENIED || code == ERR_UPSTREAM_RECORD_GONE)
            return ERR_OK;
        try_(code);
        list->complete = list->complete && page.bad_count == 0;
        try_(add(folders, &page, &run->arena, reterr));
        rows += fetch.answer.record_count;
        // A next page that is none ends it, for lists that loop.
        if (fetch.answer.next_page <= query.page_number || query.page_number == PAGES_MAX)
            break;
        query.page_number = fetch.answer.next_page;
    } while (true);
    list->listed = true;
    list->complete =
        list->complete && fetch.answer.next_page == 0 && fetch.answer.total_count == rows;
    return ERR_OK;
}

// Whether the count of a folder includes its subfolders' is not documented: what it has by itself
// is at least the difference.
static void subtract_subfolders(const struct folders *folders)
{
    for (size_t i = 0; i < folders->count; i++) {
        const struct folder key = {.id = folders->items[i].parent_id};
        struct folder *parent = bsearch(&key, folders->items, folders->count, sizeof(key), compare);
        if (parent != NULL && folders->items[i].count > 0)
            parent->at_least -= folders->items[i].count;
    }
}

static enum err_code keep(const struct folders *folders, struct arena *arena,
                          struct folder_list *list, struct err *reterr)
{
    list->ids = arena_calloc(arena, folders->count + 1, sizeof(*list->ids));
    list->at_least = arena_calloc(arena, folders->count + 1, sizeof(*list->at_least));
    if (list->ids == NULL || list->at_least == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < folders->count; i++) {
        const struct folder *folder = &folders->items[i];
        bool twice = i > 0 && folder->id == folders->items[i - 1].id;
        if (twice || folder->count == 0)
            continue;
        list->ids[list->count] = folder->id;
        list->at_least[list->count] = folder->at_least < 0 ? 0 : folder->at_least;
        list->said += list->at_least[list->count++];
    }
    return ERR_OK;
}

enum err_code folders_list(struct task *task, const int64_t *organization_id,
                           struct folder_list *ret_list, struct err *reterr)
{
    struct folders folders = {0};
    *ret_list = (struct folder_list){0};
    try_(fetch(task, organization_id, &folders, ret_list, reterr));
    if (!ret_list->listed)
        return ERR_OK;
    if (folders.count > 1)
        qsort(folders.items, folders.count, sizeof(folders.items[0]), compare);
    subtract_subfolders(&folders);
    return keep(&folders, &task->run->arena, ret_list, reterr);
}
