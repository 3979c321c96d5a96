#include "tests/integration/service/verbs.h"

#include "docbridge/v1/config.pb-c.h"
#include "docbridge/v1/mapping.pb-c.h"
#include "docbridge/v1/sync.pb-c.h"

typedef Docbridge__V1__Connection Connection;

static char c1[] = "connections/c1";

enum err_code verb_pause(struct fixture *fixture, Docbridge__V1__PauseScope scope, Connection *out)
{
    Docbridge__V1__PauseConnectionRequest in = DOCBRIDGE__V1__PAUSE_CONNECTION_REQUEST__INIT;
    char reason[] = "the key leaked";
    in.name = c1;
    in.scope = scope;
    in.reason = reason;
    return fixture_call(fixture, &connection_service, "PauseConnection", &in, out);
}

enum err_code verb_resume(struct fixture *fixture, Docbridge__V1__PauseScope scope, Connection *out)
{
    Docbridge__V1__ResumeConnectionRequest in = DOCBRIDGE__V1__RESUME_CONNECTION_REQUEST__INIT;
    in.name = c1;
    in.scope = scope;
    return fixture_call(fixture, &connection_service, "ResumeConnection", &in, out);
}

enum err_code verb_disconnect(struct fixture *fixture, char *etag, Connection *out)
{
    Docbridge__V1__DisconnectConnectionRequest in =
        DOCBRIDGE__V1__DISCONNECT_CONNECTION_REQUEST__INIT;
    in.name = c1;
    if (etag != NULL)
        in.etag = etag;
    return fixture_call(fixture, &connection_service, "DisconnectConnection", &in, out);
}

enum err_code verb_sync(struct fixture *fixture)
{
    Docbridge__V1__RunSyncRequest in = DOCBRIDGE__V1__RUN_SYNC_REQUEST__INIT;
    Docbridge__V1__SyncRun out;
    in.parent = c1;
    return fixture_call(fixture, &sync_service, "RunSync", &in, &out);
}

enum err_code verb_refresh_organizations(struct fixture *fixture)
{
    Docbridge__V1__RefreshOrganizationsRequest in =
        DOCBRIDGE__V1__REFRESH_ORGANIZATIONS_REQUEST__INIT;
    Docbridge__V1__SyncRun out;
    in.parent = c1;
    return fixture_call(fixture, &mapping_service, "RefreshOrganizations", &in, &out);
}

enum err_code verb_refresh_types(struct fixture *fixture)
{
    Docbridge__V1__RefreshDocumentationTypesRequest in =
        DOCBRIDGE__V1__REFRESH_DOCUMENTATION_TYPES_REQUEST__INIT;
    Docbridge__V1__RefreshDocumentationTypesResponse out;
    in.parent = c1;
    return fixture_call(fixture, &config_service, "RefreshDocumentationTypes", &in, &out);
}

enum err_code verb_test(struct fixture *fixture)
{
    Docbridge__V1__TestConnectionRequest in = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__INIT;
    Docbridge__V1__TestConnectionResponse out;
    in.target_case = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__TARGET_NAME;
    in.name = c1;
    return fixture_call(fixture, &connection_service, "TestConnection", &in, &out);
}
