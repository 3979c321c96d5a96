// Folders of another organization than the record's, as a move leaves them until both are synced:
// their names are another company's, and what is said to lie in them is hidden.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "docbridge/v1/mapping.pb-c.h"
#include "server/service/search.h"
#include "server/service/services.h"
#include "tests/integration/reading/listed.h"
#include "tests/integration/reading/reveals.h"

// "acme" has organization 41, "beta" 42.
static const char RECORDS[] =
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, body,"
    " content_hash) VALUES"
    "  ('t1','c1',3,30,41,'Own','{\"ancestor_ids\": []}',''),"
    "  ('t1','c1',3,31,42,'Of beta','{\"ancestor_ids\": []}',''),"
    "  ('t1','c1',3,32,41,'Below beta','{\"ancestor_ids\": [31]}',''),"
    "  ('t1','c1',8,81,42,'Of beta','{\"ancestor_ids\": []}',''),"
    "  ('t1','c1',8,82,41,'Below beta','{\"ancestor_ids\": [81]}','');"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, folder_id,"
    " publish_time, body, content_hash) VALUES"
    "  ('t1','c1',4,1,41,'Guide',30,now(),'{}',''),"
    "  ('t1','c1',4,2,41,'In beta',31,now(),'{}',''),"
    "  ('t1','c1',4,3,41,'Below beta',32,now(),'{}','');"
    "INSERT INTO search_entry SELECT tenant, connection_id, kind, id, organization_id, update_time,"
    "  'zebra', fold(display_name), search_words(display_name, 'zebra') FROM record"
    " WHERE kind = 4;"
    "UPDATE record SET folder_id = id - 8920 WHERE kind = 9 AND id IN (9001, 9002)";
enum { IN_BETA = 9001, BELOW_BETA = 9002 };

static int fresh(void **state)
{
    (void)reveals_fresh(state);
    (void)fixture_sql(*state, RECORDS);
    return 0;
}

static Docbridge__V1__ListDocumentsResponse list(struct fixture *fixture)
{
    Docbridge__V1__ListDocumentsRequest in = DOCBRIDGE__V1__LIST_DOCUMENTS_REQUEST__INIT;
    Docbridge__V1__ListDocumentsResponse out;
    char parent[] = "companies/acme";
    in.parent = parent;
    listed_call(fixture, &documentation_service, "ListDocuments", &in, &out);
    return out;
}

static enum err_code get(struct fixture *fixture, const char *name, Docbridge__V1__Document *out)
{
    Docbridge__V1__GetDocumentRequest in = DOCBRIDGE__V1__GET_DOCUMENT_REQUEST__INIT;
    struct err err = {0};
    docbridge__v1__document__init(out);
    in.name = arena_strdup(&fixture->arena, name);
    for (size_t i = 0; i < documentation_service.method_count; i++)
        if (strcmp(documentation_service.methods[i].name, "GetDocument") == 0)
            return documentation_service.methods[i].unary(&fixture->request, &in, out, &err);
    fail_msg("no method");
    return ERR_INTERNAL;
}

static size_t found(struct fixture *fixture)
{
    Docbridge__V1__SearchDocumentationRequest in =
        DOCBRIDGE__V1__SEARCH_DOCUMENTATION_REQUEST__INIT;
    Docbridge__V1__SearchDocumentationResponse out =
        DOCBRIDGE__V1__SEARCH_DOCUMENTATION_RESPONSE__INIT;
    struct err err = {0};
    char parent[] = "companies/acme", query[] = "zebra";
    in.parent = parent;
    in.query = query;
    fixture->request.deadline = deadline_in(10000);
    assert_int_equal(search_documentation_handler(&fixture->request, &in, &out, &err), ERR_OK);
    return out.n_hits;
}

static void documents_in_them_are_hidden(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__Document document;
    Docbridge__V1__ListDocumentsResponse documents = list(fixture);
    assert_int_equal(documents.total_size, 1);
    assert_string_equal(documents.documents[0]->name, "companies/acme/documents/1");
    assert_int_equal(get(fixture, "companies/acme/documents/1", &document), ERR_OK);
    assert_string_equal(document.folder_path[0], "Own");
    assert_int_equal(get(fixture, "companies/acme/documents/2", &document), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(get(fixture, "companies/acme/documents/3", &document), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(found(fixture), 1);
}

// Nor are their names told where what lies in unknown folders is shown; nor where both
// organizations are of one company.
static void their_names_are_not_told(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__Document document;
    (void)fixture_sql(fixture, "UPDATE connection_config SET restricted_shown = true");
    Docbridge__V1__ListDocumentsResponse documents = list(fixture);
    assert_int_equal(documents.n_documents, 3);
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < documents.documents[i]->n_folder_path; k++)
            assert_string_not_equal(documents.documents[i]->folder_path[k], "Of beta");
    assert_int_equal(get(fixture, "companies/acme/documents/2", &document), ERR_OK);
    assert_int_equal(document.n_folder_path, 0);
    assert_int_equal(get(fixture, "companies/acme/documents/3", &document), ERR_OK);
    assert_int_equal(document.n_folder_path, 1);
    (void)fixture_sql(fixture, "UPDATE connection_config SET restricted_shown = false;"
                               "UPDATE connection SET several_organizations = true;"
                               "UPDATE mapping SET company_id = 'acme', slot = 42"
                               " WHERE organization_id = 42");
    assert_int_equal(list(fixture).total_size, 1);
}

static void passwords_in_them_are_restricted(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(listed(fixture, "acme").passwords, 2); // of 4
    assert_int_equal(reveal(fixture, IN_BETA), ERR_UPSTREAM_RECORD_RESTRICTED);
    assert_int_equal(reveal(fixture, BELOW_BETA), ERR_UPSTREAM_RECORD_RESTRICTED);
}

// What a change of mappings is said to hide is what is listed.
static void the_radius_knows(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ClearMappingRequest in = DOCBRIDGE__V1__CLEAR_MAPPING_REQUEST__INIT;
    Docbridge__V1__Organization out;
    char name[] = "connections/c1/organizations/41";
    in.name = name;
    in.validate_only = true;
    listed_call(fixture, &mapping_service, "ClearMapping", &in, &out);
    assert_int_equal(out.blast_radius->hidden->documents, 1);
    assert_int_equal(out.blast_radius->hidden->passwords, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(documents_in_them_are_hidden),
        TEST(their_names_are_not_told),
        TEST(passwords_in_them_are_restricted),
        TEST(the_radius_knows),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
