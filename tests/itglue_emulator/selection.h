/*
 * Filters and sorts: from a collection to the rows that a list request means, in their order. The
 * result is cached in the account until the collection changes. Unknown filters do nothing, which
 * is the real service's most dangerous habit.
 */
#ifndef ITGLUE_EMULATOR_SELECTION_H
#define ITGLUE_EMULATOR_SELECTION_H

#include "account.h"
#include "answer.h"
#include "endpoint.h"
#include "query.h"
#include "switches.h"

struct selection_request {
    struct account *account;
    const struct switches *switches;
    const struct endpoint *endpoint;
    const struct query *query;
    int64_t organization_id; /* of a nested route, else 0 */
    int64_t parent_id;       /* of fields below their type, else 0 */
    bool parent_given;
};

/* NULL: refused, and *refusal says why. Valid until the account changes. */
const struct selection *selection_get(const struct selection_request *request,
                                      struct answer *refusal);
/* The same rules over rows that belong to no collection; *kept is the caller's to free. */
bool selection_apply(const struct selection_request *request, struct row **rows, size_t count,
                     struct row ***kept, size_t *kept_count, struct answer *refusal);

#endif
