// Addresses to listen on: "host:port", "[v6]:port", "unix:/path" or "unix-abstract:name".
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/base/err.h"

enum { ADDRESS_SOCKETS_MAX = 8 };

bool address_is_unix(const char *address);
// Whether only this machine can reach it: all that its host resolves to is loopback, or it is a
// Unix socket. Errors: FIELD_INVALID.
enum err_code address_is_local(const char *address, bool *ret_local,
                               struct err *reterr) _must_check_;
// Listens on all that the address resolves to, on one port. The sockets do not block; the caller
// closes them. A file of a Unix socket on which nobody listens is replaced. Errors: FIELD_INVALID.
enum err_code address_listen(const char *address, int ret_sockets[ADDRESS_SOCKETS_MAX],
                             size_t *ret_count, int *ret_port, struct err *reterr) _must_check_;
// Removes the file of a Unix socket; no-op for other addresses.
void address_remove(const char *address);
