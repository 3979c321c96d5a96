// MappingService: single organizations and their mappings. The list is in organization_list.c,
// Quick Match in quick_match.c.
#include "server/service/mapping.h"

#include <inttypes.h>
#include <string.h>

#include "server/audit/audit.h"
#include "server/service/begin.h"
#include "server/service/field.h"
#include "server/service/name.h"
#include "server/service/organization_message.h"
#include "server/service/run_message.h"
#include "server/service/services.h"
#include "server/store/company.h"
#include "server/store/mapping.h"
#include "server/sync/sync.h"

HANDLER(get_organization, GetOrganizationRequest, Organization)
HANDLER(refresh_organizations, RefreshOrganizationsRequest, SyncRun)
HANDLER(set_mapping, SetMappingRequest, SetMappingResponse)
HANDLER(clear_mapping, ClearMappingRequest, Organization)
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
    try_(connection_get(tx, subject->ids.connection, request->arena, &subject->connection, reterr));
    if (subject->connection == NULL)
        return err_not_found(reterr, subject->name);
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
                                     subject->connection->psa_type, subject->organization, out,
                                     reterr);
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
    return fill(request, &subject, out, reterr);
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
    try_(connection_get(tx, name.connection, request->arena, &connection, reterr));
    if (connection == NULL)
        return err_not_found(reterr, in->parent);
    const struct sync_request asked = {.connection_id = name.connection,
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

static enum err_code audit_mapping(struct tx *tx, const struct request *request,
                                   const struct subject *subject, const char *company_id,
                                   const char *company_display_name, struct err *reterr)
{
    const struct organization *before = subject->organization;
    const char *old_company = NULL;
    const char *new_company = NULL;
    if (before->company_id[0] != '\0')
        old_company = arena_printf(request->arena, "companies/%s", before->company_id);
    if (company_id != NULL)
        new_company = arena_printf(request->arena, "companies/%s", company_id);
    if ((company_id != NULL && new_company == NULL) ||
        (before->company_id[0] != '\0' && old_company == NULL))
        return err_no_memory(reterr);
    const struct audit_change change = {"mapping.company", old_company, new_company};
    return audit_append(tx, request,
                        &(struct audit_event){
                            .type = AUDIT_MAPPING,
                            .phase = AUDIT_SINGLE,
                            .outcome = AUDIT_SUCCEEDED,
                            .resource = subject->name,
                            .resource_display_name = before->display_name,
                            .company_id = company_id != NULL ? company_id : before->company_id,
                            .company_display_name = company_id != NULL
                                                        ? company_display_name
                                                        : before->company_display_name,
                            .organization = subject->name,
                            .changes = &change,
                            .change_count = 1,
                        },
                        NULL, reterr);
}

static enum err_code already_mapped(enum err_code code, const char *connection_id,
                                    int64_t organization_id, const char *company_id,
                                    struct err *reterr)
{
    if (code == ERR_COMPANY_ALREADY_MAPPED)
        (void)err_set(reterr, code, "the company has another organization: clear that one first");
    else
        (void)err_set(reterr, code,
                      "the organization is another company: clear it first, or send its etag");
    err_meta(reterr, "organization", "connections/%s/organizations/%" PRId64, connection_id,
             organization_id);
    err_meta(reterr, "company", "companies/%s", company_id);
    return code;
}

// Whether the organization may be mapped to another company than it is.
static enum err_code check_free(const struct request *request, const struct subject *subject,
                                const char *etag, struct err *reterr)
{
    const struct organization *organization = subject->organization;
    try_(field_etag_check(etag, organization->revision, request->arena, reterr));
    if (organization->mapping_state == ORGANIZATION_ORPHANED) {
        (void)err_set(reterr, ERR_INVALID_STATE_TRANSITION, "the organization is gone upstream");
        err_meta(reterr, "state", "ORPHANED");
        err_meta(reterr, "verb", "SetMapping");
        return ERR_INVALID_STATE_TRANSITION;
    }
    if (organization->company_id[0] != '\0' && etag[0] == '\0')
        return already_mapped(ERR_ORGANIZATION_ALREADY_MAPPED, subject->ids.connection,
                              organization->id, organization->company_id, reterr);
    return ERR_OK;
}

static enum err_code map(struct tx *tx, const struct request *request, struct subject *subject,
                         const char *company_id, const char *company_display_name,
                         struct err *reterr)
{
    bool made;
    int64_t holder;
    const char *connection_id = subject->ids.connection;
    int64_t organization_id = subject->ids.organization;
    try_(mapping_set(tx, connection_id, organization_id, company_id, request->caller,
                     clock_wall_us(), &made, reterr));
    if (!made) {
        try_(mapping_holder(tx, connection_id, company_id, &holder, reterr));
        return already_mapped(ERR_COMPANY_ALREADY_MAPPED, connection_id, holder, company_id,
                              reterr);
    }
    try_(audit_mapping(tx, request, subject, company_id, company_display_name, reterr));
    return organization_get(tx, connection_id, organization_id, request->caller, false,
                            request->arena, &subject->organization, reterr);
}

static enum err_code set_mapping(struct request *request,
                                 const Docbridge__V1__SetMappingRequest *in,
                                 Docbridge__V1__SetMappingResponse *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    const char *company_name;
    struct subject subject;
    struct name company;
    try_(parse(request, in->name, &subject, reterr));
    try_(name_parse(in->company, "companies/{company}", "company", request->arena, &company,
                    reterr));
    try_(request_begin(request, &tx, reterr));
    try_(request_check_sight(tx, request, company.company, in->company, reterr));
    try_(load(tx, request, true, &subject, reterr));
    try_(company_lock(tx, company.company, request->arena, &company_name, reterr));
    if (company_name == NULL)
        return err_not_found(reterr, in->company);
    // Said again, it is as it was said: only the run is asked for again.
    if (strcmp(subject.organization->company_id, company.company) != 0) {
        try_(check_free(request, &subject, in->etag, reterr));
        try_(map(tx, request, &subject, company.company, company_name, reterr));
    } else {
        try_(field_etag_check(in->etag, subject.organization->revision, request->arena, reterr));
    }
    try_(mapping_request_run(tx, request, subject.connection, &subject.ids.organization, 1,
                             &out->sync_run, reterr));
    out->organization = arena_alloc(request->arena, sizeof(*out->organization));
    if (out->organization == NULL)
        return err_no_memory(reterr);
    docbridge__v1__organization__init(out->organization);
    try_(fill(request, &subject, out->organization, reterr));
    try_(tx_commit(&tx, reterr));
    sync_wake(request->backend->sync);
    return ERR_OK;
}

static enum err_code clear_mapping(struct request *request,
                                   const Docbridge__V1__ClearMappingRequest *in,
                                   Docbridge__V1__Organization *out, struct err *reterr)
{
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct subject subject;
    try_(parse(request, in->name, &subject, reterr));
    try_(request_begin(request, &tx, reterr));
    try_(load(tx, request, true, &subject, reterr));
    try_(field_etag_check(in->etag, subject.organization->revision, request->arena, reterr));
    if (subject.organization->company_id[0] == '\0')
        return fill(request, &subject, out, reterr);
    try_(mapping_clear(tx, subject.ids.connection, subject.ids.organization, reterr));
    try_(audit_mapping(tx, request, &subject, NULL, NULL, reterr));
    // What was orphaned is no longer there to be read: it is shown as it ends.
    struct organization cleared = *subject.organization;
    try_(organization_get(tx, subject.ids.connection, subject.ids.organization, request->caller,
                          false, request->arena, &subject.organization, reterr));
    if (subject.organization == NULL) {
        cleared.company_id = "";
        cleared.mapping_state = ORGANIZATION_UNMAPPED;
        cleared.revision++;
        subject.organization = &cleared;
    }
    try_(fill(request, &subject, out, reterr));
    return tx_commit(&tx, reterr);
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
