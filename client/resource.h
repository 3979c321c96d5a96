// Resource names from what a user types: `acme` or `companies/acme`, `4102`, `main/4102` or
// `connections/main/organizations/4102`.
//
// Says what is missing, never asks for it: session.h fills in the connection.
#pragma once

#include <stdbool.h>

#include "server/base/arena.h"
#include "server/base/err.h"

enum { RESOURCE_IDS_MAX = 3 };

// The ids for a pattern's braces in order; NULL where the text gave none.
struct resource {
    const char *ids[RESOURCE_IDS_MAX];
};

// Reads `text` (NULL: nothing was given) by a pattern such as
// "connections/{connection}/organizations/{organization}", which may end with a fixed word.
// Errors: FIELD_INVALID with what was expected.
enum err_code resource_read(const char *pattern, const char *text, struct arena *arena,
                            struct resource *ret_resource, struct err *reterr) _must_check_;
// Writes the name; every id must be there. NULL: no memory.
const char *resource_write(const char *pattern, const struct resource *resource,
                           struct arena *arena);
// Whether `id` can be a part of a name: 1 to 128 of [A-Za-z0-9._~-], and not "-".
bool resource_id_valid(const char *id);
