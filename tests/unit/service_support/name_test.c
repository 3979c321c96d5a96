// Resource names: each pattern of the contract, and texts that must name nothing.
#include "server/service/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static int start(void **state)
{
    (void)state;
    arena_init(&arena, 64 * 1024);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static enum err_code parse(const char *text, const char *pattern, struct name *ret_name)
{
    struct err err = {0};
    enum err_code code = name_parse(text, pattern, "name", &arena, ret_name, &err);
    if (code != ERR_OK) {
        assert_int_equal(code, ERR_FIELD_INVALID);
        assert_string_equal(err.field, "name");
        assert_non_null(strstr(err.text, pattern));
    }
    return code;
}

static void assert_text(const char *got, const char *wanted)
{
    if (wanted == NULL)
        assert_null(got);
    else
        assert_string_equal(got, wanted);
}

// Every pattern of the contract, with the members that it fills and no other.
static void reads_each_pattern(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        struct name name;
    } rows[] = {
        {"connections/{connection}", "connections/main-1", {.connection = "main-1"}},
        {"connections/{connection}/documentationConfig",
         "connections/c/documentationConfig",
         {.connection = "c"}},
        {"connections/{connection}/passwordConfig",
         "connections/c/passwordConfig",
         {.connection = "c"}},
        {"connections/{connection}/organizations/{organization}",
         "connections/c/organizations/42",
         {.connection = "c", .organization = 42}},
        {"connections/{connection}/flexibleAssetTypes/{flexible_asset_type}",
         "connections/c/flexibleAssetTypes/7",
         {.connection = "c", .flexible_asset_type = 7}},
        {"connections/{connection}/passwordCategories/{password_category}",
         "connections/c/passwordCategories/8",
         {.connection = "c", .password_category = 8}},
        {"connections/{connection}/syncRuns/{sync_run}",
         "connections/c/syncRuns/abc2",
         {.connection = "c", .sync_run = "abc2"}},
        {"connections/{connection}/syncIssues/{sync_issue}",
         "connections/c/syncIssues/i.1",
         {.connection = "c", .sync_issue = "i.1"}},
        {"companies/{company}", "companies/A~b_C.d-9", {.company = "A~b_C.d-9"}},
        {"companies/{company}/passwordAccess", "companies/x/passwordAccess", {.company = "x"}},
        {"companies/{company}/passwords/{record}",
         "companies/x/passwords/9223372036854775807",
         {.company = "x", .record = INT64_MAX}},
        {"companies/{company}/documents/{record}",
         "companies/x/documents/1",
         {.company = "x", .record = 1}},
        {"auditEvents/{audit_event}", "auditEvents/12", {.audit_event = 12}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct name name;
        const struct name *wanted = &rows[i].name;
        assert_int_equal(parse(rows[i].text, rows[i].pattern, &name), ERR_OK);
        assert_text(name.connection, wanted->connection);
        assert_text(name.company, wanted->company);
        assert_text(name.sync_run, wanted->sync_run);
        assert_text(name.sync_issue, wanted->sync_issue);
        assert_int_equal(name.organization, wanted->organization);
        assert_int_equal(name.flexible_asset_type, wanted->flexible_asset_type);
        assert_int_equal(name.password_category, wanted->password_category);
        assert_int_equal(name.record, wanted->record);
        assert_int_equal(name.audit_event, wanted->audit_event);
    }
}

static void copies_ids_into_the_arena(void **state)
{
    (void)state;
    char text[] = "companies/first";
    struct name name;
    assert_int_equal(parse(text, "companies/{company}", &name), ERR_OK);
    memset(text, 'x', sizeof(text) - 1);
    assert_string_equal(name.company, "first");
}

static void refuses_another_shape(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "companies",
        "companies/",
        "companies//passwords/1",
        "companies/x/passwords",
        "companies/x/passwords/",
        "companies/x/passwords/1/",
        "companies/x/passwords/1/2",
        "/companies/x/passwords/1",
        "//docbridge.internal/companies/x/passwords/1",
        "Companies/x/passwords/1",
        "companies/x/documents/1",
        "connections/x/passwords/1",
        " companies/x/passwords/1",
        "companies/x/passwords/1 ",
        "companies/-/passwords/1",
        "companies/x/passwords/-",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct name name = {.record = -1};
        if (parse(texts[i], "companies/{company}/passwords/{record}", &name) == ERR_OK)
            fail_msg("accepted: %s", texts[i]);
        // What was refused leaves no half of a name behind.
        assert_int_equal(name.record, -1);
        assert_null(name.company);
    }
}

static void gives_each_number_one_spelling(void **state)
{
    (void)state;
    static const char *const numbers[] = {
        "0",
        "-1",
        "+1",
        "01",
        "007",
        "1.0",
        "1e3",
        "0x10",
        "1_000",
        "9223372036854775808",
        "18446744073709551617",
        "99999999999999999999999999",
        "\xd9\xa1",
        "one",
        "1\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        char text[64];
        struct name name;
        (void)snprintf(text, sizeof(text), "auditEvents/%s", numbers[i]);
        if (parse(text, "auditEvents/{audit_event}", &name) == ERR_OK)
            fail_msg("accepted: %s", numbers[i]);
    }
}

// Every byte but NUL, which ends a text, at the beginning, in the middle and at the end of an id.
static void takes_only_its_alphabet(void **state)
{
    (void)state;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";
    for (int byte = 1; byte < 256; byte++) {
        bool allowed = strchr(alphabet, byte) != NULL;
        for (int place = 0; place < 3; place++) {
            char id[] = "abc", text[32];
            struct name name;
            id[place] = (char)byte;
            (void)snprintf(text, sizeof(text), "companies/%s", id);
            assert_int_equal(parse(text, "companies/{company}", &name) == ERR_OK, allowed);
            assert_int_equal(name_id_valid(id), allowed);
        }
    }
}

static void bounds_the_length(void **state)
{
    (void)state;
    char id[130], text[160];
    struct name name;
    memset(id, 'a', sizeof(id));
    id[128] = '\0';
    assert_true(name_id_valid(id));
    (void)snprintf(text, sizeof(text), "companies/%s", id);
    assert_int_equal(parse(text, "companies/{company}", &name), ERR_OK);
    assert_string_equal(name.company, id);
    id[128] = 'a';
    id[129] = '\0';
    assert_false(name_id_valid(id));
    (void)snprintf(text, sizeof(text), "companies/%s", id);
    assert_int_equal(parse(text, "companies/{company}", &name), ERR_FIELD_INVALID);
    assert_false(name_id_valid(""));
    assert_false(name_id_valid("-"));
    assert_true(name_id_valid("--"));
}

// Want of memory is the server's fault, not the name's.
static void tells_want_of_memory_apart(void **state)
{
    (void)state;
    struct arena small;
    struct name name;
    struct err err = {0};
    arena_init(&small, 2);
    assert_int_equal(
        name_parse("companies/long", "companies/{company}", "name", &small, &name, &err),
        ERR_INTERNAL);
    arena_done(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_pattern),
        cmocka_unit_test(copies_ids_into_the_arena),
        cmocka_unit_test(refuses_another_shape),
        cmocka_unit_test(gives_each_number_one_spelling),
        cmocka_unit_test(takes_only_its_alphabet),
        cmocka_unit_test(bounds_the_length),
        cmocka_unit_test(tells_want_of_memory_apart),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
