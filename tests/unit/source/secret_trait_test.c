// What is not known to be harmless counts as secret: traits, kinds of fields, types without fields.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "tests/unit/source/collector.h"

enum { RECORD_MAX = 4096, TEXT_MAX = 4096, PIECES = 6 };

static const struct source_query types = {
    .kind = SOURCE_FLEXIBLE_ASSET_TYPES, .page_number = 1, .page_size = 50};

static void parse(struct collector *collector, const struct source_query *query, const char *text,
                  size_t piece)
{
    struct err err = {0};
    struct source_page page;
    collector_init(collector);
    assert_int_equal(
        collector_parse(collector, query, text, strlen(text), piece, RECORD_MAX, &page, &err),
        ERR_OK);
}

// The traits that are kept of `traits`.
static void assert_traits(const struct source_query *query, const char *traits,
                          const char *expected)
{
    char text[TEXT_MAX], wanted[TEXT_MAX];
    (void)snprintf(text, sizeof(text),
                   "{\"data\":[{\"id\":1,\"attributes\":{\"organization-id\":2,\"traits\":%s}}]}",
                   traits);
    (void)snprintf(wanted, sizeof(wanted), "{\"type_name\":null,\"traits\":%s}", expected);
    for (size_t piece = 0; piece < PIECES; piece++) {
        struct collector got;
        parse(&got, query, text, piece);
        assert_int_equal(got.record_count, 1);
        assert_string_equal(got.records[0].body, wanted);
        collector_done(&got);
    }
}

static void test_a_key_has_many_spellings(void **state)
{
    (void)state;
    static const char *const secret[] = {"admin-password", "WiFi_Key"};
    static const struct source_query query = {.kind = SOURCE_FLEXIBLE_ASSETS,
                                              .type_id = 7,
                                              .page_number = 1,
                                              .page_size = 50,
                                              .secret_traits = secret,
                                              .secret_trait_count = 2};
    assert_traits(&query, "{\"admin_password\":\"CANARY\",\"a\":1}", "{\"a\":1}");
    assert_traits(&query, "{\"Admin-PASSWORD\":\"CANARY\",\"a\":1}", "{\"a\":1}");
    assert_traits(&query, "{\"wifi-key\":\"CANARY\",\"WIFI_KEY\":[\"CANARY\"]}", "{}");
    assert_traits(&query, "{\"admin-passwords\":1,\"admin\":2,\"\":3}",
                  "{\"\":3,\"admin\":2,\"admin-passwords\":1}");
}

static void test_an_unknown_trait_is_secret(void **state)
{
    (void)state;
    static const char *const secret[] = {"wifi-key"};
    static const char *const known[] = {"job-name", "wifi-key", "next-test"};
    static const struct source_query query = {.kind = SOURCE_FLEXIBLE_ASSETS,
                                              .type_id = 7,
                                              .page_number = 1,
                                              .page_size = 50,
                                              .secret_traits = secret,
                                              .secret_trait_count = 1,
                                              .known_traits = known,
                                              .known_trait_count = 3};
    assert_traits(&query, "{\"new\":\"CANARY\",\"job-name\":1}", "{\"job-name\":1}");
    assert_traits(&query, "{\"job_name\":{\"x\":[1]},\"Next-Test\":2,\"n\":{\"y\":[\"CANARY\"]}}",
                  "{\"Next-Test\":2,\"job_name\":{\"x\":[1]}}");
    // Known, but secret.
    assert_traits(&query, "{\"wifi_key\":\"CANARY\",\"password\":\"CANARY\"}", "{}");
    struct source_query without = query;
    without.known_traits = NULL;
    without.known_trait_count = 0;
    assert_traits(&without, "{\"new\":1,\"wifi-key\":\"CANARY\"}", "{\"new\":1}");
}

// Of a secret trait's value the ids of what it refers to stay, in the one form of references that
// is known; all else may be the secret.
static void test_a_secret_trait_keeps_ids_alone(void **state)
{
    (void)state;
    static const char *const secret[] = {"wifi-key", "password"};
    static const struct source_query query = {.kind = SOURCE_FLEXIBLE_ASSETS,
                                              .type_id = 7,
                                              .page_number = 1,
                                              .page_size = 50,
                                              .secret_traits = secret,
                                              .secret_trait_count = 2};
    static const struct {
        const char *value, *kept;
    } rows[] = {
        {"{\"type\":\"Passwords\",\"values\":[{\"id\":71,\"name\":\"CANARY\"}]}",
         "{\"values\":[{\"id\":71}]}"},
        {"{\"values\":[{\"id\":\"3183713165001122\"},{\"password\":\"CANARY\",\"id\":72},"
         "{\"x\":{\"id\":1},\"y\":[{\"id\":2}]}],\"id\":3}",
         "{\"values\":[{\"id\":3183713165001122},{\"id\":72}]}"},
        {"\"CANARY\"", NULL},
        {"12345", NULL},
        {"true", NULL},
        {"null", NULL},
        {"[{\"id\":71}]", NULL},
        {"{\"id\":71}", NULL},
        {"{}", NULL},
        {"{\"values\":12345}", NULL},
        {"{\"values\":[]}", NULL},
        {"{\"values\":[12345,\"CANARY\",[{\"id\":71}],null]}", NULL},
        {"{\"values\":{\"id\":71}}", NULL},
        {"{\"values\":[{\"id\":\"CANARY\"},{\"id\":-1},{\"id\":[71]},{\"id\":null}]}", NULL},
        {"{\"value\":[{\"id\":71}]}", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char traits[1024], kept[256];
        (void)snprintf(traits, sizeof(traits),
                       "{\"a\":1,\"wifi_key\":%s,\"password\":%s,\"z\":{\"id\":5}}", rows[i].value,
                       rows[i].value);
        if (rows[i].kept == NULL)
            (void)snprintf(kept, sizeof(kept), "{\"a\":1,\"z\":{\"id\":5}}");
        else
            (void)snprintf(kept, sizeof(kept),
                           "{\"a\":1,\"password\":%s,\"wifi_key\":%s,\"z\":{\"id\":5}}",
                           rows[i].kept, rows[i].kept);
        assert_traits(&query, traits, kept);
    }
}

#define RELATED(ids) ",\"relationships\":{\"flexible-asset-fields\":{\"data\":[" ids "]}}"
#define FIELD(id, more) \
    "{\"id\":" id ",\"type\":\"flexible-asset-fields\",\"attributes\":{" more "}}"
#define GOOD "\"flexible-asset-type-id\":77,\"kind\":\"Text\",\"name-key\":\"a\""

static void test_a_type_without_its_fields_is_quarantined(void **state)
{
    (void)state;
    static const struct {
        const char *relationships;
        const char *included;
        const char *detail; // NULL: it is good
    } rows[] = {
        {RELATED("{\"id\":1}"), "", "its fields are missing"},
        {RELATED("{\"id\":1}"), ",\"included\":[]", "its fields are missing"},
        {RELATED("{\"id\":1}"), ",\"included\":null", "its fields are missing"},
        {RELATED("{\"id\":1}"), ",\"included\":{}", "its fields are missing"},
        {RELATED("{\"id\":1},{\"id\":2}"), ",\"included\":[" FIELD("1", GOOD) "]",
         "its fields are missing"},
        {RELATED("{\"id\":1},{\"id\":2}"), ",\"included\":[" FIELD("2", GOOD) "]",
         "its fields are missing"},
        {RELATED("{\"id\":1}"), ",\"included\":[{\"id\":1,\"type\":\"other\",\"attributes\":{}}]",
         "its fields are missing"},
        // A type that has no fields yet: it has none here, and nothing of it is asked for.
        {"", "", NULL},
        {"", ",\"included\":[" FIELD("1", "\"flexible-asset-type-id\":78") "]", NULL},
        {RELATED(""), "", NULL},
        {",\"relationships\":{}", ",\"included\":[]", NULL},
        // A field that no trait can be told by.
        {"", ",\"included\":[" FIELD("1", GOOD) "," FIELD("2", "\"flexible-asset-type-id\":77") "]",
         "an included record cannot be read"},
        {RELATED("{\"id\":2}"), ",\"included\":[" FIELD("2", "\"name-key\":\"\"") "]",
         "an included record cannot be read"},
        {RELATED("{\"id\":2}"), ",\"included\":[" FIELD("2", "\"name-key\":{}") "]",
         "an included record cannot be read"},
        {RELATED("{\"id\":1}"), ",\"included\":[" FIELD("1", GOOD) "]", NULL},
        {RELATED("{\"id\":1},{\"id\":\"1\"}"),
         ",\"included\":[" FIELD("1", "\"name-key\":\"a\"") "]", NULL},
        {"", ",\"included\":[" FIELD("1", GOOD) "]", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[TEXT_MAX];
        (void)snprintf(text, sizeof(text), "{\"data\":[{\"id\":77,\"attributes\":{}%s}]%s}",
                       rows[i].relationships, rows[i].included);
        for (size_t piece = 0; piece < PIECES; piece++) {
            struct collector got;
            parse(&got, &types, text, piece);
            assert_int_equal(got.record_count, rows[i].detail == NULL);
            assert_int_equal(got.quarantine_count, rows[i].detail != NULL);
            if (rows[i].detail != NULL) {
                assert_int_equal(got.quarantined[0].id, 77);
                assert_string_equal(got.quarantined[0].reason, "RECORD_MALFORMED");
                assert_string_equal(got.quarantined[0].detail, rows[i].detail);
            }
            collector_done(&got);
        }
    }
}

static void test_a_lost_field_spoils_types_that_may_have_owned_it(void **state)
{
    (void)state;
    char text[2 * TEXT_MAX];
    // The second field is too large to be read, its owner with it.
    (void)snprintf(
        text, sizeof(text),
        "{\"data\":[{\"id\":77,\"attributes\":{}},{\"id\":78,\"attributes\":{}" RELATED(
            "{\"id\":3}") "}],\"included\":[" FIELD("1", GOOD) ",{\"id\":2,"
                                                               "\"attributes\":{\"name-key\":\"%"
                                                               "05000d\"}}," FIELD(
                                                                   "3", "\"name-key\":\"b\"") "]}",
        0);
    struct collector got;
    parse(&got, &types, text, 0);
    assert_int_equal(got.record_count, 1);
    assert_int_equal(got.records[0].id, 78);
    assert_int_equal(got.quarantine_count, 1);
    assert_int_equal(got.quarantined[0].id, 77);
    collector_done(&got);
}

static void test_an_unknown_kind_is_secret(void **state)
{
    (void)state;
    static const struct {
        const char *member;
        const char *kind;
    } rows[] = {
        {"", "Password"},
        {",\"kind\":null", "Password"},
        {",\"kind\":\"\"", "Password"},
        {",\"kind\":7", "Password"},
        {",\"kind\":true", "Password"},
        {",\"kind\":{}", "Password"},
        {",\"kind\":[\"Text\"]", "Password"},
        {",\"kind\":\"password\"", "Password"},
        {",\"kind\":\"One-Time Password\"", "Password"},
        {",\"kind\":\"Texts\"", "Password"},
        {",\"kind\":\"Password\"", "Password"},
        {",\"kind\":\"Text\"", "Text"},
        {",\"kind\":\"Textbox\"", "Textbox"},
        {",\"kind\":\"Select\"", "Select"},
        {",\"kind\":\"Number\"", "Number"},
        {",\"kind\":\"Percent\"", "Percent"},
        {",\"kind\":\"Checkbox\"", "Checkbox"},
        {",\"kind\":\"Date\"", "Date"},
        {",\"kind\":\"Tag\"", "Tag"},
        {",\"kind\":\"Upload\"", "Upload"},
        {",\"kind\":\"Header\"", "Header"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[TEXT_MAX], wanted[64];
        (void)snprintf(
            text, sizeof(text),
            "{\"data\":[{\"id\":77,\"attributes\":{}" RELATED(
                "{\"id\":1}") "}],\"included\":[" FIELD("1", "\"name-key\":\"a\"%s") "]}",
            rows[i].member);
        (void)snprintf(wanted, sizeof(wanted), "\"kind\":\"%s\",", rows[i].kind);
        for (size_t piece = 0; piece < PIECES; piece++) {
            struct collector got;
            parse(&got, &types, text, piece);
            assert_int_equal(got.record_count, 1);
            assert_non_null(strstr(got.records[0].body, wanted));
            collector_done(&got);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_has_many_spellings),
        cmocka_unit_test(test_an_unknown_trait_is_secret),
        cmocka_unit_test(test_a_secret_trait_keeps_ids_alone),
        cmocka_unit_test(test_a_type_without_its_fields_is_quarantined),
        cmocka_unit_test(test_a_lost_field_spoils_types_that_may_have_owned_it),
        cmocka_unit_test(test_an_unknown_kind_is_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
