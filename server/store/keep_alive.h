// When each connection's key is looked at again: one row a connection, for as long as it lives.
//
// Whoever takes a row moves its time on first, so that of many processes one looks, and a process
// that dies over it costs one turn. The database's clock alone counts here.
#pragma once

#include "server/store/store.h"

struct keep_alive {
    const char *tenant, *connection_id;
};

// The connection's key is looked at in `due_ms`.
enum err_code keep_alive_put(struct tx *tx, const char *connection_id, int64_t due_ms,
                             struct err *reterr) _must_check_;
// Under the scheduler's role, tenant "": takes one that is due, and which is due again in
// `again_ms`. `ret_due->tenant` is NULL if none is.
enum err_code keep_alive_take(struct tx *tx, int64_t again_ms, struct arena *arena,
                              struct keep_alive *ret_due, struct err *reterr) _must_check_;
