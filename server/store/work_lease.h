// Work on a connection that one process at a time carries on: a row with an owner, a fence and the
// time when it is due, as in sync_lease.h. `removal` and `search_progress` are such tables.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct work_lease {
    const char *tenant, *connection_id; // tenant NULL: nothing was due
    int64_t fence;
    bool whole; // of a removal: the connection goes too, else only the content of a former account
};
