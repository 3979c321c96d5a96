// What a company's readers see in lists: mapped, enabled, allowed, and nothing else.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "docbridge/v1/password.pb-c.h"
#include "server/service/services.h"
#include "tests/integration/reading/fixture.h"

static struct err err;

static enum err_code call(struct fixture *fixture, const struct service *service,
                          const char *method, const void *in, void *out)
{
    err = (struct err){0};
    for (size_t i = 0; i < service->method_count; i++)
        if (strcmp(service->methods[i].name, method) == 0)
            return service->methods[i].unary(&fixture->request, in, out, &err);
    fail_msg("no method %s", method);
    return ERR_INTERNAL;
}

static Docbridge__V1__ListPasswordsResponse passwords;

static enum err_code list_passwords(struct fixture *fixture, const char *company,
                                    const char *filter, int size, const char *token)
{
    Docbridge__V1__ListPasswordsRequest in;
    docbridge__v1__list_passwords_request__init(&in);
    docbridge__v1__list_passwords_response__init(&passwords);
    in.parent = arena_printf(&fixture->arena, "companies/%s", company);
    in.filter = arena_strdup(&fixture->arena, filter);
    in.page_size = size;
    in.page_token = arena_strdup(&fixture->arena, token);
    return call(fixture, &password_service, "ListPasswords", &in, &passwords);
}

// The names listed, in order, joined by commas.
static const char *password_names(void)
{
    static char text[512];
    text[0] = '\0';
    for (size_t i = 0; i < passwords.n_passwords; i++) {
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len, "%s%s", i == 0 ? "" : ",",
                       passwords.passwords[i]->display_name);
    }
    return text;
}

static void lists_only_passwords_in_sight(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(list_passwords(fixture, "acme", "", 0, ""), ERR_OK);
    assert_string_equal(password_names(), "Firewall admin,In open,Loose,Vaulted");
    assert_int_equal(passwords.total_size, 4);
    const Docbridge__V1__Password *first = passwords.passwords[0];
    assert_string_equal(first->name, "companies/acme/passwords/9001");
    assert_string_equal(first->username, "admin");
    assert_string_equal(first->login_uri, "https://fw");
    assert_string_equal(first->password_category, "connections/c1/passwordCategories/7");
    assert_string_equal(first->password_category_display_name, "Infrastructure");
    assert_true(first->revealable);
    assert_int_equal(first->n_flags, 1);
    assert_int_equal(first->flags[0], DOCBRIDGE__V1__PASSWORD__FLAG__FLAG_HAS_ONE_TIME_CODE);
    assert_false(passwords.passwords[3]->revealable);
    assert_string_equal(passwords.passwords[3]->blocked_reason, "PASSWORD_VAULTED_UPSTREAM");
}

// What the list shows can be got, as it shows it; what it does not, is not there.
static void gets_what_is_listed(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__GetPasswordRequest in = DOCBRIDGE__V1__GET_PASSWORD_REQUEST__INIT;
    Docbridge__V1__Password out;
    assert_int_equal(list_passwords(fixture, "acme", "", 0, ""), ERR_OK);
    for (size_t i = 0; i < passwords.n_passwords; i++) {
        const Docbridge__V1__Password *listed = passwords.passwords[i];
        in.name = listed->name;
        assert_int_equal(call(fixture, &password_service, "GetPassword", &in, &out), ERR_OK);
        assert_string_equal(out.name, listed->name);
        assert_string_equal(out.display_name, listed->display_name);
        assert_string_equal(out.username, listed->username);
        assert_int_equal(out.revealable, listed->revealable);
        assert_string_equal(out.blocked_reason, listed->blocked_reason);
        assert_int_equal(out.n_flags, listed->n_flags);
    }
    for (int id = PASSWORD_PLAIN; id <= PASSWORD_IN_OPEN_FOLDER + 1; id++) {
        bool shown = false;
        in.name = arena_printf(&fixture->arena, "companies/acme/passwords/%d", id);
        for (size_t i = 0; i < passwords.n_passwords; i++)
            shown = shown || strcmp(passwords.passwords[i]->name, in.name) == 0;
        assert_int_equal(call(fixture, &password_service, "GetPassword", &in, &out),
                         shown ? ERR_OK : ERR_RESOURCE_NOT_FOUND);
    }
    (void)fixture_sql(fixture, "UPDATE connection_config SET password_sharing_enabled = false");
    in.name = arena_printf(&fixture->arena, "companies/acme/passwords/%d", PASSWORD_PLAIN);
    assert_int_equal(call(fixture, &password_service, "GetPassword", &in, &out),
                     ERR_RESOURCE_NOT_FOUND);
}

static void level_decides_what_is_listed(void **state)
{
    struct fixture *fixture = *state;
    // A company without settings of its own has NO_ACCESS.
    assert_int_equal(list_passwords(fixture, "beta", "", 0, ""), ERR_OK);
    assert_string_equal(password_names(), "");
    (void)fixture_sql(fixture, "UPDATE company_password_access SET level = 3");
    assert_int_equal(list_passwords(fixture, "acme", "", 0, ""), ERR_OK);
    assert_string_equal(password_names(), "Bank,Firewall admin,In open,Loose,Vaulted");
    (void)fixture_sql(fixture, "UPDATE company_password_access SET level = 1");
    assert_int_equal(list_passwords(fixture, "acme", "", 0, ""), ERR_OK);
    assert_string_equal(password_names(), "");
    (void)fixture_sql(
        fixture, "UPDATE company_password_access SET level = 2, include_uncategorized = false");
    assert_int_equal(list_passwords(fixture, "acme", "", 0, ""), ERR_OK);
    assert_string_equal(password_names(), "Firewall admin,In open,Vaulted");
}

static void without_the_permission_entries_are_listed_and_blocked(void **state)
{
    struct fixture *fixture = *state;
    fixture->caller.permissions = 1u << PERMISSION_READ_DOCUMENTATION;
    assert_int_equal(list_passwords(fixture, "acme", "", 0, ""), ERR_OK);
    assert_int_equal(passwords.n_passwords, 4);
    assert_false(passwords.passwords[0]->revealable);
    assert_string_equal(passwords.passwords[0]->blocked_reason, "MISSING_PERMISSION");
}

static void sharing_off_and_unmapping_empty_the_list_at_once(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, "UPDATE connection_config SET password_sharing_enabled = false");
    assert_int_equal(list_passwords(fixture, "acme", "", 0, ""), ERR_OK);
    assert_int_equal(passwords.n_passwords, 0);
    (void)fixture_sql(fixture, "UPDATE connection_config SET password_sharing_enabled = true;"
                               "DELETE FROM mapping WHERE company_id = 'acme'");
    assert_int_equal(list_passwords(fixture, "acme", "", 0, ""), ERR_OK);
    assert_int_equal(passwords.n_passwords, 0);
}

static void pages_and_filters(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(list_passwords(fixture, "acme", "", 2, ""), ERR_OK);
    assert_string_equal(password_names(), "Firewall admin,In open");
    assert_int_equal(passwords.total_size, 4);
    const char *token = arena_strdup(&fixture->arena, passwords.next_page_token);
    assert_int_equal(list_passwords(fixture, "acme", "", 2, token), ERR_OK);
    assert_string_equal(password_names(), "Loose,Vaulted");
    assert_string_equal(passwords.next_page_token, "");
    // The token belongs to this caller, parent and filter.
    assert_int_equal(list_passwords(fixture, "beta", "", 2, token), ERR_PAGE_TOKEN_INVALID);
    assert_int_equal(list_passwords(fixture, "acme", "display_name : \"o\"", 2, token),
                     ERR_PAGE_TOKEN_INVALID);
    fixture->caller.subject = "eve";
    assert_int_equal(list_passwords(fixture, "acme", "", 2, token), ERR_PAGE_TOKEN_INVALID);

    assert_int_equal(list_passwords(fixture, "acme", "display_name : \"LOO\"", 0, ""), ERR_OK);
    assert_string_equal(password_names(), "Loose");
    assert_int_equal(list_passwords(fixture, "acme",
                                    "password_category = \"connections/c1/passwordCategories/7\"",
                                    0, ""),
                     ERR_OK);
    assert_string_equal(password_names(), "Firewall admin,In open,Vaulted");
    assert_int_equal(list_passwords(fixture, "acme", "username = \"x\"", 0, ""), ERR_FIELD_INVALID);
}

// The key of a page is the first part of a name: twins beyond it go by their ids.
static void long_names_page_to_their_end(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(
        fixture,
        "INSERT INTO record (tenant, connection_id, kind, id, organization_id,"
        " display_name, category_id, body, content_hash)"
        " SELECT 't1', 'c1', 9, 9100 + n, 41, repeat(E'\\U0001F600', 1000) || n, 7, '{}', ''"
        " FROM generate_series(1, 5) n");
    const char *token = "";
    int seen = 0;
    do {
        assert_int_equal(list_passwords(fixture, "acme", "", 1, token), ERR_OK);
        assert_int_equal(passwords.n_passwords, 1);
        token = passwords.next_page_token;
        seen++;
    } while (token[0] != '\0' && seen < 20);
    assert_int_equal(seen, 9);
}

static void companies_out_of_sight_are_not_found(void **state)
{
    struct fixture *fixture = *state;
    static const char *const mine[] = {"beta"};
    assert_int_equal(list_passwords(fixture, "nobody", "", 0, ""), ERR_RESOURCE_NOT_FOUND);
    fixture->caller.all_companies = false;
    fixture->caller.companies = mine;
    fixture->caller.company_count = 1;
    assert_int_equal(list_passwords(fixture, "acme", "", 0, ""), ERR_RESOURCE_NOT_FOUND);
    assert_string_equal(err.text, "companies/acme was not found");
    assert_int_equal(list_passwords(fixture, "beta", "", 0, ""), ERR_OK);
}

static void states_freshness(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(list_passwords(fixture, "acme", "", 0, ""), ERR_OK);
    assert_null(passwords.freshness->as_of_time);
    assert_true(passwords.freshness->stale);
    (void)fixture_sql(fixture, "INSERT INTO sync_freshness VALUES ('t1', 'c1', 3, 0, now())");
    assert_int_equal(list_passwords(fixture, "acme", "", 0, ""), ERR_OK);
    assert_non_null(passwords.freshness->as_of_time);
    assert_false(passwords.freshness->stale);
    // A broken credential hides nothing, and says so.
    (void)fixture_sql(fixture, "UPDATE connection SET state = 2");
    assert_int_equal(list_passwords(fixture, "acme", "", 0, ""), ERR_OK);
    assert_int_equal(passwords.n_passwords, 4);
    assert_true(passwords.freshness->stale);
    assert_string_equal(passwords.passwords[0]->blocked_reason, "CONNECTION_NOT_ACTIVE");
}

static const char DOCUMENTS[] =
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, folder_id,"
    " restricted, body, content_hash) VALUES"
    "  ('t1','c1',3,301,41,'Closed',0,true,'{\"ancestor_ids\": []}',''),"
    "  ('t1','c1',3,302,41,'Below',301,false,'{\"ancestor_ids\": [301]}',''),"
    "  ('t1','c1',3,303,41,'Network',0,false,'{\"ancestor_ids\": []}',''),"
    "  ('t1','c1',3,304,41,'VPN',303,false,'{\"ancestor_ids\": [303]}','');"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, folder_id,"
    " restricted, archived, publish_time, body, content_hash) VALUES"
    "  ('t1','c1',4,1,41,'Root',0,false,false,now(),'{}',''),"
    "  ('t1','c1',4,2,41,'Foldered',304,false,false,now(),'{\"is_uploaded\": true}',''),"
    "  ('t1','c1',4,3,41,'Restricted',0,true,false,now(),'{}',''),"
    "  ('t1','c1',4,4,41,'Archived',0,false,true,now(),'{}',''),"
    "  ('t1','c1',4,5,41,'Draft',0,false,false,NULL,'{}',''),"
    "  ('t1','c1',4,6,41,'In closed folder',302,false,false,now(),'{}',''),"
    "  ('t1','c1',4,7,41,'In unknown folder',399,false,false,now(),'{}',''),"
    "  ('t1','c1',4,8,42,'Of beta',0,false,false,now(),'{}','');";

static Docbridge__V1__ListDocumentsResponse documents;

static enum err_code list_documents(struct fixture *fixture)
{
    Docbridge__V1__ListDocumentsRequest in;
    docbridge__v1__list_documents_request__init(&in);
    docbridge__v1__list_documents_response__init(&documents);
    in.parent = arena_strdup(&fixture->arena, "companies/acme");
    return call(fixture, &documentation_service, "ListDocuments", &in, &documents);
}

static void documents_hide_what_is_closed(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, DOCUMENTS);
    assert_int_equal(list_documents(fixture), ERR_OK);
    assert_int_equal(documents.n_documents, 2);
    assert_int_equal(documents.total_size, 2);
    assert_string_equal(documents.documents[0]->display_name, "Foldered");
    assert_true(documents.documents[0]->uploaded_file);
    assert_int_equal(documents.documents[0]->n_folder_path, 2);
    assert_string_equal(documents.documents[0]->folder_path[0], "Network");
    assert_string_equal(documents.documents[0]->folder_path[1], "VPN");
    assert_string_equal(documents.documents[1]->name, "companies/acme/documents/1");
    (void)fixture_sql(fixture, "UPDATE connection_config SET documents_enabled = false");
    assert_int_equal(list_documents(fixture), ERR_OK);
    assert_int_equal(documents.n_documents, 0);
}

static size_t found_by(struct fixture *fixture, const char *piece)
{
    Docbridge__V1__ListDocumentsRequest in;
    docbridge__v1__list_documents_request__init(&in);
    docbridge__v1__list_documents_response__init(&documents);
    in.parent = arena_strdup(&fixture->arena, "companies/acme");
    in.filter = arena_printf(&fixture->arena, "display_name : \"%s\"", piece);
    assert_int_equal(call(fixture, &documentation_service, "ListDocuments", &in, &documents),
                     ERR_OK);
    assert_int_equal(documents.total_size, documents.n_documents);
    return documents.n_documents;
}

// What a title's mask hides cannot be guessed by filters either: by what the indexer found, and
// before it has looked by what could be found.
static void filters_do_not_look_behind_a_mask(void **state)
{
    struct fixture *fixture = *state;
    (void)fixture_sql(fixture, DOCUMENTS);
    (void)fixture_sql(fixture,
                      "UPDATE record SET display_name = 'Wifi password: hunter22 Berlin',"
                      " change_sequence = 2 WHERE kind = 4 AND id = 1;"
                      "UPDATE record SET display_name = 'Wifi: where it is', change_sequence = 1"
                      " WHERE kind = 4 AND id = 2;"
                      "UPDATE search_progress SET sequence = 1");
    assert_int_equal(found_by(fixture, "hunter"), 0);
    assert_int_equal(found_by(fixture, "berlin"), 0);
    assert_int_equal(found_by(fixture, "wifi"), 1);
    (void)fixture_sql(fixture,
                      "INSERT INTO embedded_secret (tenant, connection_id, kind, id, place,"
                      " secret_kind, keyed_hash, title)"
                      " VALUES ('t1','c1',4,1,1,2,'a','Wifi password: **** Berlin'),"
                      "  ('t1','c1',4,1,2,2,'a',NULL);"
                      "UPDATE search_progress SET sequence = 2");
    assert_int_equal(found_by(fixture, "hunter"), 0);
    assert_int_equal(found_by(fixture, "d: hunter22 b"), 0);
    assert_int_equal(found_by(fixture, "berlin"), 1);
    assert_int_equal(found_by(fixture, "wifi"), 2);
    (void)fixture_sql(fixture, "UPDATE search_progress SET rebuild_kind = 5");
    assert_int_equal(found_by(fixture, "wifi"), 0);
    static const char *const telling[] = {
        "'Password IS hunter22'",     "'Passwort lautet' || chr(160) || 'hunter22'",
        "' | Password | hunter22 |'", "chr(31) || 'hunter22'",
        "'PW â hunter22'",       "'PassÂ­word - hunter22'",
        "'enable secret 0 hunter22'", "'-pw \"hunter\"'",
        "'net user joe hunter22'",    "'sshpass -p hunter ssh x'"};
    for (size_t i = 0; i < ARRAY_LEN(telling); i++) {
        (void)fixture_sql(fixture, arena_printf(&fixture->arena,
                                                "UPDATE record SET display_name = %s WHERE id = 1",
                                                telling[i]));
        assert_int_equal(found_by(fixture, "hunter"), 0);
    }
    (void)fixture_sql(fixture,
                      "UPDATE record SET display_name = 'Wifi - 5 GHz, this | one' WHERE id = 1");
    assert_int_equal(found_by(fixture, "wifi"), 1);
}

static const char ASSETS[] =
    "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, body, content_hash, "
    "enabled,"
    " discover_time) VALUES ('t1','c1',77,'Backup','{}','',true,now()),"
    "                       ('t1','c1',78,'Off','{}','',false,now());"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, type_id,"
    " restricted, archived, body, content_hash) VALUES"
    "  ('t1','c1',5,1,41,'Nightly',77,false,false,'{}',''),"
    "  ('t1','c1',5,2,41,'Of a type that is off',78,false,false,'{}',''),"
    "  ('t1','c1',5,3,41,'Restricted',77,true,false,'{}',''),"
    "  ('t1','c1',5,4,41,'Archived',77,false,true,'{}','');";

static void assets_follow_their_types_switch(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ListFlexibleAssetsRequest in;
    Docbridge__V1__ListFlexibleAssetsResponse out;
    docbridge__v1__list_flexible_assets_request__init(&in);
    docbridge__v1__list_flexible_assets_response__init(&out);
    (void)fixture_sql(fixture, ASSETS);
    in.parent = arena_strdup(&fixture->arena, "companies/acme");
    assert_int_equal(call(fixture, &documentation_service, "ListFlexibleAssets", &in, &out),
                     ERR_OK);
    assert_int_equal(out.n_flexible_assets, 1);
    assert_string_equal(out.flexible_assets[0]->display_name, "Nightly");
    assert_string_equal(out.flexible_assets[0]->flexible_asset_type,
                        "connections/c1/flexibleAssetTypes/77");
    assert_string_equal(out.flexible_assets[0]->flexible_asset_type_display_name, "Backup");
}

static const char CHECKLISTS[] =
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, "
    "restricted, body,"
    " content_hash) VALUES"
    "  ('t1','c1',6,1,41,'Onboarding',false,'{\"completed\": false, \"due_date\": \"2026-09-15\","
    "   \"assignee_name\": \"Jana\", \"tasks\": [{\"completed\": true}, {\"completed\": "
    "false}]}',''),"
    "  ('t1','c1',6,2,41,'Offboarding',false,'{\"completed\": true,"
    "   \"completed_at\": \"2026-08-02T06:00:00.000Z\", \"tasks\": []}',''),"
    "  ('t1','c1',6,3,41,'Restricted',true,'{}','');";

static void checklists_carry_completion(void **state)
{
    struct fixture *fixture = *state;
    Docbridge__V1__ListChecklistsRequest in;
    Docbridge__V1__ListChecklistsResponse out;
    docbridge__v1__list_checklists_request__init(&in);
    docbridge__v1__list_checklists_response__init(&out);
    (void)fixture_sql(fixture, CHECKLISTS);
    in.parent = arena_strdup(&fixture->arena, "companies/acme");
    assert_int_equal(call(fixture, &documentation_service, "ListChecklists", &in, &out), ERR_OK);
    assert_int_equal(out.n_checklists, 2);
    assert_true(out.checklists[0]->completed);
    assert_int_equal(out.checklists[0]->complete_time->seconds, 1785650400);
    const Docbridge__V1__Checklist *open = out.checklists[1];
    assert_string_equal(open->display_name, "Onboarding");
    assert_int_equal(open->item_count, 2);
    assert_int_equal(open->completed_item_count, 1);
    assert_int_equal(open->due_date->month, 9);
    assert_string_equal(open->assignee_display_name, "Jana");
    in.filter = arena_strdup(&fixture->arena, "completed = true");
    assert_int_equal(call(fixture, &documentation_service, "ListChecklists", &in, &out), ERR_OK);
    assert_int_equal(out.n_checklists, 1);
}

// How many documents, flexible assets and checklists a company's readers see.
static const char *counts(struct fixture *fixture, const char *company)
{
    static char text[32];
    Docbridge__V1__ListDocumentsRequest documents_in;
    Docbridge__V1__ListFlexibleAssetsRequest assets_in;
    Docbridge__V1__ListFlexibleAssetsResponse assets;
    Docbridge__V1__ListChecklistsRequest checklists_in;
    Docbridge__V1__ListChecklistsResponse checklists;
    docbridge__v1__list_documents_request__init(&documents_in);
    docbridge__v1__list_documents_response__init(&documents);
    docbridge__v1__list_flexible_assets_request__init(&assets_in);
    docbridge__v1__list_flexible_assets_response__init(&assets);
    docbridge__v1__list_checklists_request__init(&checklists_in);
    docbridge__v1__list_checklists_response__init(&checklists);
    documents_in.parent = assets_in.parent = checklists_in.parent =
        arena_printf(&fixture->arena, "companies/%s", company);
    assert_int_equal(
        call(fixture, &documentation_service, "ListDocuments", &documents_in, &documents), ERR_OK);
    assert_int_equal(
        call(fixture, &documentation_service, "ListFlexibleAssets", &assets_in, &assets), ERR_OK);
    assert_int_equal(
        call(fixture, &documentation_service, "ListChecklists", &checklists_in, &checklists),
        ERR_OK);
    (void)snprintf(text, sizeof(text), "%zu %zu %zu", documents.n_documents,
                   assets.n_flexible_assets, checklists.n_checklists);
    return text;
}

// How many records of each class come into sight when it is opened, for staff and for a client.
static void classes_are_hidden_until_opened(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *sql, *acme;
    } rows[] = {
        {"SELECT", "2 1 2"},
        {"UPDATE connection_config SET restricted_shown = true", "5 2 3"},
        {"UPDATE connection_config SET restricted_shown = false, unpublished_shown = true",
         "3 1 2"},
        {"UPDATE connection_config SET unpublished_shown = false, archived_shown = true", "3 2 2"},
        {"UPDATE connection_config SET archived_shown = false", "2 1 2"},
    };
    static const char *const companies[] = {"acme"};
    (void)fixture_sql(fixture, DOCUMENTS);
    (void)fixture_sql(fixture, ASSETS);
    (void)fixture_sql(fixture, CHECKLISTS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)fixture_sql(fixture, rows[i].sql);
        fixture->caller.all_companies = true;
        assert_string_equal(counts(fixture, "acme"), rows[i].acme);
        fixture->caller.all_companies = false;
        fixture->caller.companies = companies;
        fixture->caller.company_count = 1;
        assert_string_equal(counts(fixture, "acme"), rows[i].acme);
    }
}

static void a_company_hides_what_the_connection_shares(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *sql, *acme;
    } rows[] = {
        {"SELECT", "2 1 2"},
        {"INSERT INTO company_documentation_access (tenant, company_id, update_time)"
         " VALUES ('t1', 'acme', now())",
         "2 1 2"},
        {"UPDATE company_documentation_access SET documents_hidden = true", "0 1 2"},
        {"UPDATE company_documentation_access SET checklists_hidden = true", "0 1 0"},
        {"INSERT INTO company_hidden_type VALUES ('t1', 'acme', 'c1', 78)", "0 1 0"},
        {"INSERT INTO company_hidden_type VALUES ('t1', 'acme', 'c1', 77)", "0 0 0"},
        {"DELETE FROM company_documentation_access", "2 1 2"},
    };
    (void)fixture_sql(fixture, DOCUMENTS);
    (void)fixture_sql(fixture, ASSETS);
    (void)fixture_sql(fixture, CHECKLISTS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)fixture_sql(fixture, rows[i].sql);
        assert_string_equal(counts(fixture, "acme"), rows[i].acme);
        assert_string_equal(counts(fixture, "beta"), "1 0 0"); // nobody else is touched
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_fresh, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lists_only_passwords_in_sight),
        TEST(gets_what_is_listed),
        TEST(level_decides_what_is_listed),
        TEST(without_the_permission_entries_are_listed_and_blocked),
        TEST(sharing_off_and_unmapping_empty_the_list_at_once),
        TEST(pages_and_filters),
        TEST(long_names_page_to_their_end),
        TEST(companies_out_of_sight_are_not_found),
        TEST(states_freshness),
        TEST(documents_hide_what_is_closed),
        TEST(filters_do_not_look_behind_a_mask),
        TEST(assets_follow_their_types_switch),
        TEST(checklists_carry_completion),
        TEST(a_company_hides_what_the_connection_shares),
        TEST(classes_are_hidden_until_opened),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
