// CreateConnection: tests the key first, then saves everything in one transaction.
#include "server/service/begin.h"
#include "server/service/capability.h"
#include "server/service/connection.h"

#include <stdio.h>
#include <string.h>

#include "server/audit/audit.h"
#include "server/base/encoding.h"
#include "server/base/utf8.h"
#include "server/service/connection_message.h"
#include "server/service/credential.h"
#include "server/service/diagnosis.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/word.h"
#include "server/store/keep_alive.h"
#include "server/store/sync_schedule.h"
#include "server/store/vault_record.h"
#include "server/sync/schedule.h"
#include "server/sync/sync.h"

enum { DISPLAY_NAME_MAX = 63, CONNECTION_ID_MAX = 63 };

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

enum err_code connection_check_display_name(const char *text, struct err *reterr)
{
    if (!utf8_valid(text, strlen(text)))
        return err_invalid(reterr, "connection.display_name", "must be UTF-8");
    return field_text(text, "connection.display_name", DISPLAY_NAME_MAX, reterr);
}

enum err_code connection_check_psa_type(int psa_type, struct err *reterr)
{
    if (protobuf_c_enum_descriptor_get_value(&docbridge__v1__psa_type__descriptor, psa_type) ==
        NULL)
        return err_invalid(reterr, "connection.psa_type", "is no kind of PSA");
    return ERR_OK;
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

// Hudu is recorded without anything that would reach it. `*ret_key` stays NULL.
static enum err_code parse_hudu(const Docbridge__V1__ConnectionCandidate *candidate,
                                struct connection *draft, struct err *reterr)
{
    if (candidate->region != DOCBRIDGE__V1__REGION__REGION_UNSPECIFIED)
        return err_invalid(reterr, "candidate.region", "must not be set for HUDU");
    if (candidate->region_uri[0] != '\0')
        return err_invalid(reterr, "candidate.region_uri", "must not be set for HUDU");
    if (candidate->api_key[0] != '\0')
        return err_invalid(reterr, "candidate.api_key", "must not be set for HUDU");
    draft->provider = SOURCE_PROVIDER_HUDU;
    draft->key_last4 = draft->key_fingerprint = draft->account_subdomain = "";
    draft->capabilities = "[]";
    return ERR_OK;
}

static enum err_code parse_candidate(const Docbridge__V1__ConnectionCandidate *candidate,
                                     struct connection *draft, struct secret **ret_key,
                                     struct err *reterr)
{
    enum source_region region;
    if (candidate->provider == DOCBRIDGE__V1__PROVIDER__PROVIDER_HUDU)
        return parse_hudu(candidate, draft, reterr);
    try_(connection_candidate_region(candidate, &region, reterr));
    enum err_code code =
        source_key_clean(candidate->api_key, strlen(candidate->api_key), ret_key, reterr);
    if (code == ERR_API_KEY_MALFORMED)
        err_field(reterr, "candidate.api_key");
    draft->provider = (int)candidate->provider;
    draft->region = (int)region;
    return code;
}

static enum err_code parse(const struct request *request,
                           const Docbridge__V1__CreateConnectionRequest *in,
                           struct connection *draft, struct secret **ret_key, struct err *reterr)
{
    if (in->connection == NULL)
        return err_invalid(reterr, "connection", "must be set");
    if (in->candidate == NULL)
        return err_invalid(reterr, "candidate", "must be set");
    const char *display_name = in->connection->display_name;
    try_(connection_check_display_name(display_name, reterr));
    try_(connection_check_psa_type((int)in->connection->psa_type, reterr));
    try_(parse_id(in->connection_id, request->arena, &draft->id, reterr));
    try_(parse_candidate(in->candidate, draft, ret_key, reterr));
    draft->display_name = display_name;
    draft->psa_type = (int)in->connection->psa_type;
    return connection_transition(CONNECTION_ABSENT, CONNECTION_CREATE, &draft->state, reterr);
}

enum err_code connection_check_slot(struct tx *tx, const struct request *request,
                                    struct err *reterr)
{
    struct connection *active;
    try_(connection_get_active(tx, request->arena, &active, reterr));
    if (active == NULL)
        return ERR_OK;
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
    return connection_check_slot(tx, request, reterr);
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
        {"psa_type", NULL,
         word_of(&docbridge__v1__psa_type__descriptor, "PSA_TYPE_", draft->psa_type)},
        // Of what has a key.
        {"region", NULL, word_of(&docbridge__v1__region__descriptor, "REGION_", draft->region)},
        {"credential.fingerprint", NULL, draft->key_fingerprint},
    };
    bool keyless = draft->credential_version == 0;
    return audit_append(
        tx, request,
        &(struct audit_event){.type = AUDIT_CONNECTION_CREATE,
                              .phase = AUDIT_SINGLE,
                              .outcome = AUDIT_SUCCEEDED,
                              .resource = name,
                              .resource_display_name = draft->display_name,
                              .upstream_status = http_status,
                              .changes = changes,
                              .change_count = ARRAY_LEN(changes) - (keyless ? 2 : 0)},
        NULL, reterr);
}

static enum err_code request_first_run(struct tx *tx, const struct request *request,
                                       const struct connection *draft, struct err *reterr)
{
    const struct sync_request asked = {.connection_id = draft->id,
                                       .tasks = SYNC_TASK_ORGANIZATIONS,
                                       .trigger = SYNC_TRIGGER_CONNECT};
    char run_id[SYNC_RUN_ID_BYTES];
    bool joined;
    return sync_request_run(tx, request, &asked, run_id, &joined, reterr);
}

static enum err_code store_key(struct tx *tx, const struct connection *draft,
                               const struct sealed *sealed, struct err *reterr)
{
    try_(vault_record_insert(tx, draft->id, draft->credential_version, sealed, reterr));
    return keep_alive_put(tx, draft->id, 0, reterr);
}

// Row, settings, sealed key (NULL: none), event and first run: all or none; `validate_only`: none.
static enum err_code save(const struct request *request, const struct connection *draft,
                          const struct sealed *sealed, int http_status, bool validate_only,
                          struct connection **ret_connection, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    bool added;
    try_(request_begin(request, &tx, reterr));
    try_(connection_insert(tx, draft, &added, reterr));
    if (!added) {
        // The slot, or else the id.
        try_(connection_check_slot(tx, request, reterr));
        return err_invalid(reterr, "connection_id", "names a connection that there is, or was");
    }
    // The first run is asked for right away.
    try_(sync_schedule_make(tx, draft->id, SCHEDULE_INTERVAL_S * INT64_C(1000),
                            SCHEDULE_FULL_INTERVAL_S * INT64_C(1000), reterr));
    if (sealed != NULL)
        try_(store_key(tx, draft, sealed, reterr));
    try_(audit_create(tx, request, draft, http_status, reterr));
    if (sealed != NULL && !validate_only)
        try_(request_first_run(tx, request, draft, reterr));
    try_(connection_get(tx, draft->id, request->arena, ret_connection, reterr));
    return validate_only ? ERR_OK : tx_commit(&tx, reterr);
}

// Tries the key and fills in what is learned by it.
static enum err_code try_key(const struct request *request, const struct secret *key,
                             struct connection *draft, int *ret_http_status, int *ret_request_count,
                             struct err *reterr)
{
    struct probe_report report;
    const struct probe_target target = {.region = (enum source_region)draft->region, .key = key};
    try_(probe_run(request, &target, &report, reterr));
    try_(diagnosis_error(&report, reterr));
    draft->key_create_time_us = clock_wall_us();
    draft->account_subdomain = arena_strdup(request->arena, report.subdomain);
    draft->account_primary_organization_id = report.primary_organization_id;
    draft->inventory_denied = report.organizations_denied;
    draft->capabilities = capability_json(request->arena, &report);
    *ret_http_status = report.http_status;
    *ret_request_count = report.request_count;
    if (draft->account_subdomain == NULL || draft->capabilities == NULL)
        return err_no_memory(reterr);
    draft->credential_version = 1;
    return credential_describe(request, key, &draft->key_last4, &draft->key_fingerprint, reterr);
}

static enum err_code create_connection(struct request *request,
                                       const Docbridge__V1__CreateConnectionRequest *in,
                                       Docbridge__V1__Connection *out, struct err *reterr)
{
    struct secret *key _cleanup_(secret_freep) = NULL;
    struct connection draft = {0};
    struct connection *connection;
    struct sealed sealed;
    int http_status = 0, request_count = 0;
    try_(parse(request, in, &draft, &key, reterr));
    try_(check_slot_early(request, reterr));
    if (key != NULL) {
        try_(try_key(request, key, &draft, &http_status, &request_count, reterr));
        const struct vault_context context = {request->caller->tenant, draft.id, "api-key",
                                              draft.credential_version};
        try_(vault_seal(request->backend->vault, &context, key, request->arena, &sealed, reterr));
    }
    draft.create_time_us = clock_wall_us();
    try_(save(request, &draft, key == NULL ? NULL : &sealed, http_status, in->validate_only,
              &connection, reterr));
    if (in->validate_only)
        return connection_message_fill(request->arena, connection, out, reterr);
    sync_note_requests(request->backend->sync, request->caller->tenant, draft.id,
                       draft.credential_version, request_count);
    sync_wake(request->backend->sync);
    return connection_message_fill(request->arena, connection, out, reterr);
}
