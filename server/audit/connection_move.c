#include "server/audit/connection_move.h"

#include <stdio.h>

#include "server/base/counter.h"

enum { RESOURCE_BYTES = 200 };

enum err_code audit_connection_move(struct tx *tx, const struct request *request, const char *what,
                                    const struct connection_move *move, struct err *reterr)
{
    const struct connection *before = move->before;
    if (before == NULL || before->state == move->to)
        return ERR_OK;
    char resource[RESOURCE_BYTES];
    (void)snprintf(resource, sizeof(resource), "connections/%s", before->id);
    bool broke = move->to == CONNECTION_ERROR;
    counter_add(broke ? COUNTER_CONNECTION_BROKE : COUNTER_CONNECTION_MENDED, 1);
    const struct audit_change changes[] = {
        {"state", connection_state_word(before->state), connection_state_word(move->to)},
        {"problem.reason", broke ? NULL : before->problem_reason,
         broke ? move->problem_reason : NULL},
    };
    const struct audit_event event = {.type = AUDIT_CONNECTION_STATE,
                                      .phase = AUDIT_SINGLE,
                                      .outcome = AUDIT_SUCCEEDED,
                                      .resource = resource,
                                      .resource_display_name = before->display_name,
                                      .changes = changes,
                                      .change_count = ARRAY_LEN(changes)};
    return request == NULL ? audit_append_system(tx, what, &event, NULL, reterr)
                           : audit_append(tx, request, &event, NULL, reterr);
}
