// What an administrator decides of a connection: its name, what is paused, that it is disconnected.
//
// Each is one transaction with its event. What is so already is neither written nor told. Locks are
// taken in the order lease, connection, end of the audit chain, as runs take them.
#include "server/service/connection.h"

#include <inttypes.h>
#include <string.h>

#include "server/audit/audit.h"
#include "server/service/begin.h"
#include "server/service/connection_message.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/word.h"
#include "server/store/mapping.h"
#include "server/store/vault_record.h"
#include "server/sync/sync.h"

HANDLER(update_connection, UpdateConnectionRequest, Connection)
HANDLER(pause_connection, PauseConnectionRequest, Connection)
HANDLER(resume_connection, ResumeConnectionRequest, Connection)
HANDLER(disconnect_connection, DisconnectConnectionRequest, Connection)

enum err_code connection_update_handler(struct request *request, const void *in, void *out,
                                        struct err *reterr)
{
    return update_connection_handler(request, in, out, reterr);
}

enum err_code connection_pause_handler(struct request *request, const void *in, void *out,
                                       struct err *reterr)
{
    return pause_connection_handler(request, in, out, reterr);
}

enum err_code connection_resume_handler(struct request *request, const void *in, void *out,
                                        struct err *reterr)
{
    return resume_connection_handler(request, in, out, reterr);
}

enum err_code connection_disconnect_handler(struct request *request, const void *in, void *out,
                                            struct err *reterr)
{
    return disconnect_connection_handler(request, in, out, reterr);
}

// A connection under change. Owns its transaction.
struct change {
    const struct request *request;
    struct tx *tx;
    const char *name; // as the client wrote it
    const char *id;
    struct connection *before;
    enum connection_state to; // what the event leads to
};

static void change_abort(struct change *change)
{
    tx_abortp(&change->tx);
}

static enum err_code lock(struct change *change, enum connection_event event, const char *etag,
                          struct err *reterr)
{
    struct arena *arena = change->request->arena;
    try_(connection_lock(change->tx, change->id, arena, &change->before, reterr));
    if (change->before == NULL)
        return err_not_found(reterr, change->name);
    try_(field_etag_check(etag, change->before->revision, arena, reterr));
    return connection_transition(change->before->state, event, &change->to, reterr);
}

// Tells the change, commits it and answers with the connection as it is then.
static enum err_code finish(struct change *change, enum audit_type type, const char *reason,
                            const struct audit_change *changes, size_t count,
                            Docbridge__V1__Connection *out, struct err *reterr)
{
    struct connection *after;
    const struct audit_event event = {
        .type = type,
        .phase = AUDIT_SINGLE,
        .outcome = AUDIT_SUCCEEDED,
        .resource = change->name,
        .resource_display_name = change->before->display_name,
        .reason = reason,
        .changes = changes,
        .change_count = count,
    };
    try_(connection_get(change->tx, change->id, change->request->arena, &after, reterr));
    try_(connection_message_fill(change->request->arena, after, out, reterr));
    try_(audit_append(change->tx, change->request, &event, NULL, reterr));
    return tx_commit(&change->tx, reterr);
}

enum { DISPLAY_NAME = 1 << 0, PSA_TYPE = 1 << 1, SEVERAL = 1 << 2 };

static struct audit_change bool_change(const char *field, bool new_value)
{
    return (struct audit_change){field, new_value ? "false" : "true", new_value ? "true" : "false"};
}

// From now on a company has one organization at most; refused while one has several.
static enum err_code allow_one(struct change *change, struct err *reterr)
{
    const char *company_id;
    int64_t organization_id;
    try_(mapping_make_single(change->tx, change->id, change->request->arena, &company_id,
                             &organization_id, reterr));
    if (company_id == NULL)
        return ERR_OK;
    (void)err_set(reterr, ERR_COMPANY_ALREADY_MAPPED,
                  "a company has several organizations: clear all but one of each first");
    err_meta(reterr, "organization", "connections/%s/organizations/%" PRId64, change->id,
             organization_id);
    err_meta(reterr, "company", "companies/%s", company_id);
    return ERR_COMPANY_ALREADY_MAPPED;
}

static enum err_code update(struct change *change, const Docbridge__V1__UpdateConnectionRequest *in,
                            unsigned mask, Docbridge__V1__Connection *out, struct err *reterr)
{
    const Docbridge__V1__Connection *wanted = in->connection;
    struct audit_change changes[3];
    size_t count = 0;
    try_(lock(change, CONNECTION_UPDATE, wanted->etag, reterr));
    const struct connection *before = change->before;
    struct connection after = *before;
    if (mask & DISPLAY_NAME)
        after.display_name = wanted->display_name;
    if (mask & PSA_TYPE)
        after.psa_type = (int)wanted->psa_type;
    if (mask & SEVERAL)
        after.several_organizations = wanted->several_organizations_allowed;
    if (strcmp(after.display_name, before->display_name) != 0)
        changes[count++] =
            (struct audit_change){"display_name", before->display_name, after.display_name};
    if (after.psa_type != before->psa_type)
        changes[count++] = (struct audit_change){
            "psa_type",
            word_of(&docbridge__v1__psa_type__descriptor, "PSA_TYPE_", before->psa_type),
            word_of(&docbridge__v1__psa_type__descriptor, "PSA_TYPE_", after.psa_type)};
    if (after.several_organizations != before->several_organizations)
        changes[count++] =
            bool_change("several_organizations_allowed", after.several_organizations);
    if (before->several_organizations && !after.several_organizations)
        try_(allow_one(change, reterr));
    if (count == 0 || in->validate_only)
        return connection_message_fill(change->request->arena, before, out, reterr);
    try_(connection_set_choices(change->tx, &after, clock_wall_us(), reterr));
    return finish(change, AUDIT_CONNECTION_UPDATE, NULL, changes, count, out, reterr);
}

static enum err_code update_connection(struct request *request,
                                       const Docbridge__V1__UpdateConnectionRequest *in,
                                       Docbridge__V1__Connection *out, struct err *reterr)
{
    static const char *const allowed[] = {"display_name", "psa_type",
                                          "several_organizations_allowed", NULL};
    const Docbridge__V1__Connection *wanted = in->connection;
    struct name name;
    unsigned mask;
    if (wanted == NULL)
        return err_invalid(reterr, "connection", "must be set");
    try_(name_parse(wanted->name, "connections/{connection}", "connection.name", request->arena,
                    &name, reterr));
    try_(field_mask(in->update_mask, allowed, &mask, reterr));
    if (mask & DISPLAY_NAME)
        try_(connection_check_display_name(wanted->display_name, reterr));
    if (mask & PSA_TYPE)
        try_(connection_check_psa_type((int)wanted->psa_type, reterr));
    _cleanup_(change_abort) struct change change = {
        .request = request, .name = wanted->name, .id = name.connection};
    try_(request_begin(request, &change.tx, reterr));
    return update(&change, in, mask, out, reterr);
}

// What a pause or its end asks for.
struct pause {
    const char *name, *reason;
    Docbridge__V1__PauseScope scope;
    bool on;
};

// `*ret_moved` says whether syncs were held, or let go on.
static enum err_code set_pause(struct change *change, const struct pause *pause, bool *ret_moved,
                               Docbridge__V1__Connection *out, struct err *reterr)
{
    bool sync = pause->scope != DOCBRIDGE__V1__PAUSE_SCOPE__PAUSE_SCOPE_REVEALS;
    bool reveals = pause->scope != DOCBRIDGE__V1__PAUSE_SCOPE__PAUSE_SCOPE_SYNC;
    struct audit_change changes[2];
    size_t count = 0;
    if (sync)
        try_(pause->on ? sync_hold_run(change->tx, change->id, reterr)
                       : sync_unhold_run(change->tx, change->id, reterr));
    try_(lock(change, pause->on ? CONNECTION_PAUSE : CONNECTION_RESUME, "", reterr));
    const struct connection *before = change->before;
    *ret_moved = sync && before->sync_paused != pause->on;
    if (*ret_moved)
        changes[count++] = bool_change("sync_paused", pause->on);
    if (reveals && before->reveals_paused != pause->on)
        changes[count++] = bool_change("reveals_paused", pause->on);
    if (count == 0)
        return connection_message_fill(change->request->arena, before, out, reterr);
    try_(connection_set_paused(change->tx, change->id, sync ? pause->on : before->sync_paused,
                               reveals ? pause->on : before->reveals_paused, clock_wall_us(),
                               reterr));
    return finish(change, pause->on ? AUDIT_CONNECTION_PAUSE : AUDIT_CONNECTION_RESUME,
                  pause->reason, changes, count, out, reterr);
}

static enum err_code run_pause(const struct request *request, const struct pause *pause,
                               Docbridge__V1__Connection *out, struct err *reterr)
{
    struct name name;
    bool moved = false;
    try_(
        name_parse(pause->name, "connections/{connection}", "name", request->arena, &name, reterr));
    if (protobuf_c_enum_descriptor_get_value(&docbridge__v1__pause_scope__descriptor,
                                             (int)pause->scope) == NULL)
        return err_invalid(reterr, "scope", "must be ALL, SYNC or REVEALS");
    _cleanup_(change_abort) struct change change = {
        .request = request, .name = pause->name, .id = name.connection};
    try_(request_begin(request, &change.tx, reterr));
    try_(set_pause(&change, pause, &moved, out, reterr));
    if (moved)
        sync_let_go(request->backend->sync, request->caller->tenant, name.connection);
    return ERR_OK;
}

static enum err_code pause_connection(struct request *request,
                                      const Docbridge__V1__PauseConnectionRequest *in,
                                      Docbridge__V1__Connection *out, struct err *reterr)
{
    return run_pause(request, &(struct pause){in->name, in->reason, in->scope, true}, out, reterr);
}

static enum err_code resume_connection(struct request *request,
                                       const Docbridge__V1__ResumeConnectionRequest *in,
                                       Docbridge__V1__Connection *out, struct err *reterr)
{
    return run_pause(request, &(struct pause){in->name, in->reason, in->scope, false}, out, reterr);
}

static enum err_code disconnect(struct change *change,
                                const Docbridge__V1__DisconnectConnectionRequest *in,
                                Docbridge__V1__Connection *out, struct err *reterr)
{
    struct arena *arena = change->request->arena;
    int64_t cancelled;
    try_(sync_abandon_run(change->tx, change->id, &cancelled, reterr));
    try_(lock(change, CONNECTION_DISCONNECT, in->etag, reterr));
    const struct connection *before = change->before;
    if (change->to == before->state)
        return connection_message_fill(arena, before, out, reterr);
    try_(vault_record_delete_all(change->tx, change->id, reterr));
    try_(connection_drop_credential(change->tx, change->id, change->to, clock_wall_us(), reterr));
    const struct audit_change changes[] = {
        {"state", connection_state_word(before->state), connection_state_word(change->to)},
        {"credential.fingerprint",
         before->key_fingerprint[0] == '\0' ? NULL : before->key_fingerprint, NULL},
        {"cancelled_sync_run_count", NULL, arena_printf(arena, "%" PRId64, cancelled)},
    };
    return finish(change, AUDIT_CONNECTION_DISCONNECT, in->reason, changes, ARRAY_LEN(changes), out,
                  reterr);
}

static enum err_code disconnect_connection(struct request *request,
                                           const Docbridge__V1__DisconnectConnectionRequest *in,
                                           Docbridge__V1__Connection *out, struct err *reterr)
{
    struct name name;
    try_(name_parse(in->name, "connections/{connection}", "name", request->arena, &name, reterr));
    _cleanup_(change_abort) struct change change = {
        .request = request, .name = in->name, .id = name.connection};
    try_(request_begin(request, &change.tx, reterr));
    try_(disconnect(&change, in, out, reterr));
    sync_let_go(request->backend->sync, request->caller->tenant, name.connection);
    return ERR_OK;
}
