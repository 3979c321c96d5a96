// What a run could not settle alone, as the database keeps it.
#pragma once

#include "server/store/store.h"

// The numbers of docbridge.v1.SyncIssue.Kind and State.
enum sync_issue_kind {
    SYNC_ISSUE_QUARANTINED = 1,
    SYNC_ISSUE_DELETION_GUARD = 2,
    SYNC_ISSUE_SCOPE_VIOLATION = 3,
    SYNC_ISSUE_ORDER_IGNORED = 4,
    SYNC_ISSUE_LIST_INCOMPLETE = 5,
    SYNC_ISSUE_FOLDERS_UNKNOWN = 6,
};
enum sync_issue_state {
    SYNC_ISSUE_OPEN = 1,
    SYNC_ISSUE_RESOLVED = 2,
    SYNC_ISSUE_DISMISSED = 3,
};

struct sync_issue {
    const char *id;
    enum sync_issue_kind kind;
    enum sync_issue_state state;
    const char *run_id;
    int task_kind;
    const char *subject, *message;
    int64_t held_deletion_count, scope_record_count;
    int64_t create_time_us, resolve_time_us;
    int64_t revision;
    int held_kind; // of a deletion guard: enum source_kind of the rows it holds
};

// Opens an issue, or finds the open one of the same kind, task and subject, which then takes the
// message, the counts and the run that met it again. `*ret_opened` tells which. A deletion guard
// keeps its run, and any issue its time, unless more deletions are held than before.
enum err_code sync_issue_open(struct tx *tx, const char *connection_id,
                              const struct sync_issue *issue, bool *ret_opened,
                              struct err *reterr) _must_check_;
// Resolves the open issues of a kind and task about any of `subjects`.
enum err_code sync_issue_resolve(struct tx *tx, const char *connection_id,
                                 enum sync_issue_kind kind, int task_kind,
                                 const char *const *subjects, size_t count, int64_t now_us,
                                 struct err *reterr) _must_check_;
// Resolves the open issues of a task, about records and about lists that did not agree, that this
// run, which saw everything, did not meet.
enum err_code sync_issue_resolve_unmet(struct tx *tx, const char *connection_id, int task_kind,
                                       const char *run_id, int64_t now_us,
                                       struct err *reterr) _must_check_;
// Subjects of the open issues of a kind and task.
enum err_code sync_issue_open_subjects(struct tx *tx, const char *connection_id,
                                       enum sync_issue_kind kind, int task_kind,
                                       struct arena *arena, const char *const **ret_subjects,
                                       size_t *ret_count, struct err *reterr) _must_check_;
// Whether a person put aside an issue of a kind, task and subject.
enum err_code sync_issue_dismissed(struct tx *tx, const char *connection_id,
                                   enum sync_issue_kind kind, int task_kind, const char *subject,
                                   bool *ret_dismissed, struct err *reterr) _must_check_;
// Of the open issue of a kind, task and subject: create_time_us, run_id (NULL: there is none) and
// held_deletion_count.
enum err_code sync_issue_find_open(struct tx *tx, const char *connection_id,
                                   enum sync_issue_kind kind, int task_kind, const char *subject,
                                   struct arena *arena, struct sync_issue *ret_issue,
                                   struct err *reterr) _must_check_;

// Locks an issue. Errors: RESOURCE_NOT_FOUND.
enum err_code sync_issue_lock(struct tx *tx, const char *connection_id, const char *id,
                              struct arena *arena, struct sync_issue *ret_issue,
                              struct err *reterr) _must_check_;
// Ends a locked, open issue, and lets go which rows it held.
enum err_code sync_issue_end(struct tx *tx, const char *connection_id, const char *id,
                             enum sync_issue_state state, int64_t now_us,
                             struct err *reterr) _must_check_;

// Which issues to list, the latest first. NULL and 0 leave a condition out.
struct sync_issue_list {
    const char *connection_id;
    int state;
    const char *run_id;
    int64_t before_time_us; // after the issue that these two name
    const char *before_id;
    int limit;
};
enum err_code sync_issue_list(struct tx *tx, const struct sync_issue_list *list,
                              struct arena *arena, struct sync_issue **ret_issues,
                              size_t *ret_count, struct err *reterr) _must_check_;
