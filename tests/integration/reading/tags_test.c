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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tagged_passwords_are_references_alone, fixture_fresh,
                                        fixture_drop),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
