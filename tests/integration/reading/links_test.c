// Links from one page of IT Glue to another lead there from here too, whatever they stand in.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "server/service/services.h"
#include "tests/integration/reading/listed.h"

#define LINK "<a href=\\\"/41/docs/9\\\">x</a>"
static const char RECORDS[] =
    "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, content_hash,"
    " enabled, discover_time, body) VALUES ('t1','c1',77,'Backup','',true,now(),'{\"fields\": ["
    " {\"key\": \"note\", \"name\": \"Note\", \"kind\": \"Textbox\", \"order\": 1}]}');"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, type_id,"
    " web_url, body, content_hash) SELECT 't1', 'c1', v.kind, 1, v.organization, '', 77,"
    " 'https://acme.itglue.com/41/1', v.body::jsonb, '' FROM (VALUES"
    " (5, 41, '{\"traits\": {\"note\": \"" LINK "\"}}'),"
    " (6, 41, '{\"description\": \"" LINK "\", \"tasks\": ["
    "   {\"id\": 1, \"name\": \"\", \"description\": \"" LINK "\"}]}'),"
    " (7, 0, '{\"tasks\": [{\"name\": \"\", \"description\": \"" LINK "\"}]}'))"
    " AS v (kind, organization, body)";

static void assert_leads_there(const char *html)
{
    assert_non_null(strstr(html, "href=\"https://acme.itglue.com/41/docs/9\""));
}

static void links_lead_there_from_here(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__GetFlexibleAssetRequest get_asset =
        DOCBRIDGE__V1__GET_FLEXIBLE_ASSET_REQUEST__INIT;
    Docbridge__V1__GetChecklistRequest get_checklist = DOCBRIDGE__V1__GET_CHECKLIST_REQUEST__INIT;
    Docbridge__V1__GetChecklistTemplateRequest get_template =
        DOCBRIDGE__V1__GET_CHECKLIST_TEMPLATE_REQUEST__INIT;
    Docbridge__V1__FlexibleAsset asset;
    Docbridge__V1__Checklist checklist;
    Docbridge__V1__ChecklistTemplate template;
    static char asset_name[] = "companies/acme/flexibleAssets/1",
                checklist_name[] = "companies/acme/checklists/1",
                template_name[] = "connections/c1/checklistTemplates/1";
    get_asset.name = asset_name;
    get_checklist.name = checklist_name;
    get_template.name = template_name;
    (void)fixture_sql(fixture, RECORDS);
    listed_call(fixture, &documentation_service, "GetFlexibleAsset", &get_asset, &asset);
    listed_call(fixture, &documentation_service, "GetChecklist", &get_checklist, &checklist);
    listed_call(fixture, &documentation_service, "GetChecklistTemplate", &get_template, &template);
    assert_int_equal(asset.n_traits, 1);
    assert_leads_there(asset.traits[0]->sanitized_html);
    assert_leads_there(checklist.sanitized_html);
    assert_int_equal(checklist.n_items, 1);
    assert_leads_there(checklist.items[0]->sanitized_html);
    assert_int_equal(template.n_items, 1);
    assert_leads_there(template.items[0]->sanitized_html);
}

// As a browser that shows IT Glue's page would follow them.
static void links_beside_the_page_lead_there_too(void **state)
{
    static const struct {
        const char *link, *made; // NULL: dropped
    } rows[] = {
        {"9", "https://acme.itglue.com/41/docs/9"},
        {" ../a/b c#d ", "https://acme.itglue.com/41/docs/../a/b%20c#d"},
        {"./x?y=a:b", "https://acme.itglue.com/41/docs/./x?y=a:b"},
        {"/5", "https://acme.itglue.com/5"},
        {"javascript:alert(1)", NULL},
        {"java\\tscript:alert(1)", NULL},
        {"x\\ty", NULL},
        {"c:/x", NULL},
        {"joe:x@evil.example/", NULL},
        {"..\\\\x", NULL},
        {"\\\\\\\\evil.example", NULL},
        {"//evil.example", NULL},
        {"WWW.evil.example", NULL},
        {"#x", NULL},
        {"?x", NULL},
        {"", NULL},
    };
    struct fixture *fixture = *state;
    char get_name[] = "companies/acme/documents/9";
    Docbridge__V1__GetDocumentRequest in = DOCBRIDGE__V1__GET_DOCUMENT_REQUEST__INIT;
    in.name = get_name;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char sql[1024], wanted[256] = "<a>x</a>";
        Docbridge__V1__Document document;
        (void)snprintf(
            sql, sizeof(sql),
            "INSERT INTO record (tenant, connection_id, kind, id, organization_id,"
            " display_name, publish_time, web_url, body, content_hash) VALUES ('t1',"
            " 'c1', 4, 9, 41, '', now(), 'https://acme.itglue.com/41/docs/8?a/b#c/d',"
            " '{\"sections\": [{\"kind\": \"Text\", \"html\": \"<a href=\\\"%s\\\">x</a>\"}]}', '')"
            " ON CONFLICT (tenant, connection_id, kind, id)"
            " DO UPDATE SET body = excluded.body",
            rows[i].link);
        (void)fixture_sql(fixture, sql);
        listed_call(fixture, &documentation_service, "GetDocument", &in, &document);
        assert_int_equal(document.n_sections, 1);
        if (rows[i].made != NULL)
            (void)snprintf(wanted, sizeof(wanted),
                           "<a href=\"%s\" rel=\"noopener noreferrer nofollow\">x</a>",
                           rows[i].made);
        assert_string_equal(document.sections[0]->sanitized_html, wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(links_lead_there_from_here, fixture_fresh, fixture_drop),
        cmocka_unit_test_setup_teardown(links_beside_the_page_lead_there_too, fixture_fresh,
                                        fixture_drop),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
