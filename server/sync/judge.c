#include "server/sync/judge.h"

enum { PAGES_MAX = 10000 }; // of a list whose length upstream does not tell

struct progress judge_page(const struct checkpoint *at, const struct source_page *answer,
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

bool judge_reaches(const struct page *page, int64_t since_us)
{
    return page->oldest_us != 0 && page->oldest_us < since_us;
}

struct progress judge_changes(const struct checkpoint *at, const struct page *page,
                              const struct source_page *answer, int page_number)
{
    struct progress progress = {.last = answer->next_page <= page_number ||
                                        answer->record_count == 0 ||
                                        judge_reaches(page, at->since_us)};
    progress.sure = progress.last;
    progress.moved =
        progress.last && page_number > 1 && answer->total_count < at->total && !at->again;
    return progress;
}

bool judge_endless(const struct checkpoint *at, const struct source_page *answer, int page_number)
{
    int64_t most = at->total > answer->total_count ? at->total : answer->total_count;
    if (most < 0)
        return page_number >= PAGES_MAX;
    return at->rows - 10 * (int64_t)at->page_size > 2 * most;
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

bool judge_blind(const struct page *page)
{
    for (size_t i = 0; i < page->bad_count; i++)
        if (page->bad[i].id == 0)
            return true;
    return false;
}
