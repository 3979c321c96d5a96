// How many requests were made with a connection's key: one row a connection, shared by all
// processes, gone with the connection. What the numbers mean is said in sync/ledger.h.
#pragma once

#include "server/store/store.h"

struct request_budget {
    int64_t credential_version;
    // As many of each, from the arena.
    const int64_t *leave_times_us, *sync_counts, *other_counts;
    size_t count;
    int64_t closed_until_us; // 0: it is open
    int refusal_count;
    int64_t foreign_count, foreign_time_us;
};

// Locks a connection's row until the end of the transaction; makes it if there is none, for this
// version of the credential. `*ret_now_us` is the database's time, at the latest when the row was
// locked. Errors: CONFLICT if the connection is gone.
enum err_code request_budget_lock(struct tx *tx, const char *connection_id,
                                  int64_t credential_version, struct arena *arena,
                                  struct request_budget *ret_budget, int64_t *ret_now_us,
                                  struct err *reterr) _must_check_;
// Writes the row that was locked.
enum err_code request_budget_put(struct tx *tx, const char *connection_id,
                                 const struct request_budget *budget,
                                 struct err *reterr) _must_check_;
