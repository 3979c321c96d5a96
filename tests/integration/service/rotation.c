#include "tests/integration/service/rotation.h"

typedef Docbridge__V1__Connection Connection;

static char name[] = "connections/c1";
static char new_key[] = " " NEW_KEY "\n";

void rotation_init(struct rotate *rotate)
{
    docbridge__v1__rotate_credential_request__init(&rotate->in);
    docbridge__v1__connection_candidate__init(&rotate->candidate);
    rotate->in.name = name;
    rotate->in.candidate = &rotate->candidate;
    rotate->candidate.provider = DOCBRIDGE__V1__PROVIDER__PROVIDER_IT_GLUE;
    rotate->candidate.region = DOCBRIDGE__V1__REGION__REGION_US;
    rotate->candidate.api_key = new_key;
}

enum err_code rotation_run(struct fixture *fixture, struct rotate *rotate, Connection *out)
{
    enum err_code code =
        fixture_call(fixture, &connection_service, "RotateCredential", &rotate->in, out);
    assert_null(strstr(fixture->err.text, "an0therKey"));
    return code;
}

void rotation_seed(struct fixture *fixture)
{
    fixture_seed_connection(fixture);
    (void)fixture_sql(
        fixture,
        "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body,"
        "  content_hash, discover_time, update_time)"
        " SELECT 't1', 'c1', n, 'Org ' || n, 'org ' || n, '{}', '', now(), now()"
        " FROM generate_series(41, 42) n;"
        "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time)"
        " VALUES ('t1', 'acme', 'Acme', 'acme', now(), now());"
        "INSERT INTO mapping (tenant, connection_id, organization_id, company_id, source,"
        "  actor_subject, actor_display_name, actor_kind, create_time)"
        " VALUES ('t1', 'c1', 41, 'acme', 1, 'ada', 'Ada', 1, now());"
        "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, body,"
        "  content_hash) SELECT 't1', 'c1', 4, n, 41, 'Doc', '{}', '' FROM generate_series(1, 3) "
        "n");
}

void rotation_seed_account(void)
{
    source_fake_add(SOURCE_ORGANIZATIONS, 41, "Acme", NULL, "{\"primary\": false}");
    source_fake_add(SOURCE_ORGANIZATIONS, 42, "Us", NULL, "{\"primary\": true}");
}

void rotation_seed_stranger(void)
{
    source_fake_add(SOURCE_ORGANIZATIONS, 77, "Strangers", NULL, "{\"primary\": true}");
    source_fake_add(SOURCE_DOCUMENTS, 7, "VPN", "https://strangers.itglue.com/77/docs/7", "{}");
}

void rotation_assert_key(struct fixture *fixture, const char *wanted)
{
    Docbridge__V1__TestConnectionRequest in = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__INIT;
    Docbridge__V1__TestConnectionResponse out;
    in.target_case = DOCBRIDGE__V1__TEST_CONNECTION_REQUEST__TARGET_NAME;
    in.name = name;
    assert_int_equal(fixture_number(fixture, "SELECT count(*) FROM vault_record"), 1);
    assert_int_equal(fixture_number(fixture,
                                    "SELECT version - credential_version FROM vault_record v"
                                    " JOIN connection c ON c.id = v.connection_id"),
                     0);
    assert_int_equal(fixture_call(fixture, &connection_service, "TestConnection", &in, &out),
                     ERR_OK);
    assert_string_equal(source_fake.last_key, wanted);
}
