// A credential whose label ends one part of a record and whose value begins the next is masked, as
// a reader sees one below the other.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "server/base/buffer.h"
#include "server/service/services.h"
#include "tests/integration/reading/listed.h"

static const char RECORDS[] =
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name,"
    " publish_time, body, content_hash) VALUES"
    " ('t1','c1',4,1,41,'Guide',now(),'{\"sections\": ["
    "   {\"kind\": \"Heading\", \"html\": \"Root password:\"},"
    "   {\"kind\": \"Gallery\", \"html\": \"\"},"
    "   {\"kind\": \"Text\", \"html\":"
    "     \"<p>Tr0ub4dor&amp;3</p><section>or</section><p>Its age:\\n </p>\"},"
    "   {\"kind\": \"Step\", \"html\": \"<p>47days</p>\"},"
    "   {\"kind\": \"Text\", \"html\": \"-----BEGIN PRIVATE KEY-----\"},"
    "   {\"kind\": \"Text\", \"html\":"
    "     \"<p>MIIEow<b>IB</b></p><p>-----END PRIVATE KEY-----</p><p>clear</p>\"}]}',''),"
    " ('t1','c1',6,1,41,'Onboarding',NULL,'{\"description\": \"<p>PSK:</p>\", \"tasks\": ["
    "   {\"name\": \"wlan4711\"},"
    "   {\"name\": \"Set the password:\", \"description\": \"<p>Hunt3r22</p>\"}]}',''),"
    " ('t1','c1',7,1,0,'Joiner',NULL,'{\"tasks\": ["
    "   {\"name\": \"Password:\"}, {\"name\": \"Hunt3r22\"}]}','');"
    "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, content_hash,"
    " enabled, discover_time, body) VALUES ('t1','c1',77,'Router','',true,now(),'{\"fields\": ["
    " {\"key\": \"what\", \"name\": \"What\", \"kind\": \"Text\", \"order\": 1},"
    " {\"key\": \"model\", \"name\": \"Model\", \"kind\": \"Textbox\", \"order\": 2}]}');"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, type_id,"
    " body, content_hash) VALUES ('t1','c1',5,1,41,'',77,"
    " '{\"traits\": {\"what\": \"Password:\", \"model\": \"R740\"}}','')";

static const char *const sections[] = {
    "Root password:", "",     "<p>****</p>or<p>Its age:\n </p>",
    "<p>47days</p>",  "****", "<p>****<b></b></p><p></p><p>clear</p>"};
enum { SECTIONS = sizeof(sections) / sizeof(sections[0]) };

static void a_label_tells_what_the_next_section_begins_with(void **state)
{
    struct fixture *fixture = *state;
    static char name[] = "companies/acme/documents/1";
    Docbridge__V1__GetDocumentRequest in = DOCBRIDGE__V1__GET_DOCUMENT_REQUEST__INIT;
    Docbridge__V1__Document document;
    in.name = name;
    (void)fixture_sql(fixture, RECORDS);
    listed_call(fixture, &documentation_service, "GetDocument", &in, &document);
    assert_int_equal(document.n_sections, SECTIONS);
    for (size_t i = 0; i < SECTIONS; i++)
        assert_string_equal(document.sections[i]->sanitized_html, sections[i]);
    assert_int_equal(document.masked_count, 3);
}

static void a_body_that_is_read_in_pieces_is_masked_alike(void **state)
{
    struct fixture *fixture = *state;
    static char name[] = "companies/acme/documents/1";
    Docbridge__V1__ReadDocumentBodyRequest in = DOCBRIDGE__V1__READ_DOCUMENT_BODY_REQUEST__INIT;
    const struct stream_handler *handler = NULL;
    void *body;
    enum stream_step step;
    struct err err;
    in.name = name;
    (void)fixture_sql(fixture, RECORDS);
    for (size_t i = 0; i < documentation_service.method_count; i++)
        if (strcmp(documentation_service.methods[i].name, "ReadDocumentBody") == 0)
            handler = documentation_service.methods[i].stream;
    assert_non_null(handler);
    assert_int_equal(handler->open(&fixture->request, &in, NULL, &body, &err), ERR_OK);
    for (int i = 0; i < SECTIONS; i++) {
        Docbridge__V1__ReadDocumentBodyResponse piece =
            DOCBRIDGE__V1__READ_DOCUMENT_BODY_RESPONSE__INIT;
        assert_int_equal(
            handler->next(&fixture->request, body, &fixture->arena, &piece, &step, &err), ERR_OK);
        assert_int_equal(piece.section, i);
        assert_string_equal(piece.content, sections[i]);
    }
    handler->close(body);
}

static void a_label_tells_what_the_next_text_of_a_checklist_begins_with(void **state)
{
    struct fixture *fixture = *state;
    static char checklist_name[] = "companies/acme/checklists/1",
                template_name[] = "connections/c1/checklistTemplates/1";
    Docbridge__V1__GetChecklistRequest get = DOCBRIDGE__V1__GET_CHECKLIST_REQUEST__INIT;
    Docbridge__V1__GetChecklistTemplateRequest get_template =
        DOCBRIDGE__V1__GET_CHECKLIST_TEMPLATE_REQUEST__INIT;
    Docbridge__V1__Checklist checklist;
    Docbridge__V1__ChecklistTemplate template;
    get.name = checklist_name;
    get_template.name = template_name;
    (void)fixture_sql(fixture, RECORDS);
    listed_call(fixture, &documentation_service, "GetChecklist", &get, &checklist);
    assert_string_equal(checklist.items[0]->display_name, "****");
    assert_string_equal(checklist.items[1]->display_name, "Set the password:");
    assert_string_equal(checklist.items[1]->sanitized_html, "<p>****</p>");
    assert_int_equal(checklist.masked_count, 2);
    listed_call(fixture, &documentation_service, "GetChecklistTemplate", &get_template, &template);
    assert_string_equal(template.items[1]->display_name, "****");
    assert_int_equal(template.masked_count, 1);
}

// As the index looks at them: a text without HTML is seldom told apart from one with it.
static void a_text_that_has_tags_is_masked_as_without_them(void **state)
{
    struct fixture *fixture = *state;
    static char name[] = "companies/acme/flexibleAssets/1",
                checklist_name[] = "companies/acme/checklists/1";
    Docbridge__V1__GetFlexibleAssetRequest in = DOCBRIDGE__V1__GET_FLEXIBLE_ASSET_REQUEST__INIT;
    Docbridge__V1__GetChecklistRequest get = DOCBRIDGE__V1__GET_CHECKLIST_REQUEST__INIT;
    Docbridge__V1__FlexibleAsset asset;
    Docbridge__V1__Checklist checklist;
    in.name = name;
    get.name = checklist_name;
    (void)fixture_sql(fixture, RECORDS);
    (void)fixture_sql(fixture,
                      "UPDATE record SET body = '{\"traits\": {\"what\":"
                      " \"<p>Root <b>password</b>: Tr0ub4dor</p>\", \"model\": \"<i>R740</i>\"}}'"
                      " WHERE kind = 5;"
                      "UPDATE record SET body = '{\"tasks\": ["
                      " {\"name\": \"<i id=''pwd=decoy1 ''/><b>PSK</b>: wlan4711\"}, {\"name\":"
                      " \"<b>Key</b> of <i>root: password:</i>\", \"description\": \"Hunt3r22\"},"
                      " {\"name\": \"if a < b, pwd: c4711\"}]}'"
                      " WHERE kind = 6");
    listed_call(fixture, &documentation_service, "GetFlexibleAsset", &in, &asset);
    assert_string_equal(asset.traits[0]->text, "****");
    assert_string_equal(asset.traits[1]->sanitized_html, "<i>R740</i>");
    assert_int_equal(asset.masked_count, 1);
    listed_call(fixture, &documentation_service, "GetChecklist", &get, &checklist);
    assert_string_equal(checklist.items[0]->display_name, "****");
    assert_string_equal(checklist.items[1]->sanitized_html, "****");
    assert_string_equal(checklist.items[2]->display_name, "if a < b, pwd: ****");
}

static void fields_of_an_asset_stand_alone(void **state)
{
    struct fixture *fixture = *state;
    static char name[] = "companies/acme/flexibleAssets/1";
    Docbridge__V1__GetFlexibleAssetRequest in = DOCBRIDGE__V1__GET_FLEXIBLE_ASSET_REQUEST__INIT;
    Docbridge__V1__FlexibleAsset asset;
    in.name = name;
    (void)fixture_sql(fixture, RECORDS);
    listed_call(fixture, &documentation_service, "GetFlexibleAsset", &in, &asset);
    assert_string_equal(asset.traits[1]->sanitized_html, "R740");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_label_tells_what_the_next_section_begins_with),
        TEST(a_body_that_is_read_in_pieces_is_masked_alike),
        TEST(a_label_tells_what_the_next_text_of_a_checklist_begins_with),
        TEST(a_text_that_has_tags_is_masked_as_without_them),
        TEST(fields_of_an_asset_stand_alone),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
