// Until when the changes of a list are stored: table sync_cursor.
//
// A list is a kind (enum source_kind) of a connection, of one type for flexible assets. Written by
// the holder of the run's lease, who checked it in the same transaction.
#pragma once

#include "server/store/store.h"

struct sync_cursor {
    int64_t update_time_us;   // what changed until then is stored; 0: nothing is known
    bool covers;              // of all the organizations asked about
    const char *basis;        // what the rows were read by
    int64_t total_count;      // rows of the list as upstream counted them then; -1: not known
    int64_t distrust_time_us; // when upstream was seen to ignore the order or filter; 0: never
    int64_t order_time_us;    // when an undocumented order was last seen to be kept; 0: never
};
enum err_code sync_cursor_load(struct tx *tx, const char *connection_id, int kind, int64_t type_id,
                               const int64_t *organization_ids, size_t count, struct arena *arena,
                               struct sync_cursor *ret_cursor, struct err *reterr) _must_check_;

// A list that was read, whole or from the cursor on.
struct sync_cursor_step {
    const char *connection_id, *run_id;
    int kind;
    int64_t type_id;
    const int64_t *organization_ids; // whose rows were kept
    size_t organization_count;
    bool limited; // and not all that are mapped: the time of the others stays
    int64_t update_time_us;
    int64_t total_count; // -1: not known
    const char *basis;
};
// Moves the cursor on, never back. Organizations that were mapped after the run was asked for are
// left out: its first pages may have passed their rows by.
enum err_code sync_cursor_put(struct tx *tx, const struct sync_cursor_step *step,
                              struct err *reterr) _must_check_;
// Notes that upstream ignores the order or filter.
enum err_code sync_cursor_distrust(struct tx *tx, const char *connection_id, int kind,
                                   int64_t type_id, int64_t now_us,
                                   struct err *reterr) _must_check_;
// Notes that upstream keeps to an order of a kind's lists that it does not document.
enum err_code sync_cursor_prove_order(struct tx *tx, const char *connection_id, int kind,
                                      int64_t now_us, struct err *reterr) _must_check_;
