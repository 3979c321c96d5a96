// Changes of anything that the gates of a reveal are read from (password_gates_get), noted by a
// trigger for each transaction.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/store/store.h"

// For statements: whether there was one since any of the snapshots, an array of text. In the order
// of the key: without statistics the planner would read all of the table.
#define GATE_CHANGED(snapshots)                                             \
    " EXISTS (SELECT FROM unnest(" snapshots "::pg_snapshot[]) AS s (seen)" \
    "  WHERE (SELECT true FROM gate_change g WHERE g.tenant = $1"           \
    "   AND g.transaction >= pg_snapshot_xmin(s.seen)"                      \
    "   AND NOT pg_visible_in_snapshot(g.transaction, s.seen)"              \
    "   ORDER BY g.transaction LIMIT 1))"

// The same by itself.
enum err_code gate_change_find(struct tx *tx, const char *const *snapshots, size_t count,
                               bool *ret_changed, struct err *reterr) _must_check_;
// Removes those of all tenants that no reveal can ask for any more; `tx` is the janitor's.
enum err_code gate_change_purge(struct tx *tx, struct err *reterr) _must_check_;
