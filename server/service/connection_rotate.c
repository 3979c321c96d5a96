// RotateCredential: tests the new key and whose account it is, then puts it in the place of the old
// one in one transaction.
#include "server/service/connection.h"

#include <inttypes.h>
#include <string.h>

#include "server/audit/audit.h"
#include "server/service/account.h"
#include "server/service/begin.h"
#include "server/service/capability.h"
#include "server/service/connection_message.h"
#include "server/service/credential.h"
#include "server/service/diagnosis.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/word.h"
#include "server/store/connection_rotation.h"
#include "server/store/organization.h"
#include "server/store/removal.h"
#include "server/store/vault_record.h"
#include "server/sync/sync.h"

HANDLER(rotate_credential, RotateCredentialRequest, Connection)

enum err_code connection_rotate_handler(struct request *request, const void *in, void *out,
                                        struct err *reterr)
{
    return rotate_credential_handler(request, in, out, reterr);
}

// A rotation under way.
struct rotation {
    const struct request *request;
    const Docbridge__V1__RotateCredentialRequest *in;
    const char *id;
    enum source_region region;
    struct connection *before; // as it was when the new key was tested
    enum connection_state state;
    struct probe_report report;
    bool other_account;
    struct connection_rotation now;
};

// Whether the connection, as it is now, can take a new key.
static enum err_code check(struct tx *tx, struct rotation *rotation,
                           const struct connection *connection, struct err *reterr)
{
    if (connection == NULL)
        return err_not_found(reterr, rotation->in->name);
    if (connection->provider != (int)rotation->in->candidate->provider)
        return err_invalid(reterr, "candidate.provider", "is not that of the connection");
    try_(field_etag_check(rotation->in->etag, connection->revision, rotation->request->arena,
                          reterr));
    try_(connection_transition(connection->state, CONNECTION_ROTATE, &rotation->state, reterr));
    if (connection->state == CONNECTION_DISCONNECTED)
        return connection_check_slot(tx, rotation->request, reterr);
    return ERR_OK;
}

// Before the new key goes anywhere; all of it is looked at again in the end.
static enum err_code check_early(struct rotation *rotation, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(request_begin(rotation->request, &tx, reterr));
    try_(connection_get(tx, rotation->id, rotation->request->arena, &rotation->before, reterr));
    return check(tx, rotation, rotation->before, reterr);
}

static const char *account_text(struct arena *arena, const struct account_facts *facts)
{
    if (facts->subdomain[0] != '\0')
        return facts->subdomain;
    if (facts->primary_organization_id == 0)
        return "unknown";
    const char *text = arena_printf(arena, "organization %" PRId64, facts->primary_organization_id);
    return text == NULL ? "" : text;
}

// Compares the account of the new key with what is known of the old one.
static enum err_code check_account(struct tx *tx, struct rotation *rotation, struct err *reterr)
{
    const struct probe_report *report = &rotation->report;
    const struct account_facts old = {rotation->before->region, rotation->before->account_subdomain,
                                      rotation->before->account_primary_organization_id};
    const struct account_facts new = {(int)rotation->region, report->subdomain,
                                      report->primary_organization_id};
    bool known, shared;
    try_(organization_any_known(tx, rotation->id, report->organization_ids,
                                report->organization_count, &known, &shared, reterr));
    enum account_verdict verdict =
        account_compare(&old, &new, known, report->organization_count > 0, shared);
    rotation->other_account = verdict != ACCOUNT_SAME;
    if (!rotation->other_account || rotation->in->allow_account_change)
        return ERR_OK;
    (void)err_set(reterr, ERR_UPSTREAM_ACCOUNT_CHANGED,
                  verdict == ACCOUNT_OTHER
                      ? "the key belongs to another account: its organizations would take the "
                        "place of those that are mapped"
                      : "whether the key belongs to the same account cannot be told: it lists no "
                        "organizations that could be compared");
    struct arena *arena = rotation->request->arena;
    err_meta(reterr, "old", "%s", account_text(arena, &old));
    err_meta(reterr, "new", "%s", account_text(arena, &new));
    return ERR_UPSTREAM_ACCOUNT_CHANGED;
}

// What the connection says of its credential from now on.
static enum err_code describe(struct rotation *rotation, const struct secret *key,
                              struct err *reterr)
{
    const struct probe_report *report = &rotation->report;
    rotation->now = (struct connection_rotation){
        .region = (int)rotation->region,
        .version = rotation->before->credential_version + 1,
        .time_us = clock_wall_us(),
        .account_subdomain = report->subdomain,
        .account_primary_organization_id = report->primary_organization_id,
        .capabilities = capability_json(rotation->request->arena, report),
        .inventory_denied = report->organizations_denied,
    };
    if (rotation->now.capabilities == NULL)
        return err_no_memory(reterr);
    return credential_describe(rotation->request, key, &rotation->now.key_last4,
                               &rotation->now.key_fingerprint, reterr);
}

static enum err_code audit(struct tx *tx, const struct rotation *rotation, struct err *reterr)
{
    const struct connection *before = rotation->before;
    const struct connection_rotation *now = &rotation->now;
    const struct audit_change all[] = {
        {"credential.last4", before->key_last4, now->key_last4},
        {"credential.fingerprint", before->key_fingerprint, now->key_fingerprint},
        {"region", word_of(&docbridge__v1__region__descriptor, "REGION_", before->region),
         word_of(&docbridge__v1__region__descriptor, "REGION_", now->region)},
        {"state", connection_state_word(before->state), connection_state_word(rotation->state)},
        {"account", "SAME", rotation->other_account ? "OTHER" : "SAME"},
    };
    struct audit_change changes[ARRAY_LEN(all)];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (strcmp(all[i].old_value, all[i].new_value) != 0)
            changes[count++] = all[i];
    const char *name = arena_printf(rotation->request->arena, "connections/%s", rotation->id);
    if (name == NULL)
        return err_no_memory(reterr);
    return audit_append(tx, rotation->request,
                        &(struct audit_event){.type = AUDIT_CREDENTIAL_ROTATE,
                                              .phase = AUDIT_SINGLE,
                                              .outcome = AUDIT_SUCCEEDED,
                                              .resource = name,
                                              .resource_display_name = before->display_name,
                                              .upstream_status = rotation->report.http_status,
                                              .changes = changes,
                                              .change_count = count},
                        NULL, reterr);
}

// A connection that could not sync catches up. Of another account the remover fetches what there
// is, once nothing of the old one is left.
static enum err_code catch_up(struct tx *tx, const struct rotation *rotation, struct err *reterr)
{
    char run_id[SYNC_RUN_ID_BYTES];
    bool joined;
    if (rotation->other_account)
        return removal_put(tx, rotation->id, false, reterr);
    if (rotation->before->state == CONNECTION_ACTIVE)
        return ERR_OK;
    const struct sync_request asked = {.connection_id = rotation->id,
                                       .trigger = SYNC_TRIGGER_CONNECT};
    enum err_code code = sync_request_run(tx, rotation->request, &asked, run_id, &joined, reterr);
    // Syncs may be held, or content of an account before on its way out: a run begins after that.
    return connection_refused_use(code) ? ERR_OK : code;
}

// Credential, connection, event and what follows from another account: all or none.
static enum err_code save(struct rotation *rotation, const struct secret *key,
                          struct connection **ret_connection, struct err *reterr)
{
    const struct request *request = rotation->request;
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct connection *found;
    struct sealed sealed;
    int64_t count;
    const struct vault_context context = {request->caller->tenant, rotation->id, "api-key",
                                          rotation->now.version};
    try_(vault_seal(request->backend->vault, &context, key, request->arena, &sealed, reterr));
    try_(request_begin(request, &tx, reterr));
    // A run at work holds its lease before it touches the connection: so does this.
    if (rotation->other_account)
        try_(sync_abandon_run(tx, rotation->id, &count, reterr));
    else
        try_(sync_pass_on_run(tx, rotation->id, reterr));
    try_(connection_lock(tx, rotation->id, request->arena, &found, reterr));
    try_(check(tx, rotation, found, reterr));
    if (found->credential_version != rotation->before->credential_version)
        return err_set(reterr, ERR_CONFLICT, "the credential was changed meanwhile");
    rotation->before = found;
    bool other_account = rotation->other_account;
    try_(check_account(tx, rotation, reterr));
    if (rotation->other_account != other_account)
        return err_set(reterr, ERR_CONFLICT, "organizations were fetched meanwhile");
    rotation->now.state = rotation->state;
    rotation->now.other_account = rotation->other_account;
    try_(connection_rotate(tx, rotation->id, &rotation->now, reterr));
    try_(vault_record_insert(tx, rotation->id, rotation->now.version, &sealed, reterr));
    try_(vault_record_delete_before(tx, rotation->id, rotation->now.version, reterr));
    if (rotation->other_account)
        try_(removal_forget_account(tx, rotation->id, reterr));
    try_(catch_up(tx, rotation, reterr));
    try_(audit(tx, rotation, reterr));
    try_(connection_get(tx, rotation->id, request->arena, ret_connection, reterr));
    return tx_commit(&tx, reterr);
}

static enum err_code parse(struct rotation *rotation, struct secret **ret_key, struct err *reterr)
{
    const Docbridge__V1__RotateCredentialRequest *in = rotation->in;
    struct name name;
    try_(name_parse(in->name, "connections/{connection}", "name", rotation->request->arena, &name,
                    reterr));
    rotation->id = name.connection;
    if (in->candidate == NULL)
        return err_invalid(reterr, "candidate", "must be set");
    try_(connection_candidate_region(in->candidate, &rotation->region, reterr));
    enum err_code code =
        source_key_clean(in->candidate->api_key, strlen(in->candidate->api_key), ret_key, reterr);
    if (code == ERR_API_KEY_MALFORMED)
        err_field(reterr, "candidate.api_key");
    return code;
}

static enum err_code test(struct rotation *rotation, const struct secret *key, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    const struct probe_target target = {.region = rotation->region, .key = key};
    try_(probe_run(rotation->request, &target, &rotation->report, reterr));
    try_(diagnosis_error(&rotation->report, reterr));
    try_(request_begin(rotation->request, &tx, reterr));
    return check_account(tx, rotation, reterr);
}

static enum err_code rotate_credential(struct request *request,
                                       const Docbridge__V1__RotateCredentialRequest *in,
                                       Docbridge__V1__Connection *out, struct err *reterr)
{
    struct secret *key _cleanup_(secret_freep) = NULL;
    struct rotation rotation = {.request = request, .in = in};
    struct connection *connection;
    try_(parse(&rotation, &key, reterr));
    try_(check_early(&rotation, reterr));
    try_(test(&rotation, key, reterr));
    if (in->validate_only)
        return connection_message_fill(request->arena, rotation.before, out, reterr);
    try_(describe(&rotation, key, reterr));
    try_(save(&rotation, key, &connection, reterr));
    sync_note_requests(request->backend->sync, request->caller->tenant, rotation.id,
                       connection->credential_version, rotation.report.request_count);
    sync_let_go(request->backend->sync, request->caller->tenant, rotation.id);
    return connection_message_fill(request->arena, connection, out, reterr);
}
