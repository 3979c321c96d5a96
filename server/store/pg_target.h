// The start of a connection, for pg.c.
#pragma once

#include <libpq-fe.h>

#include "server/store/pg.h"

// Starts a connection without waiting. NULL: no memory.
PGconn *pg_target_start(const struct pg_target *target);
