// The folders of an organization's documents, listed in order to ask for each.
#pragma once

#include "server/sync/walk.h"

struct folder_list {
    bool listed;   // false: upstream does not give them
    bool complete; // beyond doubt
    // Those that have documents, or do not say whether, sorted.
    int64_t *ids;
    int64_t *at_least; // documents that each has; 0: it does not say
    size_t count;
    int64_t said; // by all of them
};

// Lists them, a request a page; from the run's arena. Errors: see run.h.
enum err_code folders_list(struct task *task, const int64_t *organization_id,
                           struct folder_list *ret_list, struct err *reterr) _must_check_;
