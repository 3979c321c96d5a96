// A stored connection as the contract shows it.
#pragma once

#include "docbridge/v1/connection.pb-c.h"
#include "server/store/connection.h"

// Fills an initialised message from the arena. Errors: INTERNAL for want of memory.
enum err_code connection_message_fill(struct arena *arena, const struct connection *connection,
                                      Docbridge__V1__Connection *out,
                                      struct err *reterr) _must_check_;
