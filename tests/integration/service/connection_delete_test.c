// DeleteConnection: what it asks for, and what it hides at once.
#include "tests/integration/service/deletion.h"

#include "docbridge/v1/company.pb-c.h"
#include "docbridge/v1/config.pb-c.h"
#include "docbridge/v1/documentation.pb-c.h"
#include "docbridge/v1/mapping.pb-c.h"
#include "docbridge/v1/password.pb-c.h"
#include "docbridge/v1/sync.pb-c.h"
#include "server/audit/audit.h"

typedef Docbridge__V1__Connection Connection;
typedef Docbridge__V1__DeletionReceipt Receipt;

static char name[] = "connections/c1";

static void asks_for_confirmation(void **state)
{
    struct fixture *fixture = *state;
    Connection out;
    Docbridge__V1__DeleteConnectionRequest only = DOCBRIDGE__V1__DELETE_CONNECTION_REQUEST__INIT;
    deletion_seed(fixture);
    assert_int_equal(deletion_run(fixture, false, "", &out), ERR_CONNECTION_NOT_EMPTY);
    assert_string_equal(fixture_meta(fixture, "mapping_count"), "1");
    assert_string_equal(fixture_meta(fixture, "record_count"), "2375");
    assert_string_equal(fixture_meta(fixture, "organization_count"), "10");
    assert_int_equal(deletion_run(fixture, true, "stale", &out), ERR_ETAG_MISMATCH);
    only.name = name;
    only.validate_only = true;
    assert_int_equal(fixture_call(fixture, &connection_service, "DeleteConnection", &only, &out),
                     ERR_CONNECTION_NOT_EMPTY);
    only.force = true;
    assert_int_equal(fixture_call(fixture, &connection_service, "DeleteConnection", &only, &out),
                     ERR_OK);
    assert_int_equal(out.state, DOCBRIDGE__V1__CONNECTION__STATE__STATE_ACTIVE);
    assert_int_equal(fixture_number(fixture, "SELECT (SELECT count(*) FROM removal)"
                                             " + (SELECT count(*) FROM deletion_receipt)"
                                             " + (SELECT count(*) FROM audit_event)"),
                     0);
    // The etag is as good as force.
    assert_int_equal(deletion_get_connection(fixture, &out), ERR_OK);
    assert_int_equal(deletion_run(fixture, false, out.etag, &out), ERR_OK);
    assert_int_equal(out.state, DOCBRIDGE__V1__CONNECTION__STATE__STATE_DELETING);
    // Said again, it is as it was said.
    assert_int_equal(deletion_run(fixture, false, "", &out), ERR_OK);
    assert_int_equal(out.state, DOCBRIDGE__V1__CONNECTION__STATE__STATE_DELETING);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event"), 1);
}

static void what_is_empty_goes_without_asking(void **state)
{
    struct fixture *fixture = *state;
    Connection out;
    fixture_seed_connection(fixture);
    assert_int_equal(deletion_run(fixture, false, "", &out), ERR_OK);
    assert_null(out.credential);
}

static void refuses_input(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__DeleteConnectionRequest in = DOCBRIDGE__V1__DELETE_CONNECTION_REQUEST__INIT;
    Docbridge__V1__GetDeletionReceiptRequest get =
        DOCBRIDGE__V1__GET_DELETION_RECEIPT_REQUEST__INIT;
    Connection out;
    Receipt receipt;
    char bad[] = "connection/c1", no_receipt[] = "connections/c1";
    in.name = bad;
    assert_int_equal(fixture_call(fixture, &connection_service, "DeleteConnection", &in, &out),
                     ERR_FIELD_INVALID);
    get.name = no_receipt;
    assert_int_equal(
        fixture_call(fixture, &connection_service, "GetDeletionReceipt", &get, &receipt),
        ERR_FIELD_INVALID);
}

static void what_is_hidden_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__DeleteConnectionRequest in = DOCBRIDGE__V1__DELETE_CONNECTION_REQUEST__INIT;
    Connection out;
    Receipt receipt;
    struct principal other = fixture->caller;
    other.tenant = "t2";
    in.name = name;
    in.force = true;
    assert_int_equal(deletion_run(fixture, true, "", &out), ERR_RESOURCE_NOT_FOUND);
    struct err absent = fixture->err;
    deletion_seed(fixture);
    assert_int_equal(
        fixture_call_as(fixture, &other, &connection_service, "DeleteConnection", &in, &out),
        ERR_RESOURCE_NOT_FOUND);
    assert_memory_equal(&absent, &fixture->err, sizeof(absent));
    assert_int_equal(deletion_get_receipt(fixture, &receipt), ERR_RESOURCE_NOT_FOUND);
}

struct reading {
    const struct service *service;
    const char *method;
    const void *in;
};

// As much room as any response takes.
static void read_all(struct fixture *fixture, const struct reading *readings, size_t count,
                     struct err *ret_errs)
{
    static _Alignas(16) char out[4096];
    for (size_t i = 0; i < count; i++) {
        (void)fixture_call(fixture, readings[i].service, readings[i].method, readings[i].in, out);
        ret_errs[i] = fixture->err;
    }
}

// What can be asked about something of the connection, and what a company shows of it.
static void hides_everything_at_once(void **state)
{
    struct fixture *fixture = *state;
#define IN(Type, variable, member, text)                                          \
    char variable##_name[] = text;                                                \
    Docbridge__V1__##Type variable;                                               \
    protobuf_c_message_init(&docbridge__v1__##variable##__descriptor, &variable); \
    variable.member = variable##_name
    IN(ListOrganizationsRequest, list_organizations_request, parent, "connections/c1");
    IN(GetOrganizationRequest, get_organization_request, name, "connections/c1/organizations/41");
    IN(ClearMappingRequest, clear_mapping_request, name, "connections/c1/organizations/41");
    IN(QuickMatchRequest, quick_match_request, parent, "connections/c1");
    IN(RefreshOrganizationsRequest, refresh_organizations_request, parent, "connections/c1");
    IN(GetDocumentationConfigRequest, get_documentation_config_request, name,
       "connections/c1/documentationConfig");
    IN(GetPasswordConfigRequest, get_password_config_request, name,
       "connections/c1/passwordConfig");
    IN(ListFlexibleAssetTypesRequest, list_flexible_asset_types_request, parent, "connections/c1");
    IN(ListPasswordCategoriesRequest, list_password_categories_request, parent, "connections/c1");
    IN(ListSyncRunsRequest, list_sync_runs_request, parent, "connections/c1");
    IN(GetSyncRunRequest, get_sync_run_request, name, "connections/c1/syncRuns/r1");
    IN(CancelSyncRunRequest, cancel_sync_run_request, name, "connections/c1/syncRuns/r1");
    IN(RunSyncRequest, run_sync_request, parent, "connections/c1");
    IN(ListSyncIssuesRequest, list_sync_issues_request, parent, "connections/c1");
    IN(GetSetupProgressRequest, get_setup_progress_request, name, "connections/c1/setupProgress");
#undef IN
    const struct reading readings[] = {
        {&mapping_service, "ListOrganizations", &list_organizations_request},
        {&mapping_service, "GetOrganization", &get_organization_request},
        {&mapping_service, "ClearMapping", &clear_mapping_request},
        {&mapping_service, "QuickMatch", &quick_match_request},
        {&mapping_service, "RefreshOrganizations", &refresh_organizations_request},
        {&config_service, "GetDocumentationConfig", &get_documentation_config_request},
        {&config_service, "GetPasswordConfig", &get_password_config_request},
        {&config_service, "ListFlexibleAssetTypes", &list_flexible_asset_types_request},
        {&config_service, "ListPasswordCategories", &list_password_categories_request},
        {&sync_service, "ListSyncRuns", &list_sync_runs_request},
        {&sync_service, "GetSyncRun", &get_sync_run_request},
        {&sync_service, "CancelSyncRun", &cancel_sync_run_request},
        {&sync_service, "RunSync", &run_sync_request},
        {&sync_service, "ListSyncIssues", &list_sync_issues_request},
        {&connection_service, "GetSetupProgress", &get_setup_progress_request},
    };
    struct err absent[ARRAY_LEN(readings)], hidden[ARRAY_LEN(readings)];
    Connection out;
    fixture->caller.permissions |=
        1u << PERMISSION_READ_DOCUMENTATION | 1u << PERMISSION_READ_DOCUMENTATION_PASSWORDS;
    read_all(fixture, readings, ARRAY_LEN(readings), absent);
    deletion_seed(fixture);
    assert_int_equal(deletion_run(fixture, true, "", &out), ERR_OK);
    read_all(fixture, readings, ARRAY_LEN(readings), hidden);
    for (size_t i = 0; i < ARRAY_LEN(readings); i++) {
        if (hidden[i].code != ERR_RESOURCE_NOT_FOUND)
            fail_msg("%s answers %s", readings[i].method, err_reason(hidden[i].code));
        assert_memory_equal(&absent[i], &hidden[i], sizeof(struct err));
    }
    assert_int_equal(deletion_get_connection(fixture, &out), ERR_OK);
    assert_int_equal(out.state, DOCBRIDGE__V1__CONNECTION__STATE__STATE_DELETING);
    assert_false(out.syncing);
}

static void companies_lose_what_they_had_of_it(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__GetCompanyRequest get = DOCBRIDGE__V1__GET_COMPANY_REQUEST__INIT;
    Docbridge__V1__GetCompanyPasswordAccessRequest access =
        DOCBRIDGE__V1__GET_COMPANY_PASSWORD_ACCESS_REQUEST__INIT;
    Docbridge__V1__ListDocumentsRequest documents = DOCBRIDGE__V1__LIST_DOCUMENTS_REQUEST__INIT;
    Docbridge__V1__ListPasswordsRequest passwords = DOCBRIDGE__V1__LIST_PASSWORDS_REQUEST__INIT;
    Docbridge__V1__Company company;
    Docbridge__V1__CompanyPasswordAccess given;
    Docbridge__V1__ListDocumentsResponse listed;
    Docbridge__V1__ListPasswordsResponse entries;
    Connection out;
    char acme[] = "companies/acme", acme_access[] = "companies/acme/passwordAccess";
    get.name = documents.parent = passwords.parent = acme;
    access.name = acme_access;
    deletion_seed(fixture);
    fixture->caller.permissions |=
        1u << PERMISSION_READ_DOCUMENTATION | 1u << PERMISSION_READ_DOCUMENTATION_PASSWORDS;
    assert_int_equal(fixture_call(fixture, &company_service, "GetCompany", &get, &company), ERR_OK);
    assert_int_equal(company.n_organizations, 1);
    assert_int_equal(
        fixture_call(fixture, &documentation_service, "ListDocuments", &documents, &listed),
        ERR_OK);
    assert_true(listed.n_documents > 0);
    assert_int_equal(deletion_run(fixture, true, "", &out), ERR_OK);
    assert_int_equal(fixture_call(fixture, &company_service, "GetCompany", &get, &company), ERR_OK);
    assert_int_equal(company.n_organizations, 0);
    assert_int_equal(
        fixture_call(fixture, &config_service, "GetCompanyPasswordAccess", &access, &given),
        ERR_OK);
    assert_int_equal(given.n_password_categories, 0);
    assert_int_equal(
        fixture_call(fixture, &documentation_service, "ListDocuments", &documents, &listed),
        ERR_OK);
    assert_int_equal(listed.n_documents, 0);
    assert_int_equal(
        fixture_call(fixture, &password_service, "ListPasswords", &passwords, &entries), ERR_OK);
    assert_int_equal(entries.n_passwords, 0);
}

static void ends_what_is_live(void **state)
{
    struct fixture *fixture = *state;
    Connection out;
    deletion_seed(fixture);
    assert_int_equal(deletion_run(fixture, true, "", &out), ERR_OK);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM vault_record"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM sync_lease"), 0);
    assert_string_equal(
        fixture_sql(fixture, "SELECT r.state || ' ' || string_agg(t.state::text, ',' ORDER BY kind)"
                             " FROM sync_run r JOIN sync_task t ON t.run_id = r.id"
                             " WHERE r.id = 'r2' GROUP BY r.state"),
        "8 8,5");
    assert_non_null(strstr(fixture_changes(fixture, AUDIT_CONNECTION_DELETE), "DELETING"));
    // The slot is free, for any provider; the id is not.
    (void)fixture_sql(fixture, "INSERT INTO connection (tenant, id, display_name, provider, region,"
                               " state, create_time, update_time)"
                               " VALUES ('t1', 'h', 'Hudu', 2, 0, 1, now(), now())");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_fresh, fixture_drop)
        TEST(asks_for_confirmation),
        TEST(what_is_empty_goes_without_asking),
        TEST(refuses_input),
        TEST(what_is_hidden_is_not_there),
        TEST(hides_everything_at_once),
        TEST(companies_lose_what_they_had_of_it),
        TEST(ends_what_is_live),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
