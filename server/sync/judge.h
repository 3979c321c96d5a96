// What a page says of its walk. Pure.
//
// `at` is the checkpoint with the page's rows counted in.
#pragma once

#include "server/sync/checkpoint.h"
#include "server/sync/page.h"

// What the page says of the walk.
struct progress {
    bool last;  // nothing follows
    bool sure;  // and nothing was missed
    bool moved; // the count changed on the way: once more
};
struct progress judge_page(const struct checkpoint *at, const struct source_page *answer,
                           int page_number);
// The same for a walk of changes, in which a row may slip past only when another goes.
struct progress judge_changes(const struct checkpoint *at, const struct page *page,
                              const struct source_page *answer, int page_number);
// Whether the page has a row that changed before `since_us`.
bool judge_reaches(const struct page *page, int64_t since_us);
// Whether upstream delivers far more than there can be: it ignores which page is asked for.
bool judge_endless(const struct checkpoint *at, const struct source_page *answer, int page_number);
// Whether upstream seems to have ignored the filter of a list: most of its rows are others'.
bool judge_unfiltered(const struct page *page);
// Whether the page has a row whose id cannot be read.
bool judge_blind(const struct page *page);

// The ids of a page, to notice when the next one is the same.
enum { JUDGE_ROWS = 1000 };
struct trace {
    int64_t ids[JUDGE_ROWS];
    size_t count;
};
// Rows that were passed over left no id: nothing is said of such a page.
bool judge_repeated(struct trace *trace, const struct page *page);
