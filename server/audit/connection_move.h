// A connection breaks, or works again: one event, in the transaction that moves it.
#pragma once

#include "server/audit/audit.h"
#include "server/store/connection_finding.h"

// Tells a move that connection_record_finding() made; nothing if the state is as it was. `request`
// NULL: docbridge found it by itself, in its part `what` ("sync"). Append last, as all events.
enum err_code audit_connection_move(struct tx *tx, const struct request *request, const char *what,
                                    const struct connection_move *move,
                                    struct err *reterr) _must_check_;
