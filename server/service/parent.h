// The connection that a resource belongs to.
#pragma once

#include "server/service/request.h"
#include "server/store/connection.h"

// Finds it for a call about something of it. What belongs to a connection that is being deleted is
// not there: RESOURCE_NOT_FOUND about `name`, as the client wrote it, as if there were none.
enum err_code parent_connection(struct tx *tx, const struct request *request, const char *id,
                                const char *name, struct connection **ret_connection,
                                struct err *reterr) _must_check_;
