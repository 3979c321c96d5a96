// The inventory of organizations, mapped or not.
#include "server/base/log.h"
#include "server/sync/psa_type.h"
#include "server/sync/walk.h"

static enum err_code note_inventory(struct task *task, int64_t time_us, bool denied,
                                    struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(run_begin(task->run, false, &tx, reterr));
    try_(
        sync_connection_set_inventory(tx, task->run->lease.connection_id, time_us, denied, reterr));
    return tx_commit(&tx, reterr);
}

enum err_code step_organizations(struct task *task, struct err *reterr)
{
    struct walk walk = {
        .kind = SOURCE_ORGANIZATIONS,
        .any_organization = true,
        .parts = 1,
        .last_part = true,
        .begins_pass = true,
        .ends_pass = true,
    };
    enum err_code code = walk_changes_or_all(task, &walk, reterr);
    if (code == ERR_UPSTREAM_ACCESS_DENIED) {
        struct err err;
        if (note_inventory(task, 0, true, &err) != ERR_OK)
            log_event(LOG_WARN, "the denied inventory was not noted", LOG_ERR(&err));
    }
    try_(code);
    try_(note_inventory(task, clock_wall_us(), false, reterr));
    return psa_type_learn(task->run, reterr);
}
