// Filters: the grammar, what each list allows, and texts that must be refused rather than ignored.
#include "server/service/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/mapping.pb-c.h"

static struct arena arena;
static const char *name_has, *name_equals, *time_from, *time_to;

static const struct filter_field FIELDS[] = {
    {"display_name", FILTER_HAS, &name_has},
    {"mapping.company", FILTER_EQUALS, &name_equals},
    {"event_time", FILTER_AT_LEAST, &time_from},
    {"event_time", FILTER_BELOW, &time_to},
};

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

static enum err_code parse(const char *filter, struct err *err)
{
    return filter_parse(filter, FIELDS, ARRAY_LEN(FIELDS), &arena, err);
}

static void assert_text(const char *got, const char *wanted)
{
    if (wanted == NULL)
        assert_null(got);
    else if (got == NULL)
        fail_msg("no value instead of %s", wanted);
    else
        assert_string_equal(got, wanted);
}

static void reads_the_grammar(void **state)
{
    (void)state;
    static const struct {
        const char *filter, *has, *equals, *from, *to;
    } rows[] = {
        {"", NULL, NULL, NULL, NULL},
        {" \t ", NULL, NULL, NULL, NULL},
        {"display_name:acme", "acme", NULL, NULL, NULL},
        {"  display_name \t:  acme  ", "acme", NULL, NULL, NULL},
        {"mapping.company=companies/x", NULL, "companies/x", NULL, NULL},
        {"display_name : \"a b\" AND mapping.company = y", "a b", "y", NULL, NULL},
        {"mapping.company = y\tAND\tdisplay_name : z", "z", "y", NULL, NULL},
        {"event_time >= \"2026-01-01T00:00:00Z\" AND event_time < \"2026-02-01T00:00:00Z\"", NULL,
         NULL, "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"},
        {"event_time<1 AND event_time>=0", NULL, NULL, "0", "1"},
        {"display_name : \"\"", "", NULL, NULL, NULL},
        {"display_name : AND", "AND", NULL, NULL, NULL},
        {"display_name : \"x AND mapping.company = y\"", "x AND mapping.company = y", NULL, NULL,
         NULL},
        {"display_name : \xc3\xa4\xc3\xb6", "\xc3\xa4\xc3\xb6", NULL, NULL, NULL},
        {"display_name : 50%_'--", "50%_'--", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};
        if (parse(rows[i].filter, &err) != ERR_OK)
            fail_msg("%s: %s", rows[i].filter, err.text);
        assert_text(name_has, rows[i].has);
        assert_text(name_equals, rows[i].equals);
        assert_text(time_from, rows[i].from);
        assert_text(time_to, rows[i].to);
    }
}

static void reads_quotes_and_escapes(void **state)
{
    (void)state;
    static const struct {
        const char *filter, *value;
    } rows[] = {
        {"display_name : \"say \\\"hi\\\"\"", "say \"hi\""},
        {"display_name : \"back\\\\slash\"", "back\\slash"},
        {"display_name : \"\\\\\"", "\\"},
        {"display_name : \"a\\nb\"", "a\\nb"},
        {"display_name : \"()<>=:\"", "()<>=:"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(parse(rows[i].filter, NULL), ERR_OK);
        assert_text(name_has, rows[i].value);
    }
}

static void refuses_what_it_does_not_understand(void **state)
{
    (void)state;
    static const struct {
        const char *filter, *says;
    } rows[] = {
        {"display_name", "expected =, :, >= or <"},
        {"display_name :", "expected a value"},
        {": acme", "expected a field"},
        {"\"acme\"", "expected a field"},
        {"acme", "expected ="},
        {"display_name : acme mapping.company = y", "expected AND"},
        {"display_name : acme and mapping.company = y", "expected AND"},
        {"display_name : acme OR mapping.company = y", "expected AND"},
        {"display_name : acme ANDmapping.company = y", "expected AND"},
        {"display_name : \"acme\"AND mapping.company = y", "expected AND"},
        {"display_name : acme AND", "expected AND"},
        {"display_name : acme AND ", "expected a field"},
        {"AND display_name : acme", "expected a field"},
        {"display_name : acme AND AND mapping.company = y", "expected a field"},
        {"NOT display_name : acme", "expected a field"},
        {"-display_name : acme", "expected a field"},
        {"(display_name : acme)", "expected a field"},
        {"display_name : (acme)", "expected a value"},
        {"display_name : acme)", "expected AND"},
        {"display_name : \"acme", "expected a closing quote"},
        {"display_name : \"", "expected a closing quote"},
        {"display_name : \"acme\\", "expected a closing quote"},
        {"display_name : \"acme\\\"", "expected a closing quote"},
        {"mapping.company == y", "expected a value"},
        {"mapping.company != y", "expected ="},
        {"event_time <= 1", "expected ="},
        {"event_time > 1", "expected ="},
        {"event_time =< 1", "cannot compare event_time"},
        {"display_name = acme", "cannot compare display_name"},
        {"mapping.company : y", "cannot compare mapping.company"},
        {"company = y", "has no field company"},
        {"mapping = y", "has no field mapping"},
        {"mapping.company.x = y", "has no field mapping.company.x"},
        {"Display_name : y", "expected a field"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};
        if (parse(rows[i].filter, &err) == ERR_OK)
            fail_msg("accepted: %s", rows[i].filter);
        assert_int_equal(err.code, ERR_FIELD_INVALID);
        assert_string_equal(err.field, "filter");
        if (strstr(err.text, rows[i].says) == NULL)
            fail_msg("%s: says \"%s\", not \"%s\"", rows[i].filter, err.text, rows[i].says);
    }
}

static void says_where(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(parse("display_name : acme OR x = y", &err), ERR_FIELD_INVALID);
    assert_non_null(strstr(err.text, "at character 21:"));
}

static void takes_a_field_once(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(parse("display_name : a AND display_name : b", &err), ERR_FIELD_INVALID);
    assert_non_null(strstr(err.text, "names display_name twice"));
    assert_int_equal(parse("display_name : \"\" AND display_name : b", &err), ERR_FIELD_INVALID);
    assert_int_equal(parse("event_time < 1 AND event_time < 2", &err), ERR_FIELD_INVALID);
}

// Nothing of an earlier filter stays behind.
static void forgets_what_was_before(void **state)
{
    (void)state;
    assert_int_equal(parse("display_name : a AND mapping.company = y", NULL), ERR_OK);
    assert_int_equal(parse("mapping.company = z", NULL), ERR_OK);
    assert_null(name_has);
    assert_string_equal(name_equals, "z");
}

static void survives_ten_kilobytes(void **state)
{
    (void)state;
    enum { BYTES = 10 * 1024 };
    static char filter[BYTES + 64];
    static const char *const fillers[] = {"a", "\"", "\\", "(", " ", "display_name : a AND "};
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
        static const char *const heads[] = {"", "display_name : ", "display_name : \""};
        for (size_t k = 0; k < ARRAY_LEN(heads); k++) {
            size_t len = (size_t)snprintf(filter, sizeof(filter), "%s", heads[k]);
            for (size_t n = 0; len < BYTES; n++)
                filter[len++] = fillers[i][n % strlen(fillers[i])];
            filter[len] = '\0';
            struct err err = {0};
            bool blank = strspn(filter, " ") == len;
            assert_int_equal(parse(filter, &err), blank ? ERR_OK : ERR_FIELD_INVALID);
        }
    }
    struct err err = {0};
    size_t len = (size_t)snprintf(filter, sizeof(filter), "display_name : \"");
    memset(filter + len, 'a', BYTES);
    memcpy(filter + len + BYTES, "\"", 2);
    assert_int_equal(parse(filter, &err), ERR_FIELD_INVALID);
    assert_non_null(strstr(err.text, "expected a shorter value"));
}

static void reports_want_of_memory(void **state)
{
    (void)state;
    struct arena small;
    arena_init(&small, 2);
    assert_int_equal(filter_parse("display_name : acme", FIELDS, ARRAY_LEN(FIELDS), &small, NULL),
                     ERR_INTERNAL);
    arena_done(&small);
}

static void reads_a_bool(void **state)
{
    (void)state;
    bool value = false;
    assert_int_equal(filter_bool("mapped", "true", &value, NULL), ERR_OK);
    assert_true(value);
    assert_int_equal(filter_bool("mapped", "false", &value, NULL), ERR_OK);
    assert_false(value);
    static const char *const others[] = {"", "TRUE", "yes", "1", "0", "true ", "null"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct err err = {0};
        assert_int_equal(filter_bool("mapped", others[i], &value, &err), ERR_FIELD_INVALID);
        assert_string_equal(err.field, "filter");
        assert_non_null(strstr(err.text, "mapped"));
    }
}

static enum err_code read_state(const char *value, int *ret_value, struct err *err)
{
    return filter_enum("mapping_state", value,
                       &docbridge__v1__organization__mapping_state__descriptor, "MAPPING_STATE_",
                       ret_value, err);
}

static void reads_an_enum(void **state)
{
    (void)state;
    int value = -1;
    assert_int_equal(read_state("MAPPED", &value, NULL), ERR_OK);
    assert_int_equal(value, DOCBRIDGE__V1__ORGANIZATION__MAPPING_STATE__MAPPING_STATE_MAPPED);
    assert_int_equal(read_state("ORPHANED", &value, NULL), ERR_OK);
    assert_int_equal(value, DOCBRIDGE__V1__ORGANIZATION__MAPPING_STATE__MAPPING_STATE_ORPHANED);
    char longest[600];
    memset(longest, 'A', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    const char *const others[] = {"",  "mapped",  "UNSPECIFIED", "MAPPING_STATE_MAPPED",
                                  "1", "MAPPED ", "NONE",        longest};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct err err = {0};
        value = -1;
        assert_int_equal(read_state(others[i], &value, &err), ERR_FIELD_INVALID);
        assert_string_equal(err.field, "filter");
        assert_int_equal(value, -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_grammar),
        cmocka_unit_test(reads_quotes_and_escapes),
        cmocka_unit_test(refuses_what_it_does_not_understand),
        cmocka_unit_test(says_where),
        cmocka_unit_test(takes_a_field_once),
        cmocka_unit_test(forgets_what_was_before),
        cmocka_unit_test(survives_ten_kilobytes),
        cmocka_unit_test(reports_want_of_memory),
        cmocka_unit_test(reads_a_bool),
        cmocka_unit_test(reads_an_enum),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
