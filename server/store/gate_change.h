// Changes of anything that the gates of a reveal are read from (password_gates_get), noted by a
// trigger for each transaction.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/store/store.h"

// For statements: what has been seen by one that reads gates. Transactions have their numbers of
// the server, which may give some of them again: so a snapshot tells
// - which server it is, for one that takes over gives numbers of its own;
// - whether it is in recovery: a snapshot of then leaves out what is under way at the primary, and
//   what begins then reads only to its end;
// - when it last crashed, which is no new start of it, but loses what was not yet on disk: its
//   statistics are reset then (postgres: cumulative statistics), and else only by an operator;
// - which database it is: one that was put back from a dump has other tables.
#define GATE_SNAPSHOT " (pg_current_snapshot() || '@' || " GATE_SERVER ")"
#define GATE_SERVER                                                                     \
    "concat(current_setting('transaction_read_only'), pg_postmaster_start_time(), '/'," \
    " pg_stat_get_bgwriter_stat_reset_time(), '/', 'gate_change'::regclass::oid)"
// Whether there was a change since a snapshot, which is NULL for no. In the order of the key:
// without statistics the planner would read all of the table.
#define GATE_CHANGED(snapshot)                                                                \
    " ((split_part(" snapshot ", '@', 2) <> " GATE_SERVER ") IS TRUE"                         \
    "  OR (SELECT true FROM gate_change g WHERE g.tenant = $1"                                \
    "   AND g.transaction >= pg_snapshot_xmin(split_part(" snapshot ", '@', 1)::pg_snapshot)" \
    "   AND NOT pg_visible_in_snapshot(g.transaction,"                                        \
    "                                  split_part(" snapshot ", '@', 1)::pg_snapshot)"        \
    "   ORDER BY g.transaction LIMIT 1) IS NOT NULL)"

// Of two snapshots the one that saw less: what it saw, both did. One may be NULL. Of two servers'
// there is none: one is given since which there always was a change.
const char *gate_snapshot_older(const char *a, const char *b);
// Removes those of all tenants that no reveal can ask for any more; `tx` is the janitor's.
enum err_code gate_change_purge(struct tx *tx, struct err *reterr) _must_check_;
