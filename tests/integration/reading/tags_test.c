// What an asset's tags show of the records that they lead to.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/documentation.pb-c.h"
#include "server/service/services.h"
#include "tests/integration/reading/listed.h"

// The second field was one of configurations when its value was read, the third is now.
static const char RECORDS[] =
    "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, content_hash,"
    " enabled, discover_time, body) VALUES ('t1','c1',77,'Server','',true,now(),'{\"fields\": ["
    " {\"key\": \"login\", \"name\": \"Login\", \"kind\": \"Tag\", \"tag_type\": \"Passwords\"},"
    " {\"key\": \"old\", \"name\": \"Old\", \"kind\": \"Tag\", \"tag_type\": \"Passwords\"},"
    " {\"key\": \"new\", \"name\": \"New\", \"kind\": \"Tag\", \"tag_type\": \"Configurations\"},"
    " {\"key\": \"none\", \"name\": \"None\", \"kind\": \"Tag\", \"tag_type\": \"Passwords\"}]}');"
    "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, type_id,"
    " body, content_hash) VALUES ('t1','c1',5,1,41,'',77,'{\"traits\": {"
    "  \"login\": {\"values\": [{\"id\": 71}]},"
    "  \"old\": {\"type\": \"Configurations\", \"values\": [{\"id\": 72, \"name\": \"fw\"}]},"
    "  \"new\": {\"type\": \"Passwords\","
    "            \"values\": [{\"id\": 73, \"name\": \"Root\", \"username\": \"joe\"}]}}}','')";

static void tagged_passwords_are_references_alone(void **state)
{
    struct fixture *fixture = *state;
    static char name[] = "companies/acme/flexibleAssets/1";
    static const char *const references[] = {"companies/acme/passwords/71",
                                             "companies/acme/passwords/72",
                                             "companies/acme/passwords/73"};
    Docbridge__V1__GetFlexibleAssetRequest in = DOCBRIDGE__V1__GET_FLEXIBLE_ASSET_REQUEST__INIT;
    Docbridge__V1__FlexibleAsset asset;
    in.name = name;
    (void)fixture_sql(fixture, RECORDS);
    listed_call(fixture, &documentation_service, "GetFlexibleAsset", &in, &asset);
    assert_int_equal(asset.n_traits, 4);
    for (size_t i = 0; i < asset.n_traits; i++) {
        const Docbridge__V1__Trait *trait = asset.traits[i];
        assert_int_equal(trait->kind, DOCBRIDGE__V1__FLEXIBLE_ASSET_TYPE__FIELD__KIND__KIND_TAG);
        assert_int_equal(trait->value_case, DOCBRIDGE__V1__TRAIT__VALUE_PASSWORDS);
        assert_int_equal(trait->passwords->n_passwords, i < 3);
        if (i < 3)
            assert_string_equal(trait->passwords->passwords[0]->name, references[i]);
    }
}

static void what_an_attribute_calls_a_password_is_masked(void **state)
{
    struct fixture *fixture = *state;
    static char name[] = "companies/acme/flexibleAssets/1";
    Docbridge__V1__GetFlexibleAssetRequest in = DOCBRIDGE__V1__GET_FLEXIBLE_ASSET_REQUEST__INIT;
    Docbridge__V1__FlexibleAsset asset;
    in.name = name;
    (void)fixture_sql(fixture, RECORDS);
    (void)fixture_sql(fixture,
                      "UPDATE flexible_asset_type SET body = '{\"fields\": [{\"key\": \"new\","
                      "  \"name\": \"New\", \"kind\": \"Tag\"}]}' WHERE id = 77;"
                      "UPDATE record SET body = '{\"traits\": {\"new\": {\"type\": \"Domains\","
                      "  \"values\": [{\"admin-password\": \"geheim\", \"note\": \"clear\"}]}}}'"
                      " WHERE kind = 5 AND id = 1");
    listed_call(fixture, &documentation_service, "GetFlexibleAsset", &in, &asset);
    const Docbridge__V1__Trait__Tag *tag = asset.traits[0]->tags->tags[0];
    assert_int_equal(tag->n_attributes, 2);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(tag->attributes[i]->value,
                            strcmp(tag->attributes[i]->key, "note") == 0 ? "clear" : "****");
    assert_int_equal(asset.masked_count, 1);
}

#define FIELD(key, kind) "{\"key\": \"" key "\", \"name\": \"" key "\", \"kind\": \"" kind "\"}"
#define TAG(id) "{\"id\": " id ", \"name\": \"Name\", \"resource-url\": \"https://x/1\"}"
#define TAG_OF(id, organization)                                \
    "{\"id\": " id ", \"name\": \"Name\", \"hostname\": \"h\"," \
    " \"organization-name\": \"" organization "\"}"
#define TAGS(key, type, tags) "\"" key "\": {\"type\": \"" type "\", \"values\": [" tags "]}"

// Folder 305 is restricted, type 78 off; organization 42 is another company's. The last field held
// tags when its value was read.
static const char OTHERS
    [] = "INSERT INTO flexible_asset_type (tenant, connection_id, id, display_name, content_hash,"
         " enabled, discover_time, body) VALUES ('t1','c1',78,'Off','',false,now(),'{}'),"
         " ('t1','c1',77,'Server','',true,now(),'{\"fields\": [" FIELD("documents",
                                                                       "Tag") "," FIELD("assets",
                                                                                        "Tag") "," FIELD("checklists", "Tag") "," FIELD("templates",
                                                                                                                                        "Tag") "," FIELD("organizations",
                                                                                                                                                         "Tag") "," FIELD("configurations", "Tag") "," FIELD("news", "Tag") "," FIELD("text", "Text") "]}');"
                                                                                                                                                                                                                                                      "INSERT INTO record (tenant, connection_id, kind, id, organization_id, display_name, type_id,"
                                                                                                                                                                                                                                                      " folder_id, restricted, archived, publish_time, body, content_hash) VALUES"
                                                                                                                                                                                                                                                      " ('t1','c1',3,305,41,'Closed',0,0,true,false,NULL,'{\"ancestor_ids\": []}',''),"
                                                                                                                                                                                                                                                      " ('t1','c1',4,1,41,'Open',0,0,false,false,now(),'{}',''),"
                                                                                                                                                                                                                                                      " ('t1','c1',4,2,41,'Restricted',0,0,true,false,now(),'{}',''),"
                                                                                                                                                                                                                                                      " ('t1','c1',4,3,41,'Archived',0,0,false,true,now(),'{}',''),"
                                                                                                                                                                                                                                                      " ('t1','c1',4,4,41,'Draft',0,0,false,false,NULL,'{}',''),"
                                                                                                                                                                                                                                                      " ('t1','c1',4,5,41,'In closed folder',0,305,false,false,now(),'{}',''),"
                                                                                                                                                                                                                                                      " ('t1','c1',4,6,42,'Of beta',0,0,false,false,now(),'{}',''),"
                                                                                                                                                                                                                                                      " ('t1','c1',5,2,41,'Off',78,0,false,false,NULL,'{}',''),"
                                                                                                                                                                                                                                                      " ('t1','c1',6,1,41,'Open',0,0,false,false,NULL,'{}',''),"
                                                                                                                                                                                                                                                      " ('t1','c1',6,2,41,'Restricted',0,0,true,false,NULL,'{}',''),"
                                                                                                                                                                                                                                                      " ('t1','c1',7,1,0,'Of the account',0,0,false,false,NULL,'{}',''),"
                                                                                                                                                                                                                                                      " ('t1','c1',7,2,42,'Of beta',0,0,false,false,NULL,'{}',''),"
                                                                                                                                                                                                                                                      " ('t1','c1',5,1,41,'',77,0,false,false,NULL,'{\"traits\": {" TAGS(
                                                                                                                                                                                                                                                          "documents", "Documents", TAG("1") "," TAG("2") "," TAG("3") "," TAG("4") "," TAG("5") "," TAG("6") "," TAG("99")) "," TAGS("assets",
                                                                                                                                                                                                                                                                                                                                                                                      "FlexibleAssetTypes",
                                                                                                                                                                                                                                                                                                                                                                                      TAG("1") "," TAG(
                                                                                                                                                                                                                                                                                                                                                                                          "2")) "," TAGS("checklists", "Checklists", TAG("1") "," TAG("2")) "," TAGS("templates",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                     "ChecklistTemplates",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                     TAG("1") "," TAG("2")) "," TAGS("organizations", "Organizations", TAG("41") "," TAG("42")) "," TAGS("configurations",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                         "Configurations", TAG("1") "," TAG_OF("2", "Acme") "," TAG_OF("3", "Beta")) "," TAGS("news",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                              "Vehicles", TAG("1")) "," TAGS("text", "Documents", TAG("2") "," TAG("1")) "}}','')";

static void tags_tell_what_readers_may_see(void **state)
{
    struct fixture *fixture = *state;
    static char name[] = "companies/acme/flexibleAssets/1";
    // A letter a tag: whether its name is told.
    static const char *const shown[] = {"tffffff", "tf", "tf", "tf", "tf", "ttf", "f", "ft"};
    Docbridge__V1__GetFlexibleAssetRequest in = DOCBRIDGE__V1__GET_FLEXIBLE_ASSET_REQUEST__INIT;
    Docbridge__V1__FlexibleAsset asset;
    in.name = name;
    (void)fixture_sql(fixture, OTHERS);
    listed_call(fixture, &documentation_service, "GetFlexibleAsset", &in, &asset);
    assert_int_equal(asset.n_traits, ARRAY_LEN(shown));
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        assert_int_equal(asset.traits[i]->value_case, DOCBRIDGE__V1__TRAIT__VALUE_TAGS);
        const Docbridge__V1__Trait__TagList *list = asset.traits[i]->tags;
        assert_int_equal(list->n_tags, strlen(shown[i]));
        for (size_t j = 0; j < list->n_tags; j++) {
            const Docbridge__V1__Trait__Tag *tag = list->tags[j];
            bool told = shown[i][j] == 't';
            assert_string_not_equal(tag->upstream_id, "");
            assert_string_equal(tag->display_name, told ? "Name" : "");
            if (!told)
                assert_true(tag->upstream_uri[0] == '\0' && tag->n_attributes == 0);
        }
    }
    // What is switched off is not told of either.
    (void)fixture_sql(fixture, "UPDATE connection_config SET documents_enabled = false,"
                               " checklists_enabled = false");
    listed_call(fixture, &documentation_service, "GetFlexibleAsset", &in, &asset);
    assert_string_equal(asset.traits[0]->tags->tags[0]->display_name, "");
    assert_string_equal(asset.traits[2]->tags->tags[0]->display_name, "");
    assert_string_equal(asset.traits[3]->tags->tags[0]->display_name, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tagged_passwords_are_references_alone, fixture_fresh,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(what_an_attribute_calls_a_password_is_masked, fixture_fresh,
                                        fixture_drop),
        cmocka_unit_test_setup_teardown(tags_tell_what_readers_may_see, fixture_fresh,
                                        fixture_drop),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
