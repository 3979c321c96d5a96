#include "tests/integration/service/mappings.h"

#include <stdio.h>

static char parent[] = "connections/c1";

void mappings_seed(struct fixture *fixture)
{
    fixture_seed_connection(fixture);
    (void)fixture_sql(
        fixture,
        "UPDATE connection SET inventory_time = now();"
        "INSERT INTO company (tenant, id, display_name, name_key, create_time, update_time) VALUES"
        " ('t1', 'acme', 'Acme', 'acme', now(), now()), ('t1', 'beta', 'Beta', 'beta', now(),"
        " now()), ('t2', 'gamma', 'Gamma', 'gamma', now(), now());"
        "INSERT INTO organization (tenant, connection_id, id, display_name, name_key, body,"
        " content_hash, psa_ids, discover_time, update_time) SELECT 't1', 'c1', n, 'Org ' || n,"
        " 'org ' || n, '{}', '', ARRAY['7'], now(), now() FROM generate_series(41, 46) n;"
        "UPDATE organization SET ignored = true WHERE id = 45;"
        "UPDATE organization SET gone = true WHERE id = 46;");
}

enum err_code mappings_set(struct fixture *fixture, int organization, char *company, char *etag,
                           Docbridge__V1__SetMappingResponse *out)
{
    static char name[64];
    Docbridge__V1__SetMappingRequest in = DOCBRIDGE__V1__SET_MAPPING_REQUEST__INIT;
    (void)snprintf(name, sizeof(name), "connections/c1/organizations/%d", organization);
    in.name = name;
    in.company = company;
    if (etag != NULL)
        in.etag = etag;
    return fixture_call(fixture, &mapping_service, "SetMapping", &in, out);
}

char *mappings_preview(struct fixture *fixture, int organization, char *company,
                       Docbridge__V1__SetMappingResponse *out)
{
    static char name[64];
    Docbridge__V1__SetMappingRequest in = DOCBRIDGE__V1__SET_MAPPING_REQUEST__INIT;
    (void)snprintf(name, sizeof(name), "connections/c1/organizations/%d", organization);
    in.name = name;
    in.company = company;
    in.validate_only = true;
    assert_int_equal(fixture_call(fixture, &mapping_service, "SetMapping", &in, out), ERR_OK);
    assert_string_equal(out->sync_run, "");
    return out->blast_radius->etag;
}

void mappings_list(struct fixture *fixture, const char *filter,
                   Docbridge__V1__ListOrganizationsResponse *out)
{
    Docbridge__V1__ListOrganizationsRequest in = DOCBRIDGE__V1__LIST_ORGANIZATIONS_REQUEST__INIT;
    char text[96];
    (void)snprintf(text, sizeof(text), "%s", filter);
    in.parent = parent;
    in.filter = text;
    assert_int_equal(fixture_call(fixture, &mapping_service, "ListOrganizations", &in, out),
                     ERR_OK);
}
