// Where a company's documentation holds credentials: of records in sight alone.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "server/service/services.h"
#include "tests/integration/reading/fixture.h"
#include "tests/integration/reading/listed.h"

static struct err err;
static Docbridge__V1__ListEmbeddedSecretsResponse out;

static enum err_code list(struct fixture *fixture, const char *company, int size, const char *token)
{
    Docbridge__V1__ListEmbeddedSecretsRequest in;
    docbridge__v1__list_embedded_secrets_request__init(&in);
    docbridge__v1__list_embedded_secrets_response__init(&out);
    in.parent = arena_printf(&fixture->arena, "companies/%s", company);
    in.page_size = size;
    in.page_token = arena_strdup(&fixture->arena, token);
    for (size_t i = 0; i < documentation_service.method_count; i++)
        if (strcmp(documentation_service.methods[i].name, "ListEmbeddedSecrets") == 0)
            return documentation_service.methods[i].unary(&fixture->request, &in, &out, &err);
    fail_msg("no such method");
    return ERR_INTERNAL;
}

static const char RECORDS[] =
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, web_url,"
    " restricted, publish_time, body, content_hash) VALUES"
    "  ('t1','c1',4,1,41,'Guide','https://x/1',false,now(),'{}',''),"
    "  ('t1','c1',4,2,41,'Restricted','https://x/2',true,now(),'{}',''),"
    "  ('t1','c1',4,3,42,'Of beta','https://x/3',false,now(),'{}',''),"
    "  ('t1','c1',6,4,41,'Onboarding','',false,NULL,'{}','');"
    "INSERT INTO embedded_secret (tenant, connection_id, kind, id, place, secret_kind, keyed_hash)"
    " VALUES ('t1','c1',4,1,1,2,'a'), ('t1','c1',4,1,2,1,'b'), ('t1','c1',4,2,1,2,'a'),"
    "        ('t1','c1',4,3,1,2,'a'), ('t1','c1',6,4,1,4,'c');";

static void credentials_are_told_by_record(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, RECORDS);
    assert_int_equal(list(fixture, "acme", 0, ""), ERR_OK);
    assert_int_equal(out.n_embedded_secrets, 3);
    assert_int_equal(out.total_size, 3);
    const Docbridge__V1__EmbeddedSecret *first = out.embedded_secrets[0];
    assert_string_equal(first->resource, "companies/acme/documents/1");
    assert_string_equal(first->resource_display_name, "Guide");
    assert_string_equal(first->upstream_uri, "https://x/1");
    assert_int_equal(first->kind, DOCBRIDGE__V1__EMBEDDED_SECRET__KIND__KIND_PASSWORD);
    assert_int_equal(first->place, 1);
    assert_int_equal(first->copy_count, 3);
    assert_string_equal(out.embedded_secrets[2]->resource, "companies/acme/checklists/4");
    (void)fixture_sql(fixture, "UPDATE connection_config SET restricted_shown = true");
    assert_int_equal(list(fixture, "acme", 0, ""), ERR_OK);
    assert_int_equal(out.total_size, 4);
    (void)fixture_sql(fixture, "UPDATE connection_config SET documents_enabled = false");
    assert_int_equal(list(fixture, "acme", 0, ""), ERR_OK);
    assert_int_equal(out.total_size, 1);
}

static void pages_hold_each_once_and_companies_are_apart(void **state)
{
    struct fixture *fixture = *state;
    static const char *const companies[] = {"beta"};
    const char *token = "";
    size_t seen = 0;
    (void)fixture_sql(fixture, RECORDS);
    do {
        assert_int_equal(list(fixture, "acme", 1, token), ERR_OK);
        assert_int_equal(out.n_embedded_secrets, 1);
        token = out.next_page_token;
        seen++;
    } while (token[0] != '\0');
    assert_int_equal(seen, 3);
    fixture->caller.all_companies = false;
    fixture->caller.companies = companies;
    fixture->caller.company_count = 1;
    assert_int_equal(list(fixture, "acme", 0, ""), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(list(fixture, "beta", 0, ""), ERR_OK);
    assert_int_equal(out.total_size, 1);
}

static const char TITLES[] =
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name,"
    " publish_time, change_sequence, body, content_hash) VALUES"
    " ('t1','c1',4,1,41,'Key password: zebra9876',now(),1,'{}',''),"
    " ('t1','c1',4,2,41,'Key password: aardvark1',now(),1,'{}',''),"
    " ('t1','c1',4,3,41,'Keyboard',now(),1,'{}',''),"
    " ('t1','c1',4,4,41,'Zoo password: new12345',now(),2,'{}',''),"
    " ('t1','c1',7,1,0,'Key password: zebra9876',NULL,1,'{}',''),"
    " ('t1','c1',7,2,0,'Key password: aardvark1',NULL,1,'{}','');"
    "INSERT INTO embedded_secret (tenant, connection_id, kind, id, place, secret_kind, keyed_hash,"
    " title) SELECT 't1','c1',kind,id,1,2,'a','Key password: ****' FROM record"
    " WHERE kind IN (4, 7) AND id < 3;"
    "UPDATE search_progress SET sequence = 1";

// The order of a company's documents, two a page: by the page token as by the page.
static const char *order_of_documents(struct fixture *fixture)
{
    Docbridge__V1__ListDocumentsRequest in;
    Docbridge__V1__ListDocumentsResponse page;
    char *order = arena_strdup(&fixture->arena, "");
    docbridge__v1__list_documents_request__init(&in);
    in.parent = arena_strdup(&fixture->arena, "companies/acme");
    in.page_size = 2;
    do {
        docbridge__v1__list_documents_response__init(&page);
        listed_call(fixture, &documentation_service, "ListDocuments", &in, &page);
        for (size_t i = 0; i < page.n_documents; i++)
            order = arena_printf(&fixture->arena, "%s %s", order,
                                 strrchr(page.documents[i]->name, '/') + 1);
        in.page_token = page.next_page_token;
    } while (page.next_page_token[0] != '\0');
    return order;
}

// A place in a list says nothing of what a title's mask hides.
static void lists_go_by_what_is_shown(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ListChecklistTemplatesRequest in;
    Docbridge__V1__ListChecklistTemplatesResponse templates;
    (void)fixture_sql(fixture, TITLES);
    // Of the fourth nobody knows yet.
    assert_string_equal(order_of_documents(fixture), " 4 1 2 3");
    (void)fixture_sql(fixture, "UPDATE search_progress SET sequence = 2");
    assert_string_equal(order_of_documents(fixture), " 1 2 3 4");
    docbridge__v1__list_checklist_templates_request__init(&in);
    docbridge__v1__list_checklist_templates_response__init(&templates);
    in.parent = arena_strdup(&fixture->arena, "connections/c1");
    listed_call(fixture, &documentation_service, "ListChecklistTemplates", &in, &templates);
    assert_int_equal(templates.n_checklist_templates, 2);
    assert_string_equal(templates.checklist_templates[0]->name,
                        "connections/c1/checklistTemplates/1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(credentials_are_told_by_record),
        TEST(pages_hold_each_once_and_companies_are_apart),
        TEST(lists_go_by_what_is_shown),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
