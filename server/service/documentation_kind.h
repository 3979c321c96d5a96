// The kinds of documentation: what each is called in the contract, in the store and in names.
#pragma once

#include "docbridge/v1/search.pb-c.h"
#include "server/base/arena.h"

// The stored number (enum source_kind) of a kind; 0: it is none.
int documentation_kind_stored(Docbridge__V1__DocumentationKind kind);
// The name of a record and its kind. Templates are the connection's, all else the company's. NULL
// without memory, or for what is no documentation.
char *documentation_kind_name(struct arena *arena, int64_t stored, const char *connection_id,
                              const char *company_id, int64_t id,
                              Docbridge__V1__DocumentationKind *ret_kind);
