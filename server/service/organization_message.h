// A stored organization as the contract shows it.
#pragma once

#include "docbridge/v1/mapping.pb-c.h"
#include "server/store/organization.h"

// Fills an initialised message from the arena. `psa_type` is the connection's: upstream's ids come
// without their kind, and 0 leaves them without one. Errors: INTERNAL for want of memory.
enum err_code organization_message_fill(struct arena *arena, const char *connection_id,
                                        int psa_type, const struct organization *organization,
                                        Docbridge__V1__Organization *out,
                                        struct err *reterr) _must_check_;
