// What readers see masked is in no word and no snippet of the search, wherever it stands: the same
// texts go through both.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/base/embedded_secret.h"
#include "server/service/services.h"
#include "server/sync/index_text.h"
#include "tests/integration/reading/listed.h"

// Texts, and what of them must not be seen where readers do not see it.
static const struct {
    const char *text, *secret;
} corpus[] = {
    {"Geheim22", "Geheim22"},
    {"password: Geheim22", "Geheim22"},
    {"{\"password\": \"Geheim22\", \"port\": 22}", "Geheim22"},
    {"{\"a\": {\"Kennwort\": \"Geheim22\"}}", "Geheim22"},
    {"<password>Geheim22</password>", "Geheim22"},
    {"<AdminPassword>offen</AdminPassword>", "offen"},
    {"<add key=\"DbPassword\" value=\"Geheim22\"/> more", "Geheim22"},
    {"<p>Root <b>password</b>: Geheim22</p>", "Geheim22"},
    {"Password: &lt;Geheim22&gt;", "Geheim22"},
    {"Password: \"Geheim22\"", "Geheim22"},
    {"pw:\nGeheim22\nmore", "Geheim22"},
    {"| Password | Geheim22 |", "Geheim22"},
    {"enable secret Geheim22", "Geheim22"},
    {"postgres://app:Geheim22@db/x", "Geheim22"},
    {"curl -u joe:Geheim22 https://x", "Geheim22"},
    {"-----BEGIN PRIVATE KEY-----\nGeheim22\n-----END PRIVATE KEY-----", "Geheim22"},
    {"das Passwort lautet Geheim22", "Geheim22"},
    {"net user joe Geheim22 /add", "Geheim22"},
    {"WiFi Password\nGeheim22", "Geheim22"},
    {"password: |\n  Geheim22", "Geheim22"},
    {"Backup codes:\n1. Geheim22", "Geheim22"},
    {"<h2>Mot de passe</h2><p>Geheim22</p>", "Geheim22"},
    {"kept in a safe, Geheim22", "Geheim22"},
};

// Where a text may stand in a record; $c$ stands around it.
static const char *const traits[] = {
    "'text', x",
    "'box', x",
    "'pick', x",
    "'pick', jsonb_build_array('Password:', x)",
    "'number', x",
    "'since', x",
    "'pass', x",
    "'pass', jsonb_build_object('note', x)",
    "'pass', jsonb_build_array(42, 'see the vault', x)",
    "'text', jsonb_build_object('note', x, 'more', jsonb_build_array(x))",
    "'text', jsonb_build_object('password', x)",
    "'box', jsonb_build_array(jsonb_build_object('admin', jsonb_build_object('Kennwort', x)))",
    "'number', jsonb_build_object('db_password', x)",
    "'files', jsonb_build_array(jsonb_build_object('name', x, 'url', 'https://x/1'))",
    "'files', jsonb_build_object('name', x)",
    "'files', jsonb_build_array(x, jsonb_build_object('secret', x))",
    "'nodes', jsonb_build_object('type', 'Configurations', 'values',"
    " jsonb_build_array(jsonb_build_object('id', 1, 'name', x, 'note', x)))",
    "'nodes', jsonb_build_object('type', 'Configurations', 'values', jsonb_build_array("
    " jsonb_build_object('name', 'x', 'more', jsonb_build_object('password', x))))",
    "'nodes', jsonb_build_object('type', 'Configurations', 'values', jsonb_build_array("
    " jsonb_build_object('name', 'x', 'Admin password (local)', x)))",
    "'text', 'Password:', 'zone', x",
};

static const char TYPE[] =
    "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, content_hash,"
    " enabled, discover_time, body) VALUES ('t1','c1',77,'Router','',true,now(),'{\"fields\": ["
    " {\"key\": \"text\", \"name\": \"Note\", \"kind\": \"Text\", \"order\": 1},"
    " {\"key\": \"box\", \"name\": \"Box\", \"kind\": \"Textbox\", \"order\": 2},"
    " {\"key\": \"pick\", \"name\": \"Pick\", \"kind\": \"Select\", \"order\": 3},"
    " {\"key\": \"number\", \"name\": \"Number\", \"kind\": \"Number\", \"order\": 4},"
    " {\"key\": \"since\", \"name\": \"Since\", \"kind\": \"Date\", \"order\": 5},"
    " {\"key\": \"pass\", \"name\": \"Admin password\", \"kind\": \"Text\", \"order\": 6},"
    " {\"key\": \"files\", \"name\": \"Files\", \"kind\": \"Upload\", \"order\": 7},"
    " {\"key\": \"nodes\", \"name\": \"Nodes\", \"kind\": \"Tag\", \"order\": 8},"
    " {\"key\": \"zone\", \"name\": \"Zone\", \"kind\": \"Text\", \"order\": 9}]}')";

#define RECORD(kind, title, type)                                                              \
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name,"      \
    " type_id, publish_time, body, content_hash) SELECT 't1', 'c1', " kind ", %zu, 41, " title \
    ", " type ", now(), jsonb_build_object(%s), '' FROM (SELECT $c$%s$c$::text AS x) AS s"

static void put(struct fixture *fixture, const char *form, size_t id, const char *body,
                const char *text)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    char *sql = arena_printf(&fixture->arena, form, id, body, text);
#pragma GCC diagnostic pop
    (void)fixture_sql(fixture, sql);
}

static void add(struct buffer *seen, const char *text)
{
    assert_true(buffer_text(seen, text == NULL ? "" : text) && buffer_text(seen, "\n"));
}

static void add_trait(struct buffer *seen, const Docbridge__V1__Trait *trait)
{
    switch ((int)trait->value_case) {
    case DOCBRIDGE__V1__TRAIT__VALUE_TEXT:
        return add(seen, trait->text);
    case DOCBRIDGE__V1__TRAIT__VALUE_SANITIZED_HTML:
        return add(seen, trait->sanitized_html);
    case DOCBRIDGE__V1__TRAIT__VALUE_UNRECOGNIZED_JSON:
        return add(seen, trait->unrecognized_json);
    case DOCBRIDGE__V1__TRAIT__VALUE_UPLOADS:
        for (size_t i = 0; i < trait->uploads->n_uploads; i++)
            add(seen, trait->uploads->uploads[i]->display_name);
        return;
    case DOCBRIDGE__V1__TRAIT__VALUE_TAGS:
        for (size_t i = 0; i < trait->tags->n_tags; i++) {
            const Docbridge__V1__Trait__Tag *tag = trait->tags->tags[i];
            add(seen, tag->display_name);
            for (size_t k = 0; k < tag->n_attributes; k++)
                add(seen, tag->attributes[k]->value);
        }
        return;
    default:
        return;
    }
}

static void read_asset(struct fixture *fixture, int64_t id, struct buffer *seen)
{
    Docbridge__V1__GetFlexibleAssetRequest in = DOCBRIDGE__V1__GET_FLEXIBLE_ASSET_REQUEST__INIT;
    Docbridge__V1__FlexibleAsset asset;
    in.name = arena_printf(&fixture->arena, "companies/acme/flexibleAssets/%d", (int)id);
    listed_call(fixture, &documentation_service, "GetFlexibleAsset", &in, &asset);
    add(seen, asset.display_name);
    for (size_t i = 0; i < asset.n_traits; i++)
        add_trait(seen, asset.traits[i]);
}

static void read_document(struct fixture *fixture, int64_t id, struct buffer *seen)
{
    Docbridge__V1__GetDocumentRequest in = DOCBRIDGE__V1__GET_DOCUMENT_REQUEST__INIT;
    Docbridge__V1__Document document;
    in.name = arena_printf(&fixture->arena, "companies/acme/documents/%d", (int)id);
    listed_call(fixture, &documentation_service, "GetDocument", &in, &document);
    add(seen, document.display_name);
    for (size_t i = 0; i < document.n_sections; i++)
        add(seen, document.sections[i]->sanitized_html);
}

static void read_checklist(struct fixture *fixture, int64_t id, struct buffer *seen)
{
    Docbridge__V1__GetChecklistRequest in = DOCBRIDGE__V1__GET_CHECKLIST_REQUEST__INIT;
    Docbridge__V1__Checklist checklist;
    in.name = arena_printf(&fixture->arena, "companies/acme/checklists/%d", (int)id);
    listed_call(fixture, &documentation_service, "GetChecklist", &in, &checklist);
    add(seen, checklist.display_name);
    add(seen, checklist.sanitized_html);
    for (size_t i = 0; i < checklist.n_items; i++) {
        add(seen, checklist.items[i]->display_name);
        add(seen, checklist.items[i]->sanitized_html);
    }
}

// Of all records of a kind. How many hide their secret from readers.
static size_t compare(struct fixture *fixture, int64_t kind,
                      void (*read)(struct fixture *fixture, int64_t id, struct buffer *seen))
{
    static const unsigned char key[32] = {1};
    struct index_findings findings = {.key = key, .tenant = "t1"};
    struct search_position position = {.rebuild_kind = kind};
    struct tx *tx _cleanup_(tx_abortp) = NULL;
    struct search_text *texts;
    struct err err;
    size_t count, hidden = 0;
    assert_int_equal(
        store_begin(fixture->store, "t1", deadline_in(60000), &fixture->cancelled, &tx, &err),
        ERR_OK);
    assert_int_equal(
        search_rebuild(tx, "c1", 10000, &position, &fixture->arena, &texts, &count, &err), ERR_OK);
    for (size_t i = 0; i < count; i++) {
        struct buffer seen _cleanup_(buffer_done);
        const size_t text = (size_t)texts[i].id % 100 - 1;
        if (texts[i].organization_id != 41 || text >= ARRAY_LEN(corpus))
            continue;
        buffer_init(&seen, 65536);
        fixture->request.deadline = deadline_in(60000);
        read(fixture, texts[i].id, &seen);
        assert_true(index_text_make(&texts[i], &findings, &fixture->arena));
        const char *secret = corpus[text].secret;
        if (strstr(seen.data, secret) != NULL)
            continue;
        hidden++;
        if (strstr(texts[i].title, secret) != NULL || strstr(texts[i].content, secret) != NULL ||
            strstr(texts[i].short_fields, secret) != NULL)
            fail_msg("%s in place %d is seen as %s but found in: %s | %s", corpus[text].text,
                     (int)(texts[i].id / 100), seen.data, texts[i].content, texts[i].short_fields);
    }
    return hidden;
}

static void what_readers_see_masked_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, TYPE);
    for (size_t i = 0; i < ARRAY_LEN(corpus); i++) {
        const char *text = corpus[i].text;
        for (size_t k = 0; k < ARRAY_LEN(traits); k++)
            put(fixture, RECORD("5", "''", "77"), 100 * (k + 1) + i + 1,
                arena_printf(&fixture->arena, "'traits', jsonb_build_object(%s)", traits[k]), text);
        put(fixture, RECORD("5", "x", "77"), i + 1, "", text);
        put(fixture, RECORD("4", "x", "0"), i + 1, "", text);
        put(fixture, RECORD("4", "''", "0"), 100 + i + 1,
            "'sections', jsonb_build_array(jsonb_build_object('html', '<p>Password:</p>'),"
            " jsonb_build_object('html', x))",
            text);
        put(fixture, RECORD("4", "''", "0"), 200 + i + 1,
            "'sections', jsonb_build_array(jsonb_build_object('html', x))", text);
        put(fixture, RECORD("6", "x", "0"), i + 1, "'description', x", text);
        put(fixture, RECORD("6", "''", "0"), 100 + i + 1,
            "'tasks', jsonb_build_array(jsonb_build_object('name', x))", text);
        put(fixture, RECORD("6", "''", "0"), 200 + i + 1,
            "'tasks', jsonb_build_array(jsonb_build_object('name', 'PW:', 'description', x),"
            " jsonb_build_object('name', x))",
            text);
    }
    assert_in_range(compare(fixture, 5, read_asset), 250, 1000);
    assert_in_range(compare(fixture, 4, read_document), 35, 1000);
    assert_in_range(compare(fixture, 6, read_checklist), 35, 1000);
}

// Before the indexer has looked, a rule of lists says which titles could have a credential: it
// knows every sign by which a label tells one.
static void no_title_that_is_masked_is_filtered_by_before_it_is_indexed(void **state)
{
    static const char *const labels[] = {
        "Password", "WLAN-Schl\u00fcssel", "PSK",         "pwd",
        "API key",  "mot de passe",        "Zugangscode", "secret"};
    static const char *const signs[] = {":",        "\uff1a", "=",   " = ", " is ", " ist ", " - ",
                                        " \u2192 ", "\n",     " | ", "\t",  " ",    " (",    "->"};
    static const char *const values[] = {"sesame", "\"sesame\"", "sesame22", "sesame!"};
    struct fixture *fixture = *state;
    Docbridge__V1__ListDocumentsRequest in = DOCBRIDGE__V1__LIST_DOCUMENTS_REQUEST__INIT;
    Docbridge__V1__ListDocumentsResponse out;
    char acme[] = "companies/acme", filter[] = "display_name:\"sesame\"";
    size_t masked = 0;
    (void)fixture_sql(fixture, "UPDATE record_sequence SET sequence = 1");
    for (size_t i = 0; i < ARRAY_LEN(labels) * ARRAY_LEN(signs) * ARRAY_LEN(values); i++) {
        const size_t rest = i / ARRAY_LEN(values);
        const char *title =
            arena_printf(&fixture->arena, "%s%s%s", labels[rest / ARRAY_LEN(signs)],
                         signs[rest % ARRAY_LEN(signs)], values[i % ARRAY_LEN(values)]);
        char *shown = arena_strdup(&fixture->arena, title);
        shown[embedded_secret_mask(shown, strlen(shown))] = '\0';
        if (strstr(shown, "sesame") != NULL)
            continue;
        put(fixture, RECORD("4", "x", "0"), ++masked, "", title);
    }
    (void)fixture_sql(fixture, "UPDATE record SET change_sequence = 1 WHERE kind = 4");
    in.parent = acme;
    listed_call(fixture, &documentation_service, "ListDocuments", &in, &out);
    assert_int_equal(out.total_size, masked);
    assert_true(masked > 100);
    in.filter = filter;
    listed_call(fixture, &documentation_service, "ListDocuments", &in, &out);
    if (out.total_size > 0)
        fail_msg("%s", out.documents[0]->display_name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_readers_see_masked_is_not_found, fixture_fresh,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(no_title_that_is_masked_is_filtered_by_before_it_is_indexed,
                                        fixture_fresh, fixture_drop),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
