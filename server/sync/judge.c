#include "server/sync/judge.h"

enum { PAGES_MAX = 10000 }; // of a list whose length upstream does not tell

// Whether nothing follows the page. A page without rows need not be the last, nor need one that
// names no later page than itself, as long as upstream counts more rows than came.
static bool is_last(const struct checkpoint *at, const struct source_page *answer, int page_number)
{
    if (answer->next_page == 0)
        return true;
    bool rows_left = at->rows < answer->total_count;
    if (answer->record_count == 0)
        return answer->next_page <= page_number || !rows_left;
    return answer->next_page <= page_number && !rows_left;
}

struct progress judge_page(const struct checkpoint *at, const struct source_page *answer,
                           int page_number)
{
    struct progress progress = {.last = is_last(at, answer, page_number)};
    if (!progress.last || at->total < 0)
        return progress;
    bool agrees =
        answer->next_page == 0 && at->rows == at->total && answer->total_count == at->total;
    progress.sure = agrees && !at->blind;
    progress.moved = !agrees && !at->again;
    return progress;
}

bool judge_reaches(const struct page *page, int64_t since_us)
{
    return page->oldest_us != 0 && page->oldest_us < since_us;
}

struct progress judge_changes(const struct checkpoint *at, const struct page *page,
                              const struct source_page *answer, int page_number)
{
    bool reaches = judge_reaches(page, at->since_us);
    struct progress progress = {.last = reaches || is_last(at, answer, page_number)};
    progress.sure = reaches || (progress.last && answer->next_page == 0);
    progress.moved =
        progress.last && page_number > 1 && answer->total_count < at->total && !at->again;
    return progress;
}

bool judge_endless(const struct checkpoint *at, const struct source_page *answer, int page_number)
{
    int64_t most = at->total > answer->total_count ? at->total : answer->total_count;
    if (most < 0)
        return page_number >= PAGES_MAX;
    // Pages without rows are counted as if they were full.
    int64_t reached = at->rows > at->offset ? at->rows : at->offset;
    return reached - 10 * (int64_t)at->page_size > 2 * most;
}

bool judge_repeated(struct trace *trace, const struct page *page)
{
    size_t count =
        page->passed_over == 0 && page->record_count <= JUDGE_ROWS ? page->record_count : 0;
    bool same = count > 0 && count == trace->count;
    for (size_t i = 0; i < count; i++) {
        same = same && trace->ids[i] == page->records[i].id;
        trace->ids[i] = page->records[i].id;
    }
    trace->count = count;
    return same;
}

bool judge_unfiltered(const struct page *page)
{
    return page->violation_count > page->record_count;
}

bool judge_blind(const struct page *page)
{
    for (size_t i = 0; i < page->bad_count; i++)
        if (page->bad[i].id == 0)
            return true;
    return false;
}
