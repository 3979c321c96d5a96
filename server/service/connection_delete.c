// DeleteConnection: one transaction hides everything and destroys the key; sync/removal.c takes the
// rows away. GetDeletionReceipt tells what went.
#include "server/service/connection.h"

#include <inttypes.h>

#include "server/audit/audit.h"
#include "server/service/begin.h"
#include "server/service/connection_message.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/store/connection.h"
#include "server/store/removal.h"
#include "server/store/vault_record.h"
#include "server/sync/sync.h"

HANDLER(delete_connection, DeleteConnectionRequest, Connection)
HANDLER(get_deletion_receipt, GetDeletionReceiptRequest, DeletionReceipt)

enum err_code connection_delete_handler(struct request *request, const void *in, void *out,
                                        struct err *reterr)
{
    return delete_connection_handler(request, in, out, reterr);
}

enum err_code connection_receipt_handler(struct request *request, const void *in, void *out,
                                         struct err *reterr)
{
    return get_deletion_receipt_handler(request, in, out, reterr);
}

// Whoever knows the etag or says force has seen what there is.
static enum err_code check_scale(struct tx *tx, const Docbridge__V1__DeleteConnectionRequest *in,
                                 const char *id, struct err *reterr)
{
    struct removal_scale scale;
    if (in->force || in->etag[0] != '\0')
        return ERR_OK;
    try_(removal_scale(tx, id, &scale, reterr));
    if (scale.mappings == 0 && scale.records == 0)
        return ERR_OK;
    (void)err_set(reterr, ERR_CONNECTION_NOT_EMPTY,
                  "%" PRId64 " mappings and %" PRId64
                  " records would be removed: say force, or send the etag",
                  scale.mappings, scale.records);
    err_meta(reterr, "mapping_count", "%" PRId64, scale.mappings);
    err_meta(reterr, "record_count", "%" PRId64, scale.records);
    err_meta(reterr, "organization_count", "%" PRId64, scale.organizations);
    return ERR_CONNECTION_NOT_EMPTY;
}

static enum err_code check(struct tx *tx, const struct request *request,
                           const Docbridge__V1__DeleteConnectionRequest *in, const char *id,
                           const struct connection *connection, enum connection_state *ret_state,
                           struct err *reterr)
{
    if (connection == NULL)
        return err_not_found(reterr, in->name);
    try_(connection_transition(connection->state, CONNECTION_DELETE, ret_state, reterr));
    // Said again, it is as it was said.
    if (connection->state == *ret_state)
        return ERR_OK;
    try_(field_etag_check(in->etag, connection->revision, request->arena, reterr));
    return check_scale(tx, in, id, reterr);
}

static enum err_code audit(struct tx *tx, const struct request *request,
                           const struct connection *before, enum connection_state state,
                           int64_t cancelled_runs, struct err *reterr)
{
    const char *name = arena_printf(request->arena, "connections/%s", before->id);
    const char *runs = arena_printf(request->arena, "%" PRId64, cancelled_runs);
    if (name == NULL || runs == NULL)
        return err_no_memory(reterr);
    const struct audit_change changes[] = {
        {"state", connection_state_word(before->state), connection_state_word(state)},
        {"credential.fingerprint", before->key_fingerprint, NULL},
        {"live_sync_runs", runs, "0"},
    };
    return audit_append(tx, request,
                        &(struct audit_event){.type = AUDIT_CONNECTION_DELETE,
                                              .phase = AUDIT_SINGLE,
                                              .outcome = AUDIT_SUCCEEDED,
                                              .resource = name,
                                              .resource_display_name = before->display_name,
                                              .changes = changes,
                                              .change_count = ARRAY_LEN(changes)},
                        NULL, reterr);
}

// Everything about the deletion but the rows that go later.
static enum err_code end_connection(struct tx *tx, const struct request *request,
                                    const struct connection *before, enum connection_state state,
                                    int64_t cancelled_runs, struct err *reterr)
{
    struct deletion_receipt receipt = {
        .connection_id = before->id,
        .display_name = before->display_name,
        .provider = before->provider,
        .actor_subject = request->caller->subject,
        .actor_display_name = request->caller->display_name,
        .actor_kind = (int)request->caller->actor,
        .cancelled_runs = cancelled_runs,
        .start_time_us = clock_wall_us(),
        .counts = {[REMOVAL_CREDENTIAL] = before->key_fingerprint[0] != '\0'},
    };
    try_(connection_drop_credential(tx, before->id, state, receipt.start_time_us, reterr));
    try_(vault_record_delete_all(tx, before->id, reterr));
    try_(deletion_receipt_insert(tx, &receipt, reterr));
    return audit(tx, request, before, state, cancelled_runs, reterr);
}

static enum err_code delete_connection(struct request *request,
                                       const Docbridge__V1__DeleteConnectionRequest *in,
                                       Docbridge__V1__Connection *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct connection *before, *after;
    enum connection_state state;
    struct name name;
    int64_t cancelled_runs;
    try_(name_parse(in->name, "connections/{connection}", "name", request->arena, &name, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(connection_get(tx, name.connection, request->arena, &before, reterr));
    try_(check(tx, request, in, name.connection, before, &state, reterr));
    if (in->validate_only || before->state == state)
        return connection_message_fill(request->arena, before, out, reterr);
    // Runs and removals at work hold their leases before they touch the connection: so does this.
    try_(sync_abandon_run(tx, name.connection, &cancelled_runs, reterr));
    try_(removal_put(tx, name.connection, true, reterr));
    try_(connection_lock(tx, name.connection, request->arena, &before, reterr));
    try_(check(tx, request, in, name.connection, before, &state, reterr));
    if (before->state == state)
        return connection_message_fill(request->arena, before, out, reterr);
    try_(end_connection(tx, request, before, state, cancelled_runs, reterr));
    try_(connection_get(tx, name.connection, request->arena, &after, reterr));
    try_(tx_commit(&tx, reterr));
    sync_let_go(request->backend->sync, request->caller->tenant, name.connection);
    return connection_message_fill(request->arena, after, out, reterr);
}

static enum err_code fill_receipt(struct arena *arena, const struct deletion_receipt *receipt,
                                  Docbridge__V1__DeletionReceipt *out, struct err *reterr)
{
    Docbridge__V1__DeletionReceipt__Count *items =
        arena_calloc(arena, REMOVAL_KINDS, sizeof(*items));
    out->counts = arena_calloc(arena, REMOVAL_KINDS, sizeof(*out->counts));
    out->actor = arena_alloc(arena, sizeof(*out->actor));
    if (items == NULL || out->counts == NULL || out->actor == NULL)
        return err_no_memory(reterr);
    for (int kind = 1; kind < REMOVAL_KINDS; kind++) {
        if (receipt->counts[kind] == 0)
            continue;
        docbridge__v1__deletion_receipt__count__init(&items[kind]);
        items[kind].kind = (Docbridge__V1__DeletionReceipt__Count__Kind)kind;
        items[kind].count = receipt->counts[kind];
        out->counts[out->n_counts++] = &items[kind];
    }
    docbridge__v1__actor__init(out->actor);
    out->actor->subject = arena_strdup(arena, receipt->actor_subject);
    out->actor->display_name = arena_strdup(arena, receipt->actor_display_name);
    out->actor->kind = (Docbridge__V1__Actor__Kind)receipt->actor_kind;
    out->name = arena_printf(arena, "deletionReceipts/%s", receipt->connection_id);
    out->connection = arena_printf(arena, "connections/%s", receipt->connection_id);
    out->display_name = arena_strdup(arena, receipt->display_name);
    out->provider = (Docbridge__V1__Provider)receipt->provider;
    out->start_time = field_time(arena, receipt->start_time_us);
    out->end_time = field_time(arena, receipt->end_time_us);
    out->cancelled_sync_run_count = (int32_t)receipt->cancelled_runs;
    return out->actor->subject == NULL || out->actor->display_name == NULL || out->name == NULL ||
                   out->connection == NULL || out->display_name == NULL || out->start_time == NULL
               ? err_no_memory(reterr)
               : ERR_OK;
}

static enum err_code get_deletion_receipt(struct request *request,
                                          const Docbridge__V1__GetDeletionReceiptRequest *in,
                                          Docbridge__V1__DeletionReceipt *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct deletion_receipt *receipt;
    struct name name;
    try_(name_parse(in->name, "deletionReceipts/{deletion_receipt}", "name", request->arena, &name,
                    reterr));
    try_(request_begin(request, &tx, reterr));
    try_(deletion_receipt_get(tx, name.deletion_receipt, request->arena, &receipt, reterr));
    if (receipt == NULL)
        return err_not_found(reterr, in->name);
    return fill_receipt(request->arena, receipt, out, reterr);
}
