#include "server/sync/document_end.h"

#include "server/sync/judge.h"
#include "server/sync/plan.h"

enum {
    ROWS = 10,    // of a look: their bodies come with them
    DISTINCT = 3, // times at each end of a list whose order is a proof
};

void document_end_init(struct document_end *end, const int64_t *organization_id)
{
    *end = (struct document_end){.answer = {.total_count = -1}};
    page_init(&end->page);
    end->page.organizations = organization_id;
    end->page.organization_count = 1;
    end->page.asked_organization = *organization_id;
}

void document_end_done(struct document_end *end)
{
    page_done(&end->page);
}

struct source_query document_end_query(int64_t organization_id, bool newest)
{
    return (struct source_query){
        .kind = SOURCE_DOCUMENTS,
        .organization_id = organization_id,
        .folder_filter = SOURCE_FOLDER_NULL,
        .page_number = 1,
        .page_size = ROWS,
        .newest_first = newest,
        .oldest_first = !newest,
    };
}

void document_end_note(struct document_end *end, const struct source_page *answer, bool answered,
                       int http_status)
{
    end->answer = *answer;
    end->good = answered && end->page.bad_count == 0 && end->page.violation_count == 0;
    end->refused = http_status == 400 || http_status == 422;
}

enum document_end_told document_end_judge(const struct document_end *end,
                                          const struct record_extent *list)
{
    if (!end->good)
        return DOCUMENT_END_CHANGED;
    // The latest change that is stored is not among the first, though nothing went.
    bool later_first =
        end->answer.total_count >= list->count && end->page.newest_us < list->newest_us;
    if (end->page.out_of_order || later_first)
        return DOCUMENT_END_DISORDERED;
    bool same = end->answer.total_count == list->count && end->page.newest_us == list->newest_us;
    bool enough =
        end->answer.next_page == 0 || judge_reaches(&end->page, plan_since(list->newest_us));
    return same && enough ? DOCUMENT_END_SAME : DOCUMENT_END_CHANGED;
}

enum err_code document_end_count_new(struct tx *tx, const char *connection_id, struct page *page,
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
    return record_new(tx, connection_id, SOURCE_DOCUMENTS, ids, times, count, &page->arena,
                      &new_ids, ret_count, reterr);
}

enum err_code document_end_is_stored(struct tx *tx, const char *connection_id,
                                     struct document_end *end, bool *ret_stored, struct err *reterr)
{
    size_t picks[ROWS], count = end->page.record_count, new_count;
    *ret_stored = false;
    if (count > ROWS)
        return ERR_OK;
    for (size_t i = 0; i < count; i++)
        picks[i] = i;
    try_(document_end_count_new(tx, connection_id, &end->page, picks, count, &new_count, reterr));
    *ret_stored = new_count == 0;
    return ERR_OK;
}

bool document_end_is_kept(const struct document_end *end, bool newest,
                          const struct record_extent *list)
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

bool document_end_is_other(const struct document_end *end, const struct record_extent *list)
{
    return end->good ? end->answer.total_count != list->count : !end->refused;
}
