// The table of errors is whole, and details keep their bounds.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/err.h"
#include "server/base/utf8.h"

static void names_every_code_once(void **state)
{
    (void)state;
    assert_string_equal(err_reason(ERR_OK), "OK");
    assert_int_equal(err_status(ERR_OK), STATUS_OK);
    for (int i = ERR_OK + 1; i < ERR_CODE_COUNT; i++) {
        enum err_code code = (enum err_code)i;
        const char *reason = err_reason(code);
        assert_non_null(reason);
        assert_int_equal(strspn(reason, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"), strlen(reason));
        // A name that stands twice would be found at its first place.
        assert_int_equal(err_from_reason(reason), code);
        assert_int_not_equal(err_status(code), STATUS_OK);
        assert_in_range(err_status(code), 1, 16);
        assert_int_equal(err_retryable(code), err_status(code) == STATUS_UNAVAILABLE ||
                                                  err_status(code) == STATUS_RESOURCE_EXHAUSTED);
    }
    assert_int_equal(err_from_reason("NO_SUCH_REASON"), ERR_INTERNAL);
    assert_int_equal(err_from_reason(""), ERR_INTERNAL);
}

static void starts_anew(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(err_set(&err, ERR_CONFLICT, "first %d", 1), ERR_CONFLICT);
    err_meta(&err, "a", "%s", "b");
    err_field(&err, "x.%s", "y");
    err_retry_after(&err, 5);
    assert_string_equal(err_meta_get(&err, "a"), "b");
    assert_string_equal(err.field, "x.y");
    assert_int_equal(err.retry_after_ms, 5);
    assert_int_equal(err_set(&err, ERR_INTERNAL, "second"), ERR_INTERNAL);
    assert_string_equal(err.text, "second");
    assert_null(err_meta_get(&err, "a"));
    assert_string_equal(err.field, "");
    assert_int_equal(err.retry_after_ms, 0);
}

// Of memory as it comes.
static void begins_as_none(void **state)
{
    (void)state;
    struct err err;
    memset(&err, 0xff, sizeof(err));
    err_init(&err);
    assert_int_equal(err.code, ERR_OK);
    assert_string_equal(err.text, "");
    assert_int_equal(err.meta_count, 0);
    assert_string_equal(err.field, "");
    assert_int_equal(err.retry_after_ms, 0);
    err_meta(&err, "key", "%s", "value");
    assert_string_equal(err_meta_get(&err, "key"), "value");
}

static void cuts_what_is_too_long(void **state)
{
    (void)state;
    struct err err = {0};
    char text[1000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    (void)err_set(&err, ERR_INTERNAL, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
    for (int i = 0; i < ERR_META_MAX + 3; i++)
        err_meta(&err, text, "%s", text);
    assert_int_equal(err.meta_count, ERR_META_MAX);
    assert_int_equal(strlen(err.meta[0].key), ERR_META_KEY_BYTES - 1);
    assert_int_equal(strlen(err.meta[0].value), ERR_META_VALUE_BYTES - 1);
    (void)err_invalid(&err, text, "%s", text);
    assert_int_equal(strlen(err.field), ERR_META_VALUE_BYTES - 1);
}

// Of a character of which a part is left clients can read nothing, nor anything beside it.
static void stays_text_when_it_is_cut(void **state)
{
    (void)state;
    struct err err = {0};
    char text[1000] = "x";
    for (size_t i = 1; i + 3 < sizeof(text); i += 3)
        memcpy(&text[i], "\u20ac", 3);
    (void)err_invalid(&err, text, "no value %.4s at all", "xyz\u00e4");
    assert_true(utf8_valid(err.text, strlen(err.text)));
    assert_true(utf8_valid(err.field, strlen(err.field)));
    assert_true(utf8_valid(err.meta[0].value, strlen(err.meta[0].value)));
    (void)err_set(&err, ERR_INTERNAL, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
    assert_true(utf8_valid(err.text, strlen(err.text)));
    (void)err_invalid(&err, "filter", "no value %.4s at all", "xyz\u00e4");
    assert_string_equal(err.text, "filter: no value xyz? at all");
}

static void may_have_no_details(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_CONFLICT, "x"), ERR_CONFLICT);
    err_meta(NULL, "a", "b");
    err_field(NULL, "a");
    err_retry_after(NULL, 1);
    assert_int_equal(err_invalid(NULL, "f", "x"), ERR_FIELD_INVALID);
    assert_int_equal(err_not_found(NULL, "n"), ERR_RESOURCE_NOT_FOUND);
    assert_int_equal(err_no_memory(NULL), ERR_INTERNAL);
}

static void says_the_field_and_the_resource(void **state)
{
    (void)state;
    struct err err = {0};
    (void)err_invalid(&err, "page_size", "is %d", -1);
    assert_string_equal(err.text, "page_size: is -1");
    assert_string_equal(err.field, "page_size");
    assert_string_equal(err_meta_get(&err, "field"), "page_size");
    (void)err_not_found(&err, "companies/a");
    assert_string_equal(err.text, "companies/a was not found");
    assert_string_equal(err_meta_get(&err, "resource"), "companies/a");
}

static enum err_code forward(enum err_code code, int *after)
{
    try_(code);
    *after = 1;
    return ERR_OK;
}

static void forwards_a_failure(void **state)
{
    (void)state;
    int after = 0;
    assert_int_equal(forward(ERR_CONFLICT, &after), ERR_CONFLICT);
    assert_int_equal(after, 0);
    assert_int_equal(forward(ERR_OK, &after), ERR_OK);
    assert_int_equal(after, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_every_code_once), cmocka_unit_test(starts_anew),
        cmocka_unit_test(begins_as_none),        cmocka_unit_test(cuts_what_is_too_long),
        cmocka_unit_test(may_have_no_details),   cmocka_unit_test(says_the_field_and_the_resource),
        cmocka_unit_test(forwards_a_failure),    cmocka_unit_test(stays_text_when_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
