// A stored connection with its key in hand, for handlers that call upstream.
#pragma once

#include "server/base/secret.h"
#include "server/service/request.h"
#include "server/store/connection.h"

// Reads the connection `id`, which must be fit for `use`, and opens its key; no transaction is open
// afterwards. `name` is the connection as the client wrote it. Errors: RESOURCE_NOT_FOUND, those of
// connection_check_use(), VAULT_RECORD_UNREADABLE, those of the store.
enum err_code credential_open(const struct request *request, const char *id, const char *name,
                              enum connection_use use, struct connection **ret_connection,
                              struct secret **ret_key, struct err *reterr) _must_check_;
// What may be shown of a key: its last four characters, if it is long enough and they are plain,
// and its fingerprint. Errors: INTERNAL for want of memory.
enum err_code credential_describe(const struct request *request, const struct secret *key,
                                  const char **ret_last4, const char **ret_fingerprint,
                                  struct err *reterr) _must_check_;
