#include "client/blast_radius.h"
#include "client/group.h"
#include "client/output.h"
#include "client/session.h"
#include "client/watch.h"
#include "docbridge/v1/mapping.pb-c.h"

enum { FINDING_KINDS_MAX = 8 };

int organization_refresh_run(struct session *session)
{
    Docbridge__V1__RefreshOrganizationsRequest request =
        DOCBRIDGE__V1__REFRESH_ORGANIZATIONS_REQUEST__INIT;
    const char *parent;
    int class = session_connection(session, &parent);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "parent", parent);
    const ProtobufCMessage *run;
    class = session_call_own(session, &request.base, &run);
    if (class != EXIT_OK)
        return class;
    if (parse_has(session->arguments, "watch"))
        return watch_run(session, field_get_text(run, "name"));
    return output_message(session, run);
}

// Sets `name` and `etag` of a request about the organization of the first argument.
static int fill_organization(struct session *session, ProtobufCMessage *request)
{
    const char *name;
    int class = session_argument(session, 0,
                                 "connections/{connection}/organizations/{organization}", &name);
    if (class != EXIT_OK)
        return class;
    field_set_text(request, "name", name);
    const char *etag = parse_text(session->arguments, "etag");
    if (etag != NULL)
        field_set_text(request, "etag", etag);
    return EXIT_OK;
}

int map_set_run(struct session *session)
{
    Docbridge__V1__SetMappingRequest request = DOCBRIDGE__V1__SET_MAPPING_REQUEST__INIT;
    int class = fill_organization(session, &request.base);
    const char *company;
    if (class == EXIT_OK)
        class = session_argument(session, 1, "companies/{company}", &company);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "company", company);
    request.validate_only = parse_has(session->arguments, "dry-run");
    const ProtobufCMessage *answer;
    class = session_call_own(session, &request.base, &answer);
    if (class != EXIT_OK)
        return class;
    const Docbridge__V1__SetMappingResponse *response = (const void *)answer;
    blast_radius_note(session, answer);
    if (response->sync_run[0] != '\0')
        session_note(session, "its content is fetched by %s", response->sync_run);
    return output_message(session, answer);
}

// A request that names the organization of the first argument, and nothing else.
static int run_organization(struct session *session, ProtobufCMessage *request)
{
    int class = fill_organization(session, request);
    if (class != EXIT_OK)
        return class;
    const ProtobufCMessage *answer;
    class = session_call_own(session, request, &answer);
    return class == EXIT_OK ? output_message(session, answer) : class;
}

int map_clear_run(struct session *session)
{
    Docbridge__V1__ClearMappingRequest request = DOCBRIDGE__V1__CLEAR_MAPPING_REQUEST__INIT;
    int class = fill_organization(session, &request.base);
    if (class != EXIT_OK)
        return class;
    request.validate_only = parse_has(session->arguments, "dry-run");
    const ProtobufCMessage *answer;
    class = session_call_own(session, &request.base, &answer);
    if (class != EXIT_OK)
        return class;
    blast_radius_note(session, answer);
    return output_message(session, answer);
}

// The company of an organization, for the other one.
static int read_company(struct session *session, char *organization, char **ret_company)
{
    Docbridge__V1__GetOrganizationRequest request = DOCBRIDGE__V1__GET_ORGANIZATION_REQUEST__INIT;
    const ProtobufCMessage *answer;
    request.name = organization;
    int class = session_call(session,
                             &(struct session_call){.service = session->command->service,
                                                    .method = "GetOrganization",
                                                    .request = &request.base},
                             &answer);
    if (class != EXIT_OK)
        return class;
    const Docbridge__V1__Organization *found = (const void *)answer;
    if (found->mapping == NULL)
        return session_usage(session, "only what is mapped can be swapped: see `map set`");
    *ret_company = found->mapping->company;
    return EXIT_OK;
}

int map_swap_run(struct session *session)
{
    Docbridge__V1__BatchUpdateMappingsRequest request =
        DOCBRIDGE__V1__BATCH_UPDATE_MAPPINGS_REQUEST__INIT;
    Docbridge__V1__MappingChange items[2] = {DOCBRIDGE__V1__MAPPING_CHANGE__INIT,
                                             DOCBRIDGE__V1__MAPPING_CHANGE__INIT};
    Docbridge__V1__MappingChange *changes[] = {&items[0], &items[1]};
    const char *parent;
    int class = session_connection(session, &parent);
    for (size_t i = 0; class == EXIT_OK && i < 2; i++) {
        const char *name;
        class = session_argument(session, i,
                                 "connections/{connection}/organizations/{organization}", &name);
        if (class == EXIT_OK)
            field_set_text(&items[i].base, "organization", name);
    }
    for (size_t i = 0; class == EXIT_OK && i < 2; i++)
        class = read_company(session, items[i].organization, &items[1 - i].company);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "parent", parent);
    request.changes = changes;
    request.n_changes = 2;
    request.validate_only = parse_has(session->arguments, "dry-run");
    const char *etag = parse_text(session->arguments, "etag");
    if (etag != NULL)
        field_set_text(&request.base, "etag", etag);
    const ProtobufCMessage *answer;
    class = session_call_own(session, &request.base, &answer);
    if (class != EXIT_OK)
        return class;
    blast_radius_note(session, answer);
    return output_items(session, answer, "organizations", session->command->columns);
}

int map_ignore_run(struct session *session)
{
    Docbridge__V1__IgnoreOrganizationRequest request =
        DOCBRIDGE__V1__IGNORE_ORGANIZATION_REQUEST__INIT;
    return run_organization(session, &request.base);
}

int map_unignore_run(struct session *session)
{
    Docbridge__V1__UnignoreOrganizationRequest request =
        DOCBRIDGE__V1__UNIGNORE_ORGANIZATION_REQUEST__INIT;
    return run_organization(session, &request.base);
}

int map_acknowledge_run(struct session *session)
{
    Docbridge__V1__AcknowledgeFindingsRequest request =
        DOCBRIDGE__V1__ACKNOWLEDGE_FINDINGS_REQUEST__INIT;
    const ProtobufCEnumDescriptor *kinds = &docbridge__v1__organization__finding__kind__descriptor;
    Docbridge__V1__Organization__Finding__Kind all[FINDING_KINDS_MAX];
    request.kinds = all;
    for (unsigned i = 0; i < kinds->n_values && request.n_kinds < FINDING_KINDS_MAX; i++)
        if (kinds->values[i].value != 0)
            all[request.n_kinds++] =
                (Docbridge__V1__Organization__Finding__Kind)kinds->values[i].value;
    return run_organization(session, &request.base);
}

int map_quick_match_run(struct session *session)
{
    Docbridge__V1__QuickMatchRequest request = DOCBRIDGE__V1__QUICK_MATCH_REQUEST__INIT;
    int class = output_check_columns(session, session->command->columns,
                                     &docbridge__v1__quick_match_response__result__descriptor);
    const char *parent;
    if (class == EXIT_OK)
        class = session_connection(session, &parent);
    if (class != EXIT_OK)
        return class;
    field_set_text(&request.base, "parent", parent);
    request.validate_only = parse_has(session->arguments, "dry-run");
    const ProtobufCMessage *answer;
    class = session_call_own(session, &request.base, &answer);
    if (class != EXIT_OK)
        return class;
    const Docbridge__V1__QuickMatchResponse *response = (const void *)answer;
    class = output_items(session, answer, "results", session->command->columns);
    session_note(session, "%d of %zu %s%s%s", response->matched_count, response->n_results,
                 request.validate_only ? "would be mapped" : "mapped",
                 response->sync_run[0] == '\0' ? "" : "; content is fetched by ",
                 response->sync_run);
    return class;
}
