// The pool's inside, for tx.c and migrate.c: who gets a connection, and when.
//
// Bounded and fair: whoever waits is in one queue, and a connection that is given back goes to its
// head. While the server is gone one waiter at a time tries it, after a growing, jittered pause;
// the others are refused at once, or served by connections that still stand.
#pragma once

#include <stdbool.h>

#include "server/store/pg.h"

// A connected connection of the caller's own. Errors: STORE_UNAVAILABLE, DEADLINE_EXCEEDED,
// CANCELLED.
enum err_code pool_take(struct store *store, const struct pg_wait *wait, struct pg **ret_pg,
                        struct err *reterr) _must_check_;
// Gives it back, whatever became of it. Does not block.
void pool_give(struct store *store, struct pg *pg);
// Where the last attempt to connect failed; "": none has.
void pool_place(struct store *store, char ret_place[PG_PLACE_BYTES]);
// What the settings say.
bool pool_unnamed(const struct store *store);
const char *pool_role(const struct store *store);
