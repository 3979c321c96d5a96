// ResolveSyncIssue: what a person decides of an issue.
//
// Rows are locked in the order lease, issue, records, end of the audit chain, as runs take them.
#include <inttypes.h>
#include <stdio.h>

#include "server/audit/audit.h"
#include "server/base/clock.h"
#include "server/service/begin.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/parent.h"
#include "server/service/sync_message.h"
#include "server/source/source.h"
#include "server/store/organization_sync.h"
#include "server/store/sync_lease.h"

HANDLER(resolve_sync_issue, ResolveSyncIssueRequest, SyncIssue)

enum err_code sync_resolve_handler(struct request *request, const void *in, void *out,
                                   struct err *reterr)
{
    return resolve_sync_issue_handler(request, in, out, reterr);
}

// What the person saw when deciding must be what is held now.
static enum err_code check(const struct request *request, const struct sync_issue *issue,
                           bool apply, const char *etag, struct err *reterr)
{
    if (issue->state != SYNC_ISSUE_OPEN)
        return err_set(reterr, ERR_INVALID_STATE_TRANSITION, "the issue is settled already");
    if (apply && issue->kind != SYNC_ISSUE_DELETION_GUARD)
        return err_invalid(reterr, "decision", "only deletions that are held back can be applied");
    if (apply && etag[0] == '\0') {
        (void)err_set(reterr, ERR_DELETION_GUARD,
                      "%" PRId64 " of %" PRId64 " records would be deleted: confirm it with the "
                      "etag of the issue",
                      issue->held_deletion_count, issue->scope_record_count);
        err_meta(reterr, "would_delete", "%" PRId64, issue->held_deletion_count);
        err_meta(reterr, "of", "%" PRId64, issue->scope_record_count);
        return ERR_DELETION_GUARD;
    }
    return field_etag_check(etag, issue->revision, request->arena, reterr);
}

static enum err_code apply_held(struct tx *tx, const char *connection_id,
                                const struct sync_issue *issue, int64_t *ret_deleted,
                                struct err *reterr)
{
    if (issue->held_kind == SOURCE_ORGANIZATIONS)
        return organization_drop_held(tx, connection_id, issue->id, clock_wall_us(), ret_deleted,
                                      reterr);
    return record_delete_held(tx, connection_id, issue->id, ret_deleted, reterr);
}

static enum err_code tell(struct tx *tx, const struct request *request, const char *name,
                          bool apply, int64_t deleted, struct err *reterr)
{
    char count[24];
    (void)snprintf(count, sizeof(count), "%" PRId64, deleted);
    const struct audit_change changes[] = {
        {"state", "OPEN", apply ? "RESOLVED" : "DISMISSED"},
        {"deleted_record_count", NULL, count},
    };
    const struct audit_event event = {
        .type = AUDIT_SYNC,
        .phase = AUDIT_SINGLE,
        .outcome = AUDIT_SUCCEEDED,
        .resource = name,
        .changes = changes,
        .change_count = apply ? 2 : 1,
    };
    return audit_append(tx, request, &event, NULL, reterr);
}

static enum err_code resolve_sync_issue(struct request *request,
                                        const Docbridge__V1__ResolveSyncIssueRequest *in,
                                        Docbridge__V1__SyncIssue *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct connection *connection;
    struct sync_issue issue;
    struct name name;
    int64_t deleted = 0;
    bool apply =
        in->decision == DOCBRIDGE__V1__RESOLVE_SYNC_ISSUE_REQUEST__DECISION__DECISION_APPLY;
    if (!apply &&
        in->decision != DOCBRIDGE__V1__RESOLVE_SYNC_ISSUE_REQUEST__DECISION__DECISION_DISMISS)
        return err_invalid(reterr, "decision", "must be DECISION_APPLY or DECISION_DISMISS");
    try_(name_parse(in->name, "connections/{connection}/syncIssues/{sync_issue}", "name",
                    request->arena, &name, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(sync_lease_lock(tx, name.connection, reterr));
    try_(parent_connection(tx, request, name.connection, in->name, &connection, reterr));
    try_(sync_issue_lock(tx, name.connection, name.sync_issue, request->arena, &issue, reterr));
    try_(check(request, &issue, apply, in->etag, reterr));
    if (apply)
        try_(apply_held(tx, name.connection, &issue, &deleted, reterr));
    issue.state = apply ? SYNC_ISSUE_RESOLVED : SYNC_ISSUE_DISMISSED;
    issue.resolve_time_us = clock_wall_us();
    issue.revision++;
    try_(sync_issue_end(tx, name.connection, issue.id, issue.state, issue.resolve_time_us, reterr));
    try_(tell(tx, request, in->name, apply, deleted, reterr));
    if (!sync_message_issue(request->arena, name.connection, &issue, out))
        return err_no_memory(reterr);
    return tx_commit(&tx, reterr);
}
