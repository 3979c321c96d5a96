// Permissions by name and by bit, and the companies in sight.
#include <string.h>

#include "server/auth/principal.h"
#include "tests/unit/auth/issuer.h"

static void spells_each_permission(void **state)
{
    (void)state;
    assert_null(permission_text(PERMISSION_NONE));
    assert_null(permission_text(PERMISSION_COUNT));
    assert_null(permission_text((enum permission)1000));
    for (unsigned i = 1; i < PERMISSION_COUNT; i++)
        assert_int_equal(permission_parse(permission_text((enum permission)i)), i);
    // The spelling is the contract with the host (AUT-01).
    assert_string_equal(permission_text(PERMISSION_READ_DOCUMENTATION_PASSWORDS),
                        "read_documentation_passwords");
    static const char *const unknown[] = {"", "admin", "READ_AUDIT", "read_audit ", "*", "none"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
        assert_int_equal(permission_parse(unknown[i]), PERMISSION_NONE);
}

static void denies_by_default(void **state)
{
    (void)state;
    struct principal all = {.permissions = UINT32_MAX}, none = {0};
    assert_false(principal_may(&all, PERMISSION_NONE));
    assert_false(principal_may(&all, PERMISSION_COUNT));
    assert_false(principal_may(&all, (enum permission)32));
    assert_false(principal_may(&all, (enum permission)1000));
    for (unsigned i = 1; i < PERMISSION_COUNT; i++) {
        struct principal one = {.permissions = 1u << i};
        assert_true(principal_may(&all, (enum permission)i));
        assert_false(principal_may(&none, (enum permission)i));
        for (unsigned j = 1; j < PERMISSION_COUNT; j++)
            assert_int_equal(principal_may(&one, (enum permission)j), i == j);
    }
}

static void sees_its_companies(void **state)
{
    (void)state;
    static const char *const ids[] = {"a", "b"};
    struct principal some = {.companies = ids, .company_count = 2}, none = {0},
                     all = {.all_companies = true};
    assert_true(principal_sees_company(&some, "a"));
    assert_true(principal_sees_company(&some, "b"));
    assert_false(principal_sees_company(&some, "A"));
    assert_false(principal_sees_company(&some, "ab"));
    assert_false(principal_sees_company(&some, ""));
    assert_false(principal_sees_company(&none, "a"));
    assert_true(principal_sees_company(&all, "anything"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spells_each_permission),
        cmocka_unit_test(denies_by_default),
        cmocka_unit_test(sees_its_companies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
