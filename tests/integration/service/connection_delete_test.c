// DeleteConnection: what it asks for, what it hides at once, and that every row goes in the end.
#include "tests/integration/service/fixture.h"

#include <stdio.h>
#include <time.h>

#include "docbridge/v1/company.pb-c.h"
#include "docbridge/v1/config.pb-c.h"
#include "docbridge/v1/connection.pb-c.h"
#include "docbridge/v1/documentation.pb-c.h"
#include "docbridge/v1/mapping.pb-c.h"
#include "docbridge/v1/password.pb-c.h"
#include "docbridge/v1/sync.pb-c.h"
#include "server/audit/audit.h"

typedef Docbridge__V1__Connection Connection;
typedef Docbridge__V1__DeletionReceipt Receipt;

// More than two batches of documents.
enum { DOCUMENTS = 2345, LEASE_MS = 2000, WAIT_MS = 60000 };

static char name[] = "connections/c1";

static void seed(struct fixture *fixture)
{
    fixture_seed_connection(fixture);
    char documents[400];
    (void)snprintf(
        documents, sizeof(documents),
        "INSERT INTO record (tenant, connection_id, kind, id, organization_id,"
        " display_name, publish_time, body, content_hash)"
        " SELECT 't1', 'c1', 4, n, 41, 'Doc', now(), '{}', '' FROM generate_series(1, %d) n",
        (int)DOCUMENTS);
    (void)fixture_sql(fixture, documents);
    (void)fixture_sql(
        fixture,
        "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body,"
        "  content_hash, discover_time, update_time)"
        " SELECT 't1', 'c1', n, 'Org ' || n, 'org ' || n, '{}', '', now(), now()"
        " FROM generate_series(41, 50) n;"
        "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time)"
        " VALUES ('t1', 'acme', 'Acme', 'acme', now(), now());"
        "INSERT INTO mapping (tenant, connection_id, organization_id, company_id, source,"
        "  actor_subject, actor_display_name, actor_kind, create_time)"
        " VALUES ('t1', 'c1', 41, 'acme', 1, 'ada', 'Ada', 1, now());"
        "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, body,"
        "  content_hash) SELECT 't1', 'c1', k, n, 41, 'R', '{}', ''"
        "  FROM unnest(ARRAY[3, 5, 6, 7, 8, 9]) k, generate_series(1, 5) n;"
        "INSERT INTO search_entry SELECT tenant, connection_id, kind, id, 41, NULL, '', '', ''"
        "  FROM record WHERE kind IN (4, 5, 6, 7);"
        "INSERT INTO password_category VALUES ('t1', 'c1', 5, 'Routers', 1, now());"
        "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, body,"
        "  content_hash, discover_time) VALUES ('t1', 'c1', 6, 'Sites', '{}', '', now());"
        "INSERT INTO company_password_access VALUES ('t1', 'acme', 2, false, 1, now());"
        "INSERT INTO company_password_category VALUES ('t1', 'acme', 'c1', 5);"
        "UPDATE connection_config SET documents_enabled = true, password_sharing_enabled = true;"
        "INSERT INTO sync_run (tenant, connection_id, id, state, trigger, mode, actor_subject,"
        "  actor_display_name, actor_kind, create_time)"
        " VALUES ('t1', 'c1', 'r1', 5, 1, 1, 'a', 'a', 1, now()),"
        "        ('t1', 'c1', 'r2', 2, 1, 1, 'a', 'a', 1, now());"
        "INSERT INTO sync_task (tenant, connection_id, run_id, kind, state)"
        " VALUES ('t1', 'c1', 'r2', 2, 3), ('t1', 'c1', 'r2', 3, 5);"
        "INSERT INTO sync_lease VALUES ('t1', 'c1', 'r2', 'me', 1, now() + interval '1 hour');"
        "INSERT INTO sync_page SELECT 't1', 'c1', 'r1', 4, '41', n, '{1}'"
        "  FROM generate_series(1, 7) n;"
        "INSERT INTO sync_freshness VALUES ('t1', 'c1', 2, 41, now());"
        "INSERT INTO sync_issue (tenant, connection_id, id, kind, state, run_id, task_kind, "
        "subject,"
        "  message, create_time) VALUES ('t1', 'c1', 'i1', 1, 1, 'r1', 2, 's', 'm', now())");
}

static enum err_code run_delete(struct fixture *fixture, bool force, const char *etag,
                                Connection *out)
{
    Docbridge__V1__DeleteConnectionRequest in = DOCBRIDGE__V1__DELETE_CONNECTION_REQUEST__INIT;
    in.name = name;
    in.force = force;
    in.etag = (char *)(uintptr_t)etag;
    return fixture_call(fixture, &connection_service, "DeleteConnection", &in, out);
}

static enum err_code get_receipt(struct fixture *fixture, Receipt *out)
{
    Docbridge__V1__GetDeletionReceiptRequest in = DOCBRIDGE__V1__GET_DELETION_RECEIPT_REQUEST__INIT;
    char receipt[] = "deletionReceipts/c1";
    in.name = receipt;
    return fixture_call(fixture, &connection_service, "GetDeletionReceipt", &in, out);
}

static enum err_code get_connection(struct fixture *fixture, Connection *out)
{
    Docbridge__V1__GetConnectionRequest in = DOCBRIDGE__V1__GET_CONNECTION_REQUEST__INIT;
    in.name = name;
    return fixture_call(fixture, &connection_service, "GetConnection", &in, out);
}

// Every table that has rows of a connection, save for its receipt.
static int64_t rows_left(struct fixture *fixture)
{
    return fixture_number(
        fixture,
        "SELECT coalesce(sum((xpath('/row/c/text()', query_to_xml('SELECT count(*) AS c FROM '"
        "  || table_name || ' WHERE ' || column_name || ' = ''c1''', false, true, '')))[1]"
        "  ::text::bigint), 0) FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name NOT LIKE 'deletion%'"
        " AND (column_name = 'connection_id' OR (table_name = 'connection' AND column_name = 'id'))"
        // Partitions are counted with their whole.
        " AND table_name NOT LIKE 'record\\_%'");
}

// What the engine would be in another process; its remover is all that has work.
struct engine {
    struct store *scheduler_store;
    struct sync *sync;
};

static struct engine start_engine(struct fixture *fixture)
{
    struct engine engine = {0};
    const struct store_settings settings = {.dsn = fixture->database->dsn,
                                            .role = "docbridge_scheduler"};
    assert_int_equal(store_open(&settings, &engine.scheduler_store, &fixture->err), ERR_OK);
    const struct sync_settings sync = {.store = fixture->store,
                                       .scheduler_store = engine.scheduler_store,
                                       .vault = fixture->vault,
                                       .source = &fixture->source,
                                       .lease_ms = LEASE_MS,
                                       .scheduler_ms = 50};
    assert_int_equal(sync_new(&sync, &engine.sync, &fixture->err), ERR_OK);
    assert_int_equal(sync_start(engine.sync, &fixture->err), ERR_OK);
    return engine;
}

static void stop_engine(struct engine *engine)
{
    sync_stop(engine->sync);
    engine->sync = sync_free(engine->sync);
    engine->scheduler_store = store_close(engine->scheduler_store);
}

static void wait_for(struct fixture *fixture, const char *sql)
{
    struct deadline deadline = deadline_in(WAIT_MS);
    while (fixture_number(fixture, sql) != 0) {
        assert_true(deadline_left_ms(deadline) > 0);
        (void)nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    }
}

static int64_t count_of(const Receipt *receipt, int kind)
{
    for (size_t i = 0; i < receipt->n_counts; i++)
        if ((int)receipt->counts[i]->kind == kind)
            return receipt->counts[i]->count;
    return 0;
}

#define COUNT(name) DOCBRIDGE__V1__DELETION_RECEIPT__COUNT__KIND__KIND_##name

static void assert_whole_receipt(struct fixture *fixture)
{
    Receipt receipt;
    assert_int_equal(get_receipt(fixture, &receipt), ERR_OK);
    assert_non_null(receipt.end_time);
    assert_string_equal(receipt.connection, name);
    assert_string_equal(receipt.display_name, "IT Glue");
    assert_string_equal(receipt.actor->subject, "ada");
    assert_int_equal(receipt.cancelled_sync_run_count, 1);
    assert_int_equal(count_of(&receipt, COUNT(CREDENTIAL)), 1);
    assert_int_equal(count_of(&receipt, COUNT(MAPPING)), 1);
    assert_int_equal(count_of(&receipt, COUNT(SETTING)), 2);
    assert_int_equal(count_of(&receipt, COUNT(DOCUMENT)), DOCUMENTS);
    assert_int_equal(count_of(&receipt, COUNT(FLEXIBLE_ASSET)), 5);
    assert_int_equal(count_of(&receipt, COUNT(CHECKLIST)), 10);
    assert_int_equal(count_of(&receipt, COUNT(PASSWORD)), 5);
    assert_int_equal(count_of(&receipt, COUNT(FOLDER)), 10);
    assert_int_equal(count_of(&receipt, COUNT(TYPE)), 2);
    assert_int_equal(count_of(&receipt, COUNT(ORGANIZATION)), 10);
    assert_int_equal(count_of(&receipt, COUNT(SYNC_RUN)), 2);
    assert_int_equal(count_of(&receipt, COUNT(SYNC_ISSUE)), 1);
}

static void asks_for_confirmation(void **state)
{
    struct fixture *fixture = *state;
    Connection out;
    Docbridge__V1__DeleteConnectionRequest only = DOCBRIDGE__V1__DELETE_CONNECTION_REQUEST__INIT;
    seed(fixture);
    assert_int_equal(run_delete(fixture, false, "", &out), ERR_CONNECTION_NOT_EMPTY);
    assert_string_equal(fixture_meta(fixture, "mapping_count"), "1");
    assert_string_equal(fixture_meta(fixture, "record_count"), "2375");
    assert_string_equal(fixture_meta(fixture, "organization_count"), "10");
    assert_int_equal(run_delete(fixture, true, "stale", &out), ERR_ETAG_MISMATCH);
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
    assert_int_equal(get_connection(fixture, &out), ERR_OK);
    assert_int_equal(run_delete(fixture, false, out.etag, &out), ERR_OK);
    assert_int_equal(out.state, DOCBRIDGE__V1__CONNECTION__STATE__STATE_DELETING);
    // Said again, it is as it was said.
    assert_int_equal(run_delete(fixture, false, "", &out), ERR_OK);
    assert_int_equal(out.state, DOCBRIDGE__V1__CONNECTION__STATE__STATE_DELETING);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event"), 1);
}

static void what_is_empty_goes_without_asking(void **state)
{
    struct fixture *fixture = *state;
    Connection out;
    fixture_seed_connection(fixture);
    assert_int_equal(run_delete(fixture, false, "", &out), ERR_OK);
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
    assert_int_equal(run_delete(fixture, true, "", &out), ERR_RESOURCE_NOT_FOUND);
    struct err absent = fixture->err;
    seed(fixture);
    assert_int_equal(
        fixture_call_as(fixture, &other, &connection_service, "DeleteConnection", &in, &out),
        ERR_RESOURCE_NOT_FOUND);
    assert_memory_equal(&absent, &fixture->err, sizeof(absent));
    assert_int_equal(get_receipt(fixture, &receipt), ERR_RESOURCE_NOT_FOUND);
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
    seed(fixture);
    assert_int_equal(run_delete(fixture, true, "", &out), ERR_OK);
    read_all(fixture, readings, ARRAY_LEN(readings), hidden);
    for (size_t i = 0; i < ARRAY_LEN(readings); i++) {
        if (hidden[i].code != ERR_RESOURCE_NOT_FOUND)
            fail_msg("%s answers %s", readings[i].method, err_reason(hidden[i].code));
        assert_memory_equal(&absent[i], &hidden[i], sizeof(struct err));
    }
    assert_int_equal(get_connection(fixture, &out), ERR_OK);
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
    seed(fixture);
    fixture->caller.permissions |=
        1u << PERMISSION_READ_DOCUMENTATION | 1u << PERMISSION_READ_DOCUMENTATION_PASSWORDS;
    assert_int_equal(fixture_call(fixture, &company_service, "GetCompany", &get, &company), ERR_OK);
    assert_int_equal(company.n_organizations, 1);
    assert_int_equal(
        fixture_call(fixture, &documentation_service, "ListDocuments", &documents, &listed),
        ERR_OK);
    assert_true(listed.n_documents > 0);
    assert_int_equal(run_delete(fixture, true, "", &out), ERR_OK);
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
    seed(fixture);
    assert_int_equal(run_delete(fixture, true, "", &out), ERR_OK);
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

static enum err_code create(struct fixture *fixture, char *id, Connection *out)
{
    Docbridge__V1__CreateConnectionRequest in = DOCBRIDGE__V1__CREATE_CONNECTION_REQUEST__INIT;
    Connection connection = DOCBRIDGE__V1__CONNECTION__INIT;
    Docbridge__V1__ConnectionCandidate candidate = DOCBRIDGE__V1__CONNECTION_CANDIDATE__INIT;
    char title[] = "Anew", key[] = CANARY;
    in.connection = &connection;
    in.candidate = &candidate;
    in.connection_id = id;
    connection.display_name = title;
    candidate.provider = DOCBRIDGE__V1__PROVIDER__PROVIDER_IT_GLUE;
    candidate.region = DOCBRIDGE__V1__REGION__REGION_US;
    candidate.api_key = key;
    return fixture_call(fixture, &connection_service, "CreateConnection", &in, out);
}

static void nothing_is_left_but_the_trail(void **state)
{
    struct fixture *fixture = *state;
    Connection out;
    char c1[] = "c1", c2[] = "c2";
    seed(fixture);
    // Of somebody else, and stays.
    (void)fixture_sql(fixture, "INSERT INTO connection (tenant, id, display_name, provider, region,"
                               " state, create_time, update_time)"
                               " VALUES ('t2', 'c9', 'x', 1, 1, 1, now(), now());"
                               "INSERT INTO record (tenant, connection_id, kind, id,"
                               " organization_id, display_name, body, content_hash)"
                               " VALUES ('t2', 'c9', 4, 1, 41, 'Doc', '{}', '')");
    assert_int_equal(run_delete(fixture, true, "", &out), ERR_OK);
    assert_int_equal(create(fixture, c2, &out), ERR_OK);
    struct engine engine = start_engine(fixture);
    wait_for(fixture, "SELECT count(*) FROM connection WHERE id = 'c1'");
    stop_engine(&engine);
    assert_int_equal(rows_left(fixture), 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM company"), 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM record WHERE tenant = 't2'"), 1);
    assert_whole_receipt(fixture);
    assert_int_equal(get_connection(fixture, &out), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 17"),
                     2);
    const char *changes = fixture_changes(fixture, AUDIT_CONNECTION_DELETE);
    assert_non_null(strstr(changes, "\"documents\""));
    assert_non_null(strstr(changes, "2345"));
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM audit_event WHERE type = 17"
                                             " AND actor_kind = 4"),
                     1);
    (void)fixture_sql(fixture, "UPDATE connection SET state = 3");
    assert_int_equal(create(fixture, c1, &out), ERR_FIELD_INVALID);
    assert_string_equal(fixture->err.field, "connection_id");
}

// Engines that end in the midst give back what they have; one that went silent is taken over.
static void goes_on_where_another_stopped(void **state)
{
    struct fixture *fixture = *state;
    Connection out;
    seed(fixture);
    assert_int_equal(run_delete(fixture, true, "", &out), ERR_OK);
    (void)fixture_sql(fixture, "UPDATE removal SET owner = 'gone', fence = 7,"
                               " expire_time = now() + interval '300 milliseconds';"
                               "DELETE FROM record WHERE kind = 4 AND id <= 1000;"
                               "INSERT INTO deletion_count VALUES ('t1', 'c1', 4, 1000)");
    for (int i = 0; i < 5; i++) {
        struct engine engine = start_engine(fixture);
        stop_engine(&engine);
    }
    struct engine engine = start_engine(fixture);
    wait_for(fixture, "SELECT count(*) FROM connection WHERE id = 'c1'");
    stop_engine(&engine);
    assert_int_equal(rows_left(fixture), 0);
    assert_whole_receipt(fixture);
}

static void content_of_another_account_goes_before_the_next_sync(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__RunSyncRequest run = DOCBRIDGE__V1__RUN_SYNC_REQUEST__INIT;
    Docbridge__V1__SyncRun answer;
    seed(fixture);
    (void)fixture_sql(fixture, "DELETE FROM mapping; DELETE FROM company_password_category;"
                               "DELETE FROM organization; DELETE FROM sync_lease;"
                               "UPDATE sync_run SET state = 8;"
                               "INSERT INTO removal VALUES ('t1', 'c1', false, '', 1, now())");
    run.parent = name;
    assert_int_equal(fixture_call(fixture, &sync_service, "RunSync", &run, &answer),
                     ERR_CONNECTION_NOT_ACTIVE);
    struct engine engine = start_engine(fixture);
    wait_for(fixture, "SELECT count(*) FROM removal");
    stop_engine(&engine);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM record"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM search_entry"), 0);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM connection_config"), 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM vault_record"), 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM sync_run WHERE trigger = 3"), 1);
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM deletion_receipt"), 0);
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
        TEST(nothing_is_left_but_the_trail),
        TEST(goes_on_where_another_stopped),
        TEST(content_of_another_account_goes_before_the_next_sync),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
