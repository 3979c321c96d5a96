// What to do about an error: the one table from reason to advice and exit class.
//
// Every reason of the contract has a row; a test holds the table against server/base/err.h.
#pragma once

#include "client/command.h"
#include "server/base/err.h"

struct remedy {
    const char *reason;
    enum exit_class class;
    const char *resource_key; // the metadata that names the resource to change; NULL: none
    const char *text;
};

// The row of `reason`; without one, a row for the status. Never NULL.
const struct remedy *remedy_find(const char *reason, enum status status);
// Its text, or a better one for a call of `method` (NULL: none is known) that names `resource`.
const char *remedy_text(const struct remedy *remedy, const char *method, const char *resource);
// Whether the table has a row for `reason` itself.
bool remedy_has(const char *reason);
