// A glance at many lists by one request: which of them changed at all.
//
// Upstream lists flexible assets by type, so that a quick run takes a request for each type even if
// nothing changed. Its filters take several values, separated by commas; of this one no document
// says so. The answer shows it: a list of all the types is as long as theirs were together.
#pragma once

#include "server/sync/walk.h"

// The list of a type, and what is known of it.
struct glance_list {
    int64_t type_id;
    int64_t since_us;    // what changed before is stored; 0: the list must be read whole
    int64_t total_count; // as upstream counted it last; -1: not known
    bool unchanged;      // filled in: it need not be read
};
// Looks at the lists of flexible assets, if a request can spare others. Whatever the answer leaves
// in doubt is not `unchanged`.
enum err_code glance_types(struct task *task, struct glance_list *lists, size_t count,
                           struct err *reterr) _must_check_;
