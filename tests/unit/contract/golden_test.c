// The contract's rules against their golden copies: what weakens a method shows here, and nowhere
// in a check for breaking changes.
//
// policy.golden and limits.golden are written anew by hand, after reading the difference:
//     bazel run //tests/unit/contract:print policy >tests/unit/contract/policy.golden
//     bazel run //tests/unit/contract:print limits >tests/unit/contract/limits.golden
// audited.golden names each method that can change something and the type of its audit event.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "docbridge/v1/audit.pb-c.h"
#include "tests/unit/contract/tables.h"

#define FOLDER "tests/unit/contract/"

// Fails with the first line that differs.
static void assert_same_lines(char *wanted, char *got, const char *path)
{
    for (;;) {
        const char *left = strsep(&wanted, "\n"), *right = strsep(&got, "\n");
        if (left == NULL && right == NULL)
            return;
        if (left == NULL || right == NULL || strcmp(left, right) != 0)
            fail_msg("%s has \"%s\", the contract \"%s\"", path, left == NULL ? "" : left,
                     right == NULL ? "" : right);
    }
}

static void assert_golden(const char *path,
                          enum err_code (*print)(struct buffer *out, struct err *reterr))
{
    _cleanup_(buffer_done) struct buffer wanted, got;
    struct err err = {0};
    buffer_init(&wanted, TABLES_MAX_BYTES);
    buffer_init(&got, TABLES_MAX_BYTES);
    tables_read(path, &wanted);
    if (print(&got, &err) != ERR_OK)
        fail_msg("%s", err.text);
    assert_true(wanted.len > 0 && got.len > 0);
    assert_same_lines(wanted.data, got.data, path);
}

static void policies_are_the_golden_ones(void **state)
{
    (void)state;
    assert_golden(FOLDER "policy.golden", tables_policy);
}

static void limits_are_the_golden_ones(void **state)
{
    (void)state;
    assert_golden(FOLDER "limits.golden", tables_limits);
}

// audited.golden without the types of its events, which must be types of the contract.
static enum err_code print_methods(struct buffer *audited, struct buffer *out)
{
    for (char *rest = audited->data, *line; (line = strsep(&rest, "\n")) != NULL;) {
        char *type = line;
        const char *method = strsep(&type, "\t");
        if (line[0] == '\0')
            continue;
        if (type == NULL || protobuf_c_enum_descriptor_get_value_by_name(
                                &docbridge__v1__audit_event__type__descriptor, type) == NULL)
            fail_msg("%s has no audit event", method);
        buffer_printf(out, "%s\n", method);
    }
    return out->failed ? ERR_INTERNAL : ERR_OK;
}

static void what_changes_something_is_audited(void **state)
{
    (void)state;
    _cleanup_(buffer_done) struct buffer audited, wanted, got;
    struct err err = {0};
    buffer_init(&audited, TABLES_MAX_BYTES);
    buffer_init(&wanted, TABLES_MAX_BYTES);
    buffer_init(&got, TABLES_MAX_BYTES);
    tables_read(FOLDER "audited.golden", &audited);
    assert_int_equal(print_methods(&audited, &wanted), ERR_OK);
    if (tables_side_effects(&got, &err) != ERR_OK)
        fail_msg("%s", err.text);
    assert_same_lines(wanted.data, got.data, FOLDER "audited.golden");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_are_the_golden_ones),
        cmocka_unit_test(limits_are_the_golden_ones),
        cmocka_unit_test(what_changes_something_is_audited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
