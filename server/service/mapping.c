// MappingService: its table, and single organizations. The list is in organization_list.c, Quick
// Match in quick_match.c, suggestions in suggest_matches.c, findings in organization_finding.c; how
// mappings change in mapping_change.c.
#include "server/service/mapping.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/audit/audit.h"
#include "server/service/begin.h"
#include "server/service/field.h"
#include "server/service/mapping_change.h"
#include "server/service/name.h"
#include "server/service/organization_message.h"
#include "server/service/parent.h"
#include "server/service/run_message.h"
#include "server/service/services.h"
#include "server/store/mapping.h"
#include "server/sync/sync.h"

HANDLER(get_organization, GetOrganizationRequest, Organization)
HANDLER(refresh_organizations, RefreshOrganizationsRequest, SyncRun)
HANDLER(set_mapping, SetMappingRequest, SetMappingResponse)
HANDLER(clear_mapping, ClearMappingRequest, Organization)
HANDLER(batch_update_mappings, BatchUpdateMappingsRequest, BatchUpdateMappingsResponse)
HANDLER(ignore_organization, IgnoreOrganizationRequest, Organization)
HANDLER(unignore_organization, UnignoreOrganizationRequest, Organization)

static const struct method methods[] = {
    {.name = "ListOrganizations",
     .kind = METHOD_UNARY,
     .lane = LANE_STORE,
     .unary = mapping_list_organizations_handler},
    UNARY(GetOrganization, get_organization, LANE_STORE),
    UNARY(RefreshOrganizations, refresh_organizations, LANE_STORE),
    UNARY(SetMapping, set_mapping, LANE_STORE),
    UNARY(ClearMapping, clear_mapping, LANE_STORE),
    {.name = "QuickMatch",
     .kind = METHOD_UNARY,
     .lane = LANE_STORE,
     .unary = mapping_quick_match_handler},
    {.name = "SuggestMatches",
     .kind = METHOD_UNARY,
     .lane = LANE_STORE,
     .unary = mapping_suggest_matches_handler},
    UNARY(BatchUpdateMappings, batch_update_mappings, LANE_STORE),
    {.name = "AcknowledgeFindings",
     .kind = METHOD_UNARY,
     .lane = LANE_STORE,
     .unary = mapping_acknowledge_findings_handler},
    UNARY(IgnoreOrganization, ignore_organization, LANE_STORE),
    UNARY(UnignoreOrganization, unignore_organization, LANE_STORE),
};

const struct service mapping_service = {
    &docbridge__v1__mapping_service__descriptor,
    methods,
    ARRAY_LEN(methods),
};

// An organization of a request: its ids, its row, its connection.
struct subject {
    const char *name; // as the client wrote it
    struct name ids;
    struct connection *connection;
    struct organization *organization;
};

static enum err_code load(struct tx *tx, const struct request *request, bool lock,
                          struct subject *subject, struct err *reterr)
{
    try_(parent_connection(tx, request, subject->ids.connection, subject->name,
                           &subject->connection, reterr));
    if (lock)
        try_(mapping_lock(tx, subject->ids.connection, reterr));
    try_(organization_get(tx, subject->ids.connection, subject->ids.organization, request->caller,
                          lock, request->arena, &subject->organization, reterr));
    return subject->organization == NULL ? err_not_found(reterr, subject->name) : ERR_OK;
}

static enum err_code parse(const struct request *request, const char *name, struct subject *subject,
                           struct err *reterr)
{
    subject->name = name;
    return name_parse(name, "connections/{connection}/organizations/{organization}", "name",
                      request->arena, &subject->ids, reterr);
}

static enum err_code fill(const struct request *request, const struct subject *subject,
                          Docbridge__V1__Organization *out, struct err *reterr)
{
    return organization_message_fill(request->arena, subject->connection->id,
                                     connection_psa_type(subject->connection),
                                     subject->organization, out, reterr);
}

static enum err_code get_organization(struct request *request,
                                      const Docbridge__V1__GetOrganizationRequest *in,
                                      Docbridge__V1__Organization *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct subject subject;
    try_(parse(request, in->name, &subject, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(load(tx, request, false, &subject, reterr));
    try_(fill(request, &subject, out, reterr));
    return organization_findings_fill(tx, request, subject.ids.connection, subject.organization, 1,
                                      &out, reterr);
}

static enum err_code refresh_organizations(struct request *request,
                                           const Docbridge__V1__RefreshOrganizationsRequest *in,
                                           Docbridge__V1__SyncRun *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct connection *connection;
    struct sync_run_row run;
    struct name name;
    char run_id[SYNC_RUN_ID_BYTES];
    bool joined;
    try_(name_parse(in->parent, "connections/{connection}", "parent", request->arena, &name,
                    reterr));
    try_(request_begin(request, &tx, reterr));
    try_(parent_connection(tx, request, name.connection, in->parent, &connection, reterr));
    const struct sync_request asked = {.connection_id = name.connection,
                                       .mode = SYNC_MODE_FULL,
                                       .tasks = SYNC_TASK_ORGANIZATIONS,
                                       .trigger = SYNC_TRIGGER_MANUAL};
    try_(sync_request_run(tx, request, &asked, run_id, &joined, reterr));
    try_(sync_run_load(tx, name.connection, run_id, request->arena, &run, reterr));
    try_(run_message_fill(request, &run, out, reterr));
    try_(tx_commit(&tx, reterr));
    sync_wake(request->backend->sync);
    return ERR_OK;
}

enum err_code mapping_request_run(struct tx *tx, const struct request *request,
                                  const struct connection *connection,
                                  const int64_t *organization_ids, size_t count,
                                  char **ret_run_name, struct err *reterr)
{
    const struct sync_request asked = {.connection_id = connection->id,
                                       .organization_ids = organization_ids,
                                       .organization_count = count,
                                       .trigger = SYNC_TRIGGER_MAPPING};
    char run_id[SYNC_RUN_ID_BYTES];
    bool joined;
    struct err err;
    enum err_code code = sync_request_run(tx, request, &asked, run_id, &joined, &err);
    if (connection_refused_use(code)) {
        // The mapping stands; the first run afterwards brings what it is about.
        *ret_run_name = arena_strdup(request->arena, "");
    } else if (code != ERR_OK) {
        *reterr = err;
        return code;
    } else {
        *ret_run_name =
            arena_printf(request->arena, "connections/%s/syncRuns/%s", connection->id, run_id);
    }
    return *ret_run_name == NULL ? err_no_memory(reterr) : ERR_OK;
}

// Reads the names of a change; `place` is its field, such as "changes[3]." or "".
static enum err_code parse_step(const struct request *request, const char *place,
                                const char *organization_field, const char *organization,
                                const char *company, const char *etag, struct mapping_step *step,
                                const char **ret_connection_id, struct err *reterr)
{
    char field[64];
    struct name name;
    *step = (struct mapping_step){
        .organization = organization, .company = company, .company_id = "", .etag = etag};
    (void)snprintf(field, sizeof(field), "%s%s", place, organization_field);
    try_(name_parse(organization, "connections/{connection}/organizations/{organization}", field,
                    request->arena, &name, reterr));
    step->organization_id = name.organization;
    *ret_connection_id = name.connection;
    if (company[0] == '\0')
        return ERR_OK;
    (void)snprintf(field, sizeof(field), "%scompany", place);
    try_(name_parse(company, "companies/{company}", field, request->arena, &name, reterr));
    step->company_id = name.company;
    return ERR_OK;
}

static enum err_code set_mapping(struct request *request,
                                 const Docbridge__V1__SetMappingRequest *in,
                                 Docbridge__V1__SetMappingResponse *out, struct err *reterr)
{
    struct mapping_step step;
    struct mapping_outcome outcome;
    struct mapping_change change = {
        .steps = &step, .count = 1, .etag = in->etag, .validate_only = in->validate_only};
    if (in->company[0] == '\0')
        return err_invalid(reterr, "company", "must name a company");
    try_(parse_step(request, "", "name", in->name, in->company, in->etag, &step,
                    &change.connection_id, reterr));
    try_(mapping_change(request, &change, &outcome, reterr));
    out->organization = outcome.organizations[0];
    out->blast_radius = outcome.blast_radius;
    out->sync_run = outcome.sync_run;
    return ERR_OK;
}

static enum err_code clear_mapping(struct request *request,
                                   const Docbridge__V1__ClearMappingRequest *in,
                                   Docbridge__V1__Organization *out, struct err *reterr)
{
    static const char none[] = "";
    struct mapping_step step;
    struct mapping_outcome outcome;
    struct mapping_change change = {
        .steps = &step, .count = 1, .etag = in->etag, .validate_only = in->validate_only};
    try_(parse_step(request, "", "name", in->name, none, in->etag, &step, &change.connection_id,
                    reterr));
    try_(mapping_change(request, &change, &outcome, reterr));
    *out = *outcome.organizations[0];
    out->blast_radius = outcome.blast_radius;
    return ERR_OK;
}

static int compare_steps(const void *a, const void *b)
{
    int64_t left = (*(const struct mapping_step *const *)a)->organization_id;
    int64_t right = (*(const struct mapping_step *const *)b)->organization_id;
    return (left > right) - (left < right);
}

// One organization twice in a batch has no order that could decide which counts.
static enum err_code check_distinct(struct arena *arena, const struct mapping_step *steps,
                                    size_t count, struct err *reterr)
{
    const struct mapping_step **sorted = arena_calloc(arena, count, sizeof(*sorted));
    if (sorted == NULL)
        return err_no_memory(reterr);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &steps[i];
    qsort(sorted, count, sizeof(*sorted), compare_steps);
    for (size_t i = 1; i < count; i++)
        if (compare_steps(&sorted[i - 1], &sorted[i]) == 0)
            return err_invalid(reterr, "changes", "has %s twice", sorted[i]->organization);
    return ERR_OK;
}

static enum err_code parse_batch(const struct request *request,
                                 const Docbridge__V1__BatchUpdateMappingsRequest *in,
                                 const char *connection_id, struct mapping_step **ret_steps,
                                 struct err *reterr)
{
    struct mapping_step *steps = arena_calloc(request->arena, in->n_changes + 1, sizeof(*steps));
    if (steps == NULL)
        return err_no_memory(reterr);
    if (in->n_changes == 0)
        return err_invalid(reterr, "changes", "must not be empty");
    for (size_t i = 0; i < in->n_changes; i++) {
        const Docbridge__V1__MappingChange *change = in->changes[i];
        const char *of;
        char place[32], field[64];
        (void)snprintf(place, sizeof(place), "changes[%zu].", i);
        try_(parse_step(request, place, "organization", change->organization, change->company,
                        change->etag, &steps[i], &of, reterr));
        (void)snprintf(field, sizeof(field), "%sorganization", place);
        if (strcmp(of, connection_id) != 0)
            return err_invalid(reterr, field, "must be of %s", in->parent);
    }
    *ret_steps = steps;
    return check_distinct(request->arena, steps, in->n_changes, reterr);
}

static enum err_code batch_update_mappings(struct request *request,
                                           const Docbridge__V1__BatchUpdateMappingsRequest *in,
                                           Docbridge__V1__BatchUpdateMappingsResponse *out,
                                           struct err *reterr)
{
    struct mapping_step *steps = NULL;
    struct mapping_outcome outcome;
    struct name name;
    try_(name_parse(in->parent, "connections/{connection}", "parent", request->arena, &name,
                    reterr));
    try_(parse_batch(request, in, name.connection, &steps, reterr));
    const struct mapping_change change = {.connection_id = name.connection,
                                          .steps = steps,
                                          .count = in->n_changes,
                                          .etag = in->etag,
                                          .validate_only = in->validate_only};
    try_(mapping_change(request, &change, &outcome, reterr));
    out->organizations = outcome.organizations;
    out->n_organizations = in->n_changes;
    out->blast_radius = outcome.blast_radius;
    out->sync_run = outcome.sync_run;
    return ERR_OK;
}

static enum err_code audit_ignored(struct tx *tx, const struct request *request,
                                   const struct subject *subject, bool ignored, struct err *reterr)
{
    const struct audit_change change = {"ignored", ignored ? "false" : "true",
                                        ignored ? "true" : "false"};
    return audit_append(tx, request,
                        &(struct audit_event){
                            .type = AUDIT_MAPPING,
                            .phase = AUDIT_SINGLE,
                            .outcome = AUDIT_SUCCEEDED,
                            .resource = subject->name,
                            .resource_display_name = subject->organization->display_name,
                            .organization = subject->name,
                            .changes = &change,
                            .change_count = 1,
                        },
                        NULL, reterr);
}

// Sets an organization aside or takes that back. What is mapped is not set aside: that would hide a
// customer's data in passing.
static enum err_code set_ignored(struct request *request, const char *name, const char *etag,
                                 bool ignored, Docbridge__V1__Organization *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct subject subject;
    try_(parse(request, name, &subject, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(load(tx, request, true, &subject, reterr));
    struct organization *organization = subject.organization;
    try_(field_etag_check(etag, organization->revision, request->arena, reterr));
    if (ignored && organization->company_id[0] != '\0') {
        (void)err_set(reterr, ERR_INVALID_STATE_TRANSITION,
                      "the organization is mapped: clear its mapping first");
        err_meta(reterr, "state", "%s",
                 organization->mapping_state == ORGANIZATION_ORPHANED ? "ORPHANED" : "MAPPED");
        err_meta(reterr, "verb", "IgnoreOrganization");
        return ERR_INVALID_STATE_TRANSITION;
    }
    if (ignored == (organization->mapping_state == ORGANIZATION_IGNORED) ||
        organization->company_id[0] != '\0')
        return fill(request, &subject, out, reterr);
    try_(organization_set_ignored(tx, subject.ids.connection, organization->id, ignored, reterr));
    organization->mapping_state = ignored ? ORGANIZATION_IGNORED : ORGANIZATION_UNMAPPED;
    organization->revision++;
    try_(fill(request, &subject, out, reterr));
    try_(audit_ignored(tx, request, &subject, ignored, reterr));
    return tx_commit(&tx, reterr);
}

static enum err_code ignore_organization(struct request *request,
                                         const Docbridge__V1__IgnoreOrganizationRequest *in,
                                         Docbridge__V1__Organization *out, struct err *reterr)
{
    return set_ignored(request, in->name, in->etag, true, out, reterr);
}

static enum err_code unignore_organization(struct request *request,
                                           const Docbridge__V1__UnignoreOrganizationRequest *in,
                                           Docbridge__V1__Organization *out, struct err *reterr)
{
    return set_ignored(request, in->name, in->etag, false, out, reterr);
}
