// One end of an organization's list of documents, in the order of their changes: asked for by a
// request for few rows, and held against what is stored of the list. What runs ask and judge by
// (document_order.h), and what estimates do.
#pragma once

#include "server/store/record.h"
#include "server/sync/page.h"

struct document_end {
    struct page page;
    struct source_page answer;
    bool good;    // there is an answer, of rows that can be read
    bool refused; // upstream does not take the order
};
// `*organization_id` must outlive it.
void document_end_init(struct document_end *end, const int64_t *organization_id);
void document_end_done(struct document_end *end);
struct source_query document_end_query(int64_t organization_id, bool newest);
// Notes how the request went whose rows the page has.
void document_end_note(struct document_end *end, const struct source_page *answer, bool answered,
                       int http_status);

// What the latest changes tell of a list that upstream keeps to the order of: something changed, or
// nobody knows; nothing did, if all of these rows are stored; or it does not keep to the order.
enum document_end_told { DOCUMENT_END_CHANGED, DOCUMENT_END_SAME, DOCUMENT_END_DISORDERED };
enum document_end_told document_end_judge(const struct document_end *end,
                                          const struct record_extent *list);
// Whether all of its rows are stored with their times. Uses the page's arena.
enum err_code document_end_is_stored(struct tx *tx, const char *connection_id,
                                     struct document_end *end, bool *ret_stored,
                                     struct err *reterr) _must_check_;
// How many of the records `picks[0..count)` of a page are not stored with their times.
enum err_code document_end_count_new(struct tx *tx, const char *connection_id, struct page *page,
                                     const size_t *picks, size_t count, size_t *ret_count,
                                     struct err *reterr) _must_check_;

// Whether the end is in its order and begins with what is stored: both ends together are a proof.
bool document_end_is_kept(const struct document_end *end, bool newest,
                          const struct record_extent *list);
// Whether an answer that is no proof speaks of another list than the one that is stored.
bool document_end_is_other(const struct document_end *end, const struct record_extent *list);
