#include "tests/integration/service/deletion.h"

#include <stdio.h>

typedef Docbridge__V1__Connection Connection;
typedef Docbridge__V1__DeletionReceipt Receipt;

static char name[] = "connections/c1";

void deletion_seed(struct fixture *fixture)
{
    fixture_seed_connection(fixture);
    char documents[400];
    (void)snprintf(
        documents, sizeof(documents),
        "INSERT INTO record (tenant, connection_id, kind, id, organization_id,"
        " display_name, publish_time, body, content_hash)"
        " SELECT 't1', 'c1', 4, n, 41, 'Doc', now(), '{}', '' FROM generate_series(1, %d) n",
        (int)DELETION_DOCUMENTS);
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

enum err_code deletion_run(struct fixture *fixture, bool force, const char *etag, Connection *out)
{
    Docbridge__V1__DeleteConnectionRequest in = DOCBRIDGE__V1__DELETE_CONNECTION_REQUEST__INIT;
    in.name = name;
    in.force = force;
    in.etag = (char *)(uintptr_t)etag;
    return fixture_call(fixture, &connection_service, "DeleteConnection", &in, out);
}

enum err_code deletion_get_receipt(struct fixture *fixture, Receipt *out)
{
    Docbridge__V1__GetDeletionReceiptRequest in = DOCBRIDGE__V1__GET_DELETION_RECEIPT_REQUEST__INIT;
    char receipt[] = "deletionReceipts/c1";
    in.name = receipt;
    return fixture_call(fixture, &connection_service, "GetDeletionReceipt", &in, out);
}

enum err_code deletion_get_connection(struct fixture *fixture, Connection *out)
{
    Docbridge__V1__GetConnectionRequest in = DOCBRIDGE__V1__GET_CONNECTION_REQUEST__INIT;
    in.name = name;
    return fixture_call(fixture, &connection_service, "GetConnection", &in, out);
}
