// What an SQLSTATE means to a caller: the one table.
#pragma once

#include "server/base/err.h"

// The code for a five-character SQLSTATE; STORE_UNAVAILABLE for NULL, which libpq gives when the
// connection is lost. 57014 (cancelled) is DEADLINE_EXCEEDED: whoever cancelled knows better.
enum err_code sqlstate_code(const char *sqlstate);
// Whether the connection must not serve another transaction after this error.
bool sqlstate_retires(const char *sqlstate);
