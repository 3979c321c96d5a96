// Single records with their content: whole, in order, safe and only where they are in sight.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "server/base/buffer.h"
#include "server/service/services.h"
#include "tests/integration/reading/fixture.h"

#define VALUE(name) DOCBRIDGE__V1__TRAIT__VALUE_##name
#define RAW DOCBRIDGE__V1__CONTENT_VIEW__CONTENT_VIEW_RAW

static struct err err;
static Docbridge__V1__Document document;
static Docbridge__V1__FlexibleAsset asset;
static Docbridge__V1__Checklist checklist;

static const struct method *method(const char *name)
{
    for (size_t i = 0; i < documentation_service.method_count; i++)
        if (strcmp(documentation_service.methods[i].name, name) == 0)
            return &documentation_service.methods[i];
    fail_msg("no method %s", name);
    return NULL;
}

static enum err_code call(struct fixture *fixture, const char *name, const void *in, void *out)
{
    err = (struct err){0};
    return method(name)->unary(&fixture->request, in, out, &err);
}

static enum err_code get_document(struct fixture *fixture, const char *name,
                                  Docbridge__V1__ContentView view)
{
    Docbridge__V1__GetDocumentRequest in;
    docbridge__v1__get_document_request__init(&in);
    docbridge__v1__document__init(&document);
    in.name = arena_strdup(&fixture->arena, name);
    in.view = view;
    return call(fixture, "GetDocument", &in, &document);
}

static enum err_code get_asset(struct fixture *fixture, const char *name)
{
    Docbridge__V1__GetFlexibleAssetRequest in;
    docbridge__v1__get_flexible_asset_request__init(&in);
    docbridge__v1__flexible_asset__init(&asset);
    in.name = arena_strdup(&fixture->arena, name);
    return call(fixture, "GetFlexibleAsset", &in, &asset);
}

static enum err_code get_checklist(struct fixture *fixture, const char *name)
{
    Docbridge__V1__GetChecklistRequest in;
    docbridge__v1__get_checklist_request__init(&in);
    docbridge__v1__checklist__init(&checklist);
    in.name = arena_strdup(&fixture->arena, name);
    return call(fixture, "GetChecklist", &in, &checklist);
}

#define SAFE \
    "<p>Password: **** <a href=\"https://x/4\" rel=\"noopener noreferrer nofollow\">2</a></p>"
static const char RECORDS[] =
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, folder_id,"
    " restricted, body, content_hash) VALUES"
    "  ('t1','c1',3,303,41,'Network',0,false,'{\"ancestor_ids\": []}',''),"
    "  ('t1','c1',3,304,41,'VPN',303,false,'{\"ancestor_ids\": [303]}',''),"
    "  ('t1','c1',3,305,41,'Closed',0,true,'{\"ancestor_ids\": []}','');"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, folder_id,"
    " restricted, archived, publish_time, web_url, body, content_hash) VALUES"
    "  ('t1','c1',4,1,41,'Guide',304,false,false,now(),'https://x/1',"
    "   '{\"is_uploaded\": false, \"sections\": ["
    "     {\"kind\": \"Document::Heading\", \"level\": 2, \"html\": \"Steps\", \"sort\": 1},"
    "     {\"kind\": \"Text\", \"level\": 0, \"sort\": 2, \"html\":"
    "      \"<p onclick=x>Password: hunter22 <script>steal()</script><a href=/4>2</a></p>\"},"
    "     {\"kind\": \"Carousel\", \"level\": 77, \"html\": \"\", \"sort\": 3}]}',''),"
    "  ('t1','c1',4,2,41,'Empty',0,false,false,now(),'','{}',''),"
    "  ('t1','c1',4,3,41,'Restricted',0,true,false,now(),'','{}',''),"
    "  ('t1','c1',4,4,41,'Archived',0,false,true,now(),'','{}',''),"
    "  ('t1','c1',4,5,41,'Draft',0,false,false,NULL,'','{}',''),"
    "  ('t1','c1',4,6,41,'In closed folder',305,false,false,now(),'','{}',''),"
    "  ('t1','c1',4,7,41,'In unknown folder',399,false,false,now(),'','{}',''),"
    "  ('t1','c1',4,8,42,'Of beta',0,false,false,now(),'','{}','');"
    "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, content_hash, "
    "enabled,"
    " discover_time, body) VALUES ('t1','c1',77,'Backup','',true,now(),'{\"fields\": ["
    " {\"key\": \"note\", \"name\": \"Note\", \"kind\": \"Textbox\", \"order\": 2},"
    " {\"key\": \"host\", \"name\": \"Host\", \"kind\": \"Text\", \"order\": 1},"
    " {\"key\": \"size\", \"name\": \"Size\", \"kind\": \"Number\", \"order\": 3},"
    " {\"key\": \"share\", \"name\": \"Share\", \"kind\": \"Percent\", \"order\": 4},"
    " {\"key\": \"on\", \"name\": \"On\", \"kind\": \"Checkbox\", \"order\": 5},"
    " {\"key\": \"since\", \"name\": \"Since\", \"kind\": \"Date\", \"order\": 6},"
    " {\"key\": \"nodes\", \"name\": \"Nodes\", \"kind\": \"Tag\", \"order\": 7},"
    " {\"key\": \"files\", \"name\": \"Files\", \"kind\": \"Upload\", \"order\": 8},"
    " {\"key\": \"login\", \"name\": \"Login\", \"kind\": \"Password\", \"order\": 9},"
    " {\"key\": \"more\", \"name\": \"More\", \"kind\": \"Header\", \"order\": 10}]}'),"
    " ('t1','c1',78,'Off','',false,now(),'{}');"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, type_id,"
    " restricted, body, content_hash) VALUES"
    "  ('t1','c1',5,1,41,'Nightly',77,false,'{\"traits\": {"
    "    \"note\": \"<b>bold</b><img src=x onerror=y>\", \"host\": \"srv01\","
    "    \"size\": 123456789012345678901234567890.5, \"share\": \"12.50\", \"on\": \"Yes\","
    "    \"since\": \"2026-09-15\","
    "    \"nodes\": {\"type\": \"Configurations\", \"values\": [{\"id\": 12, \"name\": \"NB-1\","
    "      \"hostname\": \"nb1\", \"ports\": [1, 2]}]},"
    "    \"files\": [{\"name\": \"a.pdf\", \"url\": \"https://x/a.pdf\"}],"
    "    \"login\": {\"values\": [{\"id\": 3183713165001122}, {\"id\": 0}, {\"id\": \"x\"}, "
    "{}]}}}',''),"
    "  ('t1','c1',5,2,41,'Of a type that is off',78,false,'{}',''),"
    "  ('t1','c1',5,3,41,'Restricted',77,true,'{}',''),"
    "  ('t1','c1',5,4,41,'Wrong',77,false,'{\"traits\": {\"note\": 7, \"host\": {\"a\": [1]},"
    "    \"size\": \"many\", \"share\": true, \"on\": \"maybe\", \"since\": \"soon\","
    "    \"nodes\": [1], \"files\": \"x\", \"login\": \"leaked1\", \"unknown\": 1}}',''),"
    "  ('t1','c1',5,5,41,'Bare',77,false,'{\"traits\": {\"note\": null, \"host\": \"\"}}','');"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, type_id,"
    " restricted, body, content_hash) VALUES"
    "  ('t1','c1',6,1,41,'Onboarding',700,false,'{\"completed\": false,"
    "   \"description\": \"<i>how</i><style>x</style>\", \"tasks\": ["
    "   {\"id\": 1, \"name\": \"Order pwd=abcd1234\", \"description\": \"<p>do</p>\","
    "    \"completed\": true, \"completed_at\": \"2026-08-02T06:00:00.000Z\", \"position\": 1,"
    "    \"assignee_id\": 55, \"due_date\": \"2026-09-15\"},"
    "   {\"id\": 2, \"name\": \"Ship\", \"description\": null, \"completed\": false,"
    "    \"completed_at\": null, \"position\": 2, \"assignee_id\": null, \"due_date\": "
    "null}]}',''),"
    "  ('t1','c1',6,2,41,'Restricted',0,true,'{}',''),"
    "  ('t1','c1',7,700,0,'Joiner',0,false,'{\"tasks\": [{\"name\": \"Order\"}]}',''),"
    "  ('t1','c1',7,701,42,'Of beta',0,false,'{\"tasks\": []}','');";

static void a_document_comes_whole_in_order_and_safe(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, RECORDS);
    assert_int_equal(get_document(fixture, "companies/acme/documents/1", 0), ERR_OK);
    assert_string_equal(document.name, "companies/acme/documents/1");
    assert_string_equal(document.upstream_uri, "https://x/1");
    assert_int_equal(document.n_folder_path, 2);
    assert_string_equal(document.folder_path[0], "Network");
    assert_string_equal(document.folder_path[1], "VPN");
    assert_int_equal(document.n_sections, 3);
    assert_int_equal(document.sections[0]->kind,
                     DOCBRIDGE__V1__DOCUMENT__SECTION__KIND__KIND_HEADING);
    assert_int_equal(document.sections[0]->level, 2);
    assert_string_equal(document.sections[0]->sanitized_html, "Steps");
    assert_string_equal(document.sections[1]->sanitized_html, SAFE);
    assert_string_equal(document.sections[1]->raw_html, "");
    assert_int_equal(document.sections[2]->kind,
                     DOCBRIDGE__V1__DOCUMENT__SECTION__KIND__KIND_UNSPECIFIED);
    assert_int_equal(document.sections[2]->level, 0);
    assert_true(document.content_altered);
    assert_false(document.content_truncated);
    assert_int_equal(document.masked_count, 1);
    assert_non_null(document.freshness);
    assert_true(document.freshness->stale);
    assert_int_equal(get_document(fixture, "companies/acme/documents/2", 0), ERR_OK);
    assert_int_equal(document.n_sections, 0);
}

// Opens the whole body as upstream has it.
static enum err_code read_raw(struct fixture *fixture, const char *name)
{
    const struct stream_handler *handler = method("ReadDocumentBody")->stream;
    Docbridge__V1__ReadDocumentBodyRequest in;
    void *state;
    docbridge__v1__read_document_body_request__init(&in);
    in.name = arena_strdup(&fixture->arena, name);
    in.view = RAW;
    try_(handler->open(&fixture->request, &in, NULL, &state, &err));
    handler->close(state);
    return ERR_OK;
}

static void raw_content_needs_a_manager(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, RECORDS);
    assert_int_equal(get_document(fixture, "companies/acme/documents/1", RAW),
                     ERR_MISSING_PERMISSION);
    fixture->caller.permissions |= 1u << PERMISSION_MANAGE_INTEGRATIONS;
    assert_int_equal(get_document(fixture, "companies/acme/documents/1", RAW), ERR_OK);
    assert_non_null(strstr(document.sections[1]->raw_html, "<script>steal()"));
    assert_string_equal(document.sections[1]->sanitized_html, "");
}

// Who read it raw stands in the trail, and without the trail nobody does. Reading it safe needs
// none.
static void a_raw_read_is_audited_or_not_served(void **state)
{
    struct fixture *fixture = *state;
    const char *events =
        "SELECT coalesce(string_agg(concat_ws(' ', type, phase, outcome, actor_subject,"
        " resource, resource_display_name, company_id, company_display_name), ';'"
        " ORDER BY sequence), '') FROM audit_event";
    (void)fixture_sql(fixture, RECORDS);
    fixture->caller.permissions |= 1u << PERMISSION_MANAGE_INTEGRATIONS;
    assert_int_equal(get_document(fixture, "companies/acme/documents/1", 0), ERR_OK);
    assert_int_equal(get_document(fixture, "companies/acme/documents/3", RAW),
                     ERR_RESOURCE_NOT_FOUND);
    assert_string_equal(fixture_sql(fixture, events), "");
    assert_int_equal(get_document(fixture, "companies/acme/documents/1", RAW), ERR_OK);
    assert_string_equal(fixture_sql(fixture, events),
                        "43 3 1 tom companies/acme/documents/1 Guide acme Acme GmbH");
    assert_int_equal(read_raw(fixture, "companies/acme/documents/1"), ERR_OK);
    assert_string_equal(fixture_sql(fixture, "SELECT count(*) FROM audit_event"), "2");

    (void)fixture_sql(fixture, "REVOKE INSERT ON audit_event FROM docbridge_server");
    assert_int_equal(get_document(fixture, "companies/acme/documents/1", RAW),
                     ERR_AUDIT_UNAVAILABLE);
    assert_int_equal(document.n_sections, 0);
    assert_int_equal(read_raw(fixture, "companies/acme/documents/1"), ERR_AUDIT_UNAVAILABLE);
    assert_int_equal(get_document(fixture, "companies/acme/documents/1", 0), ERR_OK);
}

// A credential in a title is masked like one in a text: alone, in lists, in folders and in the
// trail.
static void titles_are_masked(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ListDocumentsRequest in;
    Docbridge__V1__ListDocumentsResponse list;
    docbridge__v1__list_documents_request__init(&in);
    docbridge__v1__list_documents_response__init(&list);
    in.parent = arena_strdup(&fixture->arena, "companies/acme");
    in.filter = arena_strdup(&fixture->arena, "display_name : \"wifi\"");
    (void)fixture_sql(fixture, RECORDS);
    (void)fixture_sql(fixture, "UPDATE record SET display_name = 'Wifi password: hunter22'"
                               " WHERE id IN (1, 304, 700)");
    assert_int_equal(get_document(fixture, "companies/acme/documents/1", 0), ERR_OK);
    assert_string_equal(document.display_name, "Wifi password: ****");
    assert_string_equal(document.folder_path[1], "Wifi password: ****");
    assert_int_equal(get_asset(fixture, "companies/acme/flexibleAssets/1"), ERR_OK);
    assert_string_equal(asset.display_name, "Wifi password: ****");
    assert_int_equal(get_checklist(fixture, "companies/acme/checklists/1"), ERR_OK);
    assert_string_equal(checklist.display_name, "Wifi password: ****");
    assert_int_equal(call(fixture, "ListDocuments", &in, &list), ERR_OK);
    assert_int_equal(list.n_documents, 1);
    assert_string_equal(list.documents[0]->display_name, "Wifi password: ****");
    fixture->caller.permissions |= 1u << PERMISSION_MANAGE_INTEGRATIONS;
    assert_int_equal(get_document(fixture, "companies/acme/documents/1", RAW), ERR_OK);
    assert_string_equal(fixture_sql(fixture, "SELECT resource_display_name FROM audit_event"),
                        "Wifi password: ****");
}

// Every class that lists hide is not found, with the bytes of what there is not.
static void what_lists_hide_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *name;
        const char *opened_by; // NULL: nothing
    } rows[] = {
        {"companies/acme/documents/3", "restricted_shown"},
        {"companies/acme/documents/4", "archived_shown"},
        {"companies/acme/documents/5", "unpublished_shown"},
        {"companies/acme/documents/6", "restricted_shown"},
        {"companies/acme/documents/7", "restricted_shown"},
        {"companies/acme/documents/8", NULL},
        {"companies/acme/documents/99", NULL},
        {"companies/nobody/documents/1", NULL},
    };
    (void)fixture_sql(fixture, RECORDS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char sql[128];
        assert_int_equal(get_document(fixture, rows[i].name, 0), ERR_RESOURCE_NOT_FOUND);
        assert_string_equal(err_meta_get(&err, "resource"), rows[i].name);
        if (rows[i].opened_by == NULL)
            continue;
        (void)snprintf(sql, sizeof(sql), "UPDATE connection_config SET %s = true",
                       rows[i].opened_by);
        (void)fixture_sql(fixture, sql);
        assert_int_equal(get_document(fixture, rows[i].name, 0), ERR_OK);
        (void)snprintf(sql, sizeof(sql), "UPDATE connection_config SET %s = false",
                       rows[i].opened_by);
        (void)fixture_sql(fixture, sql);
    }
    assert_int_equal(get_asset(fixture, "companies/acme/flexibleAssets/2"), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(get_asset(fixture, "companies/acme/flexibleAssets/3"), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(get_checklist(fixture, "companies/acme/checklists/2"), ERR_RESOURCE_NOT_FOUND);
    static const char *const companies[] = {"beta"};
    fixture->caller.all_companies = false;
    fixture->caller.companies = companies;
    fixture->caller.company_count = 1;
    assert_int_equal(get_document(fixture, "companies/acme/documents/1", 0),
                     ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(get_document(fixture, "companies/beta/documents/8", 0), ERR_OK);
}

static void an_asset_has_its_fields_in_order_and_typed(void **state)
{
    struct fixture *fixture = *state;
    static const char *const keys[] = {"host",  "note",  "size",  "share", "on",
                                       "since", "nodes", "files", "login", "more"};
    (void)fixture_sql(fixture, RECORDS);
    assert_int_equal(get_asset(fixture, "companies/acme/flexibleAssets/1"), ERR_OK);
    assert_int_equal(asset.n_traits, ARRAY_LEN(keys));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_string_equal(asset.traits[i]->key, keys[i]);
    assert_string_equal(asset.traits[0]->display_name, "Host");
    assert_string_equal(asset.traits[0]->text, "srv01");
    assert_string_equal(asset.traits[1]->sanitized_html, "<b>bold</b>");
    assert_string_equal(asset.traits[2]->decimal, "123456789012345678901234567890.5");
    assert_string_equal(asset.traits[3]->decimal, "12.50");
    assert_true(asset.traits[4]->checked);
    assert_int_equal(asset.traits[5]->date->day, 15);
    const Docbridge__V1__Trait__TagList *tags = asset.traits[6]->tags;
    assert_string_equal(tags->upstream_type, "Configurations");
    assert_string_equal(tags->tags[0]->upstream_id, "12");
    assert_string_equal(tags->tags[0]->display_name, "NB-1");
    assert_int_equal(tags->tags[0]->n_attributes, 2);
    assert_string_equal(tags->tags[0]->attributes[1]->value, "nb1");
    assert_string_equal(tags->tags[0]->attributes[0]->value, "[1,2]");
    assert_string_equal(asset.traits[7]->uploads->uploads[0]->upstream_uri, "https://x/a.pdf");
    assert_int_equal(asset.traits[8]->value_case, VALUE(PASSWORDS));
    // A name, judged when it is used.
    assert_int_equal(asset.traits[8]->passwords->n_passwords, 1);
    assert_string_equal(asset.traits[8]->passwords->passwords[0]->name,
                        "companies/acme/passwords/3183713165001122");
    assert_int_equal(asset.traits[9]->value_case, DOCBRIDGE__V1__TRAIT__VALUE__NOT_SET);
    assert_non_null(asset.freshness);
}

// A text whose field is called like a password is the value of that label, whatever it looks like.
static void a_text_below_a_passwords_name_is_masked(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, RECORDS);
    (void)fixture_sql(fixture,
                      "UPDATE flexible_asset_type SET body = replace(replace(replace(body::text,"
                      " '\"Host\"', '\"Admin password\"'), '\"Note\"', '\"WiFi Passwort:\"'),"
                      " '\"Size\"', '\"PSK\"')::jsonb WHERE id = 77;"
                      "UPDATE flexible_asset_type SET body = jsonb_set(body, '{fields,2,kind}',"
                      " '\"Select\"') WHERE id = 77;"
                      "UPDATE record SET body = '{\"traits\": {\"host\": \"geheim\","
                      " \"note\": \"<p><b>of</b>fen</p>\", \"size\": \"sesame\","
                      " \"since\": \"later\"}}' WHERE kind = 5 AND id = 1");
    assert_int_equal(get_asset(fixture, "companies/acme/flexibleAssets/1"), ERR_OK);
    assert_string_equal(asset.traits[0]->text, "****");
    assert_string_equal(asset.traits[1]->sanitized_html, "<p><b>****</b></p>");
    assert_string_equal(asset.traits[2]->text, "****");
    // The one behind it is none.
    assert_string_equal(asset.traits[5]->unrecognized_json, "\"later\"");
    assert_int_equal(asset.masked_count, 3);
    // Of another shape it is no less of one.
    (void)fixture_sql(fixture, "UPDATE record SET body = '{\"traits\": {\"host\": [\"geheim\"]}}'"
                               " WHERE kind = 5 AND id = 1");
    assert_int_equal(get_asset(fixture, "companies/acme/flexibleAssets/1"), ERR_OK);
    assert_string_equal(asset.traits[0]->unrecognized_json, "****");
}

static void wrong_shapes_are_told_as_json_but_of_a_password_never(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, RECORDS);
    assert_int_equal(get_asset(fixture, "companies/acme/flexibleAssets/4"), ERR_OK);
    for (size_t i = 0; i < 8; i++)
        if (asset.traits[i]->value_case != VALUE(UNRECOGNIZED_JSON))
            fail_msg("%s has case %d", asset.traits[i]->key, (int)asset.traits[i]->value_case);
    assert_string_equal(asset.traits[0]->unrecognized_json, "{\"a\": [1]}");
    assert_string_equal(asset.traits[2]->unrecognized_json, "\"many\"");
    assert_int_equal(asset.traits[8]->value_case, VALUE(PASSWORDS));
    assert_int_equal(asset.traits[8]->passwords->n_passwords, 0);
    assert_int_equal(get_asset(fixture, "companies/acme/flexibleAssets/5"), ERR_OK);
    assert_int_equal(asset.traits[0]->value_case, DOCBRIDGE__V1__TRAIT__VALUE__NOT_SET);
    assert_int_equal(asset.traits[1]->value_case, DOCBRIDGE__V1__TRAIT__VALUE__NOT_SET);
}

static void a_checklist_has_its_items(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, RECORDS);
    assert_int_equal(get_checklist(fixture, "companies/acme/checklists/1"), ERR_OK);
    assert_string_equal(checklist.sanitized_html, "<i>how</i>");
    assert_string_equal(checklist.checklist_template, "connections/c1/checklistTemplates/700");
    assert_int_equal(checklist.item_count, 2);
    assert_int_equal(checklist.completed_item_count, 1);
    assert_int_equal(checklist.n_items, 2);
    const Docbridge__V1__ChecklistItem *item = checklist.items[0];
    assert_string_equal(item->display_name, "Order pwd=****");
    assert_string_equal(item->sanitized_html, "<p>do</p>");
    assert_true(item->completed);
    assert_int_equal(item->complete_time->seconds, 1785650400);
    assert_int_equal(item->position, 1);
    assert_int_equal(item->due_date->month, 9);
    assert_string_equal(item->assignee_upstream_id, "55");
    assert_int_equal(checklist.masked_count, 1);
    assert_false(checklist.items[1]->completed);
    assert_null(checklist.items[1]->due_date);
    assert_string_equal(checklist.items[1]->assignee_upstream_id, "");
}

static void templates_follow_who_shares_checklists(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ListChecklistTemplatesRequest in;
    Docbridge__V1__ListChecklistTemplatesResponse out;
    Docbridge__V1__GetChecklistTemplateRequest get;
    Docbridge__V1__ChecklistTemplate template;
    static const char *const companies[] = {"acme"};
    docbridge__v1__list_checklist_templates_request__init(&in);
    docbridge__v1__list_checklist_templates_response__init(&out);
    docbridge__v1__get_checklist_template_request__init(&get);
    docbridge__v1__checklist_template__init(&template);
    in.parent = arena_strdup(&fixture->arena, "connections/c1");
    get.name = arena_strdup(&fixture->arena, "connections/c1/checklistTemplates/701");
    (void)fixture_sql(fixture, RECORDS);
    assert_int_equal(call(fixture, "ListChecklistTemplates", &in, &out), ERR_OK);
    assert_int_equal(out.n_checklist_templates, 2);
    assert_int_equal(out.total_size, 2);
    assert_string_equal(out.checklist_templates[0]->name, "connections/c1/checklistTemplates/700");
    assert_int_equal(out.checklist_templates[0]->item_count, 1);
    assert_int_equal(call(fixture, "GetChecklistTemplate", &get, &template), ERR_OK);
    fixture->caller.all_companies = false;
    fixture->caller.companies = companies;
    fixture->caller.company_count = 1;
    docbridge__v1__list_checklist_templates_response__init(&out);
    assert_int_equal(call(fixture, "ListChecklistTemplates", &in, &out), ERR_OK);
    assert_int_equal(out.n_checklist_templates, 1);
    assert_int_equal(call(fixture, "GetChecklistTemplate", &get, &template),
                     ERR_RESOURCE_NOT_FOUND);
    get.name = arena_strdup(&fixture->arena, "connections/c1/checklistTemplates/700");
    assert_int_equal(call(fixture, "GetChecklistTemplate", &get, &template), ERR_OK);
    assert_string_equal(template.items[0]->display_name, "Order");
    (void)fixture_sql(fixture, "UPDATE connection_config SET checklists_enabled = false");
    assert_int_equal(call(fixture, "GetChecklistTemplate", &get, &template),
                     ERR_RESOURCE_NOT_FOUND);
}

// What ReadDocumentBody gives, section by section, each ended by a bar.
static void read_body(struct fixture *fixture, const char *name, struct buffer *out)
{
    const struct stream_handler *handler = method("ReadDocumentBody")->stream;
    Docbridge__V1__ReadDocumentBodyRequest in;
    void *state;
    docbridge__v1__read_document_body_request__init(&in);
    in.name = arena_strdup(&fixture->arena, name);
    assert_int_equal(handler->open(&fixture->request, &in, NULL, &state, &err), ERR_OK);
    for (;;) {
        struct arena arena _cleanup_(arena_done);
        Docbridge__V1__ReadDocumentBodyResponse piece;
        enum stream_step step;
        arena_init(&arena, 16 << 20);
        docbridge__v1__read_document_body_response__init(&piece);
        assert_int_equal(handler->next(&fixture->request, state, &arena, &piece, &step, &err),
                         ERR_OK);
        if (step == STREAM_END)
            break;
        assert_true(strlen(piece.content) <= 1 << 20);
        assert_true(buffer_text(out, piece.content));
        if (piece.section_end)
            assert_true(buffer_text(out, "|"));
    }
    handler->close(state);
}

static void a_body_of_any_size_is_read_in_pieces(void **state)
{
    struct fixture *fixture = *state;
    struct buffer out _cleanup_(buffer_done);
    buffer_init(&out, 64 << 20);
    (void)fixture_sql(fixture, RECORDS);
    read_body(fixture, "companies/acme/documents/1", &out);
    assert_string_equal(out.data, "Steps|" SAFE "||");
    // 20 MB of text of which pieces must not cut a character.
    (void)fixture_sql(fixture,
                      "UPDATE record SET body = jsonb_build_object('sections', jsonb_build_array("
                      "  jsonb_build_object('kind', 'Text', 'level', 0, 'sort', 1, 'html',"
                      "    '<p>x' || repeat('\xC3\xA4', 10 * 1024 * 1024) || '</p>')))"
                      " WHERE kind = 4 AND id = 1");
    fixture->request.deadline = deadline_in(600000);
    assert_int_equal(get_document(fixture, "companies/acme/documents/1", 0), ERR_OK);
    assert_true(document.content_truncated);
    assert_int_equal(document.n_sections, 0);
    buffer_reset(&out);
    read_body(fixture, "companies/acme/documents/1", &out);
    assert_int_equal(out.len, 20 * 1024 * 1024 + strlen("<p>x</p>|"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_document_comes_whole_in_order_and_safe),
        TEST(raw_content_needs_a_manager),
        TEST(a_raw_read_is_audited_or_not_served),
        TEST(titles_are_masked),
        TEST(what_lists_hide_is_not_found),
        TEST(an_asset_has_its_fields_in_order_and_typed),
        TEST(a_text_below_a_passwords_name_is_masked),
        TEST(wrong_shapes_are_told_as_json_but_of_a_password_never),
        TEST(a_checklist_has_its_items),
        TEST(templates_follow_who_shares_checklists),
        TEST(a_body_of_any_size_is_read_in_pieces),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
