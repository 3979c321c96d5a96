// The start of a connection, for pg.c.
#pragma once

#include <libpq-fe.h>

#include "server/store/pg.h"

// How many hosts the DSN names, at least 1. libpq alone would go on to the next only when one
// refuses: one that is silent would keep it for ever, as nobody limits a connection made step by
// step.
size_t pg_target_hosts(const struct pg_target *target);
// The one to begin with, and the wish to begin with `host`. Thread-safe.
size_t pg_target_first(const struct pg_target *target);
void pg_target_prefer(struct pg_target *target, size_t host);

// Starts a connection to a host without waiting. NULL: no memory.
PGconn *pg_target_start(const struct pg_target *target, size_t host);
