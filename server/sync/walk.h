// Walks: one list of upstream from its first page to its last, a transaction a page.
//
// A task (documents, passwords ...) is a row of walks; its checkpoint says which one is at hand.
#pragma once

#include "server/sync/run.h"

// A task while it runs.
struct task {
    struct run *run;
    int kind; // docbridge.v1.SyncTaskKind
    struct checkpoint at;
    char text[CHECKPOINT_BYTES]; // as the database has it; "": nothing is stored yet
    // Mapped organizations that the task is for, sorted.
    const int64_t *organizations;
    size_t organization_count;
    int64_t inventory_count; // of the account's organizations, mapped or not
    int64_t *quarantined;    // records with an open issue of this task, sorted
    size_t quarantined_count;
    int sure_parts;       // parts of the walk's group that were complete beyond doubt
    bool filters_ignored; // upstream was seen to ignore the filter of a walk
};

struct walk {
    enum source_kind kind;
    int stage;               // its place among the task's walks
    int64_t key;             // likewise: organization or type
    int64_t organization_id; // whose list; 0: the account's
    int64_t type_id;
    const char *const *secret_traits;
    size_t secret_trait_count;
    const char *const *known_traits;
    size_t known_trait_count;
    enum source_folder_filter folder_filter;
    int64_t folder_id; // of SOURCE_FOLDER_ID
    // All folders that are walked one by one; what was in none of these and not on the root level
    // is gone.
    const int64_t *folders;
    size_t folder_count;
    int64_t at_least; // rows that upstream says elsewhere that the list has; 0: it does not
    // Whose rows are kept, and swept at the end; all of them if `any_organization`.
    const int64_t *organizations;
    size_t organization_count;
    bool any_organization;
    // Whose rows come is up to a filter, which upstream may ignore without a word.
    bool filtered;
    bool optional; // not every account has it: a refusal is no error
    // A walk may be one of several parts that only together are complete.
    int parts;
    bool last_part;
    // Leaves the first page unstored and returns if its total speaks against the account's list.
    bool may_leave;
    // Only what changed since then, the latest first; deletes nothing. 0: the whole list.
    int64_t since_us;
    // The walks of a pass together read what the cursor of the list stands for (cursor.h).
    bool begins_pass, ends_pass;
    const char *basis; // of the cursor; "" if NULL
};

// That of one organization's whole list, in one part; what is pointed at must live as long.
struct walk walk_of_organization(enum source_kind kind, const int64_t *organization_id);

// Walks from where the checkpoint is; does nothing if it is past this walk. `*ret_left` (NULL if it
// cannot be) tells that the plan has become PLAN_ORGANIZATIONS, that a walk of changes must give
// way to one of the whole, or a filtered one to one of all. Errors: see run.h.
enum err_code walk_run(struct task *task, const struct walk *walk, bool *ret_left,
                       struct err *reterr) _must_check_;

// Has the first page of a walk that comes later in the task read meanwhile. What the walk points at
// must live as long as the task. False: no more can be read now.
bool walk_hint(struct task *task, const struct walk *walk);
// The walk of what changed, if the cursor knows since when, else or if that fails the whole; none
// of them once `task->filters_ignored`, if it is filtered.
enum err_code walk_changes_or_all(struct task *task, const struct walk *walk,
                                  struct err *reterr) _must_check_;

// What follows are the parts of a walk.

// Stores a page and moves the checkpoint from `task->at` to `to`, in one transaction.
enum err_code apply_page(struct task *task, const struct walk *walk, struct page *page,
                         const struct checkpoint *to, struct err *reterr) _must_check_;
// Moves the checkpoint without a page: begins the walk again (forgetting its pages, unless it is
// walked to confirm what they say), or ends it: what a sure walk did not see is deleted, unless
// that is too much at once, and one that is not sure is an issue.
enum err_code apply_restart(struct task *task, const struct walk *walk, const struct checkpoint *to,
                            struct err *reterr) _must_check_;
// How a walk ended.
enum walk_end {
    WALK_SURE,   // complete beyond doubt: what it did not see is gone
    WALK_UNSURE, // the rows that came are not those that upstream counts
    WALK_SILENT, // it says nothing of what it did not meet
};
enum err_code apply_end(struct task *task, const struct walk *walk, const struct checkpoint *to,
                        enum walk_end how, struct err *reterr) _must_check_;
// Whether the end of a sure walk would delete anything.
enum err_code apply_would_delete(struct task *task, const struct walk *walk, bool *ret_would,
                                 struct err *reterr) _must_check_;
// Whether a row came on more than one page of the walk: then others may have slipped past.
enum err_code apply_repeats(struct task *task, const struct walk *walk, bool *ret_repeats,
                            struct err *reterr) _must_check_;
// Counts what the walk did not see in `tx`.
enum err_code deletion_count(struct task *task, const struct walk *walk, struct tx *tx,
                             int64_t *ret_vanished, struct err *reterr) _must_check_;
// Counts what vanished in `tx` and deletes it if it may. `*ret_guarded` is filled, with an id, when
// an issue was opened.
enum err_code deletion_apply(struct task *task, const struct walk *walk, struct tx *tx,
                             int64_t *ret_deleted, struct sync_issue *ret_guarded,
                             struct err *reterr) _must_check_;

// The text of a walk's pages in sync_page, from `arena`.
char *walk_scope(const struct walk *walk, enum source_folder_filter filter, int64_t folder_id,
                 bool confirm, struct arena *arena);
// The collection of a kind in names, such as "passwords".
const char *walk_collection(enum source_kind kind);
// Commits a step of the task: checkpoint, counters, requests; with its effect on the run's row. A
// step that was committed before, with an outcome unknown then, is not done twice.
enum err_code walk_step(struct task *task, struct tx **tx, const struct walk *walk,
                        const struct sync_counts *add, const struct checkpoint *to,
                        struct err *reterr) _must_check_;

// The tasks, a file each.
enum err_code step_organizations(struct task *task, struct err *reterr) _must_check_;
enum err_code step_passwords(struct task *task, struct err *reterr) _must_check_;
enum err_code step_flexible_assets(struct task *task, struct err *reterr) _must_check_;
enum err_code step_checklists(struct task *task, struct err *reterr) _must_check_;
enum err_code step_documents(struct task *task, struct err *reterr) _must_check_;
// Lists a kind by the account or by organizations, whichever costs less.
enum err_code step_planned(struct task *task, enum source_kind kind,
                           struct err *reterr) _must_check_;
// Lists the folders of the organizations that have foldered records of `kind`, and says how many
// lie in folders that stay unknown.
enum err_code step_folders(struct task *task, enum source_kind kind, enum source_kind folder_kind,
                           struct err *reterr) _must_check_;
