// Issues about a whole list of upstream, as opposed to single records of it.
#pragma once

#include "server/store/sync_issue.h"
#include "server/sync/walk.h"

// What such an issue is about, such as "organizations/5/passwords"; from `arena`.
char *list_subject(const struct walk *walk, struct arena *arena);
// Opens one in `tx`, or finds the one that is open. `issue` has its kind, its message and, of a
// guard, its counts; the rest is filled in, in the run's arena. `*ret_opened`: it is new, and to be
// told to the watchers once `tx` is committed.
enum err_code list_issue_open(struct task *task, const struct walk *walk, struct tx *tx,
                              struct sync_issue *issue, bool *ret_opened,
                              struct err *reterr) _must_check_;
// Opens that the list did not agree. Of a task only so many lists are told one by one: a fault that
// lies in all of them, of organizations perhaps by the thousand, becomes one issue about the
// collection, such as "documents".
enum { LIST_ISSUES_MAX = 20 };
enum err_code list_issue_open_incomplete(struct task *task, const struct walk *walk, struct tx *tx,
                                         struct sync_issue *ret_issue, bool *ret_opened,
                                         struct err *reterr) _must_check_;
// As list_issue_open, in a transaction of its own, and told to the watchers.
enum err_code list_issue_tell(struct task *task, const struct walk *walk, enum sync_issue_kind kind,
                              const char *message, struct err *reterr) _must_check_;
// Resolves the open one of a kind about the list.
enum err_code list_issue_resolve(struct task *task, const struct walk *walk, struct tx *tx,
                                 enum sync_issue_kind kind, struct err *reterr) _must_check_;
