// Documents by the order of their changes, which upstream does not document: found out, and used to
// leave long lists alone that did not change.
//
// Nobody knows whether upstream sorts documents by `updated_at`, nor whether each edit of one moves
// its time. The first is proven, by a long list that was just read whole: both ends of it are asked
// for, each in its order, and must be what is stored. That holds for a day. Whoever reads a list
// whole sees whether a document changed and its time did not. What speaks against either takes the
// trust away for a week.
//
// An organization whose documents are a page is read whole: that is one request as well, and sees
// everything.
#pragma once

#include "server/store/record.h"
#include "server/sync/walk.h"

// What is known when the task begins.
struct document_order {
    bool used;   // lists of changes may be asked for at all
    bool proven; // upstream keeps to their order
    // What is stored of the organizations whose documents are more than a page, in order of theirs.
    struct record_extent *lists;
    size_t count;
};
// Of a full run, and where one list does not show the documents in folders, too, nothing is used.
enum err_code document_order_begin(struct task *task, struct document_order *ret_order,
                                   struct err *reterr) _must_check_;
// Whether the organization's list is to be looked at before it is read whole.
bool document_order_covers(const struct task *task, const struct document_order *order,
                           int64_t organization_id);
// Whether it may be, once a list before it is a proof: it is not read ahead.
bool document_order_may_cover(const struct document_order *order, int64_t organization_id);
// Looks at the latest changes of a list that is covered, by one request for few rows. What its
// answer leaves in doubt is not `unchanged`.
enum err_code document_order_look(struct task *task, struct document_order *order,
                                  int64_t organization_id, bool *ret_unchanged,
                                  struct err *reterr) _must_check_;
// Finds out by the list of an organization, which was read whole just before, whether upstream
// keeps to the order, unless that is known or the list is short.
enum err_code document_order_prove(struct task *task, struct document_order *order,
                                   int64_t organization_id, struct err *reterr) _must_check_;
// Takes the trust away, in the transaction that stores a page of documents, if one of them changed
// but for its time. `changes` are those of its records.
enum err_code document_order_doubt(struct run *run, struct tx *tx, struct page *page,
                                   const enum record_change *changes,
                                   struct err *reterr) _must_check_;
