// The wish that a statement ends, for pg.c.
//
// libpq asks on a connection of its own and waits for the server's hang-up without any limit, which
// a server that stands still never gives. So a thread of its own asks, and its caller waits as
// long as it likes. Whoever reuses the connection waits for the end: what is still on its way
// would end the next statement.
#pragma once

#include <stdbool.h>

#include <libpq-fe.h>

#include "server/base/clock.h"

struct pg_cancel;

// Begins to ask. NULL: it cannot, or too many are still asking.
struct pg_cancel *pg_cancel_start(PGconn *conn);
// Waits until the server has heard it, or cannot; false at the deadline. NULL has been heard.
bool pg_cancel_wait(struct pg_cancel *cancel, struct deadline deadline);
// Lets go of it, heard or not. Returns NULL.
struct pg_cancel *pg_cancel_free(struct pg_cancel *cancel);
void pg_cancel_freep(struct pg_cancel **cancel);
