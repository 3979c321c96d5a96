// CreateConnection: tests the key first, then saves everything in one transaction.
#include "server/service/begin.h"
#include "server/service/connection.h"

#include <stdio.h>
#include <string.h>

#include "server/audit/audit.h"
#include "server/base/encoding.h"
#include "server/base/utf8.h"
#include "server/service/connection_message.h"
#include "server/service/diagnosis.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/word.h"
#include "server/store/keep_alive.h"
#include "server/store/vault_record.h"
#include "server/sync/sync.h"

// Of a shorter key the last four characters would give too much away.
enum { DISPLAY_NAME_MAX = 63, CONNECTION_ID_MAX = 63, LAST4_KEY_BYTES = 12 };

HANDLER(create_connection, CreateConnectionRequest, Connection)

enum err_code connection_create_handler(struct request *request, const void *in, void *out,
                                        struct err *reterr)
{
    return create_connection_handler(request, in, out, reterr);
}

enum err_code connection_candidate_region(const Docbridge__V1__ConnectionCandidate *candidate,
                                          enum source_region *ret_region, struct err *reterr)
{
    if (candidate->provider != DOCBRIDGE__V1__PROVIDER__PROVIDER_IT_GLUE)
        return err_invalid(reterr, "candidate.provider", "must be IT_GLUE");
    bool uri = candidate->region_uri[0] != '\0';
    if (!uri && candidate->region == DOCBRIDGE__V1__REGION__REGION_UNSPECIFIED)
        return err_invalid(reterr, "candidate.region", "must be set, or region_uri");
    // A number that is no region gets the same answer as a word that is none.
    char number[16];
    (void)snprintf(number, sizeof(number), "%d", (int)candidate->region);
    const struct source_region_info *named =
        source_region_find((enum source_region)candidate->region);
    enum err_code code = source_region_parse(uri             ? candidate->region_uri
                                             : named != NULL ? named->code
                                                             : number,
                                             ret_region, reterr);
    if (code != ERR_OK)
        err_field(reterr, uri ? "candidate.region_uri" : "candidate.region");
    else if (uri && candidate->region != DOCBRIDGE__V1__REGION__REGION_UNSPECIFIED &&
             (int)candidate->region != (int)*ret_region)
        return err_invalid(reterr, "candidate.region", "differs from the region of region_uri");
    return code;
}

static enum err_code parse_id(const char *id, struct arena *arena, const char **ret_id,
                              struct err *reterr)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    if (id[0] == '\0') {
        char *random = arena_alloc(arena, ENCODING_ID_BYTES);
        if (random == NULL)
            return err_no_memory(reterr);
        encoding_random_id(random);
        *ret_id = random;
        return ERR_OK;
    }
    if (strlen(id) > CONNECTION_ID_MAX || strspn(id, allowed) != strlen(id) || !name_id_valid(id))
        return err_invalid(reterr, "connection_id", "must be 1 to 63 of [a-z0-9-]");
    *ret_id = id;
    return ERR_OK;
}

static enum err_code parse(const struct request *request,
                           const Docbridge__V1__CreateConnectionRequest *in,
                           struct connection *draft, struct secret **ret_key, struct err *reterr)
{
    enum source_region region;
    if (in->connection == NULL)
        return err_invalid(reterr, "connection", "must be set");
    if (in->candidate == NULL)
        return err_invalid(reterr, "candidate", "must be set");
    const char *display_name = in->connection->display_name;
    if (!utf8_valid(display_name, strlen(display_name)))
        return err_invalid(reterr, "connection.display_name", "must be UTF-8");
    try_(field_text(display_name, "connection.display_name", DISPLAY_NAME_MAX, reterr));
    if (protobuf_c_enum_descriptor_get_value(&docbridge__v1__psa_type__descriptor,
                                             (int)in->connection->psa_type) == NULL)
        return err_invalid(reterr, "connection.psa_type", "is no kind of PSA");
    try_(parse_id(in->connection_id, request->arena, &draft->id, reterr));
    try_(connection_candidate_region(in->candidate, &region, reterr));
    enum err_code code =
        source_key_clean(in->candidate->api_key, strlen(in->candidate->api_key), ret_key, reterr);
    if (code == ERR_API_KEY_MALFORMED)
        err_field(reterr, "candidate.api_key");
    draft->display_name = display_name;
    draft->provider = (int)in->candidate->provider;
    draft->region = (int)region;
    draft->psa_type = (int)in->connection->psa_type;
    return code == ERR_OK
               ? connection_transition(CONNECTION_ABSENT, CONNECTION_CREATE, &draft->state, reterr)
               : code;
}

// Why no connection can be added: the slot, or else the id.
static enum err_code check_slot(struct tx *tx, const struct request *request, bool refused,
                                struct err *reterr)
{
    struct connection *active;
    try_(connection_get_active(tx, request->arena, &active, reterr));
    if (active == NULL)
        return refused ? err_invalid(reterr, "connection_id", "names a connection that there is")
                       : ERR_OK;
    (void)err_set(reterr, ERR_DOCUMENTATION_PROVIDER_ACTIVE,
                  "another documentation system is connected: disconnect or delete it first");
    err_meta(reterr, "active_provider", "%s",
             word_of(&docbridge__v1__provider__descriptor, "PROVIDER_", active->provider));
    err_meta(reterr, "connection", "connections/%s", active->id);
    return ERR_DOCUMENTATION_PROVIDER_ACTIVE;
}

// Before the key goes anywhere; the index decides in the end.
static enum err_code check_slot_early(const struct request *request, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(request_begin(request, &tx, reterr));
    return check_slot(tx, request, false, reterr);
}

static enum err_code describe_key(const struct request *request, const struct secret *key,
                                  struct connection *draft, struct err *reterr)
{
    char *fingerprint = arena_alloc(request->arena, VAULT_FINGERPRINT_BYTES);
    if (fingerprint == NULL)
        return err_no_memory(reterr);
    vault_fingerprint(request->backend->vault, request->caller->tenant, key, fingerprint);
    const char *tail = "";
    if (secret_len(key) >= LAST4_KEY_BYTES)
        tail = secret_bytes(key) + secret_len(key) - 4;
    for (size_t i = 0; tail[i] != '\0'; i++)
        if (tail[i] <= ' ' || tail[i] > '~') {
            tail = "";
            break;
        }
    draft->key_last4 = arena_strdup(request->arena, tail);
    draft->key_fingerprint = fingerprint;
    draft->credential_version = 1;
    return draft->key_last4 == NULL ? err_no_memory(reterr) : ERR_OK;
}

static enum err_code audit_create(struct tx *tx, const struct request *request,
                                  const struct connection *draft, int http_status,
                                  struct err *reterr)
{
    const char *name = arena_printf(request->arena, "connections/%s", draft->id);
    if (name == NULL)
        return err_no_memory(reterr);
    const struct audit_change changes[] = {
        {"display_name", NULL, draft->display_name},
        {"provider", NULL,
         word_of(&docbridge__v1__provider__descriptor, "PROVIDER_", draft->provider)},
        {"region", NULL, word_of(&docbridge__v1__region__descriptor, "REGION_", draft->region)},
        {"psa_type", NULL,
         word_of(&docbridge__v1__psa_type__descriptor, "PSA_TYPE_", draft->psa_type)},
        {"credential.fingerprint", NULL, draft->key_fingerprint},
    };
    return audit_append(tx, request,
                        &(struct audit_event){.type = AUDIT_CONNECTION_CREATE,
                                              .phase = AUDIT_SINGLE,
                                              .outcome = AUDIT_SUCCEEDED,
                                              .resource = name,
                                              .resource_display_name = draft->display_name,
                                              .upstream_status = http_status,
                                              .changes = changes,
                                              .change_count = ARRAY_LEN(changes)},
                        NULL, reterr);
}

// Row, settings, sealed key, event and first run: all or none.
static enum err_code save(const struct request *request, const struct connection *draft,
                          const struct sealed *sealed, int http_status,
                          struct connection **ret_connection, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    char run_id[SYNC_RUN_ID_BYTES];
    bool added;
    bool joined;
    try_(request_begin(request, &tx, reterr));
    try_(connection_insert(tx, draft, &added, reterr));
    if (!added)
        return check_slot(tx, request, true, reterr);
    try_(vault_record_insert(tx, draft->id, draft->credential_version, sealed, reterr));
    try_(keep_alive_put(tx, draft->id, 0, reterr));
    try_(audit_create(tx, request, draft, http_status, reterr));
    const struct sync_request asked = {.connection_id = draft->id,
                                       .tasks = SYNC_TASK_ORGANIZATIONS,
                                       .trigger = SYNC_TRIGGER_CONNECT};
    try_(sync_request_run(tx, request, &asked, run_id, &joined, reterr));
    try_(connection_get(tx, draft->id, request->arena, ret_connection, reterr));
    return tx_commit(&tx, reterr);
}

static enum err_code create_connection(struct request *request,
                                       const Docbridge__V1__CreateConnectionRequest *in,
                                       Docbridge__V1__Connection *out, struct err *reterr)
{
    struct secret *key _cleanup_(secret_freep) = NULL;
    struct connection draft = {0};
    struct connection *connection;
    struct probe_report report;
    struct sealed sealed;
    try_(parse(request, in, &draft, &key, reterr));
    try_(check_slot_early(request, reterr));
    const struct probe_target target = {.region = (enum source_region)draft.region, .key = key};
    try_(probe_run(request, &target, &report, reterr));
    try_(diagnosis_error(&report, reterr));
    draft.create_time_us = draft.key_create_time_us = clock_wall_us();
    draft.account_subdomain = report.subdomain;
    draft.account_primary_organization_id = report.primary_organization_id;
    draft.inventory_denied = report.organizations_denied;
    draft.capabilities = diagnosis_capabilities_json(request->arena, &report);
    if (draft.capabilities == NULL)
        return err_no_memory(reterr);
    try_(describe_key(request, key, &draft, reterr));
    const struct vault_context context = {request->caller->tenant, draft.id, "api-key",
                                          draft.credential_version};
    try_(vault_seal(request->backend->vault, &context, key, request->arena, &sealed, reterr));
    try_(save(request, &draft, &sealed, report.http_status, &connection, reterr));
    sync_wake(request->backend->sync);
    return connection_message_fill(request->arena, connection, out, reterr);
}
