// Regions, pasted keys and the settings.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "server/source/source.h"

static void test_regions_have_hosts(void **state)
{
    (void)state;
    size_t count;
    const struct source_region_info *regions = source_regions(&count);
    assert_int_equal(count, 3);
    assert_string_equal(regions[0].ui_host, "app.itglue.com");
    assert_string_equal(regions[0].api_host, "api.itglue.com");
    assert_string_equal(source_region_find(SOURCE_REGION_EU)->ui_host, "app.eu.itglue.com");
    assert_string_equal(source_region_find(SOURCE_REGION_EU)->api_host, "api.eu.itglue.com");
    assert_string_equal(source_region_find(SOURCE_REGION_AU)->ui_host, "app.au.itglue.com");
    assert_string_equal(source_region_find(SOURCE_REGION_AU)->api_host, "api.au.itglue.com");
    assert_null(source_region_find((enum source_region)7));
}

static void test_region_is_read_from_what_people_paste(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum source_region region;
    } good[] = {
        {"US", SOURCE_REGION_US},
        {"eu", SOURCE_REGION_EU},
        {" Au\n", SOURCE_REGION_AU},
        {"https://acme.eu.itglue.com/x", SOURCE_REGION_EU},
        {"https://acme.itglue.com", SOURCE_REGION_US},
        {"acme-msp.au.itglue.com/4102/docs", SOURCE_REGION_AU},
        {"HTTPS://APP.EU.ITGLUE.COM/", SOURCE_REGION_EU},
        {"http://api.itglue.com:443/organizations?x=1", SOURCE_REGION_US},
        {"api.au.itglue.com", SOURCE_REGION_AU},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        enum source_region region = 0;
        assert_int_equal(source_region_parse(good[i].text, &region, NULL), ERR_OK);
        assert_int_equal(region, good[i].region);
    }
}

static void test_unknown_region_names_the_allowed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "   ",
        "acme",
        "CA",
        "itglue.com",
        "eu.itglue.com",
        "https://itglue.com.evil.example/",
        "https://evil.example/app.itglue.com",
        "https://app.itglue.com@evil.example/",
        "https://evilitglue.com/",
        "https://a.b.itglue.com/",
        "ftp://app.itglue.com/",
        "app.itglue.com.",
        "https://",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        enum source_region region = 0;
        struct err err;
        assert_int_equal(source_region_parse(bad[i], &region, &err), ERR_UNKNOWN_REGION);
        assert_string_equal(err_meta_get(&err, "allowed"), "US,EU,AU");
    }
}

static void test_key_is_trimmed_and_nothing_else(void **state)
{
    (void)state;
    static const char pasted[] = " \t ITG.0123abcdef\xc3\xa4=/ \r\n";
    struct secret *key _cleanup_(secret_freep) = NULL;
    assert_int_equal(source_key_clean(pasted, sizeof(pasted) - 1, &key, NULL), ERR_OK);
    assert_string_equal(secret_bytes(key), "ITG.0123abcdef\xc3\xa4=/");
    assert_true(source_key_usual(key));
    struct secret *other _cleanup_(secret_freep) = NULL;
    assert_int_equal(source_key_clean("glue-key", 8, &other, NULL), ERR_OK);
    assert_false(source_key_usual(other));
}

static void test_malformed_key_is_refused_and_not_quoted(void **state)
{
    (void)state;
    char longer[514];
    memset(longer, 'k', sizeof(longer));
    static const struct {
        const char *text;
        size_t len;
    } bad[] = {{"", 0},
               {" \n", 2},
               {"ITG.a b", 7},
               {"ITG.a\nb", 7},
               {"ITG.a\0b", 7},
               {"ITG.\x1b[0m", 8},
               {"ITG.a\x7f"
                "b",
                7},
               {NULL, 513}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct secret *key = NULL;
        struct err err;
        const char *text = bad[i].text == NULL ? longer : bad[i].text;
        assert_int_equal(source_key_clean(text, bad[i].len, &key, &err), ERR_API_KEY_MALFORMED);
        assert_null(key);
        assert_null(strstr(err.text, "ITG."));
    }
    struct secret *longest _cleanup_(secret_freep) = NULL;
    assert_int_equal(source_key_clean(longer, 512, &longest, NULL), ERR_OK);
}

static void test_settings(void **state)
{
    (void)state;
    static const char *const good[] = {"https://localhost:8443", "http://127.0.0.1:9",
                                       "http://127.8.9.1",       "http://[::1]:80",
                                       "http://localhost:8080",  "https://glue.example"};
    static const char *const bad[] = {"http://glue.example",
                                      "http://10.0.0.1",
                                      "http://127.0.0.1.evil.example",
                                      "ftp://127.0.0.1",
                                      "file:///etc/passwd",
                                      "https://user:word@glue.example",
                                      "https://user@glue.example",
                                      "https://glue.example/path",
                                      "https://glue.example/",
                                      "https://glue.example?x=1",
                                      "glue.example",
                                      ""};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct source_settings settings = {.base_url[SOURCE_REGION_EU] = good[i]};
        assert_int_equal(source_settings_check(&settings, NULL), ERR_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct source_settings settings = {.base_url[SOURCE_REGION_EU] = bad[i]};
        struct err err;
        assert_int_equal(source_settings_check(&settings, &err), ERR_FIELD_INVALID);
        assert_string_equal(err.field, "itglue_eu_url");
    }
    struct source_settings settings = {.ca_file = "/nowhere/ca.pem"};
    assert_int_equal(source_settings_check(&settings, NULL), ERR_FIELD_INVALID);
    settings = (struct source_settings){.proxy = "http://user:word@proxy.example:3128"};
    assert_int_equal(source_settings_check(&settings, NULL), ERR_OK);
    settings.proxy = "gopher://proxy.example";
    assert_int_equal(source_settings_check(&settings, NULL), ERR_FIELD_INVALID);
}

static void test_open_refuses_what_has_no_adapter(void **state)
{
    (void)state;
    struct source_settings settings = {0};
    struct secret *key _cleanup_(secret_freep) = secret_copy("ITG.x", 5);
    struct source *source = NULL;
    assert_int_equal(
        source_open(&settings, SOURCE_PROVIDER_HUDU, SOURCE_REGION_US, key, &source, NULL),
        ERR_FIELD_INVALID);
    assert_int_equal(
        source_open(&settings, SOURCE_PROVIDER_IT_GLUE, (enum source_region)9, key, &source, NULL),
        ERR_UNKNOWN_REGION);
    assert_null(source);
}

int main(void)
{
    struct err err;
    if (source_global_init(&err) != ERR_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regions_have_hosts),
        cmocka_unit_test(test_region_is_read_from_what_people_paste),
        cmocka_unit_test(test_unknown_region_names_the_allowed),
        cmocka_unit_test(test_key_is_trimmed_and_nothing_else),
        cmocka_unit_test(test_malformed_key_is_refused_and_not_quoted),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_open_refuses_what_has_no_adapter),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    source_global_done();
    return failed;
}
