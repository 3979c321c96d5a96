// TestConnection: whatever upstream says is an answer, and an event.
#include "server/service/begin.h"
#include "server/service/capability.h"
#include "server/service/connection.h"

#include <string.h>

#include "server/audit/connection_move.h"
#include "server/service/credential.h"
#include "server/service/diagnosis.h"
#include "server/service/name.h"
#include "server/service/word.h"
#include "server/sync/sync.h"

#define VERDICT(name) DOCBRIDGE__V1__TEST_CONNECTION_RESPONSE__DIAGNOSIS__DIAGNOSIS_##name

HANDLER(test_connection, TestConnectionRequest, TestConnectionResponse)

enum err_code connection_test_handler(struct request *request, const void *in, void *out,
                                      struct err *reterr)
{
    return test_connection_handler(request, in, out, reterr);
}

// The event of a test; `connection` is NULL for a candidate.
static enum err_code audit_test(struct tx *tx, const struct request *request,
                                const struct connection *connection,
                                Docbridge__V1__TestConnectionResponse__Diagnosis verdict,
                                enum source_region region, enum err_code failure, int http_status,
                                struct err *reterr)
{
    const char *name = NULL;
    if (connection != NULL) {
        name = arena_printf(request->arena, "connections/%s", connection->id);
        if (name == NULL)
            return err_no_memory(reterr);
    }
    const struct audit_change changes[] = {
        {"region", NULL, word_of(&docbridge__v1__region__descriptor, "REGION_", (int)region)},
        {"diagnosis", NULL,
         word_of(&docbridge__v1__test_connection_response__diagnosis__descriptor, "DIAGNOSIS_",
                 (int)verdict)},
    };
    return audit_append(
        tx, request,
        &(struct audit_event){.type = AUDIT_CONNECTION_TEST,
                              .phase = AUDIT_SINGLE,
                              .outcome = verdict == VERDICT(OK) ? AUDIT_SUCCEEDED : AUDIT_FAILED,
                              .error = failure,
                              .resource = name,
                              .resource_display_name =
                                  connection == NULL ? NULL : connection->display_name,
                              .upstream_status = http_status,
                              .changes = changes,
                              .change_count = ARRAY_LEN(changes)},
        NULL, reterr);
}

// What the test means for a stored connection. A network that fails says nothing of the key:
// `*ret_any` is false.
static enum err_code finding_of(const struct request *request, const struct connection *connection,
                                const struct probe_report *report,
                                struct connection_finding *finding, bool *ret_any,
                                struct err *reterr)
{
    struct err err;
    *ret_any = true;
    *finding = (struct connection_finding){
        .credential_version = connection->credential_version,
        .time_us = clock_wall_us(),
        .account_subdomain = report->subdomain,
        .account_primary_organization_id = report->primary_organization_id,
        .inventory_denied = report->organizations_denied,
    };
    switch (report->verdict) {
    case VERDICT(OK):
        finding->event = CONNECTION_KEY_WORKED;
        finding->capabilities = capability_json(request->arena, report);
        return finding->capabilities == NULL ? err_no_memory(reterr) : ERR_OK;
    case VERDICT(KEY_OR_REGION_REJECTED):
    case VERDICT(KEY_REVOKED_OR_EXPIRED):
    case VERDICT(REGION_MISMATCH):
    case VERDICT(API_NOT_ENABLED_SUSPECTED):
        finding->event = CONNECTION_KEY_REJECTED;
        // A key of another region is refused here like any other.
        finding->problem_reason =
            err_reason(report->verdict == VERDICT(REGION_MISMATCH) ? ERR_UPSTREAM_KEY_REJECTED
                                                                   : diagnosis_error(report, &err));
        finding->problem_message = report->verdict == VERDICT(API_NOT_ENABLED_SUSPECTED)
                                       ? "The account may lack API access."
                                       : "IT Glue refuses the key.";
        return ERR_OK;
    default:
        *ret_any = false;
        return ERR_OK;
    }
}

static enum err_code record(const struct request *request, const struct connection *connection,
                            const struct probe_report *report, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct connection_finding finding;
    struct connection_move move = {0};
    bool any = false;
    try_(request_begin_outcome(request, request->deadline, request->cancelled, &tx, reterr));
    if (connection != NULL)
        try_(finding_of(request, connection, report, &finding, &any, reterr));
    if (any)
        try_(
            connection_record_finding(tx, connection->id, &finding, request->arena, &move, reterr));
    try_(audit_test(tx, request, connection, report->verdict, report->region, report->failure.code,
                    report->http_status, reterr));
    try_(audit_connection_move(tx, request, NULL, &move, reterr));
    return tx_commit(&tx, reterr);
}

static enum err_code answer_malformed(const struct request *request, const char *pasted,
                                      enum source_region region,
                                      Docbridge__V1__TestConnectionResponse *out,
                                      struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    try_(diagnosis_fill_malformed(request->arena, pasted, region, out, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(audit_test(tx, request, NULL, out->diagnosis, region, ERR_API_KEY_MALFORMED, 0, reterr));
    return tx_commit(&tx, reterr);
}

static enum err_code test_candidate(const struct request *request,
                                    const Docbridge__V1__TestConnectionRequest *in,
                                    Docbridge__V1__TestConnectionResponse *out, struct err *reterr)
{
    const Docbridge__V1__ConnectionCandidate *candidate = in->candidate;
    struct secret *key _cleanup_(secret_freep) = NULL;
    struct probe_report report;
    enum source_region region;
    try_(connection_candidate_region(candidate, &region, reterr));
    enum err_code code =
        source_key_clean(candidate->api_key, strlen(candidate->api_key), &key, reterr);
    if (code == ERR_API_KEY_MALFORMED)
        return answer_malformed(request, candidate->api_key, region, out, reterr);
    try_(code);
    try_(request_check(request, reterr));
    const struct probe_target target = {
        .region = region, .key = key, .probe_other_regions = in->probe_other_regions};
    try_(probe_run(request, &target, &report, reterr));
    try_(record(request, NULL, &report, reterr));
    return diagnosis_fill(request->arena, &report, key, out, reterr);
}

// What use has shown of the stored key: whether it may read values, and images.
static enum err_code read_learned(const struct request *request,
                                  const struct connection *connection, struct probe_target *target,
                                  struct err *reterr)
{
    Docbridge__V1__Capability **known;
    size_t count;
    try_(capability_read(request->arena, connection->capabilities, &known, &count, reterr));
    for (size_t i = 0; i < count; i++) {
        Docbridge__V1__Capability__Grant grant = known[i]->grant;
        if (known[i]->kind == DOCBRIDGE__V1__CAPABILITY__KIND__KIND_PASSWORD_VALUES)
            target->values_granted = grant == DOCBRIDGE__V1__CAPABILITY__GRANT__GRANT_GRANTED;
        if (known[i]->kind == DOCBRIDGE__V1__CAPABILITY__KIND__KIND_DOCUMENT_IMAGES)
            target->images_grant = grant;
    }
    return ERR_OK;
}

static enum err_code test_stored(const struct request *request,
                                 const Docbridge__V1__TestConnectionRequest *in,
                                 Docbridge__V1__TestConnectionResponse *out, struct err *reterr)
{
    struct secret *key _cleanup_(secret_freep) = NULL;
    struct connection *connection;
    struct probe_report report;
    struct name name;
    try_(name_parse(in->name, "connections/{connection}", "name", request->arena, &name, reterr));
    try_(credential_open(request, name.connection, in->name, CONNECTION_FOR_TEST, &connection, &key,
                         reterr));
    struct probe_target target = {
        .region = (enum source_region)connection->region,
        .key = key,
        .worked_before = connection->key_last_success_time_us != 0,
        .probe_other_regions = in->probe_other_regions,
    };
    try_(read_learned(request, connection, &target, reterr));
    try_(probe_run(request, &target, &report, reterr));
    sync_note_requests(request->backend->sync, request->caller->tenant, connection->id,
                       connection->credential_version, report.request_count);
    try_(record(request, connection, &report, reterr));
    try_(diagnosis_fill(request->arena, &report, key, out, reterr));
    return diagnosis_warn_of_age(request->arena, connection->key_last_success_time_us, out, reterr);
}

static enum err_code test_connection(struct request *request,
                                     const Docbridge__V1__TestConnectionRequest *in,
                                     Docbridge__V1__TestConnectionResponse *out, struct err *reterr)
{
    switch (in->target_case) {
    case DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__TARGET_NAME:
        return test_stored(request, in, out, reterr);
    case DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__TARGET_CANDIDATE:
        return test_candidate(request, in, out, reterr);
    default:
        return err_invalid(reterr, "target", "must be a name or a candidate");
    }
}
